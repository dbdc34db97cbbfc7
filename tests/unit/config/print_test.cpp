// Printed texts: what --print-config prints loads to the same configuration, and the files of the repository that are
// generated from the schema are up to date.
#include "uringd/config/print.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "document.hpp"
#include "generated_section.hpp"
#include "temporary_directory.hpp"

using namespace uringd::config;
using Pairs = std::vector<std::pair<std::string, std::string>>;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The printed form without the comments that say where values came from: equal texts are equal configurations.
std::string values_of(const Loaded& loaded) {
  Loaded plain = loaded;
  plain.origins.clear();
  Config config = *loaded.config;
  for (Site& site : config.sites) {
    for (HeaderRule& rule : site.headers) rule.where.clear();
    for (Rewrite& rule : site.rewrites) rule.where.clear();
  }
  plain.config = std::make_shared<const Config>(std::move(config));
  return print_config(plain);
}

Loaded load_ok(const std::string& text, const std::string& name, const Sources& sources = {}) {
  auto loaded = load_text(text, name, sources);
  if (!loaded) {
    for (const Problem& problem : loaded.error()) MESSAGE(to_line(problem));
  }
  REQUIRE(loaded.has_value());
  return *loaded;
}

/// `token`: the path of a token_file.
std::string unusual(const std::string& token) {
  std::string text = R"(
[server]
listen = [":8080", { address = "[::1]:81", backlog = 7 }, "unix:run/$${X}.sock", "fd:http",
          { address = "unix:u.sock", mode = "660", proxy_protocol = true }, { address = "fd:p", proxy_protocol = true }]
workers = 3
pin = false
user = "www-data:4"
shutdown_delay = "1ms"
trusted_proxies = ["10.0.0.0/8", "2001:db8::/32", "unix:"]
sandbox = false
drain_timeout = "1500ms"
[limits]
connections = 17
connections_per_ip = 16
header_size = 5000
header_timeout = "11ms"
body_size = 0
body_timeout = "2h"
idle_timeout = "90s"
send_timeout = "61s"
requests_per_connection = 1000000000
[disk]
queue_size = 65536
timeout = "1m"
kernel_threads = 9
stream_size = "1MB"
stream_memory = "3GB"
[cache]
size = "10GiB"
max_file_size = "1MiB"
stale_after = "0s"
[log]
level = "error"
access = "log $${X}/access.log"
format = "json"
[admin]
listen = "unix:admin.sock"
token_file = "TOKEN"
read = "open"
overlay_size = 0
[types]
".a" = "x/y"
".b#" = "text/plain; charset=\"utf-8\""
[maps.Z-1]
file = "maps/$${X} y.txt"
kind = "cdb"
max_size = 5000
[maps.a_b]
file = "/a"
[[site]]
hosts = ["a.example", "*.b.example"]
root = "/"
mounts = { "/m $${X}" = "/tmp", "/a/b/" = "/" }
index = ["i \"q\".html", "$${HOME}"]
error_pages = { 404 = "/tmp x", "5xx" = "/é" }
symlinks = "never"
hidden = true
extensions = ["html", ".tar.gz"]
listing = true
fallback = "/index $${X}.html"
precompressed = ["gzip"]
compress = []
cache_control = { "*" = "no-store", "IMAGE/*" = "max-age=60" }
server_timing = true
cache_status = true
[[site.headers]]
match = "/a \"$${Y}\"/**"
set = { "X.Y|Z" = "tab\there, \"quotes\" and \\", X-Dollar = "$${HOME}" }
[[site.headers]]
match = "/**"
remove = ["ETag", "X-Content-Type-Options"]
[[site.rewrites]]
match = '^/${A} "(\d{2,})$'
to = "/é/${Z-1:$1|${host}}$${HOME}?\\"
when = { scheme = "$${S}", host = "^a{2}\\.", query = "\"", header = { Accept = "$${Y}", "x!y|" = "b" } }
[[site.rewrites]]
match = "(^|/)secret"
status = 404
[[site.rewrites]]
match = "^/old"
to = "https://example.com/$0"
status = 307
when = {}
[[site]]
root = "/tmp"
index = []
cache_control = {}
)";
  text.replace(text.find("TOKEN"), 5, token);
  return text;
}

}  // namespace

TEST_CASE("a printed configuration loads to the same configuration") {
  const TemporaryDirectory directory;
  const Loaded first = load_ok(unusual(directory.token()), "config.toml");
  const Loaded second = load_ok(print_config(first), "printed.toml");
  CHECK(values_of(first) == values_of(second));
  CHECK(second.config->server.listen[2].text == "unix:run/${X}.sock");
  CHECK(second.config->server.listen[1].backlog == 7);
  CHECK(second.config->sites[0].index[1] == "${HOME}");
  CHECK(second.config->types.size() == 2);
  const Site& site = second.config->sites[0];
  CHECK(site.extensions == std::vector<std::string>{"html", "tar.gz"});
  CHECK(site.fallback == "/index ${X}.html");
  CHECK(site.precompressed == std::vector{Coding::gzip});
  CHECK(site.compress.empty());
  CHECK(site.cache_control == Pairs{{"*", "no-store"}, {"image/*", "max-age=60"}});
  REQUIRE(site.headers.size() == 2);
  CHECK(site.headers[0].match == "/a \"${Y}\"/**");
  CHECK(site.headers[0].set == Pairs{{"X.Y|Z", "tab\there, \"quotes\" and \\"}, {"X-Dollar", "${HOME}"}});
  CHECK(site.headers[1].remove == std::vector<std::string>{"etag", "x-content-type-options"});
  CHECK(second.config->sites[1].cache_control.empty());
  REQUIRE(second.config->maps.size() == 2);
  CHECK(second.config->maps[0].name == "Z-1");
  CHECK(second.config->maps[0].file == "maps/${X} y.txt");
  CHECK(second.config->maps[0].kind == MapKind::cdb);
  CHECK(second.config->maps[0].max_size_bytes == 5000);
  CHECK(second.config->maps[1].max_size_bytes == 268435456);
  CHECK(site.mounts == Pairs{{"/m $${X}", "/tmp"}, {"/a/b", "/"}});
  REQUIRE(site.rewrites.size() == 3);
  CHECK(site.rewrites[0].match == "^/${A} \"(\\d{2,})$");
  CHECK(site.rewrites[0].to == "/é/${Z-1:$1|${host}}$${HOME}?\\");
  CHECK(site.rewrites[0].when.scheme == "${S}");
  CHECK(site.rewrites[0].when.host == "^a{2}\\.");
  CHECK(site.rewrites[0].when.query == "\"");
  CHECK(site.rewrites[0].when.headers == Pairs{{"Accept", "${Y}"}, {"x!y|", "b"}});
  CHECK(site.rewrites[1].status == 404);
  CHECK(site.rewrites[1].to.empty());
  CHECK(site.rewrites[2].status == 307);
  CHECK(site.rewrites[2].to == "https://example.com/$0");
  CHECK(second.config->limits.header_size_bytes == 5000);
  CHECK(second.config->cache.size_bytes == first.config->cache.size_bytes);
}

TEST_CASE("each printed key says where its value came from") {
  Sources sources;
  sources.sets = {{"server.workers", "2"}};
  const std::string text =
      print_config(load_ok("[log]\nlevel = \"warn\"\n[[site]]\nroot = \"/\"\n", "c.toml", sources));
  std::istringstream lines(text);
  std::size_t keys = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('[')) continue;
    CAPTURE(line);
    ++keys;
    const std::string origin = line.substr(line.rfind("  # ") + 4);
    const std::string key = line.substr(0, line.find(' '));
    CHECK(origin == (key == "workers" ? "--set server.workers"
                     : key == "level" ? "c.toml:2:1"
                     : key == "root"  ? "c.toml:4:1"
                                      : "default"));
  }
  CHECK(keys == 55);
}

TEST_CASE("rules are printed as blocks that say where they were written") {
  const std::string text =
      print_config(load_ok("[[site]]\nroot = \"/\"\n[[site.headers]]\nmatch = \"/a\"\nremove = \"ETag\"\n", "c.toml"));
  CHECK(text.ends_with("\n\n[[site.headers]]  # c.toml:3:1\nmatch = \"/a\"\nremove = [\"etag\"]\nset = {}\n"));
  CHECK_FALSE(text.contains("headers = "));
  CHECK(print_config(load_ok("[[site]]\nroot = \"/\"\n", "c.toml")).contains("\nheaders = []"));
}

// What the shipped file sets beside the defaults: the sample site's own page for 404.
constexpr const char* example_map = "[maps.legacy]\nfile = \"maps/legacy.txt\"\n";
constexpr const char* example_rules =
    "[[site.rewrites]]\nmatch = \"^/old/(.*)$\"\nto = \"/new/$1\"\nstatus = 301\nwhen.host = \"^www[.]\"\n"
    "[[site.headers]]\nmatch = \"/assets/**\"\nremove = [\"server\"]\n"
    "set = { Cache-Control = \"public, max-age=31536000, immutable\" }\n";
constexpr const char* sample_site = "[[site]]\nerror_pages = { 404 = \"/404.html\" }\n";

TEST_CASE("the shipped configuration has at most 15 live lines and means the defaults, and the sample site's 404") {
  const TemporaryDirectory temporary;
  temporary.directory("www");
  const std::string text = commented_template();
  std::istringstream lines(text);
  std::size_t live = 0;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 120);
    if (!line.empty() && !line.starts_with('#')) ++live;
  }
  CHECK(live <= 15);
  const std::string name = temporary.path("config.toml");
  CHECK(values_of(load_ok(text, name)) == values_of(load_ok(sample_site, name)));
}

TEST_CASE("removing every # before a key changes nothing but a missing include and the examples") {
  const TemporaryDirectory temporary;
  temporary.directory("www");
  std::string uncommented;
  std::istringstream lines(commented_template());
  std::size_t keys = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    keys += key ? 1 : 0;
    uncommented += (key ? line.substr(1) : line) + "\n";
  }
  CHECK(keys > 20);
  const std::string name = temporary.path("config.toml");
  CHECK(values_of(load_ok(uncommented, name)) ==
        values_of(load_ok(example_map + std::string(sample_site) + example_rules, name)));
}

TEST_CASE("the repository's config.toml is what the schema prints (refresh: config_docs refresh ROOT)") {
  CHECK(read_file(SOURCE_ROOT "/config.toml") == commented_template());
}

TEST_CASE("the generated sections of files are what the schema prints (refresh: config_docs refresh ROOT)") {
  for (const GeneratedSection& section : generated_sections) {
    CAPTURE(section.file);
    const std::string content = read_file(SOURCE_ROOT "/" + std::string(section.file));
    const auto place = find_section(section, content);
    REQUIRE(place.has_value());
    CHECK(content.substr(place->first, place->second) == section.text());
  }
}

TEST_CASE("the reference has one row of four cells for every key") {
  const std::string text = reference_markdown();
  std::istringstream lines(text);
  std::size_t rows = 0;
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    std::size_t bars = 0;
    for (std::size_t index = 0; index < line.size(); ++index) {
      if (line[index] == '|' && (index == 0 || line[index - 1] != '\\')) ++bars;
    }
    CHECK(bars == 5);
    ++rows;
  }
  CHECK(rows == 2 + 59);
  CHECK(text.contains("| `limits.header_size` | `\"16KiB\"` | a size from \"1KiB\" to \"1MiB\" |"));
}
