// The command line: every flag in every form, what may not stand together, and the nearest name for what is unknown.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "uringd/daemon/options.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <sstream>
#include <vector>

#include "uringd/config/listen.hpp"
#include "uringd/daemon/health.hpp"

using namespace uringd;
using daemon::health_target;
using daemon::HealthTarget;
using daemon::Options;
using Action = daemon::Options::Action;
using Words = std::vector<std::string>;

namespace {

Result<Options> parse(Words words, const char* environment = nullptr) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  return daemon::parse_options(pointers, environment);
}

Options parsed(const Words& words, const char* environment = nullptr) {
  auto options = parse(words, environment);
  REQUIRE_MESSAGE(options.has_value(), options.error().message);
  return *options;
}

std::string error_of(const Words& words) {
  const auto options = parse(words);
  return options ? "accepted" : options.error().message;
}

}  // namespace

TEST_CASE("a file can be given as two words, with =, and glued to its letter") {
  for (const Words& words : {Words{"--config", "f"}, {"--config=f"}, {"-c", "f"}, {"-cf"}}) {
    CHECK(parsed(words).sources.file == "f");
    CHECK(parsed(words).action == Action::serve);
  }
}

TEST_CASE("a directory is a word without a dash, or any word after --") {
  CHECK(parsed({"www"}).sources.directory == "www");
  CHECK(parsed({"--listen", ":1", "www"}).sources.directory == "www");
  CHECK(parsed({"--", "--odd"}).sources.directory == "--odd");
  CHECK(parsed({"www"}).sources.file == std::nullopt);
}

TEST_CASE("listen and set add up in their order") {
  const Options options = parsed({"-l", ":1", "--listen=:2", "-s", "a.b=c=d", "--set=x=", "-sy=", "."});
  CHECK(options.sources.listen == Words{":1", ":2"});
  REQUIRE(options.sources.sets.size() == 3);
  CHECK(options.sources.sets[0] == std::pair<std::string, std::string>("a.b", "c=d"));
  CHECK(options.sources.sets[1] == std::pair<std::string, std::string>("x", ""));
}

TEST_CASE("each action has its flag, and letters can stand together") {
  CHECK(parsed({"--check", "-c", "f"}).action == Action::check);
  CHECK(parsed({"-t", "-c", "f"}).action == Action::check);
  CHECK(parsed({"-tc", "f"}).action == Action::check);
  CHECK(parsed({"-tcf"}).sources.file == "f");
  CHECK(parsed({"--print-config", "d"}).action == Action::print_config);
  CHECK(parsed({"--features"}).action == Action::features);
  CHECK(parsed({"--version"}).action == Action::version);
  CHECK(parsed({"-V"}).action == Action::version);
  CHECK(parsed({"--help"}).action == Action::help);
  CHECK(parsed({"-h"}).action == Action::help);
}

TEST_CASE("explain takes a path, and with it a host and fields") {
  const Options options = parsed({"--explain", "/a?b", "--host=h.example", "--header", "Accept-Encoding: br",
                                  "--header", "Range:bytes=0-1", "-c", "f"});
  CHECK(options.action == Action::explain);
  CHECK(options.sources.file == "f");
  CHECK(options.question.target == "/a?b");
  CHECK(options.question.host == "h.example");
  CHECK(options.question.fields == Words{"Accept-Encoding: br", "Range:bytes=0-1"});
  CHECK(parsed({"www", "--explain=/"}).question.host == std::nullopt);
}

TEST_CASE("what cannot be a request, or asks nothing, is told") {
  CHECK(error_of({"--explain"}) == "--explain: expected PATH after it");
  CHECK(error_of({"--explain", "", "."}) == "--explain: an empty value; expected PATH");
  CHECK(error_of({"--explain", "/a", "--explain", "/b", "."}) == "--explain: given twice; expected one path");
  CHECK(error_of({"--explain", "/a\r\nX: y", "."}) ==
        "--explain: a line break in the value; a request has it encoded (%0A)");
  CHECK(error_of({"--explain", "/", "--host", "a", "--host", "b", "."}) == "--host: given twice; expected one host");
  CHECK(error_of({"--explain", "/", "--header", "Accept", "."}) ==
        "--header Accept: expected NAME: VALUE, such as --header 'Accept-Encoding: br'");
  CHECK(error_of({"--explain", "/", "--header", "hOST: a", "."}) ==
        "--header hOST: a: expected --host NAME for the host");
  CHECK(error_of({"--host", "a", "."}) == "--host: only with --explain PATH");
  CHECK(error_of({"--check", "--header", "A: b", "."}) == "--header: only with --explain PATH");
  CHECK(error_of({"--explain", "/", "--check", "."}) ==
        "--check: expected one of --check, --print-config, --explain, --features, --health");
  CHECK(error_of({"--explain", "/"}) == "no configuration: give --config FILE or a directory");
}

TEST_CASE("help and version win over what follows them, not over a mistake before") {
  CHECK(parsed({"--help", "--nonsense"}).action == Action::help);
  CHECK(parsed({"-V", "a", "b"}).action == Action::version);
  CHECK(error_of({"--nonsense", "--help"}) != "accepted");
}

TEST_CASE("URINGD_CONFIG names the file only where the words name none") {
  CHECK(parsed({}, "e.toml").sources.file == "e.toml");
  CHECK(parsed({"--check"}, "e.toml").sources.file == "e.toml");
  CHECK(parsed({"-c", "f"}, "e.toml").sources.file == "f");
  CHECK(parsed({"www"}, "e.toml").sources.file == std::nullopt);
  CHECK_FALSE(parse({}, "").has_value());
}

TEST_CASE("without file and directory the error says how to start") {
  CHECK(error_of({}) == "no configuration: give --config FILE or a directory");
  CHECK(error_of({"--check"}) == "no configuration: give --config FILE or a directory");
}

TEST_CASE("an unknown option is told with the nearest name") {
  CHECK(error_of({"--confg"}) == "--confg: unknown option; did you mean --config?");
  CHECK(error_of({"--confg=f"}) == "--confg: unknown option; did you mean --config?");
  CHECK(error_of({"-config", "f"}) == "-config: unknown option; did you mean --config?");
  CHECK(error_of({"--lisen"}) == "--lisen: unknown option; did you mean --listen?");
  CHECK(error_of({"--frobnicate"}) == "--frobnicate: unknown option; uringd --help lists them");
  CHECK(error_of({"-x"}) == "-x: unknown option; uringd --help lists them");
  CHECK(error_of({"-tx"}) == "-tx: unknown option; uringd --help lists them");
}

TEST_CASE("values that are missing, empty or too many are told") {
  CHECK(error_of({"--config"}) == "--config: expected FILE after it");
  CHECK(error_of({"-c"}) == "-c: expected FILE after it");
  CHECK(error_of({"--config="}) == "--config: an empty value; expected FILE");
  CHECK(error_of({"--check=yes"}) == "--check: takes no value");
  CHECK(error_of({"-c", "a", "-c", "b"}) == "-c: given twice; a file may include others");
  CHECK(error_of({"--set", "workers", "."}) == "--set workers: expected KEY=VALUE, such as --set server.workers=2");
  CHECK(error_of({"-s", "=2", "."}) == "-s =2: expected KEY=VALUE, such as --set server.workers=2");
  CHECK(error_of({""}) == "an empty word; expected a directory to serve");
}

TEST_CASE("what contradicts itself is told") {
  CHECK(error_of({"-c", "f", "d"}) ==
        "both --config f and a directory, d; expected one (root of [[site]] names the directory in a file)");
  CHECK(error_of({"a", "b"}) == "b: a second directory; expected one (several: [[site]] in a --config FILE)");
  CHECK(error_of({"--check", "--print-config", "."}) ==
        "--print-config: expected one of --check, --print-config, --explain, --features, --health");
}

TEST_CASE("help names every flag in lines of at most 110 bytes") {
  const std::string help = daemon::help_text();
  for (const char* flag : {"-c, --config FILE", "-l, --listen ADDRESS", "-s, --set KEY=VALUE", "-t, --check",
                           "--print-config", "--explain PATH", "--host NAME", "--header FIELD", "--features",
                           "--health [URL]", "-V, --version", "-h, --help"}) {
    CAPTURE(flag);
    CHECK(help.contains(flag));
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 110);
  CHECK(help.ends_with("\n"));
}

TEST_CASE("--health takes a URL, or none, and needs no configuration") {
  CHECK(parsed({"--health"}).action == Action::health);
  CHECK(parsed({"--health"}).health_url.empty());
  CHECK(parsed({"--health", "http://127.0.0.1:9090"}).health_url == "http://127.0.0.1:9090");
  CHECK(parsed({"--health=unix:/run/a.sock"}).health_url == "unix:/run/a.sock");
  const Options with_file = parsed({"--health", "-c", "c.toml"});
  CHECK(with_file.health_url.empty());
  CHECK(with_file.sources.file == "c.toml");
}

TEST_CASE("what --health asks: the URL's place, or admin.listen on loopback") {
  const auto text = [](const Result<HealthTarget>& target) {
    if (!target) return std::string("none");
    return target->address.text + " " + target->host + " " + target->path;
  };
  CHECK(text(health_target(std::string("http://127.0.0.1:9090/readyz"))) == "127.0.0.1:9090 127.0.0.1:9090 /readyz");
  CHECK(text(health_target(std::string("http://localhost:9090"))) == "127.0.0.1:9090 localhost:9090 /healthz");
  CHECK(text(health_target(std::string("http://[::1]:9090/"))) == "[::1]:9090 [::1]:9090 /healthz");
  CHECK(text(health_target(std::string("http://127.0.0.1"))) == "127.0.0.1:80 127.0.0.1 /healthz");
  CHECK(text(health_target(std::string("unix:/run/a.sock"))) == "unix:/run/a.sock localhost /healthz");
  for (const char* bad : {"https://127.0.0.1:1", "http://name:1", "http://", "http://127.0.0.1:x", "127.0.0.1:9090",
                          "http://127.0.0.1:1/a b"}) {
    CAPTURE(bad);
    CHECK(text(health_target(std::string(bad))) == "none");
  }
  const auto everywhere = health_target(*config::parse_listen_address("0.0.0.0:9090"));
  REQUIRE(everywhere);
  const auto& four = reinterpret_cast<const sockaddr_in&>(everywhere->address.address);
  CHECK(four.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(health_target(*config::parse_listen_address(":9090"))->address.address.ss_family == AF_INET);
}
