# The names of the programs that failed, of meson's testlog.json (one JSON object a line, one line a program), as meson
# takes them on its command line. With -v others=1: the lines of all the others, and those that name no program.
{
  result = "ERROR"
  if (match($0, /"result": "[A-Z]+"/)) result = substr($0, RSTART + 11, RLENGTH - 12)
  good = result == "OK" || result == "SKIP" || result == "IGNORED" || result == "EXPECTEDFAIL"
  name = ""
  if (!good && match($0, /"name": "[^"]*"/)) name = substr($0, RSTART + 9, RLENGTH - 10)
  sub(/^.* \/ /, "", name)  # its project and suites
  if (others && name == "") print
  if (!others && name != "") print name
}
