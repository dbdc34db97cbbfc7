// AccessLog on the kernel's ring: one file after another, the log's end, and what a stuck pipe can hold up.
#include <filesystem>

#include "access_log_bench.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;

namespace {

size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

}  // namespace

TEST_CASE("a replaced file gets what was buffered and is closed; the new one gets what comes after") {
  Bench bench;
  const size_t descriptors = open_descriptors();
  {
    const Fd one = memory_file(), two = memory_file();
    bench.log.open(copy_of(one), combined);
    bench.lines(100);
    bench.log.open(copy_of(two), AccessFormat::json);
    bench.lines(100);
    REQUIRE(bench.done());
    CHECK(numbers_of(all_of(one.number())) == numbers(0, 100));
    CHECK(numbers_of(all_of(two.number())) == numbers(100, 200));
    CHECK(all_of(two.number()).starts_with("{"));
    CHECK(open_descriptors() == descriptors + 3);  // our two, its one
    bench.log.close();
    CHECK_FALSE(bench.log.on());
    bench.line();
    REQUIRE(bench.done());
  }
  CHECK(open_descriptors() == descriptors);
  CHECK(bench.log.counters().lines == 200);
  CHECK(bench.log.counters().dropped == 0);
}

TEST_CASE("closing writes what is buffered") {
  Bench bench;
  const Fd file = memory_file();
  bench.log.open(copy_of(file), combined);
  bench.lines(10);
  bench.log.close();
  bench.lines(10);
  REQUIRE(bench.done());
  CHECK(numbers_of(all_of(file.number())) == numbers(0, 10));
}

TEST_CASE("a stuck pipe that is replaced is waited for for 2 s, then given up, and the new file has its lines") {
  Bench bench;
  Pipe pipe;
  const Fd one = memory_file(), two = memory_file();
  bench.log.open(copy_of(pipe.to), combined);
  while (bench.log.counters().dropped == 0) {
    bench.lines(50, 1000);
    bench.turn();
  }
  const size_t descriptors = open_descriptors();
  bench.log.open(copy_of(one), combined);
  bench.log.open(copy_of(two), combined);  // the newer one takes the waiting one's place
  bench.turn();
  CHECK(bench.log.on());
  CHECK_FALSE(bench.log.idle());
  CHECK(bench.log.next_ms() <= bench.now_ms() + 2000);
  bench.ahead_ms += 2000;
  bench.turn();
  REQUIRE(bench.until([&] { return bench.log.idle(); }));
  const uint64_t first = bench.next;
  bench.lines(10);
  REQUIRE(bench.done());
  CHECK(numbers_of(all_of(two.number())) == numbers(first, first + 10));
  CHECK(all_of(one.number()).empty());
  CHECK(open_descriptors() == descriptors);  // the pipe's is gone, the file's came
  const auto& counters = bench.log.counters();
  CHECK(counters.lines + counters.dropped == bench.next);
}

TEST_CASE("an end that waits no longer gives a stuck pipe up at once") {
  Bench bench;
  Pipe pipe;
  bench.log.open(copy_of(pipe.to), combined);
  for (int i = 0; i < 20; ++i) {
    bench.lines(50, 1000);
    bench.turn();
  }
  bench.log.close();
  bench.turn();
  CHECK_FALSE(bench.log.idle());
  bench.log.abandon();
  const auto before = Clock::now();
  REQUIRE(bench.until([&] { return bench.log.idle(); }));
  CHECK(Clock::now() - before < std::chrono::milliseconds(500));
  CHECK(bench.log.counters().lines + bench.log.counters().dropped == bench.next);
}
