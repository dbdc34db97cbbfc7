// Single values against what a key takes: bounds from both sides, the message of each refusal, text → value → text.
#include "read_value.hpp"

#include <doctest/doctest.h>

#include "merge.hpp"
#include "spelling.hpp"

using namespace uringd::config;

namespace {

/// The findings for `text` as the value of `path`, one per line; "ok" without any.
std::string outcome(std::string_view path, std::string_view text, Config& config, Site& site, Map& map) {
  const Key* key = find_key(path);
  REQUIRE(key != nullptr);
  const auto table = parse_document("v = " + std::string(text));
  REQUIRE(table.has_value());
  std::vector<Finding> findings;
  read_value(key->form, table->front().value, key->slot(config, site, map), "", findings);
  std::string out;
  for (const Finding& finding : findings) out += (out.empty() ? "" : "\n") + finding.message;
  return out.empty() ? "ok" : out;
}

std::string outcome(std::string_view path, std::string_view text, Config& config, Site& site) {
  Map map;
  return outcome(path, text, config, site, map);
}

std::string outcome(std::string_view path, std::string_view text) {
  Config config;
  Site site;
  return outcome(path, text, config, site);
}

}  // namespace

TEST_CASE("every default is taken by its own key and printed as it is written") {
  for (const Key& key : schema()) {
    CAPTURE(key.path);
    if (key.default_text.empty()) continue;
    Config config;
    Site site;
    Map map;
    CHECK(outcome(key.path, key.default_text, config, site, map) == "ok");
    CHECK(text_of(key.form, key.slot(config, site, map)) == key.default_text);
  }
}

TEST_CASE("both bounds of every number, size and duration are taken, and one beyond is not") {
  for (const Key& key : schema()) {
    const bool bounded = key.form.kind == Form::Kind::count || key.form.kind == Form::Kind::size ||
                         key.form.kind == Form::Kind::duration;
    if (!bounded) continue;
    CAPTURE(key.path);
    const bool time = key.form.kind == Form::Kind::duration;
    const auto text = [&](std::uint64_t number) {
      return time ? "\"" + std::to_string(number) + "ms\"" : std::to_string(number);
    };
    Config config;
    Site site;
    Map map;
    CHECK(outcome(key.path, text(key.form.least), config, site, map) == "ok");
    CHECK(outcome(key.path, text(key.form.most), config, site, map) == "ok");
    // Read back through its text: a slot narrower than the bound would have cut it.
    const std::string printed = text_of(key.form, key.slot(config, site, map));
    CHECK(outcome(key.path, printed, config, site, map) == "ok");
    CHECK(text_of(key.form, key.slot(config, site, map)) == printed);
    CHECK(outcome(key.path, text(key.form.most + 1)).ends_with(expected(key.form)));
    if (key.form.least > 0) CHECK(outcome(key.path, text(key.form.least - 1)) != "ok");
    CHECK(outcome(key.path, time ? "\"-1s\"" : "-1") != "ok");
  }
}

TEST_CASE("a wrong type is told with the value found and what would be right") {
  CHECK(outcome("server.workers", "\"two\"") == "found \"two\"; expected a whole number from 0 to 1024");
  CHECK(outcome("server.workers", "\"2\"") == "found \"2\"; expected a whole number from 0 to 1024; without quotes");
  CHECK(outcome("server.workers", "2.0") == "found 2; expected a whole number from 0 to 1024");
  CHECK(outcome("server.workers", "true") == "found true; expected a whole number from 0 to 1024");
  CHECK(outcome("limits.idle_timeout", "60") ==
        "found 60; expected a duration from \"10ms\" to \"24h\"; units: ms, s, m, h");
  CHECK(outcome("limits.header_size", "\"16k\"") ==
        "found \"16k\"; expected a size from \"1KiB\" to \"1MiB\"; units: KB, MB, GB, KiB, MiB, GiB");
  CHECK(outcome("limits.header_size", "\"2MiB\"") == "found \"2MiB\"; expected a size from \"1KiB\" to \"1MiB\"");
  CHECK(outcome("cache.size", "\"atuo\"").starts_with("found \"atuo\"; expected \"auto\" or a size from"));
  CHECK(outcome("site.hidden", "\"false\"") == "found \"false\"; expected true or false");
  CHECK(outcome("site.hidden", "2024-01-02") == "found the date 2024-01-02; expected true or false");
  CHECK(outcome("site.root", "[\"www\"]") == "found an array; expected a path");
  CHECK(outcome("site.root", "\"\"") == "found \"\"; expected a path");
  CHECK(outcome("site.root", "\"a\\u0000b\"") == "found \"a\\u0000b\"; expected a path");
  CHECK(outcome("types", "[]") == "found an array; expected a table { \".extension\" = \"media/type\" }");
}

TEST_CASE("a word that is nearly right is suggested") {
  CHECK(outcome("log.level", "\"warning\"") ==
        "found \"warning\"; expected \"error\", \"warn\", \"info\" or \"debug\"; did you mean \"warn\"?");
  CHECK(outcome("log.level", "\"INFO\"").ends_with("did you mean \"info\"?"));
  CHECK(outcome("server.pin", "\"yes\"") == "found \"yes\"; expected \"auto\", true or false");
  CHECK(outcome("site.symlinks", "true") == "found true; expected \"inside\" or \"never\"");
}

TEST_CASE("words are stored in the enumerator they name") {
  Config config;
  Site site;
  CHECK(outcome("server.pin", "true", config, site) == "ok");
  CHECK(config.server.pin == Pin::yes);
  CHECK(outcome("server.pin", "false", config, site) == "ok");
  CHECK(config.server.pin == Pin::no);
  CHECK(outcome("server.pin", "\"auto\"", config, site) == "ok");
  CHECK(config.server.pin == Pin::automatic);
  CHECK(outcome("site.symlinks", "\"never\"", config, site) == "ok");
  CHECK(site.symlinks == Symlinks::never);
  CHECK(outcome("log.level", "\"warn\"", config, site) == "ok");
  CHECK(config.log.level == LogLevel::warn);
  CHECK(outcome("log.level", "\"debug\"", config, site) == "ok");
  CHECK(config.log.level == LogLevel::debug);
}

TEST_CASE("listen takes one address, an array, and tables with a backlog") {
  Config config;
  Site site;
  CHECK(outcome("server.listen", "\":80\"", config, site) == "ok");
  CHECK(config.server.listen.size() == 1);
  CHECK(outcome("server.listen", R"([":80", { address = "127.0.0.1:81", backlog = 17 }])", config, site) == "ok");
  REQUIRE(config.server.listen.size() == 2);
  CHECK(config.server.listen[1].backlog == 17);
  const Key* key = find_key("server.listen");
  Map map;
  CHECK(text_of(key->form, key->slot(config, site, map)) == R"([":80", { address = "127.0.0.1:81", backlog = 17 }])");
}

TEST_CASE("each mistake in listen is a finding of its own") {
  CHECK(outcome("server.listen", "[]") == "found an empty array; expected at least one address");
  CHECK(outcome("server.listen", R"([":80", ":80"])") == "found \":80\" twice; expected each address once");
  CHECK(outcome("server.listen", R"([80, "localhost:1"])") ==
        "found 80; expected an address such as \"127.0.0.1:8080\"\n"
        "found \"localhost:1\"; host names are not looked up; expected an address: \"127.0.0.1:8080\", "
        "\"[::1]:8080\", \":8080\", \"unix:/run/uringd.sock\" or \"fd:NAME\"");
  CHECK(outcome("server.listen", R"([{ adress = ":80", backlog = 0 }])") ==
        "\"adress\": unknown key; did you mean address?\n"
        "found backlog = 0; expected a whole number from 1 to 65535\n"
        "found a table without address; expected { address = \":8080\", backlog = 4096 }");
}

TEST_CASE("hosts are names without port, in lower case") {
  Config config;
  Site site;
  CHECK(outcome("site.hosts", R"(["Example.COM.", "*.example.com", "[0:0::1]", "10.0.0.1", "*"])", config, site) ==
        "ok");
  CHECK(site.hosts == std::vector<std::string>{"example.com", "*.example.com", "[::1]", "10.0.0.1", "*"});
  for (const char* host : {"example.com:80", "http://a", "a/b", "", "a b", ".a", "a..b", "*a", "a.*", "[::1", "[x]"}) {
    CAPTURE(host);
    CHECK_FALSE(is_host(host));
  }
  CHECK(outcome("site.hosts", R"(["münchen.de"])") ==
        "found \"münchen.de\"; expected a host name without port, such as \"example.com\", or \"*\"; names beyond "
        "ASCII in their xn-- form");
  CHECK(outcome("site.hosts", "[]") == "found an empty array; expected at least one host");
}

TEST_CASE("an index is a plain name") {
  for (const char* name : {"\"a/b\"", "\"..\"", "\"\"", "\".\"", "1"}) {
    CAPTURE(name);
    CHECK(outcome("site.index", name).ends_with("expected a file name without slashes"));
  }
  Config config;
  Site site;
  CHECK(outcome("site.index", "[]", config, site) == "ok");
  CHECK(site.index.empty());
}

TEST_CASE("a media type cannot end a header line, and an extension has one dot") {
  Config config;
  Site site;
  CHECK(outcome("types", R"({ ".FOO" = "application/x-foo; charset=utf-8" })", config, site) == "ok");
  CHECK(config.types.front() == std::pair<std::string, std::string>(".foo", "application/x-foo; charset=utf-8"));
  for (const char* type : {"text/html\r\nX: y", "text", "/html", "text/", "a b/c", "text/html;\n", "text/h\x80"}) {
    CAPTURE(type);
    CHECK_FALSE(is_media_type(type));
  }
  // A longer one might not fit the bounded head of an answer.
  CHECK(is_media_type("a/" + std::string(253, 'b')));
  CHECK_FALSE(is_media_type("a/" + std::string(254, 'b')));
  for (const char* table :
       {R"({ foo = "a/b" })", R"({ "." = "a/b" })", R"({ ".tar.gz" = "a/b" })", R"({ "" = "a/b" })"}) {
    CAPTURE(table);
    CHECK(outcome("types", table).ends_with("expected an extension with its dot, such as \".foo\""));
  }
}

TEST_CASE("error pages are for 400 to 599 or a class, and stay below root") {
  Config config;
  Site site;
  CHECK(outcome("site.error_pages", R"({ 404 = "/404.html", "5xx" = "/oops.html" })", config, site) == "ok");
  CHECK(site.error_pages.size() == 2);
  for (const char* status : {"399", "600", "40", "4xy", "x04", "4040", "3xx", "5XX"}) {
    CAPTURE(status);
    CHECK_FALSE(is_error_status(status));
  }
  for (const char* page : {"404.html", "/../x", "/a/..", "/", "/a/", ""}) {
    CAPTURE(page);
    CHECK_FALSE(is_page_path(page));
  }
  CHECK(is_page_path("/a/..b.html"));
}

TEST_CASE("codings keep their order; an unknown one is told with the name that was meant") {
  Config config;
  Site site;
  CHECK(outcome("site.compress", R"(["gzip", "br"])", config, site) == "ok");
  CHECK(site.compress == std::vector{Coding::gzip, Coding::br});
  CHECK(outcome("site.compress", "\"zstd\"", config, site) == "ok");
  CHECK(site.compress == std::vector{Coding::zstd});
  CHECK(outcome("site.precompressed", "[]", config, site) == "ok");
  CHECK(site.precompressed.empty());
  const std::string known = R"(; expected "gzip", "zstd" or "br")";
  CHECK(outcome("site.compress", R"(["brotli"])") == "found \"brotli\"" + known + "; did you mean \"br\"?");
  CHECK(outcome("site.compress", R"(["GZ"])") == "found \"GZ\"" + known + "; did you mean \"gzip\"?");
  CHECK(outcome("site.compress", R"(["zst"])") == "found \"zst\"" + known + "; did you mean \"zstd\"?");
  CHECK(outcome("site.compress", R"(["deflate", 3])") == "found \"deflate\"" + known + "\nfound 3" + known);
  CHECK(outcome("site.compress", R"(["br", "zstd", "br"])") == "found \"br\" twice; expected each coding once");
  CHECK(outcome("site.compress", "false") == "found false" + known);
}

TEST_CASE("what is preloaded has braces in pairs") {
  CHECK(outcome("cache.preload", R"(["/**/*.{css,js}"])") == "ok");
  CHECK(outcome("cache.preload", R"(["/a", "/{b"])") ==
        "found \"/{b\"; expected each { with its }; a brace itself is \\{ or \\}");
}

TEST_CASE("extensions are stored without their dot and hold no slash") {
  Config config;
  Site site;
  CHECK(outcome("site.extensions", R"(["html", ".htm", "en.html"])", config, site) == "ok");
  CHECK(site.extensions == std::vector<std::string>{"html", "htm", "en.html"});
  for (const char* text : {R"("a/b")", R"("")", R"(".")", R"("..")", R"("..html")", R"("a\u0000")", "1"}) {
    CAPTURE(text);
    CHECK(outcome("site.extensions", text).ends_with("; expected an extension without slashes, such as \"html\""));
  }
  CHECK(outcome("site.extensions", R"(["html", ".html"])") == "found \".html\" twice; expected each extension once");
}

TEST_CASE("a fallback is a file's path below root, or nothing") {
  Config config;
  Site site;
  CHECK(outcome("site.fallback", R"("/app/index.html")", config, site) == "ok");
  for (const char* other : {R"("/a//b")", R"("//index.html")", R"("/./a")", R"("/a/.")", R"("/a/../b")"}) {
    CAPTURE(other);
    CHECK(outcome("site.fallback", other, config, site) != "ok");
  }
  CHECK(site.fallback == "/app/index.html");
  CHECK(outcome("site.fallback", R"("")", config, site) == "ok");
  CHECK(site.fallback.empty());
  const std::string right = R"(; expected a file's path below root, such as "/index.html", or "")";
  CHECK(outcome("site.fallback", R"("index.html")") ==
        "found \"index.html\"" + right + "; did you mean \"/index.html\"?");
  CHECK(outcome("site.fallback", R"("/")") == "found \"/\"" + right);
  CHECK(outcome("site.fallback", R"("/../x")") == "found \"/../x\"" + right);
  CHECK(outcome("site.fallback", "false") == "found false" + right);
}

TEST_CASE("a refused value leaves the slot as it was") {
  Config config;
  Site site;
  config.server.workers = 3;
  CHECK(outcome("server.workers", "5000", config, site) != "ok");
  CHECK(config.server.workers == 3);
  config.cache.size_bytes = 5;
  CHECK(outcome("cache.size", "\"1KiB\"", config, site) != "ok");
  CHECK(config.cache.size_bytes == 5);
}
