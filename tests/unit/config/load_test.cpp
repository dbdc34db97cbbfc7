// Whole configurations: every default against contract.md, each kind of problem with its exact line and column, several
// at once, precedence, includes, roots, and hostile files.
#include "uringd/config/load.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <random>

#include "temporary_directory.hpp"

using Lines = std::vector<std::string>;

/// Problems in a failed check are to be read, not to be "{?}".
template <>
struct doctest::StringMaker<Lines> {
  static String convert(const Lines& lines) {
    std::string text;
    for (const std::string& line : lines) text += "\n  " + line;
    return text.c_str();
  }
};

using namespace uringd::config;
using namespace std::chrono_literals;

namespace {

Lines lines_of(const std::vector<Problem>& problems) {
  Lines lines;
  for (const Problem& problem : problems) lines.push_back(to_line(problem));
  return lines;
}

/// The problems of `text` as the file "config.toml" beside an existing root; empty where it loads.
Lines problems_of(const std::string& text, Sources sources = {}) {
  if (!text.contains("[[site]]")) sources.sets.emplace_back("site.root", "/");
  const auto loaded = load_text(text, "config.toml", sources);
  return loaded ? Lines{} : lines_of(loaded.error());
}

/// As problems_of, for texts that must load.
std::shared_ptr<const Config> config_of(const std::string& text, Sources sources = {}) {
  if (!text.contains("[[site]]")) sources.sets.emplace_back("site.root", "/");
  const auto loaded = load_text(text, "config.toml", sources);
  if (!loaded) {
    for (const std::string& line : lines_of(loaded.error())) MESSAGE(line);
  }
  REQUIRE(loaded.has_value());
  return loaded->config;
}

Lines set_problems(const std::string& key, const std::string& value) {
  Sources sources;
  sources.sets.emplace_back(key, value);
  return problems_of("", sources);
}

Sources with_environment(std::map<std::string, std::string> values) {
  Sources sources;
  sources.environment = [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
  return sources;
}

}  // namespace

TEST_CASE("every default is the one that contract.md promises") {
  const Config config = default_config();
  REQUIRE(config.server.listen.size() == 1);
  CHECK(config.server.listen[0].text == "127.0.0.1:8080");
  CHECK(config.server.workers == 0);
  CHECK(config.server.pin == Pin::automatic);
  CHECK(config.server.drain_timeout == 30s);
  CHECK(config.limits.connections == 0);
  CHECK(config.limits.header_size_bytes == 16384);
  CHECK(config.limits.header_timeout == 10s);
  CHECK(config.limits.body_size_bytes == 65536);
  CHECK(config.limits.body_timeout == 10s);
  CHECK(config.limits.idle_timeout == 60s);
  CHECK(config.limits.send_timeout == 60s);
  CHECK(config.limits.requests_per_connection == 0);
  CHECK(config.disk.queue_size == 1024);
  CHECK(config.disk.timeout == 30s);
  CHECK(config.disk.kernel_threads == 0);
  CHECK(config.disk.stream_size_bytes == 524288);
  CHECK(config.disk.stream_memory_bytes == 67108864);
  CHECK_FALSE(config.cache.size_bytes.has_value());
  CHECK(config.cache.max_file_size_bytes == 65536);
  CHECK(config.cache.stale_after == 2s);
  CHECK(config.cache.missing_ttl == 2s);
  CHECK(config.cache.idle_after == 10min);
  CHECK(config.cache.watch);
  CHECK(config.cache.preload.empty());
  CHECK(config.disk.zero_copy == ZeroCopy::safe);
  CHECK(config.log.level == LogLevel::info);
  CHECK(config.types.empty());
  REQUIRE(config.sites.size() == 1);
  CHECK(config.sites[0].hosts == Lines{"*"});
  CHECK(config.sites[0].root == "www");
  CHECK(config.sites[0].index == Lines{"index.html"});
  CHECK(config.sites[0].symlinks == Symlinks::inside);
  CHECK_FALSE(config.sites[0].hidden);
  CHECK(config.sites[0].error_pages.empty());
  CHECK(config.sites[0].keep_previous == 0s);
  CHECK(config.sites[0].extensions.empty());
  CHECK_FALSE(config.sites[0].listing);
  CHECK(config.sites[0].fallback.empty());
  CHECK(config.sites[0].precompressed == std::vector{Coding::br, Coding::zstd, Coding::gzip});
  CHECK(config.sites[0].compress == std::vector{Coding::zstd, Coding::br, Coding::gzip});
  CHECK(config.sites[0].cache_control == std::vector<std::pair<std::string, std::string>>{{"text/html", "no-cache"}});
  CHECK(config.sites[0].headers.empty());
  CHECK(config.sites[0].mounts.empty());
  CHECK(config.sites[0].rewrites.empty());
  CHECK(config.maps.empty());
  CHECK_FALSE(config.sites[0].server_timing);
  CHECK_FALSE(config.sites[0].cache_status);
}

TEST_CASE("a misspelled key is told at its own line and column with the nearest name") {
  CHECK(problems_of("[server]\n    workres = 2\n") ==
        Lines{"config.toml:2:5: server.workres: unknown key; did you mean workers?"});
  CHECK(problems_of("[sever]\nworkers = 2\n") == Lines{"config.toml:1:2: sever: unknown key; did you mean server?"});
  CHECK(problems_of("inculde = []\n") == Lines{"config.toml:1:1: inculde: unknown key; did you mean include?"});
  CHECK(problems_of("[[site]]\nroot = \"/\"\nhots = []\n") ==
        Lines{"config.toml:3:1: site.hots: unknown key; did you mean hosts?"});
  CHECK(problems_of("[server]\nfrobnicate = 1\n") == Lines{"config.toml:2:1: server.frobnicate: unknown key"});
  CHECK(problems_of("[server]\n\"a b\" = 1\n") == Lines{"config.toml:2:1: server.\"a b\": unknown key"});
}

TEST_CASE("a key in the wrong section is told where it belongs") {
  CHECK(problems_of("workers = 2\n") == Lines{"config.toml:1:1: workers: unknown key; did you mean server.workers?"});
  CHECK(problems_of("[server]\nidle_timeout = \"1s\"\n") ==
        Lines{"config.toml:2:1: server.idle_timeout: unknown key; did you mean limits.idle_timeout?"});
}

TEST_CASE("wrong types and values are told at the value") {
  CHECK(problems_of("[server]\nworkers = \"two\"\n") ==
        Lines{"config.toml:2:11: server.workers: found \"two\"; expected a whole number from 0 to 1024"});
  CHECK(problems_of("[server]\nworkers = 2000\n") ==
        Lines{"config.toml:2:11: server.workers: found 2000; expected a whole number from 0 to 1024"});
  CHECK(problems_of("[server]\nlisten = [\":80\",\n  \":x\"]\n") ==
        Lines{"config.toml:3:3: server.listen: found \":x\"; expected a port from 1 to 65535 after the last colon"});
  CHECK(problems_of("server = 3\n") == Lines{"config.toml:1:10: server: found 3; expected a table: [server]"});
  CHECK(problems_of("[site]\nroot = \"/\"\n") ==
        Lines{"config.toml:1:2: site: found a table; expected an array of tables: [[site]]"});
  CHECK(problems_of("site = [1]\n") == Lines{"config.toml:1:9: site: found 1; expected a table: [[site]]"});
}

TEST_CASE("all problems are told at once, in the order of the file") {
  CHECK(problems_of("[log]\nlevel = \"loud\"\n[limits]\nheader_size = \"1PiB\"\nidle = 1\n[server]\nworkers = -1\n"
                    "[[site]]\nroot = \"/nowhere\"\nhosts = [\"a:1\"]\n") ==
        Lines{"config.toml:2:9: log.level: found \"loud\"; expected \"error\", \"warn\", \"info\" or \"debug\"",
              "config.toml:4:15: limits.header_size: found \"1PiB\"; expected a size from \"1KiB\" to \"1MiB\"; units: "
              "KB, MB, GB, KiB, MiB, GiB",
              "config.toml:5:1: limits.idle: unknown key",
              "config.toml:7:11: server.workers: found -1; expected a whole number from 0 to 1024",
              "config.toml:9:1: site.root: found \"/nowhere\": No such file or directory; expected a directory",
              "config.toml:10:10: site.hosts: found \"a:1\"; expected a host name without port, such as "
              "\"example.com\", or \"*\""});
}

TEST_CASE("a syntax error ends the parse of the file and is told with its position") {
  const Lines lines = problems_of("[server]\nworkers = = 2\nunknown = 1\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("config.toml:2:11: syntax error: "));
  const Lines twice = problems_of("[server]\nworkers = 1\nworkers = 2\n");
  REQUIRE(twice.size() == 1);
  CHECK(twice[0].starts_with("config.toml:3:11: syntax error: "));
}

TEST_CASE("the same host twice is an error, within a site and between two, whatever its case") {
  CHECK(
      problems_of(
          "[[site]]\nroot = \"/\"\nhosts = [\"a.com\"]\n[[site]]\nroot = \"/\"\nhosts = [\"b\", \"A.com\"]\n") ==
      Lines{"config.toml:6:1: site.hosts: \"a.com\" is taken by the site at config.toml:3:1; expected each host once"});
  CHECK(problems_of("[[site]]\nroot = \"/\"\nhosts = [\"a\", \"a\"]\n").size() == 1);
  CHECK(problems_of("[[site]]\nroot = \"/\"\n[[site]]\nroot = \"/\"\n") ==
        Lines{"config.toml:3:1: site.hosts: \"*\" (the default) is taken by the site at config.toml:1:1; expected each "
              "host once"});
}

TEST_CASE("a value that was refused is not blamed a second time as a missing root or a double host") {
  CHECK(problems_of("[[site]]\nroot = 3\nhosts = \"${NO}\"\n[[site]]\nroot = \"/\"\n", with_environment({})).size() ==
        2);
}

TEST_CASE("an explicit cache must hold the largest cached file") {
  CHECK(problems_of("[cache]\nsize = \"1MiB\"\nmax_file_size = \"2MiB\"\n") ==
        Lines{"config.toml:3:1: cache.max_file_size: found \"2MiB\"; expected at most cache.size, \"1MiB\""});
}

TEST_CASE("keys of one table may be set with dots, and as inline tables") {
  CHECK(config_of("server.workers = 3\nserver.pin = true\n")->server.workers == 3);
  CHECK(config_of("server = { workers = 4 }\n")->server.workers == 4);
}

TEST_CASE("sites keep their order, their own defaults and where they were written") {
  const auto config =
      config_of("[[site]]\nroot = \"/\"\nhosts = [\"a\"]\nhidden = true\n\n[[site]]\nroot = \"/tmp\"\n");
  REQUIRE(config->sites.size() == 2);
  CHECK(config->sites[0].hidden);
  CHECK(config->sites[0].where == "config.toml:1:1");
  CHECK_FALSE(config->sites[1].hidden);
  CHECK(config->sites[1].hosts == Lines{"*"});
  CHECK(config->sites[1].where == "config.toml:6:1");
}

TEST_CASE("variables expand in strings of the file, and an unset one is told at the string") {
  const Sources sources = with_environment({{"ROOT", "/"}, {"N", "3"}, {"YES", "true"}, {"LEVEL", "debug"}});
  const auto config = config_of(
      "server.workers = \"${N}\"\nserver.pin = \"${YES}\"\nlog.level = \"${LEVEL:-info}\"\n"
      "limits.idle_timeout = \"${T:-5s}\"\n[[site]]\nroot = \"${ROOT}\"\nhidden = \"${YES}\"\n",
      sources);
  CHECK(config->server.workers == 3);
  CHECK(config->server.pin == Pin::yes);
  CHECK(config->log.level == LogLevel::debug);
  CHECK(config->limits.idle_timeout == 5s);
  CHECK(config->sites[0].root == "/");
  CHECK(config->sites[0].hidden);
  CHECK(problems_of("[[site]]\nroot = \"${NOT_SET}\"\n", sources) ==
        Lines{"config.toml:2:8: site.root: found \"${NOT_SET}\"; ${NOT_SET} is not set in the environment; set it, or "
              "write ${NOT_SET:-default}"});
}

TEST_CASE("--set overrides the file; a word that is no TOML is a string") {
  Sources sources;
  sources.sets = {{"server.workers", "2"},       {"server.workers", "5"},    {"log.level", "debug"},
                  {"limits.idle_timeout", "7s"}, {"server.listen", ":9000"}, {"server.pin", "true"},
                  {"types.\".foo\"", "a/b"},     {"site.hidden", "true"},    {"cache.size", "64MiB"}};
  const auto config = config_of("server.workers = 3\n", sources);
  CHECK(config->server.workers == 5);
  CHECK(config->log.level == LogLevel::debug);
  CHECK(config->limits.idle_timeout == 7s);
  CHECK(config->server.listen[0].text == ":9000");
  CHECK(config->server.pin == Pin::yes);
  CHECK(config->types.front() == std::pair<std::string, std::string>(".foo", "a/b"));
  CHECK(config->sites[0].hidden);
  CHECK(config->cache.size_bytes == 67108864);
}

TEST_CASE("problems of --set are told at the flag") {
  CHECK(set_problems("server.workers", "x") ==
        Lines{"--set server.workers: found \"x\"; expected a whole number from 0 to 1024"});
  CHECK(set_problems("server.workres", "1") == Lines{"--set server.workres: unknown key; did you mean workers?"});
  CHECK(set_problems("server", "1") == Lines{"--set server: found 1; expected a table: [server]"});
  CHECK(set_problems("server", "{ workers = -1 }") ==
        Lines{"--set server: server.workers: found -1; expected a whole number from 0 to 1024"});
  Sources nowhere;
  nowhere.sets = {{"site.root", "/nowhere"}};
  CHECK(problems_of("[[site]]\n", nowhere) ==
        Lines{"--set site.root: found \"/nowhere\": No such file or directory; expected a directory"});
  CHECK(set_problems("include", "a.toml") == Lines{"--set include: only a file can include others"});
  CHECK(set_problems("site", "[]") ==
        Lines{"--set site: found an array; expected site.KEY=VALUE, which changes every site"});
  for (const char* key : {"", "a b", "[server]", "a\nb", "x #", "a.", ".a", "\"a"}) {
    CAPTURE(key);
    REQUIRE(set_problems(key, "1").size() == 1);
    CHECK(set_problems(key, "1")[0].ends_with("not a key; expected KEY=VALUE such as server.workers=2"));
  }
  CHECK(set_problems("log.level", "info\n[server]\nworkers = 3").size() == 1);
}

TEST_CASE("--set site.KEY changes every site and is told once where it is wrong") {
  Sources sources;
  sources.sets = {{"site.index", "[\"x.html\"]"}};
  const std::string two = "[[site]]\nroot = \"/\"\nhosts = [\"a\"]\n[[site]]\nroot = \"/\"\n";
  const auto config = config_of(two, sources);
  CHECK(config->sites[0].index == Lines{"x.html"});
  CHECK(config->sites[1].index == Lines{"x.html"});
  sources.sets = {{"site.hidden", "maybe"}};
  CHECK(problems_of(two, sources) == Lines{"--set site.hidden: found \"maybe\"; expected true or false"});
}

TEST_CASE("--listen replaces server.listen of file and --set") {
  Sources sources;
  sources.listen = {"127.0.0.1:1", "unix:${X}"};
  sources.sets = {{"server.listen", ":3"}};
  const auto config = config_of("server.listen = [\":2\"]\n", sources);
  REQUIRE(config->server.listen.size() == 2);
  CHECK(config->server.listen[0].text == "127.0.0.1:1");
  CHECK(config->server.listen[1].text == "unix:${X}");
  sources.listen = {"nohost"};
  const Lines lines = problems_of("", sources);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("--listen: server.listen: found \"nohost\"; no port"));
}

TEST_CASE("origins say where each value came from") {
  Sources sources;
  sources.sets = {{"log.level", "debug"}};
  sources.listen = {":1"};
  const auto loaded = load_text("[server]\n  workers = 2\n[[site]]\nroot = \"/\"\n", "config.toml", sources);
  REQUIRE(loaded.has_value());
  CHECK(loaded->origins == std::map<std::string, std::string>{{"server.workers", "config.toml:2:3"},
                                                              {"log.level", "--set log.level"},
                                                              {"server.listen", "--listen"},
                                                              {"site.0.root", "config.toml:4:1"}});
}

TEST_CASE("relative paths start at the file that names them") {
  const TemporaryDirectory temporary;
  temporary.directory("etc/www");
  temporary.directory("etc/sites/blog");
  temporary.file("etc/sites/b.toml", "[[site]]\nhosts = [\"b\"]\nroot = \"blog\"\n");
  temporary.file("etc/sites/a.toml", "[[site]]\nhosts = [\"a\"]\nroot = \"../www\"\n");
  Sources sources;
  sources.file =
      temporary.file("etc/u.toml", "include = [\"sites/*.toml\"]\nserver.listen = \"unix:u.sock\"\n[[site]]\n");
  const auto loaded = load(sources);
  REQUIRE(loaded.has_value());
  const auto& sites = loaded->config->sites;
  REQUIRE(sites.size() == 3);
  CHECK(sites[0].root == temporary.path("etc/www"));
  CHECK(sites[1].root == temporary.path("etc/sites/../www"));
  CHECK(sites[2].root == temporary.path("etc/sites/blog"));
  CHECK(sites[2].where == temporary.path("etc/sites/b.toml") + ":1:1");
  CHECK(loaded->config->server.listen[0].text == "unix:" + temporary.path("etc/u.sock"));
}

TEST_CASE("problems in included files are told there, and a key set in two files is one") {
  const TemporaryDirectory temporary;
  temporary.file("one.toml", "[server]\nworkers = 3\nfoo = 1\n");
  const std::string main =
      temporary.file("main.toml", "include = \"one.toml\"\nserver.workers = 2\n[[site]]\nroot = \"/\"\n");
  Sources sources;
  sources.file = main;
  const auto loaded = load(sources);
  REQUIRE_FALSE(loaded.has_value());
  const std::string one = temporary.path("one.toml");
  CHECK(lines_of(loaded.error()) == Lines{one + ":2:1: server.workers: already set at " + main + ":2:8; expected once",
                                          one + ":3:1: server.foo: unknown key"});
}

TEST_CASE("an include that names a missing file, a FIFO or an includer is told; an empty glob is none") {
  const TemporaryDirectory temporary;
  temporary.file("nested.toml", "include = [\"x.toml\"]\n");
  REQUIRE(::mkfifo(temporary.path("fifo.toml").c_str(), 0600) == 0);
  temporary.file(
      "main.toml",
      "include = [\"gone.toml\", \"nothing/*.toml\", \"nested.toml\", \"fi*.toml\"]\n[[site]]\nroot = \"/\"\n");
  Sources sources;
  sources.file = temporary.path("main.toml");
  const auto loaded = load(sources);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(lines_of(loaded.error()) ==
        Lines{temporary.path("main.toml") + ":1:1: include: " + temporary.path("gone.toml") +
                  ": No such file or directory",
              temporary.path("main.toml") + ":1:1: include: " + temporary.path("fifo.toml") + ": is not a regular file",
              temporary.path("nested.toml") + ":1:1: include: only the file given by --config may include others"});
  CHECK(problems_of("include = [3]\n") ==
        Lines{"config.toml:1:12: include: found 3; expected a glob such as \"sites/*.toml\""});
}

TEST_CASE("a configuration that is missing, a directory or too large is one line") {
  const TemporaryDirectory temporary;
  Sources sources;
  sources.file = temporary.path("gone.toml");
  CHECK(lines_of(load(sources).error()) == Lines{temporary.path("gone.toml") + ": No such file or directory"});
  sources.file = temporary.directory("d");
  CHECK(lines_of(load(sources).error()) == Lines{temporary.path("d") + ": is a directory; expected a file"});
  sources.file = "/dev/zero";
  CHECK(lines_of(load(sources).error()) == Lines{"/dev/zero: larger than 1MiB; expected a configuration file"});
}

TEST_CASE("a root that is missing or a file is a problem with its position") {
  const TemporaryDirectory temporary;
  const std::string file = temporary.file("plain", "x");
  CHECK(problems_of("[[site]]\nroot = \"" + file + "\"\n") ==
        Lines{"config.toml:2:1: site.root: found \"" + file + "\": is no directory; expected a directory"});
  Sources sources;
  sources.file = temporary.file("c.toml", "");
  CHECK(lines_of(load(sources).error()) ==
        Lines{temporary.path("c.toml") + ": site.root: found \"" + temporary.path("www") +
              "\": No such file or directory; expected a directory"});
}

TEST_CASE("a directory on the command line is the root of the one site") {
  const TemporaryDirectory temporary;
  Sources sources;
  sources.directory = temporary.path();
  const auto loaded = load(sources);
  REQUIRE(loaded.has_value());
  REQUIRE(loaded->config->sites.size() == 1);
  CHECK(loaded->config->sites[0].root == temporary.path());
  CHECK(loaded->config->sites[0].hosts == Lines{"*"});
  sources.directory = "/no${where}";
  CHECK(lines_of(load(sources).error()) ==
        Lines{"/no${where}: No such file or directory; expected a directory to serve"});
  sources.directory = temporary.file("c.toml", "");
  CHECK(lines_of(load(sources).error()) ==
        Lines{*sources.directory + ": is no directory; expected a directory to serve, or a configuration: --config " +
              *sources.directory});
}

TEST_CASE("an error page that is not there is a warning, one that is there is none") {
  const TemporaryDirectory temporary;
  temporary.file("404.html", "x");
  const auto loaded = load_text("[[site]]\nroot = \"" + temporary.path() +
                                    "\"\nerror_pages = { 404 = \"/404.html\", \"5xx\" = \"/oops.html\" }\n",
                                "config.toml");
  REQUIRE(loaded.has_value());
  CHECK(lines_of(loaded->warnings) ==
        Lines{"config.toml:3:1: site.error_pages: 5xx = \"/oops.html\": no such file below root; the built-in page is "
              "used"});
}

TEST_CASE("a hundred problems are told one by one, the rest as a number") {
  std::string text;
  for (int index = 0; index < 250; ++index) text += "zz" + std::to_string(index) + " = 1\n";
  const Lines lines = problems_of(text);
  REQUIRE(lines.size() == 101);
  CHECK(lines[99] == "config.toml:100:1: zz99: unknown key");
  CHECK(lines[100] == "config.toml:100:1: and 150 problems more");
}

TEST_CASE("no line of a problem holds a control character, whatever names and values do") {
  const auto loaded = load_text("\"a\\nb\" = 1\n[server]\nworkers = \"\\u001b[2J\"\n", "evil\nname.toml");
  REQUIRE_FALSE(loaded.has_value());
  for (const std::string& line : lines_of(loaded.error())) {
    CAPTURE(line);
    CHECK(line.find_first_of("\n\r\x1b") == std::string::npos);
  }
}

TEST_CASE("hostile files of a megabyte end in problems within a second each") {
  constexpr std::size_t size = 1'000'000;
  std::string dots = "a", many_keys, sites, binary(size, '\0');
  while (dots.size() < size) dots += ".a";
  for (int index = 0; many_keys.size() < size; ++index) many_keys += "w" + std::to_string(index) + "=1\n";
  while (sites.size() < size) sites += "[[site]]\n";
  std::mt19937 random(9);
  for (char& byte : binary) byte = static_cast<char>(random());
  for (const std::string& text :
       {dots + " = 1", "a = " + std::string(size, '['), many_keys, sites, binary, std::string(2 * size, '#'),
        "[server]\nworkers = \"" + std::string(size, 'x') + "\""}) {
    const auto start = std::chrono::steady_clock::now();
    const auto loaded = load_text(text, "config.toml");
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().size() <= 101);
    for (const Problem& problem : loaded.error()) CHECK(to_line(problem).size() < 400);
    // Generous: sanitizers and a busy machine; quadratic work on a megabyte would take minutes.
    CHECK(std::chrono::steady_clock::now() - start < 20s);
  }
}
