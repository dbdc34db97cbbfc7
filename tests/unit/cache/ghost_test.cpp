// Ghosts: remembered for so many bytes, forgotten when taken.
#include "uringd/cache/ghost.hpp"

#include <doctest/doctest.h>

using uringd::cache::Ghosts;

namespace {
constexpr uint64_t hash_of(uint64_t number) { return (number + 1) * 0x9E37'79B9'7F4A'7C15; }
}  // namespace

TEST_CASE("a ghost is taken once, a stranger never") {
  Ghosts ghosts(64, 1 << 20);
  CHECK_FALSE(ghosts.take(hash_of(1)));
  ghosts.add(hash_of(1), 4096);
  CHECK_FALSE(ghosts.take(hash_of(2)));
  CHECK(ghosts.take(hash_of(1)));
  CHECK_FALSE(ghosts.take(hash_of(1)));
}

TEST_CASE("a ghost is forgotten when more bytes than the window became ghosts after it") {
  for (const uint64_t later : {16, 17}) {
    Ghosts ghosts(1024, 16 * 4096);
    ghosts.add(hash_of(0), 4096);
    for (uint64_t number = 1; number <= later; ++number) ghosts.add(hash_of(number), 4096);
    CHECK(ghosts.take(hash_of(0)) == (later == 16));
  }
}

TEST_CASE("a set of four forgets its oldest, and one that is added again is the newest") {
  Ghosts ghosts(4, 1 << 20);
  for (uint64_t number : {1, 2, 3, 4, 1, 5}) ghosts.add(hash_of(number), 256);
  CHECK_FALSE(ghosts.take(hash_of(2)));
  for (uint64_t number : {1, 3, 4, 5}) CHECK(ghosts.take(hash_of(number)));
}

TEST_CASE("another window is for what is remembered already; room for more forgets it") {
  Ghosts ghosts(1024, 16 * 4096);
  for (uint64_t number = 0; number < 10; ++number) ghosts.add(hash_of(number), 4096);
  ghosts.resize(16, 4 * 4096);
  CHECK(ghosts.take(hash_of(8)));
  CHECK_FALSE(ghosts.take(hash_of(3)));
  ghosts.resize(4096, 16 * 4096);
  CHECK_FALSE(ghosts.take(hash_of(9)));
  ghosts.add(hash_of(9), 4096);
  CHECK(ghosts.take(hash_of(9)));
}

TEST_CASE("taking one of a set leaves the others") {
  Ghosts ghosts(4, 1 << 20);
  for (uint64_t number : {1, 2, 3}) ghosts.add(hash_of(number), 256);
  CHECK(ghosts.take(hash_of(2)));
  for (uint64_t number : {4, 5}) ghosts.add(hash_of(number), 256);
  for (uint64_t number : {1, 3, 4, 5}) CHECK(ghosts.take(hash_of(number)));
}
