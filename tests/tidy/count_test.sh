#!/bin/sh
# Holds tests/count.awk, which turns meson's log into the closing line "N passed, N failed" of ./dev test: a program
# that failed must never count as passed; tests/failed.awk, which says what runs a second time; and tests/skipped.awk,
# which says what was not tried. Each case is a log, as meson 1.7 writes it, and what must come out.
set -eu
unset CDPATH
cd -- "$(dirname -- "$0")/.."
passed=0
failed=0

# same NAME EXPECTED GOT
same() {
  if [ "$3" = "$2" ]; then
    passed=$((passed + 1))
  else
    printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
    failed=$((failed + 1))
  fi
}

# expect NAME COUNTS LOG
expect() { same "$1" "$2" "$(printf '%s' "$3" | awk -f count.awk)"; }

# failing NAME NAMES LOG, and others NAME LINES LOG
failing() { same "$1" "$2" "$(printf '%s' "$3" | awk -f failed.awk)"; }
others() { same "$1" "$2" "$(printf '%s' "$3" | awk -v others=1 -f failed.awk)"; }

# skipped NAME LINES LOG
skipped() { same "$1" "$2" "$(printf '%s' "$3" | awk -f skipped.awk)"; }

# entry OUTPUT RESULT: one test program's line.
entry() { printf '{"name": "x", "stdout": "%s", "result": "%s", "returncode": 0}\n' "$1" "$2"; }

green='[doctest] test cases:  12 |  12 passed | 0 failed | 0 skipped\n[doctest] assertions: 99 | 99 passed | 0 failed\n'
red='[doctest] test cases: 3 | 1 passed | 2 failed | 0 skipped\n'

expect 'an empty log has no test' '0 0' ''
expect 'doctest cases are counted, assertions are not' '12 0' "$(entry "$green" OK)"
expect 'failed cases are counted one by one' '1 2' "$(entry "$red" FAIL)"
expect 'programs are summed' '13 2' "$(entry "$green" OK; entry "$red" FAIL)"
expect 'a program of another kind is one case' '1 0' "$(entry '' OK)"
expect 'a crash without a word is one failure' '0 1' "$(entry '' FAIL)"
expect 'a time-out is a failure' '0 1' "$(entry '' TIMEOUT)"
expect 'an error of the test itself is a failure' '0 1' "$(entry '' ERROR)"
expect 'an interrupted program is a failure' '0 1' "$(entry '' INTERRUPT)"
expect 'green cases with a bad exit are a failure more' '12 1' "$(entry "$green" FAIL)"
expect 'a skipped program is neither' '0 0' "$(entry '' SKIP)"
expect 'a failure that was asked for passes' '1 0' "$(entry '' EXPECTEDFAIL)"
expect 'a pass where a failure was asked for fails' '0 1' "$(entry '' UNEXPECTEDPASS)"
expect 'a script that ends in a line of its own is counted by it' '31 2' "$(entry '31 passed, 2 failed\n' FAIL)"
expect 'the rows of a table count besides the cases of its program' '27 0' \
  "$(entry "framing: cases: 10 passed, 0 failed\npaths: cases: 5 passed, 0 failed\n$green" OK)"
expect 'failed rows are counted one by one' '10 4' "$(entry "x: cases: 9 passed, 2 failed\n$red" FAIL)"
expect 'a crash behind a green table is a failure' '9 1' "$(entry 'x: cases: 9 passed, 0 failed\n' FAIL)"
expect 'output that looks like a result is not one' '0 1' "$(entry 'said: \"result\": \"OK\"' FAIL)"
expect 'a line that was cut off is a failure' '0 1' '{"name": "cut in the mid'

log=$(entry '' OK; entry "$red" FAIL | sed 's/"x"/"uringd:fuzz \/ fuzz date"/'; entry '' SKIP; entry '' TIMEOUT)
failing 'those that failed are named as meson takes them' "$(printf 'fuzz date\nx')" "$log"
failing 'where all passed there is none' '' "$(entry "$green" OK)"
others 'the others are the lines that stay' "$(entry '' OK; entry '' SKIP)" "$log"
others 'a line that was cut off stays, as the failure that it is' '{"name": "cut in the mid' '{"name": "cut in the mid'

log=$(
  entry 'image: compiling\nskipped: \"strip\" is missing (a\\b)\nmore\n' SKIP |
    sed 's/"x"/"uringd:packaging \/ image"/'
  entry 'skipped: one case of many\n' OK; entry '' SKIP; entry 'skipped: no end' SKIP; entry "$red" FAIL
)
skipped 'what was skipped is named with its reason' 'skipped: image: "strip" is missing (a\\b)
skipped: x: it does not say why
skipped: x: no end' "$log"
skipped 'where nothing was skipped there is nothing to say' '' "$(entry "$green" OK; entry "$red" FAIL)"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
