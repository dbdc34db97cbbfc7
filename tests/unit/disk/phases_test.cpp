// What an outcome says of where the time went: waiting for a kernel thread apart from opening and reading.
#include "harness.hpp"

#include <doctest/doctest.h>

#include <optional>

using namespace uringd;
using namespace uringd::testing;

namespace {

constexpr uint64_t ms = 1'000'000;

struct Timed final : disk::Waiter {
  void ask(Bench& bench, std::string_view path) {
    asked_ns = bench.clock.monotonic_ns;
    REQUIRE(bench.disk->fetch(Bench::key(path), *this));
  }
  void on_fetched(const disk::Outcome& told) override { kept.emplace(told); }
  uint64_t asked_ns = 0;
  std::optional<disk::Outcome> kept;
  [[nodiscard]] const disk::Outcome& outcome() const { return kept.value(); }
};

BenchOptions one_thread() { return {.disk = {.kernel_threads = 1, .max_cached_file_bytes = 4096}}; }

}  // namespace

TEST_CASE("a fetch tells when it was opened and read, and that it waited for nobody") {
  Bench bench;
  bench.put("a.txt", "bytes");
  Timed one;
  one.ask(bench, "/a.txt");
  bench.run();
  const disk::Outcome& told = one.outcome();
  CHECK(told.opening_ns == one.asked_ns);
  CHECK(told.opened_ns > told.opening_ns);
  CHECK(told.reading_ns == told.opened_ns);
  CHECK(told.read_ns > told.reading_ns);
}

TEST_CASE("waiting for a kernel thread is not opening: the second in line begins when the first is open") {
  Bench bench(one_thread());
  bench.put("a.txt", "bytes");
  bench.put("b.txt", "bytes");
  bench.world.mischief().uncached = 1000;
  bench.world.mischief().slow = 1000;
  bench.world.mischief().slowest_ns = 50 * ms;
  Timed a, b;
  a.ask(bench, "/a.txt");
  b.ask(bench, "/b.txt");
  bench.run();
  const bool in_order = a.outcome().opening_ns <= b.outcome().opening_ns;  // whose cached walk failed first
  const Timed& first = in_order ? a : b;
  const Timed& second = in_order ? b : a;
  CHECK(first.outcome().status == 200);
  CHECK(second.outcome().status == 200);
  CHECK(first.outcome().opening_ns == first.asked_ns);
  CHECK(second.outcome().opening_ns > second.asked_ns);
  CHECK(second.outcome().opening_ns <= first.outcome().opened_ns);
  CHECK(second.outcome().opened_ns > second.outcome().opening_ns);
  CHECK(second.outcome().opened_ns >= first.outcome().opened_ns);
}

TEST_CASE("a file that is not there was asked for all the same, and not read") {
  Bench bench;
  Timed one;
  one.ask(bench, "/missing");
  bench.run();
  CHECK(one.outcome().status == 404);
  CHECK(one.outcome().opened_ns > 0);
  CHECK(one.outcome().read_ns == 0);
}
