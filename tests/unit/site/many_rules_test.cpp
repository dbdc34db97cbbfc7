// Many rules and hostile paths: what is passed over would not have matched, and neither makes it slow.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "../cache/allocations.hpp"
#include "../random.hpp"
#include "rule_site.hpp"
#include "uringd/site/rewrites.hpp"

using namespace uringd;
using namespace uringd::site;
using namespace uringd::site::test;

TEST_CASE("what is passed over without trying would not have matched: as one by one, for made-up rules and paths") {
  const std::string bits[] = {
      "^",     "/",       "a", "b",    "ab",  "/a",    "\\.",  ".",        ".*",       "[ab/]", "[^]a]", "[[:alpha:]b]",
      "(a|b)", "(?:/b)?", "+", "*",    "?",   "{1,2}", "{0}",  "|",        "$",        "\\d",   "\\x61", "\\Qa.b\\E",
      "(?i)",  "(?i:A)",  "A", "\xe9", "\\b", "\\$",   "\\\\", "(?P<n>a)", "abcdefgh", "{",     "}",     "]",
      "(?s)",  "\\z",     "^*"};
  const std::string parts[] = {"/",  "a",    "b",    "A", ".",  "ab",  "abcdefgh", "$",
                               "\\", "\xe9", "\xc9", "1", "\n", "{1}", "]",        "{0}"};
  testing::Random random(11);
  uint64_t decided = 0;
  for (int round = 0; round < 300; ++round) {
    Rules rules;
    const uint64_t count = 1 + random.below(40);
    RE2::Options options;
    options.set_encoding(RE2::Options::EncodingLatin1);
    options.set_dot_nl(true);
    options.set_log_errors(false);
    while (rules.size() < count) {
      std::string pattern = random.below(10) == 0 ? "(?i)" : "";
      if (random.below(2) == 0) pattern += "^/";
      for (uint64_t i = 0; i < 1 + random.below(6); ++i) pattern += bits[random.below(std::size(bits))];
      if (random.below(2) == 0) pattern += "$";
      if (RE2(pattern, options).ok()) rules.push_back(rule(pattern, "", 403));
    }
    Site site(rules);
    std::vector<std::unique_ptr<RE2>> plain;
    for (const auto& each : rules) plain.push_back(std::make_unique<RE2>(each.match, options));
    for (int i = 0; i < 60; ++i) {
      std::string path = "/";
      for (uint64_t k = 0; k < random.below(8); ++k) path += parts[random.below(std::size(parts))];
      uint32_t expected = 0;
      while (expected < plain.size() && !RE2::PartialMatch(path, *plain[expected])) ++expected;
      if (expected == plain.size()) expected = none;
      const uint32_t found = site.decides(path);
      if (found != none) ++decided;
      CAPTURE(path);
      CAPTURE((expected < rules.size() ? rules[expected].match : "none"));
      CAPTURE((found < rules.size() ? rules[found].match : "none"));
      REQUIRE(found == expected);
    }
  }
  CHECK(decided > 1000);
}

TEST_CASE("among hundreds of rules that only sets of patterns tell apart, the first that matches decides") {
  Rules rules;
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(i);
    rules.push_back(rule("^/(?:old" + number + "|was" + number + ")(/.*)?$", "/new" + number + "$1"));
  }
  rules.push_back(rule("^/(?:old|was)", "", 410));
  Site site(rules);
  for (uint32_t i = 0; i < 300; ++i) {
    CHECK(site.apply({.path = "/was" + std::to_string(i) + "/x"}).path == "/new" + std::to_string(i) + "/x");
  }
  CHECK(site.decides("/was300") == 300);
  CHECK(site.decides("/is1") == none);
}

TEST_CASE("a request through a hundred rules allocates nothing once such paths have been seen") {
  Rules rules;
  for (int i = 0; i < 99; ++i) {
    const std::string number = std::to_string(i);
    const std::string match[] = {"^/old-" + number + "/(.*)$", "\\.x" + number + "$",
                                 "^/(?:a" + number + "|b" + number + ")/(.*)$"};
    rules.push_back(rule(match[i % 3], "/new"));
  }
  rules.push_back(rule("^/([^/]+)/([^/]+)/(\\d+)/([a-z]+)$", "/${legacy:$1-$2|none}/$3/$4", 301, {.host = "example"}));
  Site site(rules, {{"a-b", "c"}});
  const RewriteInput input{.path = "/a/b/12/x", .host = "www.example.org", .query = "q", .has_query = true};
  const RewriteInput missing{.path = "/nothing/like/that.css", .host = "www.example.org"};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(site.apply(input).location == "/c/12/x?q");
    REQUIRE(site.apply(missing).rule == none);
  }
  const size_t before = testing::heap().taken;
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(site.apply(input));
    static_cast<void>(site.apply(missing));
  }
  CHECK(testing::heap().taken == before);
}

TEST_CASE("hostile paths and patterns take time linear in the path: sixteen times the bytes, below 64 times the time") {
  for (const char* pattern : {"(a+)+$", "^/(a|aa)+$", "^(.*a){12}$", "^/(.*)(.*)(.*)(.*)(.*)b$"}) {
    CAPTURE(pattern);
    Site site({rule(pattern, "", 403), rule("(x+x+)+y", "/$1")});
    auto time_of = [&](size_t size) {
      const std::string path = "/" + std::string(size, 'a') + "!";
      auto best = std::chrono::nanoseconds::max();
      for (int i = 0; i < 8; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        REQUIRE(site.decides(path) == none);
        best = std::min(best, std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin));
      }
      return best;
    };
    const auto shorter = time_of(4096);
    CHECK(time_of(65536) < 16 * 4 * shorter + std::chrono::milliseconds(1));
  }
}

TEST_CASE("rules for other hosts are passed over before their patterns see a long path") {
  Rules rules;
  for (int i = 0; i < 500; ++i) {
    rules.push_back(rule("^/(.*)$", "/x/$1"));
    rules.back().when.host = "^host-" + std::to_string(i) + "$";
  }
  Site site(std::move(rules));
  auto time_of = [&](size_t size) {
    const std::string path = "/" + std::string(size, 'a');
    auto best = std::chrono::nanoseconds::max();
    for (int i = 0; i < 8; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      REQUIRE(site.apply({.path = path, .host = "a.example"}).rule == none);
      best = std::min(best, std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin));
    }
    return best;
  };
  const auto shorter = time_of(16);
  CHECK(time_of(15'000) < 10 * shorter);
}

TEST_CASE("the ends of redirects that only sets tell apart are found in time that grows as their number does") {
  const auto seconds_of = [](int count) {
    Rules rules;
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      rules.push_back(rule("^/[a-z]+/[0-9]+/[" + number + "x]+/(.*)$", "/new/" + number + "/$1", 301));
    }
    const std::clock_t begin = std::clock();
    CHECK(Compiled(std::move(rules)).rules);
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  const double few = seconds_of(250);
  const double many = seconds_of(4000);
  MESSAGE("250 in ", few, " s, 4,000 in ", many, " s");
  CHECK(many < 4 * 16 * few);
}
