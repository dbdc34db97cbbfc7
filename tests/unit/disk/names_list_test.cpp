// Lists of names: a directory in which many missing names are asked for is listed once, and answers for what it lacks
// without the disk, for as long as nothing says that it changed.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

/// A tree that has been still for long, and misses in it.
struct Listing : Bench {
  explicit Listing(const BenchOptions& options = {}) : Bench(options) {
    put("there.txt", "there");
    put("d/file", "file");
    age();
  }
  void miss(int how_many, const std::string& directory = "/") {
    for (int number = 0; number < how_many; ++number) {
      const Waiting asking(*this, directory + "miss" + std::to_string(++misses));
      run();
      all_404 = all_404 && asking.status == 404;
    }
  }
  /// Of the root.
  void list() {
    miss(16);
    run();
    answer_list();
    run();
    REQUIRE(disk->counters().listings == 1);
  }
  [[nodiscard]] bool known_missing(const std::string& path) {
    const Waiting asking(*this, path);
    const bool known = asking.at_once && asking.status == 404;
    return known && !held(path);
  }
  int misses = 0;
  bool all_404 = true;
};

}  // namespace

TEST_CASE("the sixteenth miss in a directory asks for its names, and no further one while that is under way") {
  Listing bench;
  bench.miss(15);
  CHECK(bench.door.list_calls == 0);
  bench.miss(1);
  CHECK(bench.door.list_calls == 1);
  bench.miss(40);
  CHECK(bench.door.list_calls == 1);
  CHECK(bench.all_404);
}

TEST_CASE("sixteen misses that take longer than two seconds ask for nothing") {
  Listing bench;
  for (int round = 0; round < 4; ++round) {
    bench.miss(8);
    bench.age(3 * second_ns);
  }
  CHECK(bench.door.list_calls == 0);
}

TEST_CASE("once its names are known a directory answers for what it lacks, and what it has goes to the disk") {
  Listing bench;
  bench.list();
  const uint64_t fetches = bench.disk->counters().fetches;
  CHECK(bench.known_missing("/random"));
  CHECK(bench.known_missing("/random/deeper/still"));
  CHECK(bench.world.operations().empty());
  CHECK(bench.disk->counters().missing_by_name == 2);
  CHECK(bench.disk->counters().fetches == fetches);
  Waiting there(bench, "/there.txt");
  Waiting below(bench, "/d/file");
  Waiting directory(bench, "/d");
  CHECK(!there.at_once);
  bench.run();
  CHECK(there.body() == "there");
  CHECK(below.body() == "file");
  CHECK(directory.status == 301);
}

TEST_CASE("misses below a directory that is not there are answered by the one above it") {
  Listing bench;
  bench.miss(16, "/gone/");
  bench.run();
  REQUIRE(bench.door.listings.size() == 1);  // "/gone" cannot be listed
  bench.answer_list();
  bench.run();
  CHECK(bench.known_missing("/gone/other"));
  CHECK(bench.known_missing("/gone/other/deeper"));
  CHECK(!bench.known_missing("/d/other"));
}

TEST_CASE("a directory that did not change is looked at ahead and not listed again") {
  Listing bench;
  bench.list();
  bench.pass(1010);
  CHECK(bench.known_missing("/random"));
  CHECK(bench.under_way(0) == 1);
  CHECK(bench.known_missing("/another"));
  CHECK(bench.under_way(0) == 1);
  bench.run();
  CHECK(bench.door.list_calls == 1);
  bench.pass(1500);
  CHECK(bench.known_missing("/random"));  // 2.5 s after it was listed
}

TEST_CASE("a directory that changed is listed again at the next look, and its new name is found then") {
  Listing bench;
  bench.list();
  bench.put("fresh.txt", "fresh");
  bench.pass(1010);
  CHECK(bench.known_missing("/fresh.txt"));  // the watch would have told; without one this may be up to missing_ttl old
  bench.run();
  REQUIRE(bench.door.list_calls == 2);
  bench.answer_list();
  bench.run();
  CHECK(bench.known_missing("/random"));
  Waiting fresh(bench, "/fresh.txt");
  bench.run();
  CHECK(fresh.body() == "fresh");
}

TEST_CASE("an aged list says nothing") {
  Listing bench;
  bench.list();
  bench.put("fresh.txt", "fresh");
  bench.pass(2010);
  Waiting fresh(bench, "/fresh.txt");
  CHECK(!fresh.at_once);
  bench.run();
  CHECK(fresh.body() == "fresh");
}

TEST_CASE("a list learns a new name at once from its notice") {
  Listing bench;
  bench.list();
  bench.put("fresh.txt", "fresh");
  bench.invalidate("/fresh.txt");
  Waiting fresh(bench, "/fresh.txt");
  CHECK(!fresh.at_once);
  bench.run();
  CHECK(fresh.body() == "fresh");
  CHECK(bench.known_missing("/random"));
}

TEST_CASE("a list that is made while a name of its directory changes is not believed") {
  Listing bench;
  bench.miss(16);
  bench.run();
  REQUIRE(bench.door.listings.size() == 1);
  bench.invalidate("/there.txt");
  bench.answer_list();
  bench.run();
  CHECK(bench.cache.count(cache::Kind::names) == 0);
}

TEST_CASE("a list that is made of a directory that changed meanwhile, or just before, is not believed") {
  for (const bool before : {true, false}) {
    CAPTURE(before);
    Listing bench;
    bench.miss(15);
    if (before) bench.put("fresh.txt", "fresh");
    bench.miss(1);
    REQUIRE(bench.door.listings.size() == 1);
    if (!before) bench.put("fresh.txt", "fresh");
    bench.answer_list();
    bench.run();
    CHECK(bench.cache.count(cache::Kind::names) == 0);
  }
}

TEST_CASE("a directory that cannot be listed is not asked for again for half a minute") {
  for (const bool busy : {false, true}) {
    CAPTURE(busy);
    Listing bench;
    bench.door.busy = busy;
    bench.miss(16);
    if (!busy) bench.answer_list(false);
    bench.run();
    bench.miss(64);
    CHECK(bench.door.list_calls == 1);
    bench.age(31 * second_ns);
    bench.door.busy = false;
    bench.miss(16);
    CHECK(bench.door.list_calls == 2);
  }
}

TEST_CASE("a directory whose list cannot be renewed is forgotten, and not asked for again for half a minute") {
  Listing bench;
  bench.list();
  bench.put("fresh.txt", "fresh");
  bench.pass(1010);
  CHECK(bench.known_missing("/random"));
  bench.run();
  REQUIRE(bench.door.list_calls == 2);
  bench.answer_list(false);
  bench.run();
  CHECK(bench.cache.count(cache::Kind::names) == 0);
  bench.miss(64);
  CHECK(bench.door.list_calls == 2);
}

TEST_CASE("a directory that goes away takes its list along") {
  Listing bench;
  bench.miss(16, "/d/");
  bench.run();
  while (!bench.door.listings.empty()) {
    bench.answer_list();
    bench.run();
  }
  CHECK(bench.cache.count(cache::Kind::names) == 2);
  bench.world.remove("root/d");
  bench.pass(1010);
  CHECK(bench.known_missing("/d/random"));
  bench.run();
  CHECK(!bench.held("/d//"));
}

TEST_CASE("a list of the tree before is not believed, and none while the tree before may have the name") {
  Listing bench;
  bench.list();
  bench.world.put_file("next/only_new.txt", "new");
  bench.world.put_file("next/another.txt", "another");
  bench.age();
  bench.release("next");
  CHECK(!bench.known_missing("/only_new.txt"));
  bench.run();
  while (!bench.door.listings.empty()) {
    bench.answer_list();
    bench.run();
  }
  bench.release("root", bench.clock.monotonic_ms + 60'000);
  for (int seconds = 0; seconds < 3; ++seconds)
    bench.age();  // a list that came too late is not asked for again at once
  if (cache::Entry* old = bench.held("//")) bench.cache.drop(*old, cache::Gone::capacity);
  bench.miss(16);
  bench.run();
  while (!bench.door.listings.empty()) {
    bench.answer_list();
    bench.run();
  }
  REQUIRE(bench.held("//"));
  REQUIRE(bench.held("//")->generation() == 3);
  Waiting previous(bench, "/another.txt");
  bench.run();
  CHECK(previous.body() == "another");
}

TEST_CASE("nothing is listed on a network file system, below a mount, or without a helper thread") {
  for (const BenchOptions& options :
       {BenchOptions{.remote = true}, BenchOptions{.device = 2}, BenchOptions{.helped = false}}) {
    Listing bench(options);
    bench.miss(64);
    CHECK(bench.all_404);
    CHECK(bench.door.list_calls == 0);
  }
}
