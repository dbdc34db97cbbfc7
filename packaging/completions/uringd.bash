# shellcheck shell=bash
# bash completion of uringd(1): options, files after --config, directories to serve, and after --set the keys of the
# configuration with the values that can be told beforehand. Needs bash alone. The list of keys is written by
# `config_docs refresh ROOT` out of the schema; the options are held to `uringd --help` by packaging/completions/test.

# config keys: generated
_uringd_keys='
server.listen
server.workers
server.pin auto true false
server.user
server.shutdown_delay
server.drain_timeout
server.trusted_proxies
server.sandbox true false
limits.connections
limits.connections_per_ip
limits.header_size
limits.header_timeout
limits.body_size
limits.body_timeout
limits.idle_timeout
limits.send_timeout
limits.requests_per_connection
disk.queue_size
disk.timeout
disk.kernel_threads
disk.stream_size
disk.stream_memory
disk.zero_copy safe always never
cache.size auto
cache.max_file_size
cache.stale_after
cache.missing_ttl
cache.idle_after
cache.watch true false
cache.preload
log.level error warn info debug
log.access off stdout
log.format combined json
admin.listen
admin.token_file
admin.read auto token open
admin.overlay_size
types
site.hosts
site.root
site.mounts
site.index
site.extensions
site.listing true false
site.fallback
site.error_pages
site.precompressed
site.compress
site.symlinks inside never
site.hidden true false
site.keep_previous
site.cache_control
site.server_timing true false
site.cache_status true false
site.headers
site.rewrites
'
# end of config keys

_uringd_options='--config --listen --set --check --print-config --explain --host --header --features --health --version
--help -c -l -s -t -V -h'

# Words for a setting: the keys, or after a key and = its values.
_uringd_settings() {
  local key values value
  while read -r key values; do
    if [[ -z $key ]]; then continue; fi
    if [[ $1 == "$key="* ]]; then
      for value in $values; do printf '%s=%s\n' "$key" "$value"; done
    else
      printf '%s=\n' "$key"
    fi
  done <<<"$_uringd_keys"
}

_uringd() {
  local line=${COMP_LINE:0:COMP_POINT} current before option words value
  # What bash calls a word ends at = and :, so the words are taken from the line. A space that was typed as "\ " belongs
  # to its word.
  read -r -a words <<<"${line//\\ /$'\001'}"
  if [[ $line == *[[:space:]] && $line != *'\ ' ]]; then words+=(''); fi
  current=${words[-1]//$'\001'/ }
  before=
  if ((${#words[@]} > 1)); then before=${words[-2]}; fi
  option=
  value=$current
  case $current in
    --*=*) option=${current%%=*} value=${current#*=} ;;
    -c?*) option=-c value=${current#-c} ;;
    *) case $before in -c | --config | -l | --listen | -s | --set | --explain | --host | --header) option=$before ;; esac ;;
  esac
  COMPREPLY=()
  case $option in
    -c | --config)
      _uringd_files -f "$value"
      if [[ $current == -c?* ]]; then COMPREPLY=("${COMPREPLY[@]/#/-c}"); fi  # the word is replaced as a whole
      ;;
    -l | --listen)
      if [[ $value == unix:* ]]; then
        _uringd_files -f "${value#unix:}"
      else
        mapfile -t COMPREPLY < <(compgen -W '127.0.0.1:8080 [::1]:8080 :8080 unix:' -- "$value")
        if [[ ${COMPREPLY[*]} == unix: ]]; then compopt -o nospace 2>/dev/null; fi
        _uringd_cut "$value" :
      fi
      ;;
    -s | --set)
      mapfile -t COMPREPLY < <(compgen -W "$(_uringd_settings "$value")" -- "$value")
      if [[ ${COMPREPLY[*]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
      if [[ $value == *=* ]]; then _uringd_cut "$value" =; fi
      ;;
    --health) mapfile -t COMPREPLY < <(compgen -W http://127.0.0.1:9090/healthz -- "$value") && _uringd_cut "$value" : ;;
    '')
      if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$_uringd_options" -- "$current")
      else
        _uringd_files -d "$current"
        if [[ $before == --health ]]; then COMPREPLY=(http://127.0.0.1:9090/healthz); fi
      fi
      ;;
  esac
}

# Files (-f) or directories (-d); readline quotes them and adds the slash.
_uringd_files() {
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
  compopt -o filenames 2>/dev/null
}

# bash replaces only what follows the last break character: what stands before it must not come again.
_uringd_cut() {
  if [[ $COMP_WORDBREAKS != *"$2"* || $1 != *"$2"* ]]; then return; fi
  local typed=${1%"${1##*"$2"}"} index
  for index in "${!COMPREPLY[@]}"; do COMPREPLY[index]=${COMPREPLY[index]#"$typed"}; done
}

complete -F _uringd uringd
