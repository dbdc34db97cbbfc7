# shellcheck shell=sh disable=SC2154  # what is not assigned here is by the test
# The package's life in a bare root, from a root without it to a root without it. Sourced by packaging/debian/test; the
# cases follow one another.

# A copy of the bare root: nothing of one run is left for the next.
make_root() {
  bare=$("$here/roots" "$top/build/roots" "$suite") || { printf '%s\n' "$bare"; return 1; }
  root=$(mktemp -d "$top/build/roots/trying.XXXXXX")
  cp -a --reflink=auto "$bare/." "$root/"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  cp "$package" "$root/uringd.deb"
  traces >"$scratch/before"
}

end_root() {
  umount -l "$root/proc" "$root/dev"
  rm -rf --one-file-system -- "$root"
  root=
}

apt_install() { in_root apt-get -q -y install "$@"; }

# Everything of the package's that is in the root, but for the accounts and dpkg's and apt's own records.
traces() {
  (cd -- "$root" && find etc usr lib/systemd run srv var -name '*uringd*' ! -path 'var/lib/dpkg/*' | LC_ALL=C sort)
}

has_the_user() {
  line=$(in_root getent passwd uringd) || return 1
  number=$(printf '%s' "$line" | cut -d: -f3)
  echo "$line"
  [ "$number" -gt 0 ] && [ "$number" -lt 1000 ] && [ "${line##*:}" = /usr/sbin/nologin ]
}

is_enabled() {
  [ -L "$root/etc/systemd/system/multi-user.target.wants/uringd.service" ] &&
    [ ! -e "$root/etc/systemd/system/sockets.target.wants/uringd.socket" ]
}

units_are_correct() {
  if ! systemd-analyze verify --man=no --generators=no --recursive-errors=no --root="$root" uringd.service \
      uringd.socket >"$scratch/verify" 2>&1; then
    cat "$scratch/verify"
    return 1
  fi
  ! grep uringd "$scratch/verify"
}

# start [WRAPPER...]: with what of the unit's is not in the command line itself: user, capability, notifications.
start() {
  rm -f "$root/run/notify" "$scratch/heard"
  python3 "$here/notified.py" "$root/run/notify" "$scratch/heard" &
  listener=$!
  within_ten_seconds test -S "$root/run/notify" || return 1
  unit=$root/lib/systemd/system/uringd.service
  capability=$(sed -n 's/^AmbientCapabilities=CAP_//p' "$unit" | tr '[:upper:]' '[:lower:]')
  user=$(sed -n 's/^User=//p' "$unit")
  line=$(sed -n 's/^ExecStart=//p' "$unit")
  # shellcheck disable=SC2086  # the unit's line: words without quotes
  "$@" env -u LC_ALL NOTIFY_SOCKET=/run/notify chroot "$root" setpriv \
    --reuid "$user" --regid "$user" --init-groups --no-new-privs --bounding-set "-all,+$capability" \
    --inh-caps "-all,+$capability" --ambient-caps "-all,+$capability" $line >"$root/server.log" 2>&1 &
  server=$!
  if [ $# -gt 0 ]; then within_ten_seconds answers_at_port_80 || return 1; fi
  within_ten_seconds grep -q '^READY=1' "$scratch/heard"
}

# systemd holds the port and starts the service at the first request: nothing that was passed is closed.
starts_by_the_socket() {
  socket=$root/lib/systemd/system/uringd.socket
  start systemd-socket-activate --listen "$(sed -n 's/^ListenStream=//p' "$socket")" \
    --fdname "$(sed -n 's/^FileDescriptorName=//p' "$socket")" || return 1
  cat "$root/server.log"
  ! grep warn "$root/server.log" && answers_at_port_80
}

answers_at_port_80() { curl -sf http://127.0.0.1/ | cmp - "$root/usr/share/uringd/www/index.html"; }

is_confined() {
  in_root ps -o user=,cmd= -p "$server" | grep '^uringd */usr/bin/uringd --config /etc/uringd/config.toml$' &&
    grep '^CapEff:[[:space:]]*0000000000000400$' "/proc/$server/status" &&
    grep '^NoNewPrivs:[[:space:]]*1$' "/proc/$server/status"
}

# A setting of the user's, which must hold from the reload on and outlive an upgrade.
reloads_users_setting() {
  printf '\n[[site.headers]]\nmatch = "/**"\nset = { X-Mine = "yes" }\n' >>"$root/etc/uringd/config.toml"
  # shellcheck disable=SC2034  # the unit's line names it
  MAINPID=$server
  sed -n 's/^ExecReload=//p' "$unit" >"$scratch/reload"
  while read -r line; do eval "in_root $line" || return 1; done <"$scratch/reload"
  within_ten_seconds is_reloaded
}

is_reloaded() {
  [ "$(grep -c '^READY=1' "$scratch/heard")" -ge 2 ] && grep -q '^RELOADING=1' "$scratch/heard" && says_mine
}

says_mine() { curl -sfI http://127.0.0.1/ | grep -i '^X-Mine: yes'; }

# The next version of the package: another number, another program file, another configuration.
make_next_version() {
  rm -rf "$root/next"
  in_root dpkg-deb -R /uringd.deb /next
  sed -i 's/^\(Version: .*\)$/\1+next/' "$root/next/DEBIAN/control"
  echo '# of the next version' >>"$root/next/etc/uringd/config.toml"
  in_root dpkg-deb -b /next /next.deb
}

upgrades_and_keeps_the_setting() {
  apt_install /next.deb -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold &&
    in_root dpkg-query -W uringd | grep '+next$' && tail -n 1 "$root/etc/uringd/config.toml" | grep X-Mine &&
    grep -q '^# of the next version' "$root/etc/uringd/config.toml.dpkg-dist"
}

# SIGUSR2: the file that the package has replaced is the program that serves then.
takes_the_new_program() {
  old=$server
  readlink "/proc/$old/exe" | grep ' (deleted)$' || return 1
  kill -USR2 "$old"
  within_ten_seconds grep '^MAINPID=' "$scratch/heard" || return 1
  wait "$old" || return 1
  server=$(sed -n 's/^MAINPID=//p' "$scratch/heard" | tail -n 1)
  readlink "/proc/$server/exe" | grep '/usr/bin/uringd$' && says_mine && is_confined
}

# The process before the upgrade said both, too: what it said does not count.
stops() {
  heard=$(wc -l <"$scratch/heard")
  logged=$(wc -l <"$root/server.log")
  kill -TERM "$server"
  within_ten_seconds is_gone && tail -n "+$((heard + 1))" "$scratch/heard" | grep '^STOPPING=1' &&
    tail -n "+$((logged + 1))" "$root/server.log" | grep stopped && server=
}

is_gone() { ! kill -0 "$server"; }

stops_with_zero() {
  kill -TERM "$server"
  status=0
  wait "$server" || status=$?
  server=
  return "$status"
}

remove_leaves_the_configuration() {
  in_root apt-get -q -y remove uringd && [ ! -e "$root/usr/bin/uringd" ] && [ ! -e "$root/usr/share/uringd" ] &&
    grep -q X-Mine "$root/etc/uringd/config.toml"
}

# The user stays, as Debian's policy has it.
purge_leaves_nothing() {
  mkdir -p "$root/var/log/uringd"
  in_root apt-get -q -y purge uringd && traces | diff "$scratch/before" - && [ ! -e "$root/etc/uringd" ] &&
    in_root getent passwd uringd
}

life() {
  make_root
  check 'installs' apt_install /uringd.deb
  if [ ! -e "$root/usr/bin/uringd" ]; then end_root; return; fi
  check 'made the user' has_the_user
  check 'the service is enabled and the socket is not' is_enabled
  check 'systemd-analyze verify finds nothing' units_are_correct
  check 'starts by the unit'\''s command line' start
  check 'answers at port 80' answers_at_port_80
  check 'runs as uringd with one capability' is_confined
  check 'a reload takes the user'\''s setting' reloads_users_setting
  make_next_version >"$scratch/said" 2>&1 || cat "$scratch/said"
  check 'upgrades, and keeps the user'\''s setting' upgrades_and_keeps_the_setting
  check 'SIGUSR2 takes the new program' takes_the_new_program
  check 'stops' stops
  check 'starts again, by the socket' starts_by_the_socket
  check 'stops with exit code 0' stops_with_zero
  check 'remove leaves the configuration' remove_leaves_the_configuration
  check 'purge leaves nothing' purge_leaves_nothing
  kill "$listener" 2>/dev/null || :
  end_root
}
