// KeptShare: all files while keeping them open pays, fewer and fewer while it does not.
#include "uringd/disk/kept_share.hpp"

#include <doctest/doctest.h>

using uringd::disk::KeptShare;

namespace {

constexpr size_t limit = 1024;

/// So many descriptors are kept, and each is borrowed `times` times.
void keep(KeptShare& share, size_t number, size_t times, size_t count) {
  for (size_t at = 0; at < number; ++at) {
    for (size_t time = 0; time < times; ++time) share.borrowed();
    share.kept(count);
  }
}

size_t part_of(const KeptShare& share) {
  size_t files = 0;
  for (uint64_t hash = 0; hash < 4096; ++hash) files += share.has(hash << 40 | 12345);
  return files;
}

}  // namespace

TEST_CASE("any file may stay open at first, and for as long as each that does is borrowed") {
  KeptShare share(limit);
  CHECK(part_of(share) == 4096);
  keep(share, 10 * limit, 1, limit);
  CHECK(part_of(share) == 4096);
  keep(share, 2 * limit, 0, limit);  // what was borrowed before pays for nothing now
  CHECK(part_of(share) == 2048);
}

TEST_CASE(
    "descriptors that are turned over without being borrowed are kept of half as many files, and so on to a 64th") {
  KeptShare share(limit);
  keep(share, 2 * limit - 1, 0, limit);
  CHECK(share.halved() == 0);
  keep(share, 1, 0, limit);
  CHECK(part_of(share) == 2048);
  keep(share, limit, 0, limit);
  CHECK(part_of(share) == 1024);
  keep(share, 10 * limit, 0, limit);
  CHECK(part_of(share) == 64);
}

TEST_CASE("a share that pays and leaves three quarters of the descriptors unused grows, one that fills them stays") {
  KeptShare share(limit);
  keep(share, 8 * limit, 0, limit);
  REQUIRE(share.halved() == 6);
  keep(share, 640, 2, limit / 4);
  CHECK(share.halved() == 6);
  keep(share, 128, 2, limit / 4 - 1);
  CHECK(share.halved() == 5);
  keep(share, 4 * limit, 2, 100);
  CHECK(share.halved() == 0);
}
