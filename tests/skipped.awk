# What was not tried, of meson's testlog.json (one JSON object a line, one line a program): the name of each program
# that was skipped, and the reason that it gave in a line "skipped: …". What a program that passed left out is not here.
{
  result = ""
  if (match($0, /"result": "[A-Z]+"/)) result = substr($0, RSTART + 11, RLENGTH - 12)
  if (result != "SKIP") next
  name = "?"
  if (match($0, /"name": "[^"]*"/)) name = substr($0, RSTART + 9, RLENGTH - 10)
  sub(/^.* \/ /, "", name)  # its project and suites
  reason = "it does not say why"
  # An escaped character is one; the line ends at \n, or with the string.
  if (match($0, /skipped: ([^"\\]|\\[^n])*/)) reason = substr($0, RSTART + 9, RLENGTH - 9)
  gsub(/\\"/, "\"", reason)
  printf "skipped: %s: %s\n", name, reason
}
