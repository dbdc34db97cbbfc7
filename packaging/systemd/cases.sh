# Cases for the installed units: what systemd-analyze says of them, and the program under the unit's system-call filter.
# No systemd runs where tests do, so the filter is made of the unit's lines by under_filter.py, which kills where the
# unit would deny: a call that only a fallback hides is found too. Sourced by packaging/install/test.
# shellcheck shell=sh disable=SC2154  # what is not assigned here is by the test

units=$prefix/lib/systemd/system

# Other units of this machine, and the manual, are not our matter.
units_are_correct() {
  if ! systemd-analyze verify --man=no --generators=no --recursive-errors=no "$units/uringd.service" \
      "$units/uringd.socket" >"$scratch/verify" 2>&1; then
    cat "$scratch/verify"
    return 1
  fi
  ! grep uringd "$scratch/verify"
}

exposure_is_low() { systemd-analyze security --no-pager --offline=true --threshold=20 "$units/uringd.service"; }

names_what_is_installed() {
  [ "$(command_of ExecStart)" = "$prefix/bin/uringd --config $config" ] &&
    ! grep '@' "$units/uringd.service" "$units/uringd.socket" | grep -v 'SystemCallFilter\|^[^:]*:#'
}

# The socket's address is the configuration's, or the service would close it.
socket_has_the_address() {
  listen=$("$prefix/bin/uringd" --print-config --config "$config" | sed -n 's/^listen = \["\([^"]*\)"\].*/\1/p')
  [ ":$(sed -n 's/^ListenStream=//p' "$units/uringd.socket")" = "$listen" ]
}

stays_longer_than_it_drains() {
  drain=$("$prefix/bin/uringd" --print-config --config "$config" | sed -n 's/^drain_timeout = "\([0-9]*\)s".*/\1/p')
  [ "$(command_of TimeoutStopSec)" -gt "$drain" ]
}

filter=$here/../systemd/under_filter.py

has_the_same_features() {
  "$prefix/bin/uringd" --features >"$scratch/features" && [ -s "$scratch/features" ] || return 1
  python3 "$filter" "$units/uringd.service" "$prefix/bin/uringd" --features | diff "$scratch/features" -
}

# The controls: a unit without the call for bodies sent by reference, and one without openat2, must not pass.
is_killed_by() {
  if cmp -s "$units/uringd.service" "$1"; then return 1; fi
  status=0
  # shellcheck disable=SC2046  # the unit's line: words without quotes
  python3 "$filter" "$1" $(command_of ExecStart) --listen "127.0.0.1:$(free_port)" || status=$?
  [ "$status" -eq 159 ]  # 128 + SIGSYS
}

is_killed_without_memfd_create() {
  sed '/^SystemCallFilter=memfd_create$/d' "$units/uringd.service" >"$scratch/strict.service"
  is_killed_by "$scratch/strict.service"
}

is_killed_without_openat2() {
  { cat "$units/uringd.service"; echo RestrictSUIDSGID=yes; } >"$scratch/strict.service"
  is_killed_by "$scratch/strict.service"
}

# SIGUSR2; then $server is the process that the old one names, and the old one is gone.
upgrades() {
  old=$server
  kill -USR2 "$old"
  within_ten_seconds logged 'upgrade: process [0-9]* serves now' || return 1
  server=$(sed -n 's/.*upgrade: process \([0-9]*\) serves now.*/\1/p' "$scratch/server.log")
  wait "$old" && answers
}

# The new process is the old one's child and not ours: its exit code is not told.
new_one_ends() {
  kill -TERM "$server"
  within_ten_seconds is_gone && server=
}

is_gone() { ! kill -0 "$server"; }

unit_cases() {
  check 'the unit names what is installed' names_what_is_installed
  check 'the socket has the configured address' socket_has_the_address
  check 'the unit stops no earlier than answers are sent' stays_longer_than_it_drains
  if command -v systemd-analyze >/dev/null; then
    check 'systemd-analyze verify finds nothing' units_are_correct
    check 'systemd-analyze security: exposure 2.0 or less' exposure_is_low
    filter_cases
  else
    echo 'systemd-analyze is missing: the units are not verified'
  fi
}

filter_cases() {
  status=0
  python3 "$filter" "$units/uringd.service" true >"$scratch/said" 2>&1 || status=$?
  if [ "$status" -eq 77 ]; then cat "$scratch/said"; return; fi
  check 'the filter hides no feature' has_the_same_features
  check 'the filter is in force: memfd_create' is_killed_without_memfd_create
  check 'the filter is in force: openat2' is_killed_without_openat2
  check 'the program starts under the filter' start_by_unit "$(free_port)" python3 "$filter" "$units/uringd.service"
  check 'it serves the site under the filter' serves_the_site
  check 'it reloads under the filter' as_unit_reloads
  check 'it upgrades under the filter' upgrades
  check 'the new process ends' new_one_ends
}
