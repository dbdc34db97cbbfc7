// The kernel's threads: only walks and reads that need a disk take one, so many at once of either kind and no more, and
// no site has them all.
#include "harness.hpp"

#include <cerrno>
#include <deque>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

BenchOptions threads(uint32_t count, uint32_t sites = 1) {
  return {.disk = {.kernel_threads = count, .max_cached_file_bytes = 4096}, .sites = sites};
}

/// "/read0" to "/read9" are asked for: their opens are done, their reads are not.
void ask_reads(Bench& bench, std::deque<Waiting>& crowd, int how_many, uint32_t site = 0) {
  for (int number = 0; number < how_many; ++number) {
    const std::string name = "/read" + std::to_string(number);
    bench.world.put_file((site == 0 ? "root" : "root" + std::to_string(site)) + name, name);
    crowd.emplace_back(bench, name, site);
  }
  bench.step();
}

void ask(Bench& bench, std::deque<Waiting>& crowd, int how_many, uint32_t site = 0) {
  for (int number = 0; number < how_many; ++number) {
    crowd.emplace_back(bench, "/" + std::to_string(crowd.size()), site);
  }
}

size_t told(const std::deque<Waiting>& crowd) {
  return static_cast<size_t>(
      std::count_if(crowd.begin(), crowd.end(), [](const Waiting& one) { return one.told == 1; }));
}

}  // namespace

TEST_CASE("what the kernel's name cache knows takes no thread, however many ask at once") {
  Bench bench(threads(1));
  std::deque<Waiting> crowd;
  ask(bench, crowd, 20);
  CHECK(bench.under_way(0) == 20);
  bench.step();
  CHECK(told(crowd) == 20);
  CHECK(bench.disk->counters().cold_opens == 0);
}

TEST_CASE("at most kernel_threads walks wait for the disk at once; the others follow as these end") {
  Bench bench(threads(3));
  bench.cold(true);
  std::deque<Waiting> crowd;
  ask(bench, crowd, 10);
  bench.pass(5);
  CHECK(bench.under_way(0) == 3);
  CHECK(bench.disk->counters().cold_opens == 3);
  bench.warm();
  size_t most = 0;
  while (bench.step()) most = std::max(most, bench.under_way(0));
  CHECK(most == 3);
  CHECK(told(crowd) == 10);
  CHECK(bench.disk->counters().cold_opens == 10);
}

TEST_CASE("at most kernel_threads reads wait for the disk at once, and they leave the walks theirs") {
  Bench bench(threads(3));
  std::deque<Waiting> reads;
  std::deque<Waiting> walks;
  ask_reads(bench, reads, 10);
  bench.cold(true);
  bench.pass(5);
  CHECK(bench.under_way(1) == 3);
  CHECK(bench.disk->counters().cold_reads == 3);
  ask(bench, walks, 5);
  bench.pass(5);
  CHECK(bench.under_way(0) == 3);
  bench.warm();
  size_t most = 0;
  while (bench.step()) most = std::max(most, bench.under_way(1));
  CHECK(most == 3);
  CHECK(told(reads) == 10);
  CHECK(told(walks) == 5);
  for (const Waiting& one : reads) CHECK(one.body().starts_with("/read"));
}

TEST_CASE("a site whose reads hang leaves the other its threads for reads") {
  Bench bench(threads(4, 2));
  std::deque<Waiting> dead;
  std::deque<Waiting> alive;
  ask_reads(bench, dead, 6, 0);
  bench.cold(true);
  bench.pass(5);
  CHECK(bench.under_way(1) == 2);
  bench.cold(false);
  ask_reads(bench, alive, 10, 1);
  bench.pass(5);
  CHECK(told(alive) == 10);
  CHECK(told(dead) == 0);
}

TEST_CASE("of two sites each has at most half of the threads, and a dead one leaves the other running") {
  Bench bench(threads(4, 2));
  bench.cold(true);
  std::deque<Waiting> dead;
  ask(bench, dead, 6, 0);
  bench.pass(5);
  CHECK(bench.under_way(0) == 2);
  bench.cold(false);
  std::deque<Waiting> alive;
  ask(bench, alive, 20, 1);
  bench.pass(5);
  CHECK(told(alive) == 20);
  CHECK(told(dead) == 0);
  CHECK(bench.under_way(0) == 2);
  bench.run();
  CHECK(told(dead) == 6);
}

TEST_CASE("two busy sites do not keep the threads from a third one") {
  Bench bench(threads(4, 3));
  bench.cold(false);
  std::vector<uint32_t> order;
  std::deque<Waiting> crowd;
  const auto asks = [&](uint32_t site) {
    Waiting& one = crowd.emplace_back();
    one.then = [&order, site] { order.push_back(site); };
    one.ask(bench, "/" + std::to_string(crowd.size()), site);
  };
  for (int number = 0; number < 20; ++number) {
    asks(0);
    asks(1);
  }
  bench.step();  // these two have all threads, and stand in line
  asks(2);
  bench.run();
  REQUIRE(order.size() == crowd.size());
  const auto place = std::find(order.begin(), order.end(), 2U) - order.begin();
  CHECK(place < 12);  // three rounds of four threads, not the forty before it
}

TEST_CASE("in the line for a thread a look goes before a fetch that came earlier") {
  Bench bench(threads(1));
  bench.put("held.txt", "h");
  bench.age();
  {
    const Waiting first(bench, "/held.txt");
    bench.run();
  }
  bench.pass(2010);
  bench.world.mischief() = {.uncached = 1000, .slow = 1000, .slowest_ns = 50'000'000};
  std::string order;
  const auto asks = [&](Waiting& one, char letter, const char* path) {
    one.then = [&order, letter] { order += letter; };
    one.ask(bench, path);
    bench.pass(1);
  };
  Waiting first, fetch, look;
  asks(first, '1', "/first");
  asks(fetch, 'f', "/fetch");
  asks(look, 'l', "/held.txt");
  bench.warm();
  bench.run();
  CHECK(order == "1lf");
}

TEST_CASE("however a cold walk or read ends, its thread comes back") {
  Bench bench(threads(2));
  bench.put("a.txt", "a");
  bench.put("large.bin", std::string(5000, 'x'));
  bench.put("broken.txt", "b");
  bench.put("busy.txt", "b");
  bench.put("unreadable.txt", "u");
  bench.put("d/index.txt", "i");
  bench.world.put_directory("root/empty");
  bench.world.put_other("root/fifo");
  bench.world.fail_open("root/broken.txt", EIO);
  bench.world.fail_read("root/unreadable.txt", EIO);
  bench.world.fail_open("root/busy.txt", EAGAIN);
  bench.age();
  bench.cold(false);
  for (const char* path : {"/a.txt", "/large.bin", "/unreadable.txt", "/broken.txt", "/busy.txt", "/d", "/d/",
                           "/empty/", "/fifo", "/missing", "/a.txt/"}) {
    CAPTURE(path);
    const Waiting asking(bench, path);
    bench.run();
    CHECK(asking.told == 1);
    bench.cold(true);
    std::deque<Waiting> crowd;
    ask(bench, crowd, 4);
    bench.pass(5);
    CHECK(bench.under_way(0) == 2);
    bench.warm();
    std::deque<Waiting> reads;
    ask_reads(bench, reads, 4);
    bench.cold(true);
    bench.pass(5);
    CHECK(bench.under_way(1) == 2);
    bench.cold(false);
    bench.run();
    bench.cache.clear();
  }
}
