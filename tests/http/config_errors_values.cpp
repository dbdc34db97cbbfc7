// Broken configurations of [limits], [disk], [cache], [log], [admin], [types] and [maps.NAME]. Data; see
// config_errors.hpp.
#include "config_errors.hpp"

namespace uringd::testing {

const std::vector<Broken>& broken_values() {
  static const std::vector<Broken> all = {
      {.name = "a word for a count",
       .text = R"([limits]
connections = "many"
)",
       .says = {R"(2:15: limits.connections: found "many"; expected a whole number from 0 to 10000000)"}},
      {.name = "a count that is no whole number",
       .text = "[limits]\nrequests_per_connection = 1.5\n",
       .says = {"2:27: limits.requests_per_connection: found 1.5; expected a whole number from 0 to 1000000000"}},
      {.name = "a misspelled limit of one address",
       .text = "[limits]\nconnection_per_ip = 10\n",
       .says = {"2:1: limits.connection_per_ip: unknown key; did you mean connections_per_ip?"}},
      {.name = "a size with nginx's unit",
       .text = R"([limits]
header_size = "16k"
)",
       .says = {R"(2:15: limits.header_size: found "16k"; expected a size from "1KiB" to "1MiB"; units: KB, MB, )"
                "GB, KiB, MiB, GiB"}},
      {.name = "a size beyond its bound",
       .text = R"([limits]
header_size = "2MiB"
)",
       .says = {R"(2:15: limits.header_size: found "2MiB"; expected a size from "1KiB" to "1MiB")"}},
      {.name = "a negative size",
       .text = "[limits]\nbody_size = -1\n",
       .says = {R"(2:13: limits.body_size: found -1; expected a size from 0 to "64GiB")"}},
      {.name = "a timeout that would close every connection",
       .text = R"([limits]
header_timeout = "5ms"
)",
       .says = {R"(2:18: limits.header_timeout: found "5ms"; expected a duration from "10ms" to "24h")"}},
      {.name = "a queue for nothing",
       .text = "[disk]\nqueue_size = 0\n",
       .says = {"2:14: disk.queue_size: found 0; expected a whole number from 1 to 65536"}},
      {.name = "a size with a space",
       .text = R"([disk]
stream_memory = "64 MiB"
)",
       .says = {R"(2:17: disk.stream_memory: found "64 MiB"; expected a size from "1MiB" to "1TiB"; units: KB, )"
                "MB, GB, KiB, MiB, GiB"}},
      {.name = "a piece that is too small",
       .text = R"([disk]
stream_size = "8KiB"
)",
       .says = {R"(2:15: disk.stream_size: found "8KiB"; expected a size from "16KiB" to "64MiB")"}},
      {.name = "a word that is nearly right",
       .text = R"([disk]
zero_copy = "alway"
)",
       .says = {R"(2:13: disk.zero_copy: found "alway"; expected "safe", "always" or "never"; did you mean )"
                R"("always"?)"}},
      {.name = "a size in words",
       .text = R"([cache]
size = "atuo"
)",
       .says = {R"(2:8: cache.size: found "atuo"; expected "auto" or a size from "1MiB" to "1TiB"; did you mean )"
                R"("auto"?)"}},
      {.name = "a cache that cannot hold its largest file",
       .text = R"([cache]
size = "1MiB"
max_file_size = "2MiB"
)",
       .says = {R"(3:1: cache.max_file_size: found "2MiB"; expected at most cache.size, "1MiB")"}},
      {.name = "a date",
       .text = "[cache]\nstale_after = 2026-11-22\n",
       .says = {R"(2:15: cache.stale_after: found the date 2026-11-22; expected a duration from "0s" to "24h"; )"
                "units: ms, s, m, h"}},
      {.name = "a glob with an open brace",
       .text = R"([cache]
preload = ["/index.html", "/{a,b"]
)",
       .says = {R"(2:27: cache.preload: found "/{a,b"; expected each { with its }; a brace itself is \{ or \})"}},
      {.name = "a level of syslog",
       .text = R"([log]
level = "warning"
)",
       .says = {R"(2:9: log.level: found "warning"; expected "error", "warn", "info" or "debug"; did you mean )"
                R"("warn"?)"}},
      {.name = "an access log without a target",
       .text = R"([log]
access = ""
)",
       .says = {R"(2:10: log.access: found ""; expected "off", "stdout" or a file's path)"}},
      {.name = "an access log that is switched on",
       .text = R"([log]
access = "on"
)",
       .says = {R"(2:10: log.access: found "on"; expected "off", "stdout" or a file's path; did you mean )"
                R"("stdout"?)"}},
      {.name = "an access log that is a truth value",
       .text = "[log]\naccess = false\n",
       .says = {R"(2:10: log.access: found false; expected "off", "stdout" or a file's path)"}},
      {.name = "an access log where the error log goes",
       .text = R"([log]
access = "stderr"
)",
       .says = {R"(2:10: log.access: found "stderr"; expected "off", "stdout" or a file's path; stderr has the )"
                "error log"}},
      {.name = "an access log that is a directory",
       .text = R"([log]
access = "logs"
)",
       .says = {R"(2:1: log.access: found "@/logs", which is a directory; expected a file, such as )"
                R"("@/logs/access.log")"},
       .starts = true},
      {.name = "a format of nginx's",
       .text = R"([log]
format = "main"
)",
       .says = {R"(2:10: log.format: found "main"; expected "combined" or "json")"}},
      {.name = "an admin interface for everybody",
       .text = R"([admin]
listen = ":9090"
)",
       .says = {R"(2:1: admin.listen: found ":9090" without admin.token_file; expected a token_file, an address )"
                R"(of loopback such as "127.0.0.1:9090", or a unix socket)"},
       .starts = true},
      {.name = "two admin interfaces",
       .text = R"([admin]
listen = ["127.0.0.1:9090", "[::1]:9090"]
)",
       .says = {R"(2:10: admin.listen: found an array; expected an address such as "127.0.0.1:9090", or "")"}},
      {.name = "an admin interface where the server listens",
       .text = R"([admin]
listen = "127.0.0.1:8080"
)",
       .says = {R"(2:1: admin.listen: found "127.0.0.1:8080", which server.listen has; expected an address of )"
                "its own"}},
      {.name = "an admin interface that nobody may read",
       .text = R"([admin]
listen = "unix:admin.sock"
read = "token"
)",
       .says = {R"(3:1: admin.read: found "token" without admin.token_file; expected a token_file)"}},
      {.name = "a token file that is not there",
       .text = R"([admin]
token_file = "token"
)",
       .says = {R"(2:1: admin.token_file: found "@/token": No such file or directory; expected a file with the )"
                "token"}},
      {.name = "a reader that is none",
       .text = R"([admin]
read = "tokn"
)",
       .says = {R"(2:8: admin.read: found "tokn"; expected "auto", "token" or "open"; did you mean "token"?)"}},
      {.name = "an extension without its dot",
       .text = R"([types]
foo = "application/x-foo"
)",
       .says = {R"(2:1: types: found "foo"; expected an extension with its dot, such as ".foo")"}},
      {.name = "a media type that is none",
       .text = R"([types]
".foo" = "foo"
)",
       .says = {R"(2:10: types: found "foo"; expected a media type such as "application/x-foo")"}},
      {.name = "a media type that is a number",
       .text = R"([types]
".foo" = 7
)",
       .says = {R"(2:10: types: found ".foo" = 7; expected a string)"}},
      {.name = "a map without a file",
       .text = R"([maps.legacy]
kind = "txt"
)",
       .says = {R"(1:7: maps.legacy: found a table without file; expected file = "maps/legacy.txt")"}},
      {.name = "a map of an unknown kind",
       .text = R"([maps.legacy]
file = "plain"
kind = "csv"
)",
       .says = {R"(3:8: maps.legacy.kind: found "csv"; expected "txt", "rnd" or "cdb")"}},
      {.name = "a map's unknown key",
       .text = R"([maps.legacy]
file = "plain"
maxsize = 5
)",
       .says = {"3:1: maps.legacy.maxsize: unknown key; did you mean max_size?"}},
      {.name = "a map with a space in its name",
       .text = R"([maps."a b"]
file = "plain"
)",
       .says = {R"(1:7: maps."a b": unfit as a name; expected letters, digits, "_" and "-")"}},
      {.name = "a map that is its file",
       .text = R"([maps]
legacy = "plain"
)",
       .says = {R"(2:1: maps.legacy: found "plain"; expected a table: [maps.NAME])"}},
  };
  return all;
}

}  // namespace uringd::testing
