// Sites that leave with their configuration: who asked before is served, nothing is kept, and what was kept goes, until
// nothing of the slot is left. Sites that stay are not touched.
#include "reloading.hpp"

#include <deque>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

TEST_CASE("what is held of a site that stays is not touched, and what is held of one that leaves goes") {
  Reloading bench({.sites = 3});
  for (uint32_t site = 0; site < 3; ++site) {
    bench.body_of("/a.txt", site);
    bench.body_of("/missing", site);
    bench.body_of("/large.bin", site);
  }
  const uint64_t asked = bench.disk->counters().fetches + bench.disk->counters().looks;
  const cache::Entry* kept = bench.held("/a.txt", 2);
  bench.configure({0, 2});
  CHECK(bench.disk->uses(1));
  bench.turns();
  CHECK(!bench.disk->uses(1));
  CHECK(!bench.held("/a.txt", 1));
  CHECK(!bench.held("/missing", 1));
  CHECK(!bench.held("/large.bin", 1));
  CHECK(bench.held("/a.txt", 2) == kept);
  for (const uint32_t site : {0, 2}) {
    CHECK(bench.disk->uses(site));
    CHECK(bench.known("/a.txt", site));
    CHECK(bench.known("/missing", site));
    CHECK(bench.known("/large.bin", site));
  }
  CHECK(bench.disk->counters().fetches + bench.disk->counters().looks == asked);
  CHECK(bench.world.open_files() == 2);  // of the large ones
}

TEST_CASE("directories of a site that leaves are no longer watched, whether they were empty already or not") {
  Reloading bench;
  bench.body_of("/a.txt", 1);
  bench.body_of("/d/b.txt", 1);
  bench.body_of("/a.txt", 0);
  bench.invalidate("/d/b.txt", 1);  // "1:/d" is empty from now on, and stays for a while
  REQUIRE(bench.door.unwatched.empty());
  bench.configure({0});
  bench.turns();
  std::sort(bench.door.unwatched.begin(), bench.door.unwatched.end());
  CHECK(bench.door.unwatched == std::vector<std::string>{"1:", "1:/d"});
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("more watches than a sweep takes back go in slices, which the worker is woken for") {
  Reloading bench;
  const auto path_of = [](int number) { return "/" + std::to_string(number) + "/f"; };
  for (int number = 0; number < 600; ++number) bench.world.put_file("root1" + path_of(number), "f");
  bench.age();
  for (int number = 0; number < 600; ++number) bench.body_of(path_of(number), 1);
  bench.configure({0});
  CHECK(bench.disk->next_ms() <= bench.clock.monotonic_ms + 1);
  for (const size_t so_many : {0, 256, 512}) {
    bench.age(1'000'000);
    bench.disk->on_tick();
    CHECK(bench.door.unwatched.size() == so_many);
    CHECK(bench.disk->uses(1));
  }
  bench.turns();
  CHECK(bench.door.unwatched.size() == bench.door.watch_calls.size());
  CHECK(!bench.disk->uses(1));
  CHECK(bench.disk->next_ms() > bench.clock.monotonic_ms + 64);
}

TEST_CASE("who asked before its site left is served, is not kept, and holds the slot until then") {
  Reloading bench;
  Waiting small(bench, "/a.txt", 1);
  Waiting large(bench, "/large.bin", 1);
  Waiting missing(bench, "/missing", 1);
  bench.configure({0});
  CHECK(bench.disk->uses(1));
  bench.turns();
  CHECK(small.body() == "a of root1");
  CHECK(large.status == 200);
  CHECK(missing.status == 404);
  CHECK(bench.cache.count() == 0);
  CHECK(bench.disk->uses(1));  // the large file is open
  large.file.reset();
  bench.turns();
  CHECK(!bench.disk->uses(1));
  CHECK(bench.world.open_files() == 0);
}

TEST_CASE("a request of the configuration before may still ask for a site that left and was unused: it is used again") {
  Reloading bench;
  bench.configure({0});
  bench.turns();
  CHECK(!bench.disk->uses(1));
  const Waiting late(bench, "/a.txt", 1);
  CHECK(bench.disk->uses(1));
  bench.turns();
  CHECK(late.body() == "a of root1");
  CHECK(!bench.held("/a.txt", 1));
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("a late request that waits for a kernel thread is let go as well, once nobody waits for it") {
  Reloading bench({.disk = {.kernel_threads = 2, .max_cached_file_bytes = 4096}, .sites = 3});
  bench.configure({0, 2});
  bench.turns();
  bench.cold(true);
  Waiting first(bench, "/1", 1);
  bench.pass(5);
  Waiting second(bench, "/2", 1);
  bench.pass(5);
  REQUIRE(bench.disk->in_flight() == 2);
  second.unlink();
  bench.turns();
  CHECK(bench.disk->in_flight() == 1);
  bench.warm();
}

TEST_CASE("a late request for what is still held asks for no watch that was refused before") {
  Reloading bench({.disk = {.max_cached_file_bytes = 4096, .stale_after_ms = 0}, .sites = 2});
  bench.door.busy = true;
  bench.body_of("/a.txt", 1);
  bench.door.busy = false;
  bench.door.watch_calls.clear();
  bench.age();
  bench.configure({0});
  const Waiting late(bench, "/a.txt", 1);
  bench.run();
  CHECK(late.unchanged);
  CHECK(bench.door.watch_calls.empty());
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("a download of a site that left goes on to its end and holds the slot for as long") {
  Reloading bench;
  Waiting asking(bench, "/large.bin", 1);
  bench.run();
  Downloading download;
  download.start(bench, asking.file, 0, 100'000);
  asking.file.reset();
  bench.configure({0});
  bench.turns();
  CHECK(bench.disk->uses(1));
  download.run(bench);
  CHECK(download.got == std::string(100'000, 'x'));
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("a download that is abandoned holds its slot until the kernel has given back its piece") {
  Reloading bench;
  Waiting asking(bench, "/large.bin", 1);
  bench.run();
  bench.configure({0});
  bench.cold(true);
  Downloading download;
  download.start(bench, asking.file, 0, 100'000);
  asking.file.reset();
  bench.turns();
  download.leave();
  bench.turns();
  CHECK(bench.disk->uses(1));
  bench.warm();
  bench.run();
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("who waits for a kernel thread and whom nobody waits for is let go with its site; who is asked for stays") {
  Reloading bench({.disk = {.kernel_threads = 2, .max_cached_file_bytes = 4096}, .sites = 3});
  bench.cold(true);
  std::deque<Waiting> crowd;
  for (int number = 0; number < 5; ++number) {
    crowd.emplace_back(bench, "/" + std::to_string(number), 1);
    bench.pass(5);
  }
  REQUIRE(bench.under_way(0) == 1);
  REQUIRE(bench.disk->in_flight() == 5);
  for (int number = 0; number < 3; ++number) crowd[number].unlink();  // the first has the thread
  bench.configure({0, 2});
  bench.turns();
  CHECK(bench.disk->in_flight() == 3);
  CHECK(bench.under_way(0) == 1);
  CHECK(bench.disk->uses(1));
  bench.warm();
  bench.run();
  CHECK(crowd[3].told == 1);
  CHECK(crowd[4].told == 1);
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("a look under way when its site leaves ends without keeping or asking for anything") {
  Reloading bench;
  bench.body_of("/a.txt", 1);
  bench.pass(1500);
  CHECK(bench.known("/a.txt", 1));  // from half of its time on it is looked at ahead
  bench.body_of("/a.txt", 0);
  bench.pass(1500);
  const uint64_t looks = bench.disk->counters().looks;
  CHECK(bench.disk->find(Bench::key("/a.txt", 0)).entry != nullptr);
  REQUIRE(bench.disk->counters().looks == looks + 1);
  bench.configure({1});
  bench.turns();
  CHECK(!bench.disk->uses(0));
  CHECK(!bench.held("/a.txt", 0));
}

TEST_CASE("an aged entry of a site that leaves is not looked at ahead any more") {
  Reloading bench;
  bench.body_of("/a.txt", 1);
  bench.age(1500 * 1'000'000);
  bench.configure({0});
  CHECK(bench.disk->find(Bench::key("/a.txt", 1)).entry != nullptr);
  CHECK(bench.disk->counters().looks == 0);
  bench.turns();
  CHECK(!bench.disk->uses(1));
}
