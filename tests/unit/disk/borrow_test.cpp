// Borrowing: a small file whose bytes the cache had to let go is still open for a while, so that who asks next costs no
// walk and no open; it is believed no longer than any look.
#include "harness.hpp"

#include <doctest/doctest.h>

#include <deque>

using namespace uringd;
using namespace uringd::testing;

namespace {

/// A cache that holds a few of the files "/0" to "/99", of 4,000 bytes each, and descriptors of most; or more of each.
struct Borrowing : Bench {
  explicit Borrowing(size_t descriptors = 64, int files = 100, size_t cache_bytes = size_t{128} << 10)
      : Bench({.disk = {.kernel_threads = 3,
                        .max_cached_file_bytes = 4096,
                        .stale_after_ms = 2000,
                        .kept_descriptors = descriptors},
               .cache = {.capacity_bytes = cache_bytes}}) {
    for (int number = 0; number < files; ++number) put(std::to_string(number), std::string(4000, 'a'));
    age();
  }
  /// Asks for /first to /last, one after the other.
  void ask(int first, int last) {
    for (int number = first; number <= last; ++number) {
      const Waiting asking(*this, "/" + std::to_string(number));
      run();
      CHECK(asking.status == 200);
    }
  }
  std::string body_of(const std::string& path) {
    const Waiting asking(*this, path);
    run();
    return asking.body();
  }
  [[nodiscard]] uint64_t borrowed() const { return disk->counters().borrowed; }
};

}  // namespace

TEST_CASE("a file that the cache had no room for is read again without being opened again") {
  Borrowing bench;
  bench.ask(0, 99);  // fills the cache: from then on what is read stays open
  REQUIRE(!bench.held("/60"));
  CHECK(bench.borrowed() == 0);
  Waiting asking(bench, "/60");
  CHECK(bench.under_way(0) == 0);  // no open
  CHECK(bench.under_way(1) == 1);  // a read at once
  bench.run();
  CHECK(asking.body() == std::string(4000, 'a'));
  CHECK(bench.borrowed() == 1);
  CHECK(bench.held("/60"));
}

TEST_CASE("while the cache has room nothing small stays open") {
  Borrowing bench;
  bench.ask(0, 9);
  CHECK(bench.world.open_files() == 0);
}

TEST_CASE("at most so many stay open as were allowed, the latest") {
  Borrowing bench(8);
  bench.ask(0, 99);
  CHECK(bench.world.open_files() == 8);
  bench.ask(90, 90);
  CHECK(bench.borrowed() == 0);
  const uint64_t before = bench.borrowed();
  bench.ask(0, 0);
  CHECK(bench.borrowed() == before);
}

TEST_CASE("a file rewritten in place since it was opened is seen, and read from the path again") {
  Borrowing bench;
  bench.ask(0, 99);
  bench.put("60", std::string(4000, 'b'));
  bench.age(100'000'000);
  CHECK(bench.body_of("/60") == std::string(4000, 'b'));
  CHECK(bench.disk->counters().moved == 1);
}

TEST_CASE("a file replaced by rename comes from its open descriptor for stale_after, and no longer") {
  Borrowing bench;
  bench.ask(0, 99);
  bench.world.replace_file("root/60", std::string(4000, 'c'));
  bench.age(2'100'000'000);
  CHECK(bench.body_of("/60") == std::string(4000, 'c'));
  CHECK(bench.borrowed() == 0);
}

TEST_CASE("bytes that were read from a borrowed descriptor are as old as the look that opened it") {
  Borrowing bench;
  bench.ask(0, 99);
  bench.age(1'500'000'000);
  bench.ask(60, 60);
  REQUIRE(bench.borrowed() == 1);
  bench.world.replace_file("root/60", std::string(4000, 'c'));
  bench.age(600'000'000);  // 2.1 s after the open, 0.6 s after the read
  CHECK(bench.body_of("/60") == std::string(4000, 'c'));
}

TEST_CASE("a notice that the name changed ends the borrowing") {
  Borrowing bench;
  bench.ask(0, 99);
  bench.world.replace_file("root/60", std::string(4000, 'c'));
  bench.invalidate("/60");
  bench.age(100'000'000);
  CHECK(bench.body_of("/60") == std::string(4000, 'c'));
  CHECK(bench.borrowed() == 0);
}

TEST_CASE("a descriptor of the tree before is not borrowed") {
  Borrowing bench;
  bench.ask(0, 99);
  bench.world.put_file("next/60", std::string(4000, 'n'));
  bench.age(100'000'000);
  bench.release("next");
  CHECK(bench.body_of("/60") == std::string(4000, 'n'));
  CHECK(bench.borrowed() == 0);
}

TEST_CASE("what nobody asks for is closed after ten seconds, so that a removed file gives its space back") {
  Borrowing bench;
  bench.ask(0, 99);
  REQUIRE(bench.world.open_files() > 0);
  bench.pass(13'000);
  bench.pass(1);
  CHECK(bench.world.open_files() == 0);
}

TEST_CASE("where what is kept open is borrowed, all of it is, however often it is kept anew") {
  Borrowing bench;
  uint64_t before = 0;
  for (int round = 0; round < 20; ++round) {
    bench.age(2'100'000'000);
    for (int time = 0; time < 4; ++time) {
      before = bench.borrowed();
      bench.ask(0, 59);
    }
  }
  CHECK(bench.borrowed() - before >= 25);  // the cache holds the rest
}

TEST_CASE("where files are many more than descriptors, most of them are not kept open, and none is looked for") {
  Borrowing bench(8);
  for (int round = 0; round < 80; ++round) {
    bench.ask(0, 99);
    bench.age(2'100'000'000);
  }
  bench.pass(13'000);
  bench.pass(1);
  REQUIRE(bench.world.open_files() == 0);
  bench.ask(0, 99);  // the share has become a 32nd or so of the 100
  CHECK(bench.world.open_files() < 8);
  CHECK(bench.borrowed() == 0);
}

TEST_CASE("what was read a moment ago is read unasked, but not when memory has just been short") {
  for (const bool short_of_memory : {false, true}) {
    Borrowing bench;
    bench.ask(0, 99);
    bench.cold(true);
    std::deque<Waiting> waiting;
    if (short_of_memory) {
      waiting.emplace_back(bench, "/50");
      bench.pass(1);
    }
    for (int number = 60; number < 70; ++number) waiting.emplace_back(bench, "/" + std::to_string(number));
    CHECK(bench.disk->counters().borrowed == waiting.size());
    CHECK(bench.under_way(1) == (short_of_memory ? 3 : 10));  // on threads, or all of them tried
    bench.warm();
    bench.run();
    for (const Waiting& one : waiting) CHECK(one.status == 200);
  }
}

TEST_CASE("a turn tries 64 of them, so that a cache of pages that is suddenly gone does not hold it up") {
  Borrowing bench(600, 600, size_t{1} << 20);
  bench.ask(0, 599);
  bench.cold(true);
  std::deque<Waiting> waiting;
  for (int number = 250; number < 350; ++number) waiting.emplace_back(bench, "/" + std::to_string(number));
  REQUIRE(bench.disk->counters().borrowed == 100);
  CHECK(bench.under_way(1) == 64 + 3);
  bench.warm();
  bench.run();
  for (const Waiting& one : waiting) CHECK(one.status == 200);
}
