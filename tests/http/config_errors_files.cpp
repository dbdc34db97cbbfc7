// Broken configurations of several files, of TOML that is none, and of variables. Data; see config_errors.hpp.
#include "config_errors.hpp"

namespace uringd::testing {

const std::vector<Broken>& broken_files() {
  static const std::vector<Broken> all = {
      {.name = "an included file that is not there",
       .text = R"(include = ["sites/shop.toml"]
)",
       .says = {"1:1: include: @/sites/shop.toml: No such file or directory"},
       .starts = true},
      {.name = "an include that is a number",
       .text = R"(include = ["sites/*.toml", 7]
)",
       .says = {R"(1:28: include: found 7; expected a glob such as "sites/*.toml")"}},
      {.name = "an included directory",
       .text = R"(include = "logs"
)",
       .says = {"1:1: include: @/logs: is a directory; expected a file"}},
      {.name = "a mistake in an included file",
       .text = R"(include = ["sites/*.toml"]
)",
       .says = {"@/sites/a.toml:3:1: site.hiden: unknown key; did you mean hidden?"},
       .files = {{"sites/a.toml", R"([[site]]
root = "../www"
hiden = true
)"}},
       .starts = true},
      {.name = "mistakes in three files, in their order",
       .text = R"(include = ["sites/*.toml"]
[log]
level = 3
)",
       .says = {R"(3:9: log.level: found 3; expected "error", "warn", "info" or "debug")",
                R"(@/sites/a.toml:2:1: site.root: found "@/sites/nowhere": No such file or directory; expected a )"
                "directory",
                R"(@/sites/a.toml:3:9: site.index: found "a/b"; expected a file name without slashes)",
                "@/sites/b.toml:2:9: cache.watch: found 1; expected true or false"},
       .files = {{"sites/a.toml", R"([[site]]
root = "nowhere"
index = "a/b"
)"},
                 {"sites/b.toml", R"([cache]
watch = 1
)"}}},
      {.name = "an included file that includes",
       .text = R"(include = ["sites/*.toml"]
)",
       .says = {"@/sites/a.toml:1:1: include: only the file given by --config may include others"},
       .files = {{"sites/a.toml", R"(include = ["b.toml"]
)"}}},
      {.name = "one key in two files",
       .text = R"(include = ["sites/*.toml"]
[server]
workers = 2
)",
       .says = {"@/sites/a.toml:2:1: server.workers: already set at @/config.toml:3:1; expected once"},
       .files = {{"sites/a.toml", R"([server]
workers = 3
)"}}},
      {.name = "one host in two files",
       .text = R"(include = ["sites/*.toml"]
)",
       .says = {R"(@/sites/b.toml:3:1: site.hosts: "a.example" is taken by the site at @/sites/a.toml:3:1; )"
                "expected each host once"},
       .files = {{"sites/a.toml", R"([[site]]
root = "../www"
hosts = ["a.example"]
)"},
                 {"sites/b.toml", R"([[site]]
root = "../www"
hosts = ["b.example", "A.example"]
)"}}},
      {.name = "a string that does not end",
       .text = R"([server]
user = "www-data
workers = 2
)",
       .says = {"2:17: syntax error: …"},
       .starts = true},
      {.name = "an array that does not end",
       .text = R"([server]
listen = [":80"
)",
       .says = {"2:17: syntax error: …"}},
      {.name = "one key twice", .text = "[server]\nworkers = 2\nworkers = 3\n", .says = {"3:11: syntax error: …"}},
      {.name = "a value without quotes", .text = "[site]\nroot = www\n", .says = {"2:8: syntax error: …"}},
      {.name = "a letter beyond ASCII outside a string",
       .text = "[server]\nworkers = ２\n",
       .says = {"2:11: syntax error: only strings and comments may hold letters beyond ASCII"}},
      {.name = "a header that names nothing",
       .text = "[#server]\nworkers = 2\n",
       .says = {"1:1: syntax error: expected a table's name after ["}},
      {.name = "a syntax error in an included file",
       .text = R"(include = "sites/a.toml"
)",
       .says = {"@/sites/a.toml:2:8: syntax error: only strings and comments may hold letters beyond ASCII"},
       .files = {{"sites/a.toml", R"([[site]]
root = é
)"}}},
      {.name = "a variable that is not set",
       .text = R"([server]
user = "${URINGD_TEST_USER}"
)",
       .says = {R"(2:8: server.user: found "${URINGD_TEST_USER}"; ${URINGD_TEST_USER} is not set in the )"
                "environment; set it, or write ${URINGD_TEST_USER:-default}"},
       .starts = true},
      {.name = "a variable in lower case",
       .text = R"([server]
user = "${user}"
)",
       .says = {R"(2:8: server.user: found "${user}"; expected ${NAME} or ${NAME:-default}, NAME of upper case, )"
                "digits and _; $${ is a literal ${"}},
      {.name = "a variable without its end",
       .text = R"([server]
listen = [":8080", "unix:${RUN/u.sock"]
)",
       .says = {R"(2:20: server.listen: found "unix:${RUN/u.sock"; ${ without }; $${ is a literal ${)"}},
      {.name = "a variable with nothing in it",
       .text = R"([[site]]
root = "${URINGD_TEST_ROOT}"
)",
       .says = {R"(2:8: site.root: found ""; expected a path)"},
       .environment = {{"URINGD_TEST_ROOT", ""}}},
      {.name = "a variable that is no number",
       .text = R"([server]
workers = "${URINGD_TEST_WORKERS:-2}"
)",
       .says = {R"(2:11: server.workers: found "many"; expected a whole number from 0 to 1024)"},
       .environment = {{"URINGD_TEST_WORKERS", "many"}}},
      {.name = "a default that is out of range",
       .text = R"([limits]
idle_timeout = "${URINGD_TEST_IDLE:-1ms}"
)",
       .says = {R"(2:16: limits.idle_timeout: found "1ms"; expected a duration from "10ms" to "24h")"}},
  };
  return all;
}

}  // namespace uringd::testing
