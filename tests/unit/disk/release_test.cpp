// Releases: a site's root becomes another tree. Nothing of the old one is answered afterwards unless it is known to be
// the same, and the old one is let go when nothing uses it any more.
#include "harness.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

/// "/a.txt" is held from "root"; "next" has another.
struct Deployed : Bench {
  Deployed() {
    put("a.txt", "old");
    put("gone.txt", "gone");
    world.put_file("next/a.txt", "new");
    age();
    const Waiting first(*this, "/a.txt");
    run();
    entry = cache::EntryRef(held("/a.txt"));
    REQUIRE(entry);
  }
  cache::EntryRef entry;
};

}  // namespace

TEST_CASE("an entry of the tree before is not answered with: the new tree is asked, and its file is another") {
  Deployed bench;
  bench.release("next");
  Waiting asking(bench, "/a.txt");
  CHECK(!asking.at_once);
  CHECK(bench.disk->counters().other_release == 1);
  bench.run();
  CHECK(asking.body() == "new");
  const Waiting again(bench, "/a.txt");
  CHECK(again.at_once);
  CHECK(again.body() == "new");
  CHECK(!bench.entry->in_cache());
}

TEST_CASE("an entry that the new tree lacks is a 404, whatever the cache holds") {
  Deployed bench;
  {
    const Waiting first(bench, "/gone.txt");
    bench.run();
  }
  bench.release("next");
  Waiting asking(bench, "/gone.txt");
  bench.run();
  CHECK(asking.status == 404);
  CHECK(bench.held("/gone.txt")->kind() == cache::Kind::verdict);
}

TEST_CASE("the same file reached through the new tree keeps its entry, without a read") {
  Deployed bench;
  const uint64_t read_bytes = bench.disk->counters().read_bytes;
  bench.release("root");
  Waiting asking(bench, "/a.txt");
  CHECK(!asking.at_once);
  bench.run();
  CHECK(asking.unchanged);
  CHECK(asking.entry.get() == bench.entry.get());
  CHECK(bench.disk->counters().read_bytes == read_bytes);
  const Waiting again(bench, "/a.txt");
  CHECK(again.at_once);
}

TEST_CASE("a fetch that began before the switch is not joined, and what it brings later is not kept") {
  Deployed bench;
  bench.cache.drop(*bench.entry, cache::Gone::capacity);
  bench.cold(true);
  Waiting before(bench, "/a.txt");
  bench.pass(5);
  bench.warm();
  bench.release("next");
  Waiting after(bench, "/a.txt");
  bench.pass(5);
  CHECK(before.told == 0);
  CHECK(after.body() == "new");
  bench.run();
  CHECK(before.body() == "old");
  REQUIRE(bench.held("/a.txt"));
  CHECK(bench.held("/a.txt") == after.entry.get());
  CHECK(bench.held("/a.txt")->generation() == 2);
}

TEST_CASE("what an old fetch brings is not answered with even where nobody has asked in between") {
  Deployed bench;
  bench.cache.drop(*bench.entry, cache::Gone::capacity);
  Waiting before(bench, "/a.txt");
  bench.step();
  bench.release("next");
  bench.run();
  CHECK(before.body() == "old");
  Waiting after(bench, "/a.txt");
  CHECK(!after.at_once);
  bench.run();
  CHECK(after.body() == "new");
}

TEST_CASE("a tree is let go at once when nothing uses it, else with the last fetch that began before") {
  Deployed bench;
  bench.release("next");
  CHECK(bench.door.done == 1);
  bench.world.mischief() = {.uncached = 1000, .slow = 1000, .slowest_ns = 10 * second_ns};
  Waiting before(bench, "/nowhere");
  bench.pass(5);
  bench.release("root");
  CHECK(bench.door.done == 1);
  bench.cold(true);
  Waiting younger(bench, "/gone.txt");
  bench.pass(11'000);
  CHECK(before.told == 1);
  CHECK(younger.told == 0);
  CHECK(bench.door.done == 2);
}

TEST_CASE("two trees are let go in any order in which their fetches end, each once") {
  Deployed bench;
  bench.cold(true);
  Waiting first(bench, "/gone.txt");
  bench.release("next");
  Waiting second(bench, "/other.txt");
  bench.release("root");
  bench.pass(100);
  CHECK(bench.door.done == 0);
  bench.run();
  CHECK(first.told == 1);
  CHECK(second.told == 1);
  CHECK(bench.door.done == 2);
  CHECK(bench.door.replaced.empty());
}

TEST_CASE("an old fetch that fails late takes nothing from the new tree's entry") {
  for (const bool missing : {false, true}) {
    CAPTURE(missing);
    Deployed bench;
    bench.pass(2010);
    bench.world.mischief() = {.uncached = 1000, .slow = 1000, .slowest_ns = 10 * second_ns};
    Waiting before(bench, "/a.txt");
    bench.pass(5);
    bench.warm();
    bench.release("root");
    Waiting after(bench, "/a.txt");
    bench.pass(5);
    REQUIRE(after.unchanged);
    bench.world.fail_open("root/a.txt", missing ? ENOENT : EIO);
    bench.pass(11'000);
    CHECK(before.told == 1);
    CHECK(before.status == (missing ? 404 : 500));
    CHECK(bench.held("/a.txt") == bench.entry.get());
  }
}

TEST_CASE("an old look that ends does not end the patience with the new one") {
  Deployed bench;
  bench.pass(2010);
  bench.world.mischief() = {.uncached = 1000, .slow = 1000, .slowest_ns = 100 * second_ns};
  const Waiting before(bench, "/a.txt");
  bench.pass(5);
  bench.warm();
  bench.release("root");
  {
    const Waiting after(bench, "/a.txt");
    bench.pass(5);
  }
  bench.age(2 * second_ns);
  bench.cold(true);
  const Waiting aged(bench, "/a.txt");
  bench.pass(200);
  REQUIRE(aged.told == 1);
  CHECK(before.told == 1);                   // by then the new look had seen that the entry is the new tree's too
  bench.world.fail_open("root/a.txt", EIO);  // the old look's end
  bench.pass(101'000);
  CHECK(before.told == 1);
  CHECK(aged.told == 1);
  CHECK(aged.stale);
  const Waiting comes(bench, "/a.txt");
  CHECK(comes.at_once);
  CHECK(comes.stale);
}

TEST_CASE("an old look that ends late does not make the entry one of the old tree again") {
  Deployed bench;
  bench.pass(2010);
  bench.cold(true);
  const Waiting before(bench, "/a.txt");
  bench.pass(5);
  bench.warm();
  bench.release("root");
  Waiting after(bench, "/a.txt");
  bench.pass(5);
  REQUIRE(after.unchanged);
  bench.run();
  CHECK(before.told == 1);
  CHECK(!before.unchanged);
  CHECK(bench.held("/a.txt") == bench.entry.get());
  CHECK(bench.entry->generation() == 2);
}

TEST_CASE("the tree before answers for what the new one lacks, until its time is over") {
  Deployed bench;
  bench.put("d/index.html", "old index");
  bench.world.put_directory("root/only_old");
  bench.age();
  const uint64_t until_ms = bench.clock.monotonic_ms + 5000;
  bench.release("next", until_ms);
  Waiting both(bench, "/a.txt");
  Waiting only_old(bench, "/gone.txt");
  Waiting index(bench, "/d/");
  Waiting directory(bench, "/only_old");
  Waiting nowhere(bench, "/nowhere");
  bench.run();
  CHECK(both.body() == "new");
  CHECK(only_old.body() == "gone");
  CHECK(index.body() == "old index");
  CHECK(directory.status == 301);
  CHECK(nowhere.status == 404);
  bench.pass(4000);
  Waiting still(bench, "/gone.txt");
  bench.run();
  CHECK(still.body() == "gone");
  CHECK(still.unchanged);
  bench.pass(3010);
  Waiting over(bench, "/gone.txt");
  CHECK(!over.at_once);
  bench.run();
  CHECK(over.status == 404);
}

TEST_CASE("a directory without an index is asked of the tree before, and is a 403 where that has none either") {
  Deployed bench;
  bench.put("d/index.html", "old index");
  bench.world.put_directory("next/d");
  bench.world.put_directory("next/empty");
  bench.age();
  bench.release("next", bench.clock.monotonic_ms + 5000);
  Waiting index(bench, "/d/");
  Waiting empty(bench, "/empty/");
  bench.run();
  CHECK(index.body() == "old index");
  CHECK(empty.status == 403);
}

TEST_CASE("one site's switch is not the other's") {
  Bench bench({.sites = 2});
  bench.put("a", "0");
  bench.world.put_file("root1/a", "1");
  bench.world.put_file("next/a", "2");
  bench.age();
  {
    const Waiting first(bench, "/a", 0);
    const Waiting second(bench, "/a", 1);
    bench.run();
  }
  bench.release("next", 0, true, 1);
  const Waiting kept(bench, "/a", 0);
  CHECK(kept.at_once);
  Waiting switched(bench, "/a", 1);
  bench.run();
  CHECK(switched.body() == "2");
}
