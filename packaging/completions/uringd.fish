# fish completion of uringd(1): options, files after --config, directories to serve, and after --set the keys of the
# configuration with the values that can be told beforehand. The list of keys is written by `config_docs refresh ROOT`
# out of the schema; the options are held to `uringd --help` by packaging/completions/test.

# config keys: generated
set -g __uringd_keys '
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

# KEY= of every key, or after KEY= its values where they can be told.
function __uringd_settings
    set -l setting (string replace -r -- '^--set=' '' (commandline -ct))
    for line in (string split \n -- $__uringd_keys)
        set -l words (string split ' ' -- $line)
        if test -z "$words[1]"
            continue
        else if not string match -q -- '*=*' $setting
            echo $words[1]=
        else if string match -q -- "$words[1]=*" $setting
            for value in $words[2..-1]
                echo $words[1]=$value
            end
        end
    end
end

function __uringd_addresses
    set -l address (string replace -r -- '^(--listen=|-l)' '' (commandline -ct))
    if string match -q -- 'unix:*' $address
        set -l path (string replace 'unix:' '' -- $address)
        printf 'unix:%s\n' (__fish_complete_path $path | string replace -r '\t.*' '')
        return
    end
    printf '%s\n' 127.0.0.1:8080 '[::1]:8080' :8080 unix:
end

complete -c uringd -f
complete -c uringd -a '(__fish_complete_directories (commandline -ct) "directory to serve")'
complete -c uringd -s c -l config -r -F -d 'serve what FILE says'
complete -c uringd -s l -l listen -x -a '(__uringd_addresses)' -d 'listen here'
complete -c uringd -s s -l set -x -a '(__uringd_settings)' -d 'override a key of the configuration'
complete -c uringd -s t -l check -d 'check the configuration, print every problem'
complete -c uringd -l print-config -d 'print the effective configuration and where each value came from'
complete -c uringd -l explain -x -d 'tell what PATH would get, and why'
complete -c uringd -l host -x -d 'with --explain: the host asked for'
complete -c uringd -l header -x -d 'with --explain: a field of the request'
complete -c uringd -l features -d 'print what this kernel\'s io_uring offers'
complete -c uringd -l health -d 'ask a running server whether it is well'
complete -c uringd -n '__fish_seen_argument -l health' -a http://127.0.0.1:9090/healthz -d 'admin interface'
complete -c uringd -s V -l version -d 'print the version'
complete -c uringd -s h -l help -d 'print help'
