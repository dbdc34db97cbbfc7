// Missing: how many misses, in which time, make a list of names worth its while.
#include "uringd/disk/missing.hpp"

#include <doctest/doctest.h>

using uringd::disk::Missing;

namespace {

constexpr uint64_t one = uint64_t{1} << 32;
constexpr uint64_t other = uint64_t{2} << 32;
constexpr uint64_t in_ones_place = one + (uint64_t{256} << 32);

/// Which of so many misses made it enough; 0: none.
uint32_t enough_at(Missing& missing, uint64_t directory, uint32_t misses, uint64_t now_ms) {
  for (uint32_t number = 1; number <= misses; ++number) {
    if (missing.note(directory, now_ms)) return number;
  }
  return 0;
}

}  // namespace

TEST_CASE("sixteen misses within two seconds are enough, and counting begins anew then") {
  Missing missing;
  CHECK(enough_at(missing, one, 15, 5000) == 0);
  CHECK(enough_at(missing, one, 1, 7000) == 1);
  CHECK(enough_at(missing, one, 16, 7000) == 16);
}

TEST_CASE("misses from more than two seconds ago do not count") {
  Missing missing;
  CHECK(enough_at(missing, one, 15, 5000) == 0);
  CHECK(enough_at(missing, one, 16, 7001) == 16);
}

TEST_CASE("directories count by themselves, and one that takes another's place begins anew") {
  Missing missing;
  CHECK(enough_at(missing, one, 15, 5000) == 0);
  CHECK(enough_at(missing, other, 15, 5000) == 0);
  CHECK(missing.note(one, 5000));
  CHECK(enough_at(missing, one, 15, 5000) == 0);
  CHECK(enough_at(missing, in_ones_place, 15, 5000) == 0);
  CHECK(enough_at(missing, one, 15, 5000) == 0);
}

TEST_CASE("a directory that could not be listed is not worth another try for thirty seconds") {
  Missing missing;
  missing.decline(one, 5000, Missing::declined_ms);
  CHECK(enough_at(missing, one, 100, 5000) == 0);
  CHECK(enough_at(missing, one, 100, 34'999) == 0);
  CHECK(enough_at(missing, one, 16, 40'000) == 16);
  CHECK(enough_at(missing, other, 16, 5000) == 16);
}
