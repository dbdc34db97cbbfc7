// Patterns of paths, as users write them in cache.preload and site.headers.
#include "uringd/base/glob.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::glob_match;
using uringd::glob_may_match_below;
using uringd::glob_problem;

TEST_CASE("a star stays within its segment") {
  CHECK(glob_match("/*.html", "/index.html"));
  CHECK(glob_match("/*", "/index.html"));
  CHECK(!glob_match("/*.html", "/a/index.html"));
  CHECK(!glob_match("/*.html", "/index.htm"));
  CHECK(glob_match("/a*c*e", "/abcde"));
  CHECK(glob_match("/a*", "/a"));
  CHECK(!glob_match("/a*c*e", "/abde"));
  CHECK(glob_match("/*/x", "/a/x"));
  CHECK(!glob_match("/*/x", "/x"));
}

TEST_CASE("two stars as a segment go across segments, none too, but one at least at the end") {
  CHECK(glob_match("/assets/**", "/assets/a.css"));
  CHECK(glob_match("/assets/**", "/assets/deep/er/a.css"));
  CHECK(!glob_match("/assets/**", "/assets"));
  CHECK(!glob_match("/assets/**", "/other/a.css"));
  CHECK(!glob_match("/assets/**", "/assetsx/a.css"));
  CHECK(glob_match("**/*.css", "/a.css"));
  CHECK(glob_match("**/*.css", "/a/b/c.css"));
  CHECK(!glob_match("**/*.css", "/a/b/c.css/d"));
  CHECK(glob_match("/a/**/b", "/a/b"));
  CHECK(glob_match("/a/**/b", "/a/x/y/b"));
  CHECK(glob_match("/a/**/b", "/a/b/b"));
  CHECK(!glob_match("/a/**/b", "/a/x/y/c"));
  CHECK(glob_match("/**/a/**/b/*", "/x/a/y/a/z/b/c"));
  CHECK(glob_match("**", "/anything/at/all"));
}

TEST_CASE("two stars inside a segment are a star") {
  CHECK(glob_match("/a**z", "/abcz"));
  CHECK(!glob_match("/a**z", "/a/z"));
}

TEST_CASE("a pattern without a leading slash means the top") {
  CHECK(glob_match("*.html", "/index.html"));
  CHECK(!glob_match("*.html", "/a/index.html"));
  CHECK(glob_match("assets/*", "/assets/a"));
}

TEST_CASE("a question mark is one byte, no slash and not none") {
  CHECK(glob_match("/a?c", "/abc"));
  CHECK(!glob_match("/a?c", "/ac"));
  CHECK(!glob_match("/a?c", "/a/c"));
}

TEST_CASE("a set is one of its bytes; unclosed it means itself") {
  CHECK(glob_match("/[a-c]x", "/bx"));
  CHECK(!glob_match("/[a-c]x", "/dx"));
  CHECK(glob_match("/[!a-c]x", "/dx"));
  CHECK(glob_match("/[^a-c]x", "/dx"));
  CHECK(!glob_match("/[!a-c]x", "/ax"));
  CHECK(glob_match("/[]a]x", "/]x"));
  CHECK(glob_match("/[a-]x", "/-x"));
  CHECK(glob_match("/[x", "/[x"));
  CHECK(!glob_match("/[!a]", "/"));
  CHECK(glob_match("/img-[0-9][0-9].png", "/img-07.png"));
  CHECK(glob_match("/[\x80-\xff]", "/\xc3"));
}

TEST_CASE("a backslash takes the meaning from the byte after it") {
  CHECK(glob_match("/\\*", "/*"));
  CHECK(!glob_match("/\\*", "/a"));
  CHECK(glob_match("/a\\[b", "/a[b"));
  CHECK(glob_match("/a\\", "/a\\"));
}

TEST_CASE("an empty pattern means the top and nothing else") {
  CHECK(glob_match("", "/"));
  CHECK(!glob_match("", "/a"));
}

TEST_CASE("many stars against a long path take no longer than pattern times path") {
  std::string stars = "/";
  for (int count = 0; count < 200; ++count) stars += "*a";
  stars += "b";
  const std::string segment = "/" + std::string(4000, 'a');
  std::string doubles;
  for (int count = 0; count < 100; ++count) doubles += "/**/*a*a";
  doubles += "/b";
  std::string deep;
  for (int count = 0; count < 1000; ++count) deep += "/aaaa";
  const auto begin = std::chrono::steady_clock::now();
  CHECK(!glob_match(stars, segment));
  CHECK(!glob_match(doubles, deep));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}

TEST_CASE("a walk goes where something could match, and nowhere else") {
  CHECK(glob_may_match_below("*.html", ""));
  CHECK(!glob_may_match_below("*.html", "/a"));
  CHECK(glob_may_match_below("/assets/**", "/assets"));
  CHECK(glob_may_match_below("/assets/**", "/assets/deep/er"));
  CHECK(!glob_may_match_below("/assets/**", "/other"));
  CHECK(glob_may_match_below("**/*.css", "/any/where"));
  CHECK(glob_may_match_below("/a/*/c", "/a/b"));
  CHECK(!glob_may_match_below("/a/*/c", "/a/b/c"));
}

TEST_CASE("braces stand for the pattern with any of their alternatives in their place") {
  CHECK(glob_match("**/*.{css,js}", "/a/b/x.css"));
  CHECK(glob_match("**/*.{css,js}", "/x.js"));
  CHECK(!glob_match("**/*.{css,js}", "/x.json"));
  CHECK(!glob_match("**/*.{css,js}", "/x.css,js"));
  CHECK(glob_match("/{a,b}-{1,2}", "/b-1"));
  CHECK(!glob_match("/{a,b}-{1,2}", "/b-3"));
  CHECK(glob_match("/{a}", "/a"));
  CHECK(!glob_match("/{a}", "/{a}"));
}

TEST_CASE("an alternative may be empty, hold slashes, stars, sets and further braces") {
  CHECK(glob_match("/x{,.br}", "/x"));
  CHECK(glob_match("/x{,.br}", "/x.br"));
  CHECK(glob_match("/x{}", "/x"));
  CHECK(glob_match("/{a,b/**}/x", "/a/x"));
  CHECK(glob_match("/{a,b/**}/x", "/b/c/d/x"));
  CHECK(!glob_match("/{a,b/**}/x", "/a/c/x"));
  CHECK(glob_match("/{[0-9],?z}*", "/7up"));
  CHECK(glob_match("/{a,b{c,d{e,f}}}g", "/bdfg"));
  CHECK(glob_match("/{a,b{c,d{e,f}}}g", "/ag"));
  CHECK(!glob_match("/{a,b{c,d{e,f}}}g", "/bg"));
  CHECK(glob_match("{/a,b}", "/a"));
  CHECK(glob_match("{/a,b}", "/b"));
}

TEST_CASE("a brace means itself where it is not closed, escaped or in a set; so does a comma outside") {
  CHECK(glob_match("/{a,b", "/{a,b"));
  CHECK(!glob_match("/{a,b", "/a"));
  CHECK(glob_match("/a}b,c", "/a}b,c"));
  CHECK(glob_match("/\\{a,b}", "/{a,b}"));
  CHECK(!glob_match("/\\{a,b}", "/a"));
  CHECK(glob_match("/{a\\,b,c\\}d}", "/a,b"));
  CHECK(glob_match("/{a\\,b,c\\}d}", "/c}d"));
  CHECK(glob_match("/{[,}],x}", "/}"));
  CHECK(glob_match("/{[,}],x}", "/x"));
  CHECK(glob_match("/[{]a,b}", "/{a,b}"));
  CHECK(glob_match("/{a,{b,c}", "/{a,c"));
  CHECK(!glob_match("/{a,{b,c}", "/a"));
  CHECK(glob_match("/{[,a/b}]", "/[]"));
}

TEST_CASE("a walk goes where any of the alternatives could match, and nowhere else") {
  CHECK(glob_may_match_below("/{a,b/**}/x", "/b/deep/er"));
  CHECK(glob_may_match_below("/{a,b/**}/x", "/a"));
  CHECK(!glob_may_match_below("/{a,b/**}/x", "/a/b"));
  CHECK(!glob_may_match_below("/{a,b/**}/x", "/c"));
  CHECK(glob_may_match_below("{assets/{css,js},fonts}/*", "/assets"));
  CHECK(glob_may_match_below("{assets/{css,js},fonts}/*", "/assets/js"));
  CHECK(!glob_may_match_below("{assets/{css,js},fonts}/*", "/assets/img"));
  CHECK(glob_may_match_below("{/no,*.html}", ""));
}

TEST_CASE("braces have bounds: what exceeds them is a problem, and matches nothing") {
  const auto repeat = [](std::string_view text, int count) {
    std::string out = "/";
    while (count-- > 0) out += text;
    return out;
  };
  struct Row {
    std::string within, beyond, path;
  };
  const std::string long_name(500, 'a');
  for (const Row& row : {
           Row{repeat("{a,b}", 6), repeat("{a,b}", 7), "/aaaaaa"},
           Row{"/{a,{a,{a,{a,b}}}}", "/{a,{a,{a,{a,{a,b}}}}}", "/a"},
           Row{repeat("{a}", 32), repeat("{a}", 33), "/" + std::string(32, 'a')},
           Row{"/{" + long_name + ",b}", "/{" + long_name + ",b,cccccccccc}", "/b"},
       }) {
    CAPTURE(row.beyond);
    CHECK(glob_problem(row.within).empty());
    CHECK(glob_match(row.within, row.path));
    CHECK(!glob_problem(row.beyond).empty());
    CHECK(!glob_match(row.beyond, row.path));
    CHECK(!glob_match(row.beyond, row.path + "a"));
    CHECK(!glob_may_match_below(row.beyond, row.path));
  }
  CHECK(!glob_problem(repeat("{a,b,c,d}", 30)).empty());  // 4^30 would not fit a number
  CHECK(glob_problem("/" + std::string(10'000, '*')).empty());
}

namespace {

/// The patterns that `pattern` stands for, by strings: the first innermost braces, then what is left.
void write_out(const std::string& pattern, std::set<std::string>& out) {
  const size_t close = pattern.find('}');
  const size_t open = pattern.rfind('{', close);
  if (close == std::string::npos) {
    out.insert(pattern);
    return;
  }
  std::string inside = pattern.substr(open + 1, close - open - 1) + ",";
  for (size_t comma; (comma = inside.find(',')) != std::string::npos; inside.erase(0, comma + 1)) {
    write_out(pattern.substr(0, open) + inside.substr(0, comma) + pattern.substr(close + 1), out);
  }
}

std::string random_braces(uringd::testing::Random& random, int depth) {
  std::string out;
  for (uint64_t parts = random.below(4); parts > 0; --parts) {
    if (depth < 2 && random.below(3) == 0) {
      out += '{' + random_braces(random, depth + 1);
      while (random.below(2) == 0) out += ',' + random_braces(random, depth + 1);
      out += '}';
    } else {
      out += "/ab*"[random.below(4)];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a pattern with braces matches what any of the patterns matches that it stands for") {
  uringd::testing::Random random(5);
  size_t matched = 0;
  size_t checked = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string pattern = "/" + random_braces(random, 0);
    std::string path = "/";
    for (uint64_t size = random.below(5); size > 0; --size) path += "/ab"[random.below(3)];
    CAPTURE(pattern);
    CAPTURE(path);
    if (!glob_problem(pattern).empty()) continue;
    std::set<std::string> plain;
    write_out(pattern, plain);
    const bool any = std::ranges::any_of(plain, [&](const std::string& each) { return glob_match(each, path); });
    const bool below = std::ranges::any_of(plain, [&](const auto& each) { return glob_may_match_below(each, path); });
    REQUIRE(glob_match(pattern, path) == any);
    REQUIRE(glob_may_match_below(pattern, path) == below);
    matched += any && plain.size() > 1 ? 1 : 0;
    checked += plain.size() > 1 ? 1 : 0;
  }
  CHECK(checked > 5'000);
  CHECK(matched > 300);
}

TEST_CASE("the most braces against a long path take no longer than their patterns one by one") {
  std::string most = "/" + std::string(20, '{');  // 20 that are not closed
  for (int count = 0; count < 6; ++count) most += "{*a,**/}";
  most += std::string(380, '*') + "b";
  REQUIRE(glob_problem(most).empty());
  const std::string path = "/" + std::string(20, '{') + std::string(4000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  for (int count = 0; count < 10; ++count) CHECK(!glob_match(most, path));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}
