// Another configuration while the disk works: bounds for what begins from now on, and slots that become another tree's.
#include "reloading.hpp"

#include <deque>
#include <set>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

// --- slots that become another tree's ---

TEST_CASE("a slot that is given back becomes another tree's, and answers with nothing of the tree before") {
  Reloading bench;
  CHECK(bench.body_of("/a.txt", 1) == "a of root1");
  bench.body_of("/missing", 1);
  const uint32_t generation = bench.sites.state(1).generation;
  bench.configure({0});
  bench.turns();
  REQUIRE(!bench.disk->uses(1));
  bench.sites.remove(1);
  bench.world.put_file("other/missing", "not missing here");
  REQUIRE(bench.add("other") == 1);
  CHECK(bench.sites.state(1).generation > generation);
  bench.configure({0, 1});
  CHECK(bench.body_of("/a.txt", 1) == "a of other");
  CHECK(bench.body_of("/missing", 1) == "not missing here");
  CHECK(bench.held("/a.txt", 1));
}

TEST_CASE("a new tree has a slot behind the others, and its own part of the bounds") {
  Reloading bench({.disk = {.queue_size = 4, .max_cached_file_bytes = 4096}, .sites = 1});
  REQUIRE(bench.add("other") == 1);
  CHECK(!bench.disk->uses(1));
  bench.configure({0, 1});
  std::deque<Waiting> crowd;
  for (int number = 0; number < 4; ++number) crowd.emplace_back(bench, "/" + std::to_string(number), 0);
  CHECK(crowd[1].refused == false);
  CHECK(crowd[2].refused);  // half is the other's
  const Waiting other(bench, "/a.txt", 1);
  bench.run();
  CHECK(other.body() == "a of other");
  bench.configure({1});
  std::deque<Waiting> more;
  for (int number = 0; number < 4; ++number) more.emplace_back(bench, "/" + std::to_string(number), 1);
  CHECK(!more[3].refused);  // alone it has all places
  bench.run();
}

// --- bounds ---

TEST_CASE("a lowered queue_size refuses what begins from now on, and lets what is under way end") {
  Reloading bench({.disk = {.queue_size = 64, .max_cached_file_bytes = 4096}, .sites = 1});
  std::deque<Waiting> crowd;
  for (int number = 0; number < 40; ++number) crowd.emplace_back(bench, "/" + std::to_string(number));
  CHECK(bench.disk->in_flight() == 40);
  bench.now.queue_size = 8;
  bench.configure({0});
  CHECK(bench.disk->in_flight() == 40);
  CHECK(Waiting(bench, "/one more").refused);
  bench.run();
  for (const Waiting& one : crowd) CHECK(one.status == 404);
  std::deque<Waiting> next;
  for (int number = 100; number < 109; ++number) next.emplace_back(bench, "/" + std::to_string(number));
  CHECK(!next[7].refused);
  CHECK(next[8].refused);
  bench.run();
}

TEST_CASE("a raised queue_size is there at once, beyond what the disk began with") {
  Reloading bench({.disk = {.queue_size = 2, .max_cached_file_bytes = 4096}, .sites = 1});
  bench.now.queue_size = 5000;
  bench.configure({0});
  std::deque<Waiting> crowd;
  for (int number = 0; number < 5001; ++number) crowd.emplace_back(bench, "/" + std::to_string(number));
  CHECK(!crowd[4999].refused);
  CHECK(crowd[5000].refused);
  bench.run();
}

TEST_CASE("downloads that wait in line for a place go on when there are more places") {
  Reloading bench({.disk = {.queue_size = 1, .max_cached_file_bytes = 4096, .stream_piece_bytes = 16384}, .sites = 1});
  Waiting asking(bench, "/large.bin");
  bench.run();
  bench.cold(true);
  const Waiting hangs(bench, "/hangs");  // has the one place
  bench.pass(1);
  Downloading download;
  bench.cold(false);  // what is in memory takes no place
  download.start(bench, asking.file, 0, 1000);
  bench.pass(5);
  CHECK(download.piece.empty());
  bench.now.queue_size = 2;
  bench.configure({0});
  bench.pass(5);
  CHECK(download.piece.size() == 1000);
  download.leave();
}

TEST_CASE("a download waits for a place while more are taken than a lowered queue_size has") {
  Reloading bench({.disk = {.queue_size = 8, .max_cached_file_bytes = 4096, .stream_piece_bytes = 16384}, .sites = 1});
  Waiting asking(bench, "/large.bin");
  bench.run();
  bench.cold(true);
  std::deque<Waiting> crowd;
  for (int number = 0; number < 6; ++number) crowd.emplace_back(bench, "/" + std::to_string(number));
  bench.pass(1);
  bench.cold(false);  // what is in memory takes no place
  bench.now.queue_size = 3;
  bench.configure({0});
  Downloading download;
  download.start(bench, asking.file, 0, 1000);
  bench.disk->on_tick();
  CHECK(bench.disk->in_flight() == 6);
  CHECK(bench.disk->streams_wait());
  download.leave();
}

TEST_CASE("fewer kernel threads: those that are taken end first; more: who waits goes on at once") {
  Reloading bench({.disk = {.kernel_threads = 4, .max_cached_file_bytes = 4096}, .sites = 1});
  bench.cold(true);
  std::deque<Waiting> crowd;
  for (int number = 0; number < 12; ++number) crowd.emplace_back(bench, "/" + std::to_string(number));
  bench.pass(5);
  CHECK(bench.under_way(0) == 4);
  bench.now.kernel_threads = 6;
  bench.configure({0});
  CHECK(bench.under_way(0) == 6);
  bench.now.kernel_threads = 2;
  bench.configure({0});
  CHECK(bench.under_way(0) == 6);
  bench.warm();
  for (size_t before = 6; bench.step(); before = bench.under_way(0)) {
    CHECK(bench.under_way(0) <= std::max<size_t>(2, before - 1));
  }
  for (const Waiting& one : crowd) CHECK(one.told == 1);
  std::deque<Waiting> next;
  bench.cold(true);
  for (int number = 20; number < 26; ++number) next.emplace_back(bench, "/" + std::to_string(number));
  bench.pass(5);
  CHECK(bench.under_way(0) == 2);
  bench.warm();
}

TEST_CASE("while all threads are taken nobody who waits gets one, however often the configuration changes") {
  Reloading bench({.disk = {.kernel_threads = 4, .max_cached_file_bytes = 4096}, .sites = 3});
  bench.cold(true);
  std::deque<Waiting> crowd;
  for (const uint32_t site : {0U, 0U, 1U, 1U, 2U}) {
    crowd.emplace_back(bench, "/" + std::to_string(crowd.size()), site);
    bench.pass(1);
  }
  REQUIRE(bench.under_way(0) == 4);
  bench.configure({0, 1, 2});
  CHECK(bench.under_way(0) == 4);
  bench.now.kernel_threads = 5;
  bench.configure({0, 1, 2});
  CHECK(bench.under_way(0) == 5);
  bench.warm();
}

TEST_CASE("a second site takes its share of the threads from who has more, as these come back") {
  Reloading bench({.disk = {.kernel_threads = 4, .max_cached_file_bytes = 4096}, .sites = 1});
  bench.cold(true);
  std::deque<Waiting> crowd;
  for (int number = 0; number < 8; ++number) crowd.emplace_back(bench, "/" + std::to_string(number), 0);
  bench.pass(5);
  CHECK(bench.under_way(0) == 4);
  REQUIRE(bench.add("other") == 1);
  bench.configure({0, 1});
  bench.cold(false);
  Waiting other(bench, "/a.txt", 1);
  bench.run();
  CHECK(other.body() == "a of other");
  for (const Waiting& one : crowd) CHECK(one.told == 1);
}

TEST_CASE("times and sizes are those of the new configuration from the next request on") {
  Reloading bench({.disk = {.max_cached_file_bytes = 4096, .stale_after_ms = 60'000}, .sites = 1});
  bench.body_of("/a.txt");
  bench.age(30 * second_ns);
  CHECK(bench.known("/a.txt"));
  bench.now.stale_after_ms = 1000;
  bench.configure({0});
  CHECK(!bench.known("/a.txt"));
  bench.now.max_cached_file_bytes = 200'000;
  bench.configure({0});
  CHECK(bench.body_of("/large.bin").size() == 100'000);
  bench.now.max_cached_file_bytes = 10;
  bench.configure({0});
  CHECK(bench.known("/large.bin"));  // what is larger stays until it goes by itself
  bench.now.idle_after_ms = 5000;
  bench.configure({0});
  bench.pass(20'000);
  CHECK(bench.cache.count() == 0);
}

TEST_CASE("the hash seed and the descriptors that may be kept stay those of the start") {
  Reloading bench({.sites = 1});
  bench.body_of("/a.txt");
  bench.now.hash_seed = hash_seed + 1;
  bench.configure({0});
  bench.invalidate("/a.txt");
  CHECK(!bench.held("/a.txt"));
}

// --- many ---

TEST_CASE("a thread that comes back goes to the sites that wait in turn, among hundreds that do not") {
  Reloading bench({.disk = {.kernel_threads = 1, .max_cached_file_bytes = 4096}, .sites = 300});
  bench.cold(false);
  std::vector<uint32_t> order;
  std::deque<Waiting> crowd;
  for (int round = 0; round < 4; ++round) {
    for (const uint32_t site : {7U, 140U, 299U}) {
      Waiting& one = crowd.emplace_back();
      one.then = [&order, site] { order.push_back(site); };
      one.ask(bench, "/" + std::to_string(round), site);
    }
  }
  bench.run();
  REQUIRE(order.size() == 12);
  for (size_t first = 0; first < 12; first += 3) {
    CHECK(std::set<uint32_t>(order.begin() + first, order.begin() + first + 3).size() == 3);
  }
}

TEST_CASE("a hundred reloads that take one tree for another leave nothing behind") {
  Reloading bench({.sites = 2});
  for (int reload = 0; reload < 100; ++reload) {
    CHECK(bench.body_of("/a.txt", 1).starts_with("a of "));
    bench.body_of("/large.bin", 1);
    bench.body_of("/missing", 1);
    bench.configure({0});
    bench.turns();
    REQUIRE(!bench.disk->uses(1));
    bench.sites.remove(1);
    REQUIRE(bench.add(reload % 2 == 0 ? "other" : "root1") == 1);
    bench.configure({0, 1});
  }
  CHECK(bench.sites.bound() == 2);
  CHECK(bench.world.open_files() == 0);
}
