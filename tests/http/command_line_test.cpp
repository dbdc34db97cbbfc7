// The command line of a server that works: what it prints, and the ways to say what to serve.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
bool contains(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }
std::string address(int port) { return "127.0.0.1:" + std::to_string(port); }

/// Whether the sources are a checkout that git speaks of, and nobody else has said which commit they are.
bool git_knows_the_commit() {
  const char* path = std::getenv("URINGD_README");
  if (!path) FAIL("URINGD_README must name README.md (meson test sets it)");
  const std::string readme = path;
  const std::string top = readme.substr(0, readme.rfind('/'));
  const std::string quiet = " rev-parse HEAD >/dev/null 2>&1";
  return std::getenv("URINGD_COMMIT") == nullptr && std::filesystem::exists(top + "/.git") &&
         std::system(("git -C '" + top + "'" + quiet).c_str()) == 0;
}
}  // namespace

TEST_CASE("--version and --help print to stdout and end with 0") {
  for (const char* flag : {"--version", "-V"}) {
    const Finished run = run_to_end({flag});
    CHECK(run.exit_code == 0);
    CHECK(run.out.starts_with("uringd "));
    CHECK(run.err.empty());
  }
  for (const char* flag : {"--help", "-h"}) {
    const Finished run = run_to_end({flag});
    CHECK(run.exit_code == 0);
    for (const char* option :
         {"--config", "--listen", "--check", "--print-config", "--features", "--set", "--version"}) {
      INFO(option);
      CHECK(contains(run.out, option));
    }
  }
}

TEST_CASE("--version tells version and commit, compiler and linking, and the version of each library") {
  const Finished run = run_to_end({"--version"});
  INFO(run.out);
  std::istringstream lines(run.out);
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  const std::string commit = git_knows_the_commit() ? "commit [0-9a-f]{12}(-dirty)?"  //
                                                    : "(commit [0-9A-Za-z.+~_-]+|unknown commit)";
  CHECK(std::regex_match(first, std::regex(R"(uringd [0-9]+\.[0-9]+\.[0-9]+ \()" + commit + R"(\))")));
  CHECK(std::regex_match(second, std::regex(R"(built with (g|clang)\+\+ [0-9]+\.[0-9]+\.[0-9]+, (static|dynamic))")));
  std::string names;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    // Debian 12's RE2 tells none.
    CHECK(std::regex_match(line, std::regex(R"(\S+ [0-9]+(\.[0-9]+)+|RE2 \(version not told\))")));
    names += line.substr(0, line.find(' ')) + " ";
  }
  CHECK(names == "glibc liburing llhttp toml++ RE2 libdeflate brotli zstd xxHash tinycdb ");
}

TEST_CASE("--features names the kernel and the memory-lock limit and ends with 0") {
  const Finished run = run_to_end({"--features"});
  CHECK(run.exit_code == 0);
  CHECK(contains(lower(run.out), "kernel"));
  CHECK(contains(lower(run.out), "lock"));
}

TEST_CASE("--check of a good configuration ends with 0 and opens no socket") {
  Site site;
  site.file("a.txt", "a\n");
  Server holder(site);  // a check that bound the port would fail
  site.outside_file("config.toml", configuration(site, {}, holder.port()));
  for (const char* flag : {"--check", "-t"}) {
    const Finished run = run_to_end({flag, "--config", site.outside("config.toml")});
    INFO(run.err);
    CHECK(run.exit_code == 0);
  }
}

TEST_CASE("--print-config prints a configuration that --check accepts, with the values set") {
  Site site;
  site.outside_file("config.toml", configuration(site, {.limits = "idle_timeout = \"17s\""}, 8080));
  const Finished printed =
      run_to_end({"--print-config", "--config", site.outside("config.toml"), "--set", "server.workers=3"});
  INFO(printed.out << printed.err);
  CHECK(printed.exit_code == 0);
  CHECK(contains(printed.out, "17s"));
  CHECK(contains(printed.out, "workers = 3"));
  CHECK(contains(printed.out, "header_timeout"));
  site.outside_file("printed.toml", printed.out);
  CHECK(run_to_end({"--check", "--config", site.outside("printed.toml")}).exit_code == 0);
}

TEST_CASE("DIR with --listen serves that directory without a file") {
  Site site;
  site.file("a.txt", "a\n");
  for (const char* flag : {"--listen", "-l"}) {
    const int port = free_port();
    Server server(site, {site.root(), flag, address(port)}, port);
    CHECK(server.get("/a.txt").body == "a\n");
  }
  const int port = free_port();
  Server server(site, {site.root(), "--listen=" + address(port)}, port);
  CHECK(server.get("/a.txt").body == "a\n");
}

TEST_CASE("a flag outranks --set's file: --listen and --set replace what the configuration says") {
  Site site;
  site.file("a.txt", "a\n");
  site.outside_file("config.toml", configuration(site, {.server = "workers = 1"}, free_port()));
  const int port = free_port();
  Server server(site, {"-c", site.outside("config.toml"), "--listen", address(port), "-s", "server.workers=2"}, port);
  CHECK(server.get("/a.txt").body == "a\n");
}

TEST_CASE("URINGD_CONFIG names the configuration") {
  Site site;
  site.outside_file("named.toml", configuration(site, {.limits = "idle_timeout = \"19s\""}, 8080));
  const Finished run = run_to_end({"--print-config"}, {}, {{"URINGD_CONFIG", site.outside("named.toml")}});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK(contains(run.out, "19s"));
}

TEST_CASE("${VAR} and ${VAR:-default} expand in strings, an unset one is an error") {
  Site site;
  const std::string head = "[server]\nlisten = [\"${LISTEN_ON:-127.0.0.1:8099}\"]\n[[site]]\nroot = \"";
  site.outside_file("config.toml", head + "${SITE_ROOT}\"\n");
  const std::vector<std::string> arguments{"--print-config", "--config", site.outside("config.toml")};
  const Finished good = run_to_end(arguments, {}, {{"SITE_ROOT", site.root()}});
  INFO(good.err);
  CHECK(good.exit_code == 0);
  CHECK(contains(good.out, site.root()));
  CHECK(contains(good.out, "127.0.0.1:8099"));
  const Finished unset = run_to_end(arguments);
  CHECK(unset.exit_code == 2);
  CHECK(contains(unset.err, "SITE_ROOT"));
}
