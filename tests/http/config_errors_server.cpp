// Broken configurations of [server]: listeners, user, trusted proxies. Data; see config_errors.hpp.
#include "config_errors.hpp"

namespace uringd::testing {

const std::vector<Broken>& broken_server() {
  static const std::vector<Broken> all = {
      {.name = "a count in words",
       .text = R"([server]
workers = "two"
)",
       .says = {R"(2:11: server.workers: found "two"; expected a whole number from 0 to 1024)"},
       .starts = true},
      {.name = "a count in quotes",
       .text = R"([server]
workers = "2"
)",
       .says = {R"(2:11: server.workers: found "2"; expected a whole number from 0 to 1024; without quotes)"}},
      {.name = "a negative count",
       .text = "[server]\nworkers = -1\n",
       .says = {"2:11: server.workers: found -1; expected a whole number from 0 to 1024"}},
      {.name = "a count beyond its bound",
       .text = "[server]\nworkers = 1025\n",
       .says = {"2:11: server.workers: found 1025; expected a whole number from 0 to 1024"}},
      {.name = "a misspelled key",
       .text = "[server]\nworkres = 2\n",
       .says = {"2:1: server.workres: unknown key; did you mean workers?"}},
      {.name = "a key of another section",
       .text = "[limits]\nworkers = 2\n",
       .says = {"2:1: limits.workers: unknown key; did you mean server.workers?"}},
      {.name = "a key that is like nothing",
       .text = R"([server]
keepalive_disable = "msie6"
)",
       .says = {"2:1: server.keepalive_disable: unknown key"}},
      {.name = "a word that is none of three",
       .text = R"([server]
pin = "yes"
)",
       .says = {R"(2:7: server.pin: found "yes"; expected "auto", true or false)"}},
      {.name = "a switch in words",
       .text = R"([server]
sandbox = "on"
)",
       .says = {R"(2:11: server.sandbox: found "on"; expected true or false)"}},
      {.name = "no address at all",
       .text = "[server]\nlisten = []\n",
       .says = {"2:10: server.listen: found an empty array; expected at least one address"}},
      {.name = "a port as a number",
       .text = "[server]\nlisten = 8080\n",
       .says = {R"(2:10: server.listen: found 8080; expected an address such as "127.0.0.1:8080")"}},
      {.name = "a port alone",
       .text = R"([server]
listen = ["8080"]
)",
       .says = {R"(2:11: server.listen: found "8080"; a port alone; expected ":8080" for all addresses)"}},
      {.name = "a host's name",
       .text = R"([server]
listen = ["127.0.0.1:8080", "localhost:8081"]
)",
       .says = {R"(2:29: server.listen: found "localhost:8081"; host names are not looked up; expected an )"
                R"(address: "127.0.0.1:8080", "[::1]:8080", ":8080", "unix:/run/uringd.sock" or "fd:NAME")"}},
      {.name = "an IPv6 address without brackets",
       .text = R"([server]
listen = ["::1:8080"]
)",
       .says = {R"(2:11: server.listen: found "::1:8080"; an IPv6 address goes in brackets: "[::1]:8080")"}},
      {.name = "a URL",
       .text = R"([server]
listen = ["http://127.0.0.1:8080/"]
)",
       .says = {R"(2:11: server.listen: found "http://127.0.0.1:8080/"; expected an address, not a URL: )"
                R"("127.0.0.1:8080", "[::1]:8080", ":8080", "unix:/run/uringd.sock" or "fd:NAME")"}},
      {.name = "an address without a port",
       .text = R"([server]
listen = ["127.0.0.1"]
)",
       .says = {R"(2:11: server.listen: found "127.0.0.1"; no port; expected "127.0.0.1:8080", "[::1]:8080", )"
                R"(":8080", "unix:/run/uringd.sock" or "fd:NAME")"}},
      {.name = "a port that is too large",
       .text = R"([server]
listen = [":99999"]
)",
       .says = {R"(2:11: server.listen: found ":99999"; expected a port from 1 to 65535 after the last colon)"}},
      {.name = "a unix socket without a path",
       .text = R"([server]
listen = ["unix:"]
)",
       .says = {R"(2:11: server.listen: found "unix:"; no path after unix:; expected an address such as )"
                R"("unix:/run/uringd.sock")"}},
      {.name = "a passed socket without a name",
       .text = R"([server]
listen = ["fd:"]
)",
       .says = {R"(2:11: server.listen: found "fd:"; expected fd: and a name as FileDescriptorName= of a systemd )"
                R"(socket unit has it, such as "fd:http")"}},
      {.name = "one address twice",
       .text = R"([server]
listen = [":8080", ":8081",
          ":8080"]
)",
       .says = {R"(3:11: server.listen: found ":8080" twice; expected each address once)"}},
      {.name = "a listener's table with three mistakes",
       .text = R"([server]
listen = [{ adress = ":80", backlog = 0, ssl = true }]
)",
       .says = {R"(2:11: server.listen: found a table without address; expected { address = ":8080", backlog = )"
                "4096 }",
                R"(2:13: server.listen: "adress": unknown key; did you mean address?)",
                "2:39: server.listen: found backlog = 0; expected a whole number from 1 to 65535",
                R"(2:42: server.listen: "ssl": unknown key; expected address, backlog, proxy_protocol or mode)"},
       .starts = true},
      {.name = "a version of the PROXY protocol",
       .text = R"([server]
listen = { address = ":80", proxy_protocol = "v2" }
)",
       .says = {R"(2:46: server.listen: found proxy_protocol = "v2"; expected true or false)"}},
      {.name = "a mode that is a number",
       .text = R"([server]
listen = { address = "unix:/run/u.sock", mode = 660 }
)",
       .says = {R"(2:49: server.listen: found mode = 660; expected an octal text from "0000" to "0777"; in quotes)"}},
      {.name = "a mode with a digit that is not octal",
       .text = R"([server]
listen = { address = "unix:/run/u.sock", mode = "0680" }
)",
       .says = {R"(2:49: server.listen: found mode = "0680"; expected an octal text from "0000" to "0777")"}},
      {.name = "a mode for a port",
       .text = R"([server]
listen = { address = ":80", mode = "0660" }
)",
       .says = {R"(2:36: server.listen: found mode beside ":80"; expected mode with a unix socket alone)"}},
      {.name = "a user with a space",
       .text = R"([server]
user = "www data"
)",
       .says = {R"(2:8: server.user: found "www data"; expected a user such as "www-data", "33" or )"
                R"("www-data:adm", or "")"}},
      {.name = "a group without a name",
       .text = R"([server]
user = "www-data:"
)",
       .says = {R"(2:8: server.user: found "www-data:"; expected a user such as "www-data", "33" or )"
                R"("www-data:adm", or "")"}},
      {.name = "a block with bits behind its prefix",
       .text = R"([server]
trusted_proxies = ["10.0.0.1/8"]
)",
       .says = {R"(2:20: server.trusted_proxies: found "10.0.0.1/8"; bits behind the prefix are set; expected )"
                "10.0.0.0/8"},
       .starts = true},
      {.name = "a prefix that is too long",
       .text = R"([server]
trusted_proxies = ["10.0.0.0/33"]
)",
       .says = {R"(2:20: server.trusted_proxies: found "10.0.0.0/33"; a prefix too long; expected at most /32)"}},
      {.name = "a proxy by its name",
       .text = R"([server]
trusted_proxies = ["lb.example.org"]
)",
       .says = {R"(2:20: server.trusted_proxies: found "lb.example.org"; no address (names are not looked up); )"
                R"(expected "192.0.2.1", "10.0.0.0/8", "2001:db8::/32" or "unix:")"}},
      {.name = "a proxy with a port",
       .text = R"([server]
trusted_proxies = ["10.0.0.1:8080"]
)",
       .says = {R"(2:20: server.trusted_proxies: found "10.0.0.1:8080"; an address goes without a port here; )"
                R"(expected "192.0.2.1", "10.0.0.0/8", "2001:db8::/32" or "unix:")"}},
      {.name = "a unix socket's path as a proxy",
       .text = R"([server]
trusted_proxies = ["unix:/run/lb.sock"]
)",
       .says = {R"(2:20: server.trusted_proxies: found "unix:/run/lb.sock"; expected "unix:" alone, which stands )"
                "for the peers of all unix sockets"}},
      {.name = "one block twice",
       .text = R"([server]
trusted_proxies = ["10.0.0.0/8", "10.0.0.0/8"]
)",
       .says = {R"(2:34: server.trusted_proxies: found "10.0.0.0/8" twice; expected each block once)"}},
      {.name = "a duration without a unit",
       .text = "[server]\ndrain_timeout = 30\n",
       .says = {R"(2:17: server.drain_timeout: found 30; expected a duration from "0s" to "24h"; units: ms, s, )"
                "m, h"}},
      {.name = "a unit that is none",
       .text = R"([server]
shutdown_delay = "2 days"
)",
       .says = {R"(2:18: server.shutdown_delay: found "2 days"; expected a duration from "0s" to "24h"; units: )"
                "ms, s, m, h"}},
      {.name = "a section as a value",
       .text = R"(server = "127.0.0.1:8080"
)",
       .says = {R"(1:10: server: found "127.0.0.1:8080"; expected a table: [server])"}},
      {.name = "a section that repeats",
       .text = "[[server]]\nworkers = 2\n",
       .says = {"1:1: server: found an array; expected a table: [server]"}},
      {.name = "a misspelled section",
       .text = "[sever]\nworkers = 2\n",
       .says = {"1:2: sever: unknown key; did you mean server?"}},
  };
  return all;
}

}  // namespace uringd::testing
