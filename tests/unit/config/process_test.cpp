// Who the process is, whom it believes, where it logs and what it listens on besides addresses: server.user,
// trusted_proxies, log.access, admin.*, sockets that systemd passes, keys of one listener, and what several of them say
// together.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>

#include "temporary_directory.hpp"
#include "uringd/config/listen.hpp"
#include "uringd/config/load.hpp"

using namespace uringd::config;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

struct Result {
  std::shared_ptr<const Config> config;
  Lines problems, warnings;
};

Lines lines_of(const std::vector<Problem>& problems) {
  Lines lines;
  for (const Problem& problem : problems) lines.push_back(to_line(problem));
  return lines;
}

Result load_lines(const std::string& text, const std::string& name = "c.toml") {
  Sources sources;
  sources.sets.emplace_back("site.root", "/");
  const auto loaded = load_text(text, name, sources);
  if (!loaded) return {nullptr, lines_of(loaded.error()), {}};
  return {loaded->config, {}, lines_of(loaded->warnings)};
}

/// The one problem of `text` behind "c.toml:LINE:COLUMN: "; "" where it loads.
std::string problem(const std::string& text) {
  const Result result = load_lines(text);
  if (result.problems.empty()) return "";
  REQUIRE(result.problems.size() == 1);
  return result.problems[0].substr(result.problems[0].find(": ") + 2);
}

std::string user(const std::string& value) { return problem("server.user = " + value); }
std::string log_access(const std::string& value) { return problem("log.access = " + value); }

}  // namespace

TEST_CASE("every default of operations is the one that contract.md promises") {
  const Config config = default_config();
  CHECK(config.server.user.empty());
  CHECK(config.server.shutdown_delay == 0s);
  CHECK(config.server.trusted_proxies.empty());
  CHECK(config.server.sandbox);
  CHECK(config.limits.connections_per_ip == 0);
  CHECK(config.log.access.empty());
  CHECK(config.log.format == LogFormat::combined);
  CHECK_FALSE(config.admin.listen.has_value());
  CHECK(config.admin.token_file.empty());
  CHECK(config.admin.read == AdminRead::automatic);
  CHECK(config.admin.overlay_size_bytes == 16777216);
}

TEST_CASE("a user is a name, a number or either with a group, and stays as written") {
  for (const char* right : {"www-data", "33", "www-data:adm", "33:4", "a.b_c$", "Domain\\\\user", "4294967294", ""}) {
    CAPTURE(right);
    CHECK(user('"' + std::string(right) + '"') == "");
  }
  CHECK(load_lines("server.user = 33").config->server.user == "33");
  CHECK(load_lines("server.user = \"www-data:adm\"").config->server.user == "www-data:adm");
}

TEST_CASE("what no account can be called is refused, setresuid(2)'s -1 among it") {
  for (const char* wrong : {"www data", ":adm", "www-data:", "a:b:c", "-x", "a/b", " root", "4294967295", "a\\u0000",
                            "99999999999999999999"}) {
    CAPTURE(wrong);
    CHECK(user('"' + std::string(wrong) + '"') == "server.user: found \"" + std::string(wrong) +
                                                      "\"; expected a user such as \"www-data\", \"33\" or "
                                                      "\"www-data:adm\", or \"\"");
  }
  CHECK(user("-1").starts_with("server.user: found -1; expected a user"));
  CHECK(user("4294967295").starts_with("server.user: found 4294967295; expected a user"));
  CHECK(user("true").starts_with("server.user: found true; expected a user"));
  CHECK(user('"' + std::string(256, 'a') + '"') != "");
  CHECK(user('"' + std::string(255, 'a') + '"') == "");
}

TEST_CASE("trusted proxies are addresses and blocks; one string is a list of one") {
  const Result result =
      load_lines("server.trusted_proxies = [\"10.0.0.0/8\", \"192.0.2.1\", \"2001:db8::/32\", \"unix:\"]");
  REQUIRE(result.config);
  const uringd::CidrSet& trusted = result.config->server.trusted_proxies;
  CHECK(trusted.blocks().size() == 4);
  CHECK(trusted.contains(*uringd::IpAddress::parse("10.1.2.3")));
  CHECK(trusted.contains(*uringd::IpAddress::parse("192.0.2.1")));
  CHECK_FALSE(trusted.contains(*uringd::IpAddress::parse("192.0.2.2")));
  CHECK(trusted.contains(*uringd::IpAddress::parse("2001:db8:1::1")));
  CHECK(trusted.contains(uringd::IpAddress::local()));
  CHECK(load_lines("server.trusted_proxies = \"::1\"").config->server.trusted_proxies.blocks().size() == 1);
}

TEST_CASE("a block that is none is told at its place with what would be right") {
  CHECK(load_lines("server.trusted_proxies = [\"10.0.0.0/8\",\n 7, \"10.0.0.0/8\"]").problems ==
        Lines{"c.toml:2:2: server.trusted_proxies: found 7; expected an address or a block such as \"10.0.0.0/8\"",
              "c.toml:2:5: server.trusted_proxies: found \"10.0.0.0/8\" twice; expected each block once"});
  for (const char* wrong :
       {"10.0.0.1/8", "10.0.0.0/33", "proxy.example", "", "10.0.0.0/", "unix:/run/a.sock", "::/129"}) {
    CAPTURE(wrong);
    const std::string line = problem("server.trusted_proxies = \"" + std::string(wrong) + "\"");
    CHECK(line.starts_with("server.trusted_proxies: found \"" + std::string(wrong) + "\"; "));
  }
}

TEST_CASE("log.access is off, stdout or a file resolved against the one that names it") {
  const auto access = [](const std::string& value) {
    const Result result = load_lines("log.access = \"" + value + "\"", "/etc/uringd/c.toml");
    REQUIRE(result.config);
    return result.config->log.access;
  };
  CHECK(access("off").empty());
  CHECK(access("stdout") == "stdout");
  CHECK(access("access.log") == "/etc/uringd/access.log");
  CHECK(access("/var/log/a.log") == "/var/log/a.log");
  CHECK(access("./stdout") == "/etc/uringd/./stdout");
}

TEST_CASE("words that mean another target than a file are not taken for its name") {
  CHECK(log_access("\"on\"") ==
        "log.access: found \"on\"; expected \"off\", \"stdout\" or a file's path; did you mean \"stdout\"?");
  CHECK(log_access("\"none\"").ends_with("; did you mean \"off\"?"));
  CHECK(log_access("\"stderr\"").ends_with("; stderr has the error log"));
  CHECK(log_access("false") == "log.access: found false; expected \"off\", \"stdout\" or a file's path");
  CHECK(log_access("\"\"") == "log.access: found \"\"; expected \"off\", \"stdout\" or a file's path");
  CHECK(log_access("\"logs/\"") == "log.access: found \"logs/\"; expected \"off\", \"stdout\" or a file's path");
}

TEST_CASE("log.access that is a directory is a problem, one that is not there yet is none") {
  const TemporaryDirectory directory;
  directory.directory("logs");
  const std::string logs = directory.path("logs");
  CHECK(log_access("\"" + logs + "\"") == "log.access: found \"" + logs +
                                              "\", which is a directory; expected a file, such as \"" + logs +
                                              "/access.log\"");
  CHECK(log_access("\"" + logs + "/access.log\"") == "");
}

TEST_CASE("fd:NAME is a socket that is passed: no address, and a name as systemd.socket(5) has it") {
  const auto passed = parse_listen_address("fd:http-1.x");
  REQUIRE(passed.has_value());
  CHECK(passed->kind == ListenAddress::Kind::passed);
  CHECK(passed->text == "fd:http-1.x");
  CHECK(passed->address_size == 0);
  CHECK(passed->backlog == default_backlog);
  CHECK(parse_listen_address("fd:" + std::string(255, 'a')).has_value());
  for (const std::string& wrong : {std::string("fd:"), std::string("fd:a:b"), std::string("fd:a b"),
                                   "fd:" + std::string(256, 'a'), std::string("fd:\x7f"), std::string("fd:\xc3\xa9")}) {
    CAPTURE(wrong);
    const auto refused = parse_listen_address(wrong);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message ==
          "expected fd: and a name as FileDescriptorName= of a systemd socket unit has it, such as \"fd:http\"");
  }
}

TEST_CASE("loopback addresses and unix sockets are local, others and passed sockets are not") {
  for (const char* local : {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/a"}) {
    CAPTURE(local);
    CHECK(is_local(*parse_listen_address(local)));
  }
  for (const char* open : {"0.0.0.0:1", ":1", "[::]:1", "128.0.0.1:1", "126.0.0.1:1", "[::2]:1", "fd:a"}) {
    CAPTURE(open);
    CHECK_FALSE(is_local(*parse_listen_address(open)));
  }
}

TEST_CASE("a listener's table has proxy_protocol and, of a unix socket, mode") {
  const Result result = load_lines(
      "[server]\ntrusted_proxies = \"unix:\"\n"
      "listen = [{ address = \"unix:/a\", mode = \"0640\", proxy_protocol = true }, "
      "{ address = \":80\", proxy_protocol = false }, { address = \"unix:/b\", mode = \"777\" }, \"unix:/c\"]");
  REQUIRE(result.config);
  const auto& listen = result.config->server.listen;
  CHECK(listen[0].mode == 0640u);
  CHECK(listen[0].proxy_protocol);
  CHECK_FALSE(listen[1].mode.has_value());
  CHECK_FALSE(listen[1].proxy_protocol);
  CHECK(listen[2].mode == 0777u);
  CHECK_FALSE(listen[3].mode.has_value());
  CHECK(result.warnings.empty());
}

TEST_CASE("a listener's further keys may come out of variables") {
  const std::string inside = "address = \"unix:/a\", backlog = \"${B:-9}\", mode = \"${M:-0600}\"";
  const Result result =
      load_lines("[server]\ntrusted_proxies = \"unix:\"\nlisten = { " + inside + ", proxy_protocol = \"${P:-true}\" }");
  REQUIRE(result.config);
  CHECK(result.config->server.listen[0].backlog == 9);
  CHECK(result.config->server.listen[0].mode == 0600u);
  CHECK(result.config->server.listen[0].proxy_protocol);
  CHECK(problem("server.listen = { address = \":80\", backlog = \"${B:-many}\" }") ==
        "server.listen: found backlog = \"many\"; expected a whole number from 1 to 65535");
}

TEST_CASE("a listener's key that is wrong is told at its value") {
  const auto listen = [](const std::string& inside) { return problem("server.listen = { " + inside + " }"); };
  CHECK(listen("address = \"unix:/a\", mode = 660") ==
        "server.listen: found mode = 660; expected an octal text from \"0000\" to \"0777\"; in quotes");
  for (const char* wrong : {"66", "0800", "1777", "00660", "rw", "-660", ""}) {
    CAPTURE(wrong);
    CHECK(listen("address = \"unix:/a\", mode = \"" + std::string(wrong) + "\"") ==
          "server.listen: found mode = \"" + std::string(wrong) +
              "\"; expected an octal text from \"0000\" to \"0777\"");
  }
  CHECK(listen("address = \":80\", mode = \"0660\"") ==
        "server.listen: found mode beside \":80\"; expected mode with a unix socket alone");
  CHECK(listen("address = \"fd:a\", mode = \"0660\"") ==
        "server.listen: found mode beside \"fd:a\"; expected mode with a unix socket alone");
  CHECK(listen("address = \":80\", proxy_protocol = \"v2\"") ==
        "server.listen: found proxy_protocol = \"v2\"; expected true or false");
  CHECK(listen("address = \":80\", proxy_protocl = true") ==
        "server.listen: \"proxy_protocl\": unknown key; did you mean proxy_protocol?");
  CHECK(listen("address = \":80\", ssl = true") ==
        "server.listen: \"ssl\": unknown key; expected address, backlog, proxy_protocol or mode");
}

TEST_CASE("a PROXY header that nobody may say is a warning") {
  const std::string listen = "[server]\nlisten = [\":80\", { address = \":81\", proxy_protocol = true }]\n";
  CHECK(load_lines(listen).warnings ==
        Lines{"c.toml:2:1: server.listen: \":81\": proxy_protocol without server.trusted_proxies: no proxy is "
              "believed, every client has the address that its connection comes from"});
  CHECK(load_lines(listen + "trusted_proxies = \"10.0.0.1\"").warnings.empty());
}

TEST_CASE("the admin interface has one address, or none") {
  const Result result = load_lines("admin.listen = \"127.0.0.1:9090\"");
  REQUIRE(result.config);
  REQUIRE(result.config->admin.listen.has_value());
  CHECK(result.config->admin.listen->text == "127.0.0.1:9090");
  CHECK(result.warnings.empty());
  CHECK_FALSE(load_lines("admin.listen = \"\"").config->admin.listen.has_value());
}

TEST_CASE("the admin interface off loopback and unix sockets, or closed to all, needs a token_file") {
  const TemporaryDirectory directory;
  for (const char* open : {":9090", "192.0.2.1:9090", "[::]:9090", "fd:admin"}) {
    CAPTURE(open);
    const std::string line = "admin.listen = \"" + std::string(open) + "\"\n";
    CHECK(problem(line) == "admin.listen: found \"" + std::string(open) +
                               "\" without admin.token_file; expected a token_file, an address of loopback such as "
                               "\"127.0.0.1:9090\", or a unix socket");
    CHECK(problem(line + "admin.token_file = \"" + directory.token() + "\"") == "");
  }
  CHECK(problem("admin.listen = \"unix:/a\"\nadmin.read = \"token\"") ==
        "admin.read: found \"token\" without admin.token_file; expected a token_file");
  CHECK(problem("admin.listen = \"unix:/a\"\nadmin.read = \"open\"") == "");
}

TEST_CASE("admin.listen takes one address, and none that server.listen has") {
  CHECK(problem("admin.listen = [\"127.0.0.1:9090\"]") ==
        "admin.listen: found an array; expected an address such as \"127.0.0.1:9090\", or \"\"");
  CHECK(problem("admin.listen = \"127.0.0.1:8080\"") ==
        "admin.listen: found \"127.0.0.1:8080\", which server.listen has; expected an address of its own");
}

TEST_CASE("a token_file is resolved against its file and must be there") {
  const TemporaryDirectory directory;
  directory.token();
  const std::string name = directory.path("c.toml");
  CHECK(load_lines("admin.token_file = \"token\"", name).config->admin.token_file == directory.path("token"));
  CHECK(load_lines("admin.token_file = \"token\"", name).config->admin.token == "secret");
  CHECK(load_lines("admin.token_file = \"\"", name).config->admin.token_file.empty());
  CHECK(load_lines("admin.token_file = \"tokne\"", name).problems ==
        Lines{name + ":1:7: admin.token_file: found \"" + directory.path("tokne") +
              "\": No such file or directory; expected a file with the token"});
  CHECK(problem("admin.token_file = \"/\"") ==
        "admin.token_file: found \"/\": is a directory; expected a file with the token");
}

TEST_CASE("a token_file must hold one token, and nobody else may read it") {
  const TemporaryDirectory directory;
  const std::string path = directory.path("token");
  const std::string found = "admin.token_file: found \"" + path + "\": ";
  const auto told = [&](const std::string& text, mode_t mode) {
    directory.file("token", text);
    chmod(path.c_str(), mode);
    return problem("admin.token_file = \"" + path + "\"");
  };
  CHECK(told("secret", 0600).empty());
  CHECK(told("  secret \n", 0640).empty());
  CHECK(told("secret", 0644) == found +
                                    "others can read or write it (mode 0644); expected a file that only its owner, "
                                    "or its group, can read: chmod o= on it");
  CHECK(told("secret", 0602).starts_with(found + "others can read or write it (mode 0602)"));
  CHECK(told("", 0600) == found + "is empty; expected a file with the token");
  CHECK(told(" \n", 0600) == found + "is empty; expected a file with the token");
  CHECK(told("two words", 0600).starts_with(found + "holds more than one word"));
  CHECK(told(std::string(5000, 'a'), 0600).starts_with(found + "is longer than 4096 bytes"));
  CHECK(problem("admin.token_file = \"/dev/null\"").contains("is no regular file"));
}
