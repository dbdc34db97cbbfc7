// HeaderRules: what of the configuration stands in an answer's head, by path, media type and kind of answer.
#include "uringd/site/header_rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "../cache/allocations.hpp"
#include "../random.hpp"
#include "uringd/base/glob.hpp"

using namespace uringd;
using site::Answer;
using site::HeaderRules;

namespace {

using Lines = std::set<std::string>;
const std::string nosniff = "X-Content-Type-Options: nosniff";

config::HeaderRule rule(std::string match, std::vector<std::string> remove,
                        std::vector<std::pair<std::string, std::string>> set) {
  return {std::move(match), std::move(remove), std::move(set), ""};
}

config::Site site_of(std::vector<config::HeaderRule> rules) {
  config::Site site;
  site.headers = std::move(rules);
  return site;
}

struct Written {
  Lines lines;
  uint8_t omitted = 0;
};

Written written(const config::Site& site, std::string_view path, std::string_view type = "text/html",
                Answer answer = Answer::representation) {
  std::array<char, HeaderRules::most_bytes> out;
  const auto [bytes, omitted] = HeaderRules(site).lines(path, type, answer, out);
  Written result{{}, omitted};
  std::string_view rest(out.data(), bytes);
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n");
    REQUIRE(end != rest.npos);
    CHECK(result.lines.insert(std::string(rest.substr(0, end))).second);
    rest.remove_prefix(end + 2);
  }
  return result;
}

}  // namespace

TEST_CASE("nosniff stands in every answer, whatever its kind, and a rule can take it away") {
  const config::Site bare;
  for (const Answer answer : {Answer::representation, Answer::redirect, Answer::error}) {
    CHECK(written(bare, "/a", "", answer).lines == Lines{nosniff});
  }
  const config::Site without = site_of({rule("/raw/**", {"x-content-type-options"}, {})});
  CHECK(written(without, "/raw/a").lines.empty());
  CHECK(written(without, "/a").lines == Lines{nosniff});
}

TEST_CASE(
    "Cache-Control is that of the exact media type, else of its group, else of any, in any order (RFC 9110 §8.3)") {
  config::Site site;
  site.cache_control = {{"*", "any"}, {"text/*", "group"}, {"text/html", "exact"}, {"image/*", "image"}};
  const auto field = [&](std::string_view type) { return written(site, "/a", type).lines; };
  CHECK(field("text/html") == Lines{"Cache-Control: exact", nosniff});
  CHECK(field("text/css") == Lines{"Cache-Control: group", nosniff});
  CHECK(field("video/mp4") == Lines{"Cache-Control: any", nosniff});
  CHECK(field("") == Lines{"Cache-Control: any", nosniff});
  CHECK(field("text") == Lines{"Cache-Control: any", nosniff});
  CHECK(field("textual/html") == Lines{"Cache-Control: any", nosniff});
  CHECK(field("text/htm") == Lines{"Cache-Control: group", nosniff});
  CHECK(field("text/html5") == Lines{"Cache-Control: group", nosniff});
  std::ranges::reverse(site.cache_control);
  CHECK(field("text/html") == Lines{"Cache-Control: exact", nosniff});
  CHECK(field("text/css") == Lines{"Cache-Control: group", nosniff});
}

TEST_CASE("media types compare without case and without their parameters (RFC 9110 §8.3.1)") {
  config::Site site;
  site.cache_control = {{"text/html", "exact"}, {"text/*", "group"}};
  CHECK(written(site, "/a", "Text/HTML; charset=utf-8").lines.contains("Cache-Control: exact"));
  CHECK(written(site, "/a", "text/html ;charset=utf-8").lines.contains("Cache-Control: exact"));
  CHECK(written(site, "/a", "TEXT/plain;format=flowed").lines.contains("Cache-Control: group"));
  CHECK(written(site, "/a", "image/png").lines == Lines{nosniff});
}

TEST_CASE("a rule sets its fields where its glob matches the path, and nowhere else") {
  const config::Site site = site_of({rule("/assets/**", {}, {{"X-A", "1"}, {"X-B", "two words"}})});
  CHECK(written(site, "/assets/a/b.css").lines == Lines{"X-A: 1", "X-B: two words", nosniff});
  CHECK(written(site, "/assetsx").lines == Lines{nosniff});
  CHECK(written(site, "/").lines == Lines{nosniff});
}

TEST_CASE("a rule matches by any of the alternatives that its glob has in braces, and by no other text") {
  const config::Site site = site_of({rule("/{fonts/**,api/*.{json,xml}}", {}, {{"X-A", "1"}}),
                                     rule("/**/*.{css,js}", {}, {{"X-B", "1"}}), rule("/{a,b", {}, {{"X-C", "1"}})});
  CHECK(written(site, "/fonts/sans/a.woff2").lines == Lines{"X-A: 1", nosniff});
  CHECK(written(site, "/api/a.xml").lines == Lines{"X-A: 1", nosniff});
  CHECK(written(site, "/api/a.js").lines == Lines{"X-B: 1", nosniff});
  CHECK(written(site, "/fonts/a.css").lines == Lines{"X-A: 1", "X-B: 1", nosniff});
  CHECK(written(site, "/api/deep/a.json").lines == Lines{nosniff});
  CHECK(written(site, "/{a,b").lines == Lines{"X-C: 1", nosniff});
  CHECK(written(site, "/a").lines == Lines{nosniff});
}

TEST_CASE("a rule matches the paths that its glob matches, whatever the pattern begins and ends with") {
  testing::Random random(4);
  constexpr std::string_view alphabet = "/aab*?[]{},\\.-";
  size_t matches = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern = "/";
    std::string path = "/";
    for (uint64_t size = random.below(8); size > 0; --size) pattern += alphabet[random.below(alphabet.size())];
    for (uint64_t size = random.below(6); size > 0; --size) path += "/aab"[random.below(4)];
    CAPTURE(pattern);
    CAPTURE(path);
    const bool expected = glob_match(pattern, path);
    matches += expected ? 1 : 0;
    REQUIRE((written(site_of({rule(pattern, {}, {{"X-A", "1"}})}), path).lines.size() == 2) == expected);
  }
  CHECK(matches > 500);
}

TEST_CASE("an answer without a path, to a request that could not be read, gets the rules for all paths") {
  for (const std::string pattern : {"/**", "/*", "/**/", "/{a,**}", "/{,a}"}) {
    CAPTURE(pattern);
    CHECK(glob_match(pattern, ""));
    CHECK(written(site_of({rule(pattern, {}, {{"X-A", "1"}})}), "", "text/html", Answer::error).lines ==
          Lines{"X-A: 1", nosniff});
  }
  CHECK(written(site_of({rule("/a/**", {}, {{"X-A", "1"}})}), "", "", Answer::error).lines == Lines{nosniff});
}

TEST_CASE("an answer that goes by two names gets the rules for either, each once and in their order") {
  const config::Site site =
      site_of({rule("/docs/", {}, {{"X-A", "directory"}, {"X-B", "1"}}), rule("/**/*.html", {"x-b"}, {{"X-A", "file"}}),
               rule("/other", {}, {{"X-C", "1"}})});
  const HeaderRules built(site);
  std::array<char, HeaderRules::most_bytes> out;
  const auto text = [&](std::span<const std::string_view> paths) {
    const size_t bytes = built.lines(paths, "text/html", Answer::representation, out).bytes;
    return std::string(out.data(), bytes);
  };
  const std::string_view names[] = {"/docs/index.html", "/docs/"};
  CHECK(text(names) == nosniff + "\r\nX-A: file\r\n");
  CHECK(text(std::span(names).last(1)) == nosniff + "\r\nX-A: directory\r\nX-B: 1\r\n");
  CHECK(text({}) == nosniff + "\r\n");
  CHECK(built.by_path());
  CHECK_FALSE(HeaderRules(config::Site{}).by_path());
}

TEST_CASE("a later rule beats an earlier one and a default, in any case of the name, and no field stands twice") {
  config::Site site = site_of({rule("/**", {}, {{"X-A", "first"}, {"X-B", "b"}}),
                               rule("/a/**", {}, {{"x-a", "second"}, {"cache-CONTROL", "no-store"}}),
                               rule("/a/*.css", {}, {{"X-CONTENT-type-options", "none"}})});
  site.cache_control = {{"*", "no-cache"}};
  CHECK(written(site, "/x").lines == Lines{"Cache-Control: no-cache", "X-A: first", "X-B: b", nosniff});
  CHECK(written(site, "/a/x").lines == Lines{"cache-CONTROL: no-store", "x-a: second", "X-B: b", nosniff});
  CHECK(written(site, "/a/x.css").lines ==
        Lines{"cache-CONTROL: no-store", "x-a: second", "X-B: b", "X-CONTENT-type-options: none"});
}

TEST_CASE("a rule removes what stands so far and then sets; later rules may set it again") {
  config::Site site =
      site_of({rule("/**", {}, {{"X-A", "1"}, {"X-B", "1"}}), rule("/a/**", {"x-a", "cache-control", "x-unknown"}, {}),
               rule("/a/b/**", {"x-b"}, {{"X-B", "2"}}), rule("/a/b/c", {}, {{"X-A", "3"}})});
  site.cache_control = {{"*", "no-cache"}};
  CHECK(written(site, "/a/x").lines == Lines{"X-B: 1", nosniff});
  CHECK(written(site, "/a/b/x").lines == Lines{"X-B: 2", nosniff});
  CHECK(written(site, "/a/b/c").lines == Lines{"X-A: 3", "X-B: 2", nosniff});
}

TEST_CASE("fields that uringd makes are told as omitted where a matching rule removes them or sets Server") {
  const config::Site site =
      site_of({rule("/s", {"server"}, {}), rule("/n", {}, {{"SERVER", "x"}}), rule("/v", {"etag", "last-modified"}, {}),
               rule("/r", {"accept-ranges"}, {}), rule("/*", {}, {{"X-A", "1"}})});
  CHECK(written(site, "/").omitted == 0);
  CHECK(written(site, "/s").omitted == site::omit_server);
  CHECK(written(site, "/n").omitted == site::omit_server);
  CHECK(written(site, "/n").lines == Lines{"SERVER: x", "X-A: 1", nosniff});
  CHECK(written(site, "/v").omitted == (site::omit_etag | site::omit_last_modified));
  CHECK(written(site, "/r").omitted == site::omit_accept_ranges);
}

TEST_CASE("Server that one rule replaces and a later one removes stands in no way") {
  const config::Site site = site_of({rule("/**", {}, {{"Server", "x"}}), rule("/**", {"server"}, {})});
  CHECK(written(site, "/").lines == Lines{nosniff});
  CHECK(written(site, "/").omitted == site::omit_server);
}

TEST_CASE("an error gets what is set but nothing that says how long to keep it (RFC 9111 §4.2.2, RFC 9213 §2)") {
  config::Site site = site_of({rule("/**", {},
                                    {{"Cache-Control", "immutable"},
                                     {"Expires", "x"},
                                     {"Age", "1"},
                                     {"Surrogate-Control", "x"},
                                     {"CDN-Cache-Control", "x"},
                                     {"Example-CDN-Cache-Control", "x"},
                                     {"Referrer-Policy", "no-referrer"}})});
  site.cache_control = {{"*", "no-cache"}};
  CHECK(written(site, "/a", "text/html", Answer::error).lines == Lines{"Referrer-Policy: no-referrer", nosniff});
  CHECK(written(site, "/a").lines.size() == 8);
}

TEST_CASE("a redirect gets what rules set, Cache-Control too, but no default by media type") {
  config::Site site = site_of({rule("/a/**", {}, {{"Cache-Control", "max-age=60"}, {"X-A", "1"}})});
  site.cache_control = {{"*", "no-cache"}};
  CHECK(written(site, "/b", "", Answer::redirect).lines == Lines{nosniff});
  CHECK(written(site, "/a/b", "", Answer::redirect).lines == Lines{"Cache-Control: max-age=60", "X-A: 1", nosniff});
}

TEST_CASE("the most that a configuration may say fits to the byte") {
  std::vector<std::pair<std::string, std::string>> fields;
  size_t left = HeaderRules::most_bytes - config::default_field_line.size();
  for (int number = 0; left >= 100; ++number) {
    fields.emplace_back("X" + std::to_string(number), "v");
    left -= fields.back().first.size() + std::string_view(": v\r\n").size();
  }
  fields.emplace_back("Y", std::string(left - 5, 'v'));
  const config::Site site = site_of({rule("/**", {}, fields)});
  std::array<char, HeaderRules::most_bytes> out;
  CHECK(HeaderRules(site).lines("/", "", Answer::redirect, out).bytes == out.size());
  CHECK(written(site, "/").lines.size() == fields.size() + 1);
}

TEST_CASE("an answer's lines take nothing from the heap") {
  std::vector<config::HeaderRule> rules;
  for (int number = 0; number < 20; ++number) {
    rules.push_back(rule("/**/*." + std::to_string(number), {"x-a", "server"}, {{"X-A", std::to_string(number)}}));
  }
  config::Site site = site_of(std::move(rules));
  site.cache_control = {{"text/*", "no-cache"}, {"*", "max-age=60"}};
  const HeaderRules built(site);
  std::array<char, HeaderRules::most_bytes> out;
  const auto before = testing::heap();
  const size_t bytes = built.lines("/a/b/c.7", "text/html; charset=utf-8", Answer::representation, out).bytes;
  CHECK(testing::heap().taken == before.taken);
  CHECK(std::string_view(out.data(), bytes).contains("X-A: 7\r\n"));
}
