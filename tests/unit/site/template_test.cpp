// Template: what `to` may say and what is wrong with it, and what it becomes: encoded, on its own host, in one line,
// and in the memory that was given.
#include "uringd/site/template.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../random.hpp"
#include "one_map.hpp"

#include <doctest/doctest.h>

using namespace uringd::site;

namespace {

const std::string map_names[] = {"legacy", "hosts"};

/// What a template is expanded with; the defaults are a usual request's.
struct Request {
  std::vector<std::string> captures = {"/old/x", "x", "y"};
  std::string host = "a.example", path = "/old/x", query = {};
  bool has_query = false;
  Pairs pairs = {};
};

Template template_of(const std::string& to) {
  auto made = Template::parse(to, map_names);
  REQUIRE_MESSAGE(made, to << ": " << (made ? "" : made.error()));
  return std::move(*made);
}

std::string error_of(const std::string& to) {
  const auto made = Template::parse(to, map_names);
  return made ? "fine" : made.error();
}

struct Expanded {
  std::array<char, 8192> memory;
  Expansion expansion;
  std::vector<MapLookup> lookups;

  Expanded(const std::string& to, const Request& request, bool location) {
    const Template made = template_of(to);
    const std::vector<std::string_view> captures(request.captures.begin(), request.captures.end());
    const TemplateInputs inputs{
        .captures = captures, .host = request.host, .path = request.path, .query = request.query, .scheme = "http"};
    const auto maps = maps_of({request.pairs, request.pairs});
    Random random(1);
    expansion = location ? made.expand_location(inputs, request.has_query, *maps, random, memory, &lookups)
                         : made.expand_path(inputs, *maps, random, memory, &lookups);
    REQUIRE(expansion.fits);
  }
};

std::string location(const std::string& to, const Request& request = {}) {
  return std::string(Expanded(to, request, true).expansion.path);
}
std::string captured(const std::string& to, const std::string& first, const std::string& second = "") {
  return location(to, {.captures = {"", first, second}});
}
/// "path", or "path?query".
std::string path(const std::string& to, const Request& request = {}) {
  const Expanded expanded(to, request, false);
  const Expansion& expansion = expanded.expansion;
  return std::string(expansion.path) + (expansion.has_query ? "?" + std::string(expansion.query) : "");
}

}  // namespace

TEST_CASE("captures, variables, maps and dollars stand for what they say") {
  CHECK(path("/new/$1-${2}/$$5$3.") == "/new/x-y/$5.");
  CHECK(path("/${host}${path}/${scheme}/${query}", {.query = "a=1"}) == "/a.example/old/x/http/a=1");
  const Request request{.pairs = {{"x", "found"}, {"k-x-y", "joined"}, {"", "nothing"}}};
  CHECK(path("/${legacy:$1}", request) == "/found");
  CHECK(path("/${legacy:k-$1-$2}", request) == "/joined");
  CHECK(path("/${legacy:}", request) == "/nothing");
  CHECK(path("/${legacy:$2}.", request) == "/.");
  CHECK(path("/${legacy:$2|no/$1|${host}}", request) == "/no/x|a.example");
  CHECK(template_of("/a${legacy:$2|$7}").highest_capture() == 7);
  CHECK(template_of("/a").highest_capture() == -1);
  CHECK(template_of("/a${legacy:x}").uses_maps());
  CHECK_FALSE(template_of("/a$1").uses_maps());
  CHECK(template_of("https://a.example").absolute());
  CHECK(template_of("//a.example/").absolute());
  CHECK_FALSE(template_of("/a//b").absolute());
  CHECK_FALSE(template_of("${legacy:x}").absolute());
}

TEST_CASE("what is wrong with a template is named by its byte and, where something is near, by its name") {
  CHECK(error_of("/a${legcy:$1}") == "byte 3: \"legcy\" is not a map; did you mean legacy?");
  CHECK(error_of("/a${zzzzzz:$1}") == "byte 3: \"zzzzzz\" is not a map");
  CHECK(error_of("/${hosst}") ==
        "byte 2: found ${hosst}; expected a capture, ${host}, ${path}, ${query}, ${scheme} or ${map:key|default}; did "
        "you mean host?");
  CHECK(error_of("/${legacy}") == "byte 2: \"legacy\" is a map; expected ${legacy:key}");
  CHECK(error_of("/${10}") == "byte 2: found ${10}; expected a capture from ${0} to ${9}");
  for (const char* to : {"/a$", "/a$x", "/a$ 1", "/a$(1)"}) {
    CAPTURE(to);
    CHECK(error_of(to) == "byte 3: found a single '$'; expected $0 to $9, ${…}, or $$ for a dollar sign");
  }
  for (const char* to : {"/a${", "/a${host", "/a${legacy:$1", "/a${legacy:$1|b", "/a${legacy:${1}"}) {
    CAPTURE(to);
    CHECK(error_of(to) == "byte 3: \"${\" without its '}'");
  }
  CHECK(error_of("/a${host|b}") == "byte 3: found \"${host|\"; expected '}' or ':'");
  CHECK(error_of("/${legacy:${hosts:$1}}").starts_with("byte 11: a map inside a map"));
  CHECK(error_of("/${legacy:$1|${hosts:$1}}").starts_with("byte 14: a map inside a map"));
  CHECK(error_of("/a}b").starts_with("byte 3: '}' without"));
  CHECK(error_of("") == "byte 1: nothing; expected a path or a URL");
  CHECK(error_of(std::string("/a\0b", 4)) == "byte 3: a NUL, which no path has");
}

TEST_CASE("a template begins with a path, a web address, or something that becomes one") {
  for (const char* to : {"/", "$1", "${1}x", "${path}", "${legacy:$1}", "http://a", "https://$1/", "//${host}/"}) {
    CAPTURE(to);
    CHECK(error_of(to) == "fine");
  }
  for (const char* to : {"a", "javascript:alert(1)", "ftp://a/", "${host}/", "${query}", "${scheme}://a", "$$", "?a"}) {
    CAPTURE(to);
    CHECK(error_of(to).starts_with("byte 1: begins with "));
  }
  for (const char* to : {"http://", "https:///a", "///a", "//?a", "https://${path}", "//:80/"}) {
    CAPTURE(to);
    CHECK(error_of(to).find("no host behind") != std::string::npos);
  }
  CHECK(error_of("a\nb") ==
        "byte 1: begins with \"a\\x0ab\"; expected \"/\", \"http://\", \"https://\", \"//\", a "
        "capture, ${path} or a map");
}

TEST_CASE("no client makes a path lead to another host (RFC 3986 §4.2)") {
  for (const char* evil : {"//evil.example", "evil.example", "/evil.example", "///evil.example"}) {
    CAPTURE(evil);
    CHECK(captured("$1", evil) == "/evil.example");
    CHECK(captured("/$1", evil) == "/evil.example");
    CHECK(captured("$2$1", evil) == "/evil.example");
    CHECK(captured("$2/$1", evil) == "/evil.example");
    CHECK(location("${path}", {.path = evil}) == "/evil.example");
    CHECK(location("${legacy:none|$1}", {.captures = {"", evil}}) == "/evil.example");
  }
  CHECK(captured("$1", "/\\evil.example") == "/%5Cevil.example");
  CHECK(captured("$1", "https://evil.example") == "/https://evil.example");
  CHECK(captured("$1", "javascript:alert(1)") == "/javascript:alert(1)");
  CHECK(captured("$1", "\t//evil.example") == "/%09//evil.example");
  CHECK(captured("$2https://a.example/", "") == "/https://a.example/");
  CHECK(captured("/a/$1", "//b") == "/a///b");
}

TEST_CASE("the values of maps lead where their owner says, and two slashes that meet by chance are one") {
  auto mapped = [](const std::string& to, const std::string& value) { return location(to, {.pairs = {{"x", value}}}); };
  CHECK(mapped("${legacy:$1}", "https://b.example/c?d#e") == "https://b.example/c?d#e");
  CHECK(mapped("${legacy:$1}", "//b.example") == "//b.example");
  CHECK(mapped("${legacy:$1}", "b.html") == "/b.html");
  CHECK(mapped("${legacy:$1}", "javascript:x") == "/javascript:x");
  CHECK(mapped("${legacy:$1}/b.example", "/") == "/b.example");
  CHECK(mapped("${legacy:$1}${hosts:$1}", "/") == "/");
  CHECK(mapped("/${legacy:$1}", "/b.example") == "/b.example");
  CHECK(mapped("${legacy:$1}", "") == "/");
  CHECK(mapped("${legacy:$1}", "///b.example") == "/b.example");
  CHECK(mapped("https://${legacy:$1}/$2", "b.example") == "https://b.example/y");
}

TEST_CASE("the host of a location is never a client's to continue") {
  CHECK(captured("https://a.example$1", "/b") == "https://a.example/b");
  CHECK(captured("https://a.example$1", "//b") == "https://a.example/b");
  CHECK(captured("https://a.example$1", ".evil.example") == "https://a.example/.evil.example");
  CHECK(captured("https://a.example$1", "@evil.example") == "https://a.example/@evil.example");
  CHECK(captured("https://a.example$1.html", "") == "https://a.example/.html");
  CHECK(captured("https://a.example$1/b", "") == "https://a.example/b");
  CHECK(captured("https://$1.a.example/", "evil.example/?#@:\\") ==
        "https://evil.example%2F%3F%23%40%3A%5C.a.example/");
  CHECK(captured("https://www.$1.a.example", "de") == "https://www.de.a.example");
  CHECK(captured("https://www.$1.a.example", "/evil") == "https://www.%2Fevil.a.example");
  CHECK(captured("https://www.$1/", "de") == "https://www./de/");
  CHECK(location("https://www.${host}${path}") == "https://www.a.example/old/x");
  CHECK(location("https://${host}:8443${path}", {.host = "[::1]"}) == "https://[::1]:8443/old/x");
  CHECK(location("https://${host}${path}", {.host = "", .path = "/evil.example/"}) == "/evil.example/");
  CHECK(location("//${host}/${path}", {.host = "", .path = "//evil.example/"}) == "/evil.example/");
  CHECK(location("https://${host}?a", {.host = ""}) == "/?a");
  CHECK(location("https://a.example?a#b") == "https://a.example?a#b");
}

TEST_CASE("data is encoded where it would mean something, text only where no URL may hold it (RFC 3986 §2)") {
  CHECK(captured("/a/$1", "b c?d#e%41&f=g+h;i/j:k@l") == "/a/b%20c%3Fd%23e%2541&f=g+h;i/j:k@l");
  CHECK(captured("/a?b=$1", "b c?d#e%41&f=g+h;i/j") == "/a?b=b%20c%3Fd%23e%2541%26f%3Dg%2Bh%3Bi/j");
  CHECK(captured("/a#$1", "b#c") == "/a#b%23c");
  CHECK(location("/%41%4 b%\"<\xc3\xa9|#c#d") == "/%41%254%20b%25%22%3C%C3%A9%7C#c%23d");
  CHECK(captured("/%$1", "41") == "/%2541");
  CHECK(captured("/$1", "\r\nSet-Cookie: a=b\x7f\x80") == "/%0D%0ASet-Cookie:%20a=b%7F%80");
  CHECK(location("/a\r\nb") == "/a%0D%0Ab");
}

TEST_CASE("a location keeps the request's query where it has none of its own, before a fragment") {
  const Request asked{.query = "q=%20#\xff&r=[%", .has_query = true};
  CHECK(location("/a", asked) == "/a?q=%20%23%FF&r=[%25");
  CHECK(location("/a#b", asked) == "/a?q=%20%23%FF&r=[%25#b");
  CHECK(location("https://b.example", asked) == "https://b.example?q=%20%23%FF&r=[%25");
  CHECK(location("/a?", asked) == "/a?");
  CHECK(location("/a?b#c", asked) == "/a?b#c");
  CHECK(location("/a#b?c", asked) == "/a?q=%20%23%FF&r=[%25#b?c");
  CHECK(location("/$1", {.captures = {"", "b?c"}, .query = "q", .has_query = true}) == "/b%3Fc?q");
  CHECK(location("/a?b=1&${query}", asked) == "/a?b=1&q=%20%23%FF&r=[%25");
  CHECK(location("/a", {.has_query = true}) == "/a?");
  CHECK(location("/a") == "/a");
  CHECK(location("/${legacy:x}", {.query = "q", .has_query = true, .pairs = {{"x", "a?b"}}}) == "/a?b");
}

TEST_CASE("an internal path is bytes as they are, its query only behind a '?' of `to` itself (CVE-2024-38474)") {
  const Request asked{.captures = {"", "a?b%41\xff//\\"}, .query = "q=1", .pairs = {{"k", "v?w"}}};
  CHECK(path("/x/$1", asked) == "/x/a?b%41\xff//\\");
  CHECK_FALSE(Expanded("/x/$1", asked, false).expansion.has_query);
  CHECK(Expanded("/x/${legacy:k}", asked, false).expansion.path == "/x/v?w");
  CHECK_FALSE(Expanded("/x/${legacy:none|a?b}", asked, false).expansion.has_query);
  CHECK(path("/x?sort=$1&${query}?#", asked) == "/x?sort=a%3Fb%2541%FF//%5C&q=1?%23");
  CHECK(path("$1", asked) == "/a?b%41\xff//\\");
  CHECK(path("$2?a", asked) == "/?a");
  CHECK(path("$2", asked) == "/");
  CHECK(path("${path}", {.path = "/a/"}) == "/a/");
}

TEST_CASE("--explain is told what was looked up, and the default where nothing was found") {
  const Expanded expanded("/${legacy:$1}/${hosts:k$2|d-$1}", {.pairs = {{"x", "v"}}}, false);
  REQUIRE(expanded.lookups.size() == 2);
  CHECK(expanded.lookups[0].map == 0);
  CHECK((expanded.lookups[0].key == "x" && expanded.lookups[0].value == "v" && expanded.lookups[0].found));
  CHECK(expanded.lookups[1].map == 1);
  CHECK((expanded.lookups[1].key == "ky" && expanded.lookups[1].value == "d-x" && !expanded.lookups[1].found));
}

TEST_CASE("an expansion fits exactly or not at all, and touches no byte beyond what it says") {
  const std::string pieces[] = {"/a",       "$1", "${2}",     "${host}",     "${path}",
                                "?b=",      "#c", "${query}", "%zz",         "${legacy:$1|d$2}",
                                "https://", "//", ".",        "${hosts:k$1}"};
  uringd::testing::Random random(7);
  int made = 0;
  while (made < 3000) {
    std::string to;
    for (uint64_t i = 0; i < 1 + random.below(6); ++i) to += pieces[random.below(std::size(pieces))];
    const auto parsed = Template::parse(to, map_names);
    if (!parsed) continue;
    CAPTURE(to);
    const std::string_view captures[] = {"", random.below(2) ? "//x y?" : "", "\xff/#"};
    const TemplateInputs inputs{
        .captures = captures, .host = "h.example", .path = "/p", .query = "q#", .scheme = "http"};
    const auto maps = maps_of({{{"", "//m\r"}}, {{"k", "%"}}});
    const bool is_location = random.below(2) == 0;
    auto expand = [&](std::span<char> out) {
      Random picks(1);
      return is_location ? parsed->expand_location(inputs, true, *maps, picks, out)
                         : parsed->expand_path(inputs, *maps, picks, out);
    };
    std::array<char, 512> roomy;
    roomy.fill('\x55');
    const Expansion whole = expand(roomy);
    REQUIRE(whole.fits);
    const size_t size = whole.path.size() + whole.query.size();
    REQUIRE(whole.path.data() == roomy.data());
    REQUIRE(std::all_of(roomy.begin() + static_cast<long>(size), roomy.end(), [](char c) { return c == '\x55'; }));
    std::array<char, 512> tight;
    REQUIRE(expand(std::span(tight).first(size)).path == whole.path);
    const size_t less = random.below(size);
    tight.fill('\x55');
    REQUIRE_FALSE(expand(std::span(tight).first(less)).fits);
    REQUIRE(std::all_of(tight.begin() + static_cast<long>(less), tight.end(), [](char c) { return c == '\x55'; }));
    ++made;
  }
}

TEST_CASE("a key too long to be one makes the expansion one that does not fit") {
  const std::string capture(8000, 'a');
  const Template made = template_of("/${legacy:$1$1}");
  const std::string_view captures[] = {"", capture};
  const auto maps = maps_of({{}, {}});
  Random random(1);
  std::vector<char> out(100000);
  const TemplateInputs inputs{.captures = captures, .host = "", .path = "/", .query = "", .scheme = "http"};
  CHECK_FALSE(made.expand_path(inputs, *maps, random, out).fits);
}
