// add_vary: RFC 9110 §12.5.5.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include "uringd/http/vary.hpp"

using namespace uringd::http;

namespace {

std::string added(std::string lines, std::string_view name, size_t room = 256) {
  std::array<char, 512> out{};
  lines.copy(out.data(), lines.size());
  const size_t size = add_vary(std::span(out).first(room), lines.size(), name);
  return {out.data(), size};
}

}  // namespace

TEST_CASE("lines without Vary get one at their end (§12.5.5)") {
  CHECK(added("", "Accept") == "Vary: Accept\r\n");
  CHECK(added("A: b\r\n", "Accept") == "A: b\r\nVary: Accept\r\n");
  CHECK(added("X-Vary: a\r\nA: vary: b\r\n", "Accept") == "X-Vary: a\r\nA: vary: b\r\nVary: Accept\r\n");
}

TEST_CASE("a Vary that is there gets the name behind those it has (§12.5.5)") {
  CHECK(added("Vary: Origin\r\nA: b\r\n", "Accept") == "Vary: Origin, Accept\r\nA: b\r\n");
  CHECK(added("A: b\r\nvary: Accept-Encoding\r\n", "Accept") == "A: b\r\nvary: Accept-Encoding, Accept\r\n");
}

TEST_CASE("a name that Vary has, in any case, or a star, is not added (§12.5.5)") {
  CHECK(added("Vary: accept\r\n", "Accept") == "Vary: accept\r\n");
  CHECK(added("Vary: a, ACCEPT ,b\r\n", "Accept") == "Vary: a, ACCEPT ,b\r\n");
  CHECK(added("Vary: *\r\n", "Accept") == "Vary: *\r\n");
}

TEST_CASE("where there is no room nothing changes") {
  const std::string lines = "A: b\r\n";
  const std::string longer = lines + "Vary: Accept\r\n";
  CHECK(added(lines, "Accept", longer.size()) == longer);
  CHECK(added(lines, "Accept", longer.size() - 1) == lines);
}
