// ${NAME} in strings: what is replaced, what stays, what is an error; and that protect() is its inverse.
#include "expand.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace uringd::config;

namespace {

const char* environment(const char* name) {
  const std::string_view asked = name;
  if (asked == "ROOT") return "/srv/www";
  if (asked == "EMPTY") return "";
  if (asked == "A_1") return "one";
  if (asked == "TRICKY") return "${ROOT}";
  return nullptr;
}

std::string expanded(std::string_view text) {
  auto result = expand(text, environment);
  return result ? result->text : "error: " + result.error().message;
}

}  // namespace

TEST_CASE("a set variable is replaced wherever it stands") {
  CHECK(expanded("${ROOT}") == "/srv/www");
  CHECK(expanded("a${ROOT}b${A_1}c") == "a/srv/wwwbonec");
  CHECK(expanded("${EMPTY}") == "");
}

TEST_CASE("a default stands in for an unset or empty variable") {
  CHECK(expanded("${NO:-www}") == "www");
  CHECK(expanded("${NO:-}") == "");
  CHECK(expanded("${EMPTY:-www}") == "www");
  CHECK(expanded("${ROOT:-www}") == "/srv/www");
  CHECK(expanded("${NO:-a:-b}") == "a:-b");
}

TEST_CASE("an unset variable without a default is an error that names it") {
  CHECK(expanded("x${NO}") == "error: ${NO} is not set in the environment; set it, or write ${NO:-default}");
}

TEST_CASE("$${ is a literal ${ and other dollars stay") {
  CHECK(expanded("$${ROOT}") == "${ROOT}");
  CHECK(expanded("$") == "$");
  CHECK(expanded("$ROOT $1 $$ {}") == "$ROOT $1 $$ {}");
}

TEST_CASE("malformed references are errors, not text") {
  for (const char* text : {"${ROOT", "${}", "${root}", "${ROOT-x}", "${ROOT:x}", "${RO OT}", "${:-x}", "${"}) {
    CAPTURE(text);
    CHECK_FALSE(expand(text, environment).has_value());
  }
}

TEST_CASE("a value that looks like a reference is not expanded again") { CHECK(expanded("${TRICKY}") == "${ROOT}"); }

TEST_CASE("changed says whether a variable was replaced") {
  CHECK(expand("${ROOT}", environment)->changed);
  CHECK_FALSE(expand("$${ROOT}", environment)->changed);
  CHECK_FALSE(expand("plain", environment)->changed);
}

TEST_CASE("expand turns what protect wrote back into the same text") {
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto size = random() % 12; size > 0; --size) text += "$${}AB:-"[random() % 8];
    CAPTURE(text);
    CHECK(expanded(protect(text)) == text);
  }
}
