// ResidentBlocks: what is looked at page by page, what by a sample, and when all is forgotten.
#include "uringd/disk/resident_blocks.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace uringd::disk;

namespace {

constexpr uint64_t kBlock = ResidentBlocks::block_bytes;
constexpr uint64_t kSize = 10 * kBlock + 5;

/// A page cache that holds [from, until) of a file, and remembers what it was asked.
struct PageCache final : Transfer {
  struct Look {
    uint64_t offset;
    size_t bytes;
    bool sampled;
    bool operator==(const Look&) const = default;
  };
  bool prepare(int) override { return true; }
  bool resident(int, uint64_t offset, size_t bytes, bool sampled) override {
    looks.push_back({offset, bytes, sampled});
    return offset >= from && offset + bytes <= until;
  }
  Transferred send(std::span<const char>, int, uint64_t, size_t, int) override { return {Transferred::End::broken}; }
  uint64_t from = 0, until = UINT64_MAX;
  std::vector<Look> looks;
};

struct File {
  bool has(uint64_t offset, size_t bytes, uint64_t now_ms = 5000) {
    cache.looks.clear();
    return blocks.has(cache, 3, kSize, offset, bytes, now_ms);
  }
  PageCache cache;
  ResidentBlocks blocks;
};

}  // namespace

TEST_CASE("a part of a block is looked for as the whole block, and the next part of it by a sample") {
  File file;
  CHECK(file.has(kBlock + 10, 100));
  CHECK(file.cache.looks == std::vector<PageCache::Look>{{kBlock, kBlock, false}});
  CHECK(file.has(kBlock + 5000, 200));
  CHECK(file.cache.looks == std::vector<PageCache::Look>{{kBlock + 5000, 200, true}});
}

TEST_CASE("what is known is not looked through again, what lies behind it is") {
  File file;
  CHECK(file.has(0, 2 * kBlock));
  CHECK(file.has(kBlock, 3 * kBlock));
  CHECK(file.cache.looks == std::vector<PageCache::Look>{{2 * kBlock, 2 * kBlock, false}});
}

TEST_CASE("the last block ends with the file") {
  File file;
  CHECK(file.has(10 * kBlock, 5));
  CHECK(file.cache.looks == std::vector<PageCache::Look>{{10 * kBlock, 5, false}});
}

TEST_CASE("a block that is not all there: what is asked for decides, and nothing is remembered") {
  File file;
  file.cache.until = kBlock + 1000;
  CHECK(file.has(kBlock, 1000));
  CHECK(file.cache.looks == std::vector<PageCache::Look>{{kBlock, kBlock, false}, {kBlock, 1000, false}});
  CHECK(!file.has(kBlock, 1001));
  CHECK(file.cache.looks.size() == 2);
}

TEST_CASE("the known beginning does not vouch for what follows it") {
  File file;
  CHECK(file.has(0, kBlock));
  file.cache.until = kBlock + 10;
  CHECK(file.has(kBlock - 10, 20));  // its part behind the known block is there
  CHECK(!file.has(kBlock - 10, 21));
}

TEST_CASE("a known block whose sample has gone is not there") {
  File file;
  CHECK(file.has(0, kBlock));
  file.cache.from = 1;
  CHECK(!file.has(0, 100));
  file.cache.from = 0;
  CHECK(file.has(0, 100));
  CHECK(!file.cache.looks.front().sampled);  // nothing of the file is believed any more
}

TEST_CASE("after ten seconds all is looked for anew") {
  File file;
  CHECK(file.has(0, kBlock, 20000));
  CHECK(file.has(0, kBlock, 29999));
  CHECK(file.cache.looks.front().sampled);
  CHECK(file.has(0, kBlock, 30000));
  CHECK(!file.cache.looks.front().sampled);
}

TEST_CASE("beyond 64 GiB nothing is remembered") {
  File file;
  const uint64_t far = (uint64_t{1} << 19) * kBlock;
  CHECK(file.blocks.has(file.cache, 3, far + kBlock, far, kBlock, 5000));
  CHECK(file.blocks.has(file.cache, 3, far + kBlock, far, kBlock, 5000));
  CHECK(!file.cache.looks.back().sampled);
}
