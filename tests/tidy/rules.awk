# The house rules, one finding a line: PATH:LINE: [rule] what is wrong. Prints nothing for a clean tree.
#
# Usage, from the top of the tree: awk -v exceptions=FILE -f tests/tidy/rules.awk FILE...
# `exceptions` lists files that may be longer than 400 lines: a path, then the reason. Patterns that must not find
# themselves here are written with a bracket ([T]ODO). mawk counts bytes, so a line's width is taken after UTF-8's
# continuation bytes are gone; run under LC_ALL=C.

function finding(line, rule, text) { printf "%s:%d: [%s] %s\n", path, line, rule, text }

# The map of src/README.md: what each room may include, itself and base understood.
function declare_rooms() {
  may["base"] = ""
  may["uring"] = "stats"
  may["http"] = may["config"] = may["log"] = may["stats"] = ""
  may["cache"] = "http stats"
  may["site"] = "http config"
  may["disk"] = "cache http uring log stats"
  may["server"] = "uring http config log stats cache site disk"
  may["admin"] = "server cache http config log stats"
  may["daemon"] = may["server"] " server admin"
}

function room_of(file,    parts) {
  if (file ~ /^src\/[^\/]+\//) { split(file, parts, "/"); return parts[2] }
  if (file ~ /^include\/uringd\/[^\/]+\//) { split(file, parts, "/"); return parts[3] }
  return ""
}

function allowed(from, to) { return to == from || to == "base" || index(" " may[from] " ", " " to " ") > 0 }

function check_include(name,    to, parts) {
  if (room == "") return
  if (name ~ /^liburing/ && room != "uring") finding(FNR, "library", "liburing is seen only in uring/")
  if (name ~ /^llhttp/ && room != "http") finding(FNR, "library", "llhttp is seen only in http/")
  if (name ~ /^toml\+\+/ && room != "config") finding(FNR, "library", "toml++ is seen only in config/")
  if (name ~ /^(libdeflate|zstd|brotli\/)/ && room != "cache")
    finding(FNR, "library", "libdeflate, brotli and zstd are seen only in cache/")
  if (name ~ /^(re2\/|cdb\.h$)/ && room != "site")
    finding(FNR, "library", "RE2 and tinycdb are seen only in site/")
  if (name ~ /^\.\.?\//) finding(FNR, "room", "a relative include goes around the map: " name)
  if (name !~ /^uringd\//) return
  split(name, parts, "/")
  to = parts[2]
  if (!(to in may)) finding(FNR, "room", "no such room: " name)
  else if (!allowed(room, to)) finding(FNR, "room", room " may not include " to ": " name)
}

function begin_file() {
  path = FILENAME
  sub(/^\.\//, "", path)
  seen[FILENAME] = 1
  room = room_of(path)
  lines = 0
  guarded = 0
  cpp = path ~ /\.[ch]pp$/
  # Prose, style sheets and pages break their lines as they like, and are as long as they must be.
  prose = path ~ /\.(md|html|css|js|svg|txt|wrap)$/
  if (room != "" && !(room in may)) finding(1, "room", "a room that the map does not have: " room)
  if (cpp && $0 !~ /^\/\/ *[^ ]/) finding(1, "file-comment", "does not begin with what it is, who owns it, its bounds")
}

function end_file() {
  if (path == "") return
  if (path ~ /\.hpp$/ && !guarded) finding(1, "pragma-once", "a header without #pragma once")
  if (!prose && lines > 400) {
    if (path in excepted) used[path] = 1
    else finding(lines, "file-length", lines " lines, and no reason in " exceptions)
  }
}

BEGIN {
  declare_rooms()
  while (exceptions != "" && (getline entry < exceptions) > 0) {
    if (entry ~ /^#/ || entry ~ /^ *$/) continue
    split(entry, words, " ")
    excepted[words[1]] = 1
    if (words[2] == "") printf "%s: [file-length] an exception without a reason: %s\n", exceptions, words[1]
  }
}

FNR == 1 { end_file(); begin_file() }

{ lines = FNR }

/\t/ { finding(FNR, "tab", "a tab") }
/[ \t\r]$/ { finding(FNR, "trailing-space", "space at the end of the line") }
/(^|[^A-Za-z0-9_])([T]ODO|[F]IXME|[X]XX)([^A-Za-z0-9_]|$)/ { finding(FNR, "unfinished", "finish it, or open an issue") }
/(^|[^A-Za-z0-9_.}\/-])\/([w]ork|[h]ome|[r]oot)\// { finding(FNR, "machine-path", "an absolute path of one machine") }
/([d]eb|[s]ecurity|[s]napshot)\.debian\.(org|net)/ {
  finding(FNR, "mirror", "a mirror's name: take the machine's own sources")
}

!prose {
  width = $0
  gsub(/[\200-\277]/, "", width)
  if (length(width) > 120) finding(FNR, "line-length", length(width) " columns, 120 is the limit")
}

cpp && /^#pragma once/ { guarded = 1 }
cpp && /^[ ]*#[ ]*include[ ]*[<"]/ {
  name = $0
  sub(/^[^<"]*[<"]/, "", name)
  sub(/[>"].*/, "", name)
  check_include(name)
}

END {
  end_file()
  for (path in excepted)
    if (!(path in used)) printf "%s: [file-length] not needed any more: %s\n", exceptions, path
  for (i = 1; i < ARGC; i++) {
    path = ARGV[i]
    if (path ~ /\.[ch]pp$/ && !(path in seen)) finding(1, "file-comment", "an empty file")
  }
}
