// The queue: how many chains there may be, whose they may be, and that every place is given back.
#include "harness.hpp"

#include <cerrno>
#include <deque>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

BenchOptions queue_of(uint32_t places, uint32_t sites = 1) {
  return {.disk = {.queue_size = places, .max_cached_file_bytes = 4096}, .sites = sites};
}

/// So many ask for names of their own, which are not there.
int taken(Bench& bench, std::deque<Waiting>& crowd, int how_many, uint32_t site = 0) {
  int taken = 0;
  for (int number = 0; number < how_many; ++number) {
    Waiting& one = crowd.emplace_back(bench, "/" + std::to_string(crowd.size()), site);
    taken += one.refused ? 0 : 1;
  }
  return taken;
}

}  // namespace

TEST_CASE("queue_size fetches are taken, the next is refused and counted, and all are told in the end") {
  Bench bench(queue_of(3));
  bench.cold(true);
  std::deque<Waiting> crowd;
  CHECK(taken(bench, crowd, 5) == 3);
  CHECK(bench.disk->counters().rejected == 2);
  CHECK(bench.disk->in_flight() == 3);
  CHECK(bench.disk->counters().deepest == 3);
  Waiting joins(bench, "/0");
  CHECK(!joins.refused);
  bench.warm();
  bench.run();
  CHECK(bench.disk->in_flight() == 0);
  CHECK(joins.status == 404);
  for (size_t number = 0; number < 3; ++number) CHECK(crowd[number].status == 404);
  CHECK(!crowd[4].linked());
}

TEST_CASE("looks have places of their own: a full queue makes no held entry stale") {
  Bench bench(queue_of(2));
  bench.put("a.txt", "a");
  bench.age();
  {
    const Waiting first(bench, "/a.txt");
    bench.run();
  }
  bench.pass(2010);
  bench.cold(true);
  std::deque<Waiting> crowd;
  REQUIRE(taken(bench, crowd, 3) == 2);
  bench.pass(5);
  bench.warm();
  Waiting looks(bench, "/a.txt");
  CHECK(!looks.at_once);
  CHECK(!looks.refused);
  bench.pass(5);
  CHECK(looks.unchanged);
}

TEST_CASE("of two sites one takes at most half of the queue, and the other has its half") {
  Bench bench(queue_of(6, 2));
  bench.cold(true);
  std::deque<Waiting> dead;
  std::deque<Waiting> other;
  CHECK(taken(bench, dead, 5, 0) == 3);
  CHECK(taken(bench, other, 5, 1) == 3);
  bench.run();
  CHECK(taken(bench, dead, 3, 0) == 3);  // all given back
  bench.run();
}

TEST_CASE("however fetches end, all places come back") {
  Bench bench(queue_of(4));
  bench.put("a.txt", "a");
  bench.put("large.bin", std::string(5000, 'x'));
  bench.put("broken.txt", "b");
  bench.put("unreadable.txt", "u");
  bench.put("d/index.html", "i");
  bench.world.put_directory("root/empty");
  bench.world.put_other("root/fifo");
  bench.world.fail_open("root/broken.txt", EIO);
  bench.world.fail_read("root/unreadable.txt", EIO);
  bench.age();
  for (int round = 0; round < 3; ++round) {
    for (const char* path : {"/a.txt", "/large.bin", "/broken.txt", "/unreadable.txt", "/d", "/d/", "/empty/", "/fifo",
                             "/missing", "/a.txt/"}) {
      const Waiting asking(bench, path);
      CHECK(!asking.refused);
      bench.run();
      CHECK(asking.told == 1);
      CHECK(bench.disk->in_flight() == 0);
    }
    bench.age(3 * second_ns);
  }
  bench.cold(true);
  std::deque<Waiting> crowd;
  CHECK(taken(bench, crowd, 6) == 4);
  bench.run();
}
