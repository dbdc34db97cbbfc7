// Patterns of paths, as users write them in cache.preload.
#include "uringd/base/glob.hpp"

#include <chrono>
#include <string>

#include <doctest/doctest.h>

using uringd::glob_match;
using uringd::glob_may_match_below;

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
