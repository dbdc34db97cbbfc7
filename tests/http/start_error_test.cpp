// What keeps the server from starting: one line that says what, where and what would be right; 1 for the world, 2 for
// the command line and the configuration.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
auto lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }
bool says(const Finished& run, const std::string& what) { return run.err.find(what) != std::string::npos; }

Finished run_with(const Site& site, const std::string& configuration_text, const std::vector<std::string>& more = {}) {
  site.outside_file("config.toml", configuration_text);
  std::vector<std::string> arguments{"--config", site.outside("config.toml")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_to_end(arguments);
}
}  // namespace

TEST_CASE("a port that another program holds: one line with the address, exit code 1") {
  Site site;
  const int port = free_port();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd, 8) == 0);
  const Finished run = run_with(site, configuration(site, {}, port));
  ::close(fd);
  INFO(run.err);
  CHECK(run.exit_code == 1);
  CHECK(lines(run.err) == 1);
  CHECK(says(run, std::to_string(port)));
}

TEST_CASE("a second server on the same port is refused, though SO_REUSEPORT would let it in") {
  Site site;
  site.file("a.txt", "a\n");
  Server first(site);
  const Finished second = run_with(site, configuration(site, {}, first.port()));
  INFO(second.err);
  CHECK(second.exit_code == 1);
  CHECK(says(second, std::to_string(first.port())));
  for (int i = 0; i < 20; ++i) CHECK(first.get("/a.txt").status == 200);
}

TEST_CASE("a root that is missing, or no directory, is named, exit code 1 or 2") {
  Site site;
  site.outside_file("plain-file", "x");
  for (const char* root : {"no-such-directory", "plain-file"}) {
    INFO(root);
    const std::string listen = "[server]\nlisten = [\"127.0.0.1:" + std::to_string(free_port()) + "\"]\n";
    const Finished run = run_with(site, listen + "[[site]]\nroot = \"" + root + "\"\n");
    INFO(run.err);
    const bool refused = run.exit_code == 1 || run.exit_code == 2;
    CHECK(refused);
    CHECK(says(run, root));
    const Finished direct = run_to_end({site.outside(root), "--listen", "127.0.0.1:" + std::to_string(free_port())});
    CHECK(direct.exit_code >= 1);
    CHECK(says(direct, root));
  }
}

TEST_CASE("a configuration file that does not exist is named, exit code 2") {
  Site site;
  const Finished run = run_to_end({"--config", site.outside("missing.toml")});
  CHECK(run.exit_code == 2);
  CHECK(says(run, "missing.toml"));
  CHECK(lines(run.err) == 1);
}

TEST_CASE("every mistake of a configuration is reported in one go with its line, exit code 2") {
  Site site;
  const std::string text =
      "[server]\n"
      "listen = [\"127.0.0.1:notaport\"]\n"       // 2
      "workres = 2\n"                             // 3: unknown, near "workers"
      "[limits]\n"                                //
      "header_size = \"12 parsecs\"\n"            // 5
      "idle_timeout = 5\n"                        // 6: a number without unit
      "connections = \"many\"\n"                  // 7: wrong type
      "[[site]]\n"                                //
      "root = \"root\"\n"                         //
      "symlinks = \"sometimes\"\n"                // 10
      "hosts = [\"a.example\", \"a.example\"]\n"  // 11
      "hidden = \"yes\"\n";                       // 12
  for (const bool check_only : {true, false}) {
    const Finished run =
        run_with(site, text, check_only ? std::vector<std::string>{"--check"} : std::vector<std::string>{});
    INFO(run.err << run.out);
    CHECK(run.exit_code == 2);
    for (const int line : {2, 3, 5, 6, 7, 10, 11, 12}) {
      INFO("line " << line);
      CHECK(says(run, "config.toml:" + std::to_string(line) + ":"));
    }
    CHECK(says(run, "workers"));
    CHECK(says(run, "12 parsecs"));
  }
}

TEST_CASE("a TOML syntax error is reported with its line, exit code 2") {
  Site site;
  const Finished run = run_with(site, "[server]\nworkers = = 2\n");
  CHECK(run.exit_code == 2);
  CHECK(says(run, "config.toml:2:"));
}

TEST_CASE("the same host in two sites is an error") {
  Site site;
  const Finished run = run_with(
      site, configuration(
                site, {.site = "hosts = [\"a.example\"]", .more = "[[site]]\nhosts = [\"A.example\"]\nroot = \"root\""},
                free_port()));
  CHECK(run.exit_code == 2);
  CHECK(lower(run.err).find("a.example") != std::string::npos);
}

TEST_CASE("a command line that makes no sense is told so, exit code 2") {
  Site site;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--no-such-flag"},
                                             {"--config"},
                                             {site.root(), site.root()},
                                             {site.root(), "--listen", "not an address"},
                                             {site.root(), "--set", "server.workers=many"},
                                             {site.root(), "--set", "no.such.key=1"},
                                             {site.root(), "--set", "server.workers"}}) {
    const Finished run = run_to_end(arguments);
    INFO(run.err);
    CHECK(run.exit_code == 2);
    CHECK(!run.err.empty());
  }
}
