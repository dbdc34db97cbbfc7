#!/bin/sh
# Installs the configuration (meson runs this at `meson install`): where there is one already that says something else,
# it is the user's; it stays, and the new one lies beside it as config.toml.new.
#
# keep_config.sh FILE TARGET: TARGET is absolute, below DESTDIR where that is set.
set -eu
umask 022

target=${DESTDIR-}$2
mkdir -p "$(dirname -- "$target")"
if [ -e "$target" ] && ! cmp -s "$1" "$target"; then
  printf 'keeping %s; the one of this version is %s.new\n' "$target" "$target"
  target=$target.new
fi
cp "$1" "$target"
chmod 644 "$target"
