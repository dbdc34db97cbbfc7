# Starts the installed program by its unit's own command line. Sourced by packaging/install/test.
# shellcheck shell=sh disable=SC2154  # what is not assigned here is by the test

# The command of the installed unit, as systemd would run it.
command_of() { sed -n "s/^$1=//p" "$prefix/lib/systemd/system/uringd.service"; }

# A port that nobody listens on; loopback only.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

logged() { grep "$1" "$scratch/server.log"; }

answers() { kill -0 "$server" && curl -sf -o /dev/null "http://127.0.0.1:$port/"; }

# within_ten_seconds COMMAND...: asks again until it succeeds; the server's words where it does not.
within_ten_seconds() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then cat "$scratch/server.log"; return 1; fi
    sleep 0.1
  done
}

# start_by_unit PORT [WRAPPER...]: its address alone is another than the unit's, which needs a port below 1024.
start_by_unit() {
  port=$1
  shift
  line=$(command_of ExecStart)
  # shellcheck disable=SC2086  # the unit's line: words without quotes
  "$@" $line --listen "127.0.0.1:$port" >"$scratch/server.log" 2>&1 &
  server=$!
  within_ten_seconds answers
}

# Every file of the installed site is answered with its bytes.
serves_the_site() {
  (cd -- "$prefix/share/uringd/www" && find . -type f) | sed 's|^\./||' >"$scratch/names"
  while read -r name; do
    curl -sf "http://127.0.0.1:$port/$name" | cmp - "$prefix/share/uringd/www/$name" || return 1
  done <"$scratch/names"
}

# stop: SIGTERM; exit code 0 within ten seconds.
stop() {
  kill -TERM "$server"
  status=0
  wait "$server" || status=$?
  server=
  if [ "$status" -ne 0 ]; then cat "$scratch/server.log"; fi
  return "$status"
}

# The unit's ExecReload commands, one after the other until one fails, with the process that they would name.
reload_by_unit() {
  # shellcheck disable=SC2034  # MAINPID is in the unit's lines
  MAINPID=$server
  command_of ExecReload >"$scratch/reload"
  while read -r line; do eval "$line" || return 1; done <"$scratch/reload"
}

as_unit_reloads() { reload_by_unit && within_ten_seconds logged 'reload: done'; }

# `systemctl reload` must fail, and say why; the server is not even asked.
refuses_to_reload_what_is_wrong() {
  said=$(wc -l <"$scratch/server.log")
  cp "$config" "$scratch/good.toml"
  echo 'no_such_key = 1' >>"$config"
  status=0
  reload_by_unit >"$scratch/refusal" 2>&1 || status=$?
  cp "$scratch/good.toml" "$config"
  cat "$scratch/refusal"
  [ "$status" -ne 0 ] && grep -q no_such_key "$scratch/refusal" && [ "$(wc -l <"$scratch/server.log")" -eq "$said" ]
}

serving_cases() {
  check 'the installed program starts by the unit'\''s command line' start_by_unit "$(free_port)"
  if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
    check 'it serves the installed site' serves_the_site
    check 'ExecReload reloads it' as_unit_reloads
    check 'ExecReload fails where the configuration is wrong' refuses_to_reload_what_is_wrong
    check 'SIGTERM ends it with exit code 0' stop
  fi
}
