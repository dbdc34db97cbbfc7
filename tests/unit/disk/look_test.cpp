// Looks: an entry that grows old is looked at ahead of need, waited for where it is too old, and answered with all the
// same where the disk does not say anything.
#include "harness.hpp"

#include <cerrno>
#include <cstdint>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

/// "/a.txt" is held, looked at just now.
struct Holding : Bench {
  explicit Holding(const BenchOptions& options = {}) : Bench(options) {
    put("a.txt", "a");
    age();
    const Waiting first(*this, "/a.txt");
    run();
    entry = cache::EntryRef(held("/a.txt"));
    REQUIRE(entry);
    read_bytes = disk->counters().read_bytes;
  }
  cache::EntryRef entry;
  uint64_t read_bytes = 0;
};

}  // namespace

TEST_CASE("a fresh entry is answered without the disk, up to half of stale_after") {
  Holding bench;
  bench.pass(980);
  const Waiting asking(bench, "/a.txt");
  CHECK(asking.at_once);
  CHECK(!asking.stale);
  CHECK(asking.body() == "a");
  CHECK(bench.world.operations().empty());
}

TEST_CASE("from half of stale_after on one look goes ahead, however many ask, and nobody waits") {
  Holding bench;
  bench.pass(1010);
  const uint64_t before_ms = bench.entry->looked_at_ms();
  for (int turn = 0; turn < 5; ++turn) {
    const Waiting asking(bench, "/a.txt");
    CHECK(asking.at_once);
    CHECK(!asking.stale);
  }
  CHECK(bench.under_way(0) == 1);
  CHECK(bench.disk->counters().looks_ahead == 1);
  bench.run();
  CHECK(bench.disk->counters().unchanged == 1);
  CHECK(bench.held("/a.txt") == bench.entry.get());
  CHECK(bench.entry->looked_at_ms() > before_ms);
  CHECK(bench.disk->counters().read_bytes == bench.read_bytes);
  CHECK(bench.disk->counters().fetches == 1);
  bench.pass(900);
  const Waiting later(bench, "/a.txt");
  CHECK(later.at_once);
  CHECK(bench.world.operations().empty());
}

TEST_CASE("a look that finds a changed file reads it, and the new entry takes the place of the old") {
  Holding bench;
  bench.put("a.txt", "other");
  bench.pass(1010);
  const Waiting asking(bench, "/a.txt");
  CHECK(asking.body() == "a");
  bench.run();
  CHECK(bench.disk->counters().looks == 1);
  CHECK(bench.disk->counters().fetches == 1);  // the first
  const Waiting later(bench, "/a.txt");
  CHECK(later.at_once);
  CHECK(later.body() == "other");
  CHECK(!bench.entry->in_cache());
}

TEST_CASE("a look that finds nothing leaves a 404") {
  Holding bench;
  bench.world.remove("root/a.txt");
  bench.pass(1010);
  const Waiting asking(bench, "/a.txt");
  CHECK(asking.body() == "a");
  bench.run();
  const Waiting later(bench, "/a.txt");
  CHECK(later.at_once);
  CHECK(later.status == 404);
}

TEST_CASE("an aged entry is waited for, by all on one look") {
  Holding bench;
  bench.pass(2010);
  Waiting first(bench, "/a.txt");
  Waiting second(bench, "/a.txt");
  CHECK(!first.at_once);
  CHECK(bench.under_way(0) == 1);
  CHECK(bench.disk->counters().aged == 2);
  bench.run();
  CHECK(first.told == 1);
  CHECK(first.unchanged);
  CHECK(!first.stale);
  CHECK(first.entry.get() == bench.entry.get());
  CHECK(second.entry.get() == bench.entry.get());
  CHECK(bench.disk->counters().read_bytes == bench.read_bytes);
}

TEST_CASE("a look of 100 ms holds nobody: what is held goes to those who wait and those who come, and it ends well") {
  Holding bench;
  bench.pass(2010);
  bench.cold(true);
  Waiting waits(bench, "/a.txt");
  bench.pass(90);
  CHECK(waits.told == 0);
  bench.pass(15);
  CHECK(waits.told == 1);
  CHECK(waits.stale);
  CHECK(waits.body() == "a");
  CHECK(bench.disk->counters().stale == 1);
  const Waiting comes(bench, "/a.txt");
  CHECK(comes.at_once);
  CHECK(comes.stale);
  CHECK(bench.disk->counters().stale == 2);
  CHECK(bench.disk->in_flight() == 0);  // a look's place
  CHECK(bench.under_way(0) == 1);
  bench.warm();
  bench.run();
  CHECK(waits.told == 1);
  const Waiting later(bench, "/a.txt");
  CHECK(later.at_once);
  CHECK(!later.stale);
  CHECK(later.entry.get() == bench.entry.get());
}

TEST_CASE("a look that went ahead and hangs is not waited for when the entry has aged") {
  Holding bench;
  bench.pass(1900);
  bench.cold(true);
  const Waiting ahead(bench, "/a.txt");
  CHECK(ahead.at_once);
  bench.pass(150);
  const Waiting comes(bench, "/a.txt");
  CHECK(comes.at_once);
  CHECK(comes.stale);
}

TEST_CASE("the disk asks to be called for who waits on a look, and for nobody else") {
  Holding bench({.disk = {.max_cached_file_bytes = 4096, .idle_after_ms = 0}});
  CHECK(bench.disk->next_ms() == UINT64_MAX);
  bench.pass(1900);
  const Waiting ahead(bench, "/a.txt");
  CHECK(bench.disk->next_ms() == UINT64_MAX);
  bench.run();
  bench.pass(2010);
  Waiting waits(bench, "/a.txt");
  CHECK(bench.disk->next_ms() == bench.clock.monotonic_ms + disk::Fetch::patience_ms);
  bench.run();
}

TEST_CASE("no answer is stale across a switch of trees") {
  Holding bench;
  bench.release("root");
  bench.cold(true);
  Waiting waits(bench, "/a.txt");
  bench.pass(500);
  CHECK(waits.told == 0);
  const Waiting comes(bench, "/a.txt");
  CHECK(!comes.at_once);
  CHECK(bench.disk->counters().stale == 0);
  bench.warm();
  bench.run();
  CHECK(waits.told == 1);
  CHECK(!waits.stale);
}

TEST_CASE("an entry that is invalidated while it is looked at is nobody's stale answer") {
  Holding bench;
  bench.pass(2010);
  bench.cold(true);
  Waiting waits(bench, "/a.txt");
  bench.pass(10);
  bench.invalidate("/a.txt");
  bench.pass(500);
  CHECK(waits.told == 0);
  bench.warm();
  bench.run();
  CHECK(waits.status == 200);
  CHECK(waits.entry.get() != bench.entry.get());
}

TEST_CASE("what is evicted while it is looked at is answered all the same") {
  Holding bench;
  const Waiting missing(bench, "/missing");
  bench.run();
  const cache::EntryRef verdict(bench.held("/missing"));
  bench.pass(2010);
  const Waiting file(bench, "/a.txt");
  const Waiting again(bench, "/missing");
  bench.cache.drop(*bench.entry, cache::Gone::capacity);
  bench.cache.drop(*verdict, cache::Gone::capacity);
  bench.run();
  CHECK(file.body() == "a");
  CHECK(again.status == 404);
}

TEST_CASE("where no place is free for a look the aged entry is served stale at once") {
  Bench bench({.disk = {.queue_size = 1, .max_cached_file_bytes = 4096}});
  constexpr int places = 5;  // four of looks and the one of the queue
  const auto path = [](int number) { return "/" + std::to_string(number); };
  for (int number = 0; number <= places; ++number) bench.put(std::to_string(number), "x");
  bench.age();
  for (int number = 0; number <= places; ++number) {
    const Waiting first(bench, path(number));
    bench.run();
  }
  bench.pass(2010);
  bench.cold(true);
  for (int number = 0; number < places; ++number) {
    const Waiting looks(bench, path(number));
    CHECK(!looks.at_once);
    CHECK(!looks.refused);
  }
  const Waiting last(bench, path(places));
  CHECK(last.at_once);
  CHECK(last.stale);
  CHECK(last.body() == "x");
  CHECK(bench.disk->counters().stale == 1);
  CHECK(bench.disk->counters().rejected == 0);
}

TEST_CASE("a look that we cannot make (EMFILE) keeps the entry, and the next one tries again") {
  Holding bench;
  bench.pass(2010);
  bench.world.fail_open("root/a.txt", EMFILE);
  Waiting asking(bench, "/a.txt");
  CHECK(!asking.at_once);
  bench.run();
  CHECK(asking.stale);
  CHECK(asking.body() == "a");
  CHECK(bench.disk->counters().stale == 1);
  CHECK(bench.held("/a.txt") == bench.entry.get());
  bench.world.fail_open("root/a.txt", 0);
  Waiting again(bench, "/a.txt");
  CHECK(!again.at_once);
  bench.run();
  CHECK(again.unchanged);
}

TEST_CASE("a look that meets a disk's error drops the entry and is 500") {
  Holding bench;
  bench.pass(2010);
  bench.world.fail_open("root/a.txt", EIO);
  Waiting asking(bench, "/a.txt");
  bench.run();
  CHECK(asking.status == 500);
  CHECK(bench.held("/a.txt") == nullptr);
}

TEST_CASE("an index that comes before the one that is held is found by the next look, and one behind it is not") {
  Bench bench;
  bench.put("d/index.txt", "text");
  bench.age();
  {
    const Waiting first(bench, "/d/");
    bench.run();
  }
  bench.put("d/index.html", "html");
  bench.pass(2010);
  Waiting looks(bench, "/d/");
  bench.run();
  CHECK(looks.body() == "html");
  bench.put("d/index.txt", "changed");
  bench.pass(2010);
  Waiting again(bench, "/d/");
  bench.run();
  CHECK(again.unchanged);
  CHECK(again.body() == "html");
}
