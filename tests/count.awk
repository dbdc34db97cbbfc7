# Counts test cases in meson's testlog.json (one JSON object a line, one line a test program); prints "PASSED FAILED".
#
# A program that ends in doctest's summary, or in a line "N passed, N failed" of its own, counts as that many cases; any
# other counts as one. Each line "cases: N passed, N failed" (a table of cases within a test program, see
# tests/http/case_table.hpp) counts besides: the summary knows nothing of a table's rows. A program that meson calls
# failed (crashed, timed out, leaked under ASan) counts as one failure at least, whatever it printed. Quotes inside a
# string are escaped in JSON, so the key "result" is not found in a program's output.

# The number before the last `word` in text, "" where there is none.
function number_before(text, word,    at, rest, found) {
  found = ""
  rest = text
  while ((at = match(rest, "[0-9]+ " word)) > 0) {
    found = substr(rest, at, RLENGTH - length(word) - 1)
    rest = substr(rest, at + RLENGTH)
  }
  return found
}

{
  result = "ERROR"
  if (match($0, /"result": "[A-Z]+"/)) result = substr($0, RSTART + 11, RLENGTH - 12)
  if (result == "SKIP" || result == "IGNORED") next

  text = $0
  summary = ""
  while (match(text, /\[doctest\] test cases: *[0-9]+ *\| *[0-9]+ passed *\| *[0-9]+ failed/)) {
    summary = summary substr(text, RSTART, RLENGTH) "\n"
    text = substr(text, RSTART + RLENGTH)
  }
  good = bad = tables = 0
  text = $0
  while (match(text, /cases: [0-9]+ passed, [0-9]+ failed/)) {
    line = substr(text, RSTART, RLENGTH)
    text = substr(text, RSTART + RLENGTH)
    good += number_before(line, "passed")
    bad += number_before(line, "failed")
    tables = 1
  }
  if (summary != "") {
    count = split(summary, lines, "\n")
    for (i = 1; i < count; i++) {
      good += number_before(lines[i], "passed")
      bad += number_before(lines[i], "failed")
    }
  } else if (!tables && match($0, /[0-9]+ passed, [0-9]+ failed/)) {
    line = substr($0, RSTART, RLENGTH)
    good = number_before(line, "passed") + 0
    bad = number_before(line, "failed") + 0
  } else if (!tables && (result == "OK" || result == "EXPECTEDFAIL")) {
    good = 1
  }
  if (result != "OK" && result != "EXPECTEDFAIL" && bad == 0) bad = 1
  passed += good
  failed += bad
}

END { printf "%d %d\n", passed, failed }
