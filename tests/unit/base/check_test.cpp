// CHECK: it looks once, says what did not hold and where, and ends the process.
#include "uringd/base/check.hpp"

#include <string>

#include "../death.hpp"

namespace {

int looks = 0;
void check_that_holds() { CHECK(++looks > 0); }
constexpr int line_that_fails = __LINE__ + 1;
void check_that_fails(int answer) { CHECK(answer == 42); }

}  // namespace

// doctest has a CHECK of its own: from here on the word means that one.
#include <doctest/doctest.h>

TEST_CASE("a CHECK that holds goes on and evaluates its expression once") {
  looks = 0;
  check_that_holds();
  CHECK(looks == 1);
}

TEST_CASE("a CHECK that fails aborts with its expression, file and line on stderr") {
  const std::string text = uringd::testing::death_text([] { check_that_fails(41); });
  CHECK(text.starts_with("uringd: "));
  const std::string line = std::to_string(line_that_fails);
  CHECK(text.find("check_test.cpp:" + line + ": CHECK failed: answer == 42\n") != std::string::npos);
  CHECK(uringd::testing::death_text([] { check_that_fails(42); }) == "survived");
}
