#!/bin/sh
# Holds src/daemon/commit.sh, which finds the commit for --version, to what it promises of each kind of source tree: a
# clean and a changed checkout, a `git archive`, a tree without git, one inside somebody else's repository, a package
# build that says it. Makes repositories in a scratch directory. Prints "N passed, N failed"; skipped without git.
set -eu
unset CDPATH URINGD_COMMIT
top=$(cd -- "$(dirname -- "$0")/../../.." && pwd)
command -v git >/dev/null 2>&1 || { echo 'skipped: git is not installed'; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
passed=0
failed=0

# Nothing of who runs this: neither their settings nor the repository that the build lies in.
HOME=$scratch
GIT_CONFIG_NOSYSTEM=1
GIT_CEILING_DIRECTORIES=$scratch
export HOME GIT_CONFIG_NOSYSTEM GIT_CEILING_DIRECTORIES
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

# same NAME EXPECTED GOT
same() {
  if [ "$3" = "$2" ]; then
    passed=$((passed + 1))
  else
    printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
    failed=$((failed + 1))
  fi
}

tree=$scratch/tree
mkdir -p "$tree/src/daemon"
cp "$top/.gitattributes" "$tree/"
# These sources may come from an archive: then the placeholder is filled in.
# shellcheck disable=SC2016  # git's placeholder
sed 's/^archived=.*/archived='"'"'$Format:%H$'"'"'/' "$top/src/daemon/commit.sh" >"$tree/src/daemon/commit.sh"
commit() { sh "$1/src/daemon/commit.sh" "$1"; }
in_tree() { git -C "$tree" -c user.name=test -c user.email=test@localhost "$@"; }

same 'a tree without git has no commit' '' "$(commit "$tree")"

git init -q "$tree"
in_tree add .
in_tree commit -q -m first
in_tree tag v1
full=$(in_tree rev-parse HEAD)
short=$(printf '%.12s' "$full")
same 'a checkout says twelve digits, tag or not' "$short" "$(commit "$tree")"
echo '# changed' >>"$tree/src/daemon/commit.sh"
same 'a changed one says so' "$short-dirty" "$(commit "$tree")"
in_tree checkout -q -- .
mkdir -p "$tree/vendor/uringd/src/daemon"
cp "$tree/src/daemon/commit.sh" "$tree/vendor/uringd/src/daemon/"
same "a tree inside somebody's repository does not take theirs" '' "$(commit "$tree/vendor/uringd")"

git init -q "$scratch/other"
same "what a hook says of its own repository is not believed" "$short" \
  "$(GIT_DIR=$scratch/other/.git GIT_WORK_TREE=$scratch/other GIT_INDEX_FILE=$scratch/other/index commit "$tree")"

mkdir "$scratch/archive"
in_tree archive HEAD | tar -x -C "$scratch/archive"
same 'an archive says what it was made from' "$short" "$(commit "$scratch/archive")"

same 'a package build has the say' '1.0-2~deb' "$(URINGD_COMMIT='1.0-2~deb' commit "$tree")"
same 'a whole hash is cut to twelve digits' "$short" "$(URINGD_COMMIT=$full commit "$scratch/archive")"
same 'its first line is all of it' 'abc' "$(URINGD_COMMIT="$(printf 'abc\ndef')" commit "$tree")"
same 'nothing in it ends a string' 'abc' "$(URINGD_COMMIT='a"b\c' commit "$tree")"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
