// Suggestions: the distance against its definition, and who is near enough to be named.
#include "uringd/config/nearest.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace uringd::config;

namespace {

/// The definition, by recursion: slow and obviously right.
std::size_t slow_distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return std::max(a.size(), b.size());
  const std::string_view a1 = a.substr(1), b1 = b.substr(1);
  std::size_t best =
      std::min({slow_distance(a1, b) + 1, slow_distance(a, b1) + 1, slow_distance(a1, b1) + (a[0] == b[0] ? 0 : 1)});
  if (a.size() > 1 && b.size() > 1 && a[0] == b[1] && a[1] == b[0]) {
    best = std::min(best, slow_distance(a.substr(2), b.substr(2)) + 1);
  }
  return best;
}

}  // namespace

TEST_CASE("the distance counts inserted, deleted, replaced and swapped letters") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("workers", "workers") == 0);
  CHECK(edit_distance("workres", "workers") == 1);
  CHECK(edit_distance("wrkers", "workers") == 1);
  CHECK(edit_distance("woorkers", "workers") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the distance equals its slow definition on random words") {
  std::mt19937 random(7);
  const auto word = [&] {
    std::string text(random() % 6, 'a');
    for (char& byte : text) byte = static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    const std::string a = word(), b = word();
    CAPTURE(a);
    CAPTURE(b);
    CHECK(edit_distance(a, b) == slow_distance(a, b));
  }
}

TEST_CASE("only a close candidate is named, the closest, the first of equals") {
  const std::string_view names[] = {"listen", "workers", "pin", "drain_timeout"};
  CHECK(nearest("workres", names) == "workers");
  CHECK(nearest("drain_timout", names) == "drain_timeout");
  CHECK(nearest("pinn", names) == "pin");
  CHECK(nearest("zzz", names).empty());
  CHECK(nearest("x", names).empty());
  CHECK(nearest("", names).empty());
  const std::string_view twins[] = {"bat", "cat"};
  CHECK(nearest("aat", twins) == "bat");
}

TEST_CASE("a name of a megabyte is near to nothing") {
  const std::string_view names[] = {"listen"};
  CHECK(nearest(std::string(1 << 20, 'l'), names).empty());
  CHECK(edit_distance(std::string(65, 'a'), "a") == 65);
}
