#!/bin/sh
# Holds the lists of the libraries that a build needs to each other: of ./dev (want_build), of the container image
# (packaging/image/Containerfile) and of the Debian package (packaging/debian/control). They are written in three
# formats, and one that lacks a library is found only by who builds that way. Compared are packages whose names end in
# -dev; what only one list needs is named below. Prints "N passed, N failed".
set -eu
unset CDPATH
LC_ALL=C
export LC_ALL
cd -- "$(dirname -- "$0")/../.."
passed=0
failed=0

# names FROM TO FILE: the -dev packages among FILE's words, one a line, from the line of pattern FROM to that of TO.
names() {
  awk -v from="$1" -v to="$2" '
    $0 ~ from { inside = 1 }
    inside && $0 ~ to { exit }
    inside {
      sub(/(^| )#.*/, "")
      for (i = 1; i <= NF; i++) if ($i ~ /^[a-z0-9.+-]+-dev,?$/) { sub(/,/, "", $i); print $i }
    }
  ' "$3" | sort
}

# same NAME EXPECTED GOT: both are lists, and not empty.
same() {
  if [ -n "$3" ] && [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    printf '%s: expected\n%s\ngot\n%s\n' "$1" "$2" "$3"
    failed=$((failed + 1))
  fi
}

wanted=$(names '^want_build' '^}' dev)
# Debian 13, on which the image is built, has kernel headers that are new enough, and libc6-dev brings them.
same 'the image is built with what ./dev build wants' "$(printf '%s\n' "$wanted" | grep -v -x linux-libc-dev)" \
  "$(names '^FROM .* AS build' 'rm -rf' packaging/image/Containerfile)"
# systemd-dev says where units belong.
same 'the package is built with what ./dev build wants' "$wanted" \
  "$(names '^Build-Depends:' '^$' packaging/debian/control | grep -v -x systemd-dev)"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
