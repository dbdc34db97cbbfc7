#!/bin/sh
# Prints the commit that the tree at $1 is, for --version: "90e7054ab1c2", or "90e7054ab1c2-dirty" where files of git's
# are changed. In order: what URINGD_COMMIT says (package and image builds, which have no .git), what `git archive`
# wrote into this file, what git says. Prints an empty line where nobody knows; never fails, because a build must not.
set -u
# A hook of git's sets these, for its own repository.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
# shellcheck disable=SC2016  # git archive puts a commit's hash in its place (.gitattributes)
archived='$Format:%H$'

commit=${URINGD_COMMIT:-}
if [ -z "$commit" ]; then
  case $archived in
    *Format*) ;;
    *) commit=$archived ;;
  esac
fi
# A source tree that lies somewhere inside another project's repository has no commit of that project's.
if [ -z "$commit" ] && prefix=$(git -C "$1" rev-parse --show-prefix 2>/dev/null) && [ -z "$prefix" ]; then
  commit=$(git -C "$1" describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
fi

# One line; twelve digits of a whole hash, and nothing that would end a string of C++.
printf '%s\n' "$commit" | head -n 1 | tr -cd '0-9A-Za-z.+~_\n-' | sed 's/^\([0-9a-f]\{12\}\)[0-9a-f]\{28\}/\1/'
