// Broken words of a command line: --set, --listen, URINGD_CONFIG. Data; see config_errors.hpp.
#include "config_errors.hpp"

namespace uringd::testing {

const std::vector<Broken>& broken_flags() {
  static const std::vector<Broken> all = {
      {.name = "--set of an unknown key",
       .says = {"--set server.workes: unknown key; did you mean workers?"},
       .arguments = {"--set", "server.workes=2"},
       .starts = true},
      {.name = "--set of a wrong value",
       .says = {R"(--set server.workers: found "many"; expected a whole number from 0 to 1024)"},
       .arguments = {"--set", "server.workers=many"}},
      {.name = "--set of a block that is none",
       .says = {R"(--set server.trusted_proxies: found "10.0.0.0/40"; a prefix too long; expected at most /32)"},
       .arguments = {"--set", "server.trusted_proxies=10.0.0.0/40"}},
      {.name = "--set of something that is no key",
       .says = {"--set [server]: not a key; expected KEY=VALUE such as server.workers=2"},
       .arguments = {"--set", "[server]=2"}},
      {.name = "--set of an include",
       .says = {"--set include: only a file can include others"},
       .arguments = {"--set", "include=a.toml"}},
      {.name = "--set of a site's root that is not there",
       .says = {R"(--set site.root: found "/no/such/place": No such file or directory; expected a directory)"},
       .arguments = {"--set", "site.root=/no/such/place"}},
      {.name = "--set without a value",
       .says = {"--set server.workers: expected KEY=VALUE, such as --set server.workers=2"},
       .arguments = {"--set", "server.workers"}},
      {.name = "--set of all sites at once",
       .says = {"--set site: found 2; expected site.KEY=VALUE, which changes every site"},
       .arguments = {"--set", "site=2"}},
      {.name = "problems of the file and of two flags",
       .text = "[server]\nworkers = -2\n",
       .says = {"2:11: server.workers: found -2; expected a whole number from 0 to 1024",
                R"(--set log.access: found "none"; expected "off", "stdout" or a file's path; did you mean "off"?)",
                R"(--listen: server.listen: found "::1:80"; an IPv6 address goes in brackets: "[::1]:8080")"},
       .arguments = {"--set", "log.access=none", "--listen", "::1:80"}},
      {.name = "--listen on a name",
       .says = {R"(--listen: server.listen: found "localhost:80"; host names are not looked up; expected an )"
                R"(address: "127.0.0.1:8080", "[::1]:8080", ":8080", "unix:/run/uringd.sock" or "fd:NAME")"},
       .arguments = {"--listen", "localhost:80"},
       .starts = true},
      {.name = "--listen twice on one address",
       .says = {R"(--listen: server.listen: found ":8080" twice; expected each address once)"},
       .arguments = {"--listen", ":8080", "-l", ":8080"}},
      {.name = "--listen on a unix socket of 120 bytes",
       .says = {"--listen: server.listen: found "
                R"("unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"… (125 bytes); the socket's )"
                "path has 120 bytes; expected at most 107"},
       .arguments = {"--listen", "unix:/" + std::string(119, 'a')}},
      {.name = "URINGD_CONFIG that names a file that is not there",
       .says = {"@/gone.toml: No such file or directory"},
       .environment = {{"URINGD_CONFIG", "@/gone.toml"}},
       .names_config = false,
       .starts = true},
      {.name = "URINGD_CONFIG that names a broken file",
       .text = R"([server]
listen = "fd:a:b"
)",
       .says = {R"(2:10: server.listen: found "fd:a:b"; expected fd: and a name as FileDescriptorName= of a )"
                R"(systemd socket unit has it, such as "fd:http")"},
       .environment = {{"URINGD_CONFIG", "@/config.toml"}},
       .names_config = false},
      {.name = "URINGD_CONFIG that names nothing",
       .says = {"no configuration: give --config FILE or a directory"},
       .environment = {{"URINGD_CONFIG", ""}},
       .names_config = false},
      {.name = "URINGD_CONFIG that names a directory",
       .says = {"@/logs: is a directory; expected a file"},
       .environment = {{"URINGD_CONFIG", "@/logs"}},
       .names_config = false},
  };
  return all;
}

}  // namespace uringd::testing
