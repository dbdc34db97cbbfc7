// The containers that every request passes through: slab, list, timer wheel. A few nanoseconds each, no allocation, at
// the occupancy of a busy worker: 4,096 members that are not all in the innermost cache.
#include <benchmark/benchmark.h>
#include <cstdint>
#include <memory>
#include <vector>

#include "uringd/base/list.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/base/timer_wheel.hpp"

namespace uringd {
namespace {

constexpr uint32_t member_count = 4096;
/// Odd, so that a walk by this stride visits each of the 4,096 members once, and far from the one before.
constexpr uint32_t stride = 1531;

struct Record {
  explicit Record(uint64_t number) : value(number) {}
  uint64_t value;
  char rest[248] = {};  // about the size of an operation or a small connection
};

void slab_acquire_and_release(benchmark::State& state) {
  Slab<Record> slab(member_count);
  for (auto _ : state) {
    Record* record = slab.acquire(1u);
    benchmark::DoNotOptimize(record);
    slab.release(*record);
  }
}

/// What each completion does: from the slot and generation in its tag to the object.
void slab_find(benchmark::State& state) {
  Slab<Record> slab(member_count);
  std::vector<Record*> records;
  for (uint32_t i = 0; i < member_count; ++i) records.push_back(slab.acquire(i));
  uint32_t slot = 0;
  uint64_t sum = 0;
  for (auto _ : state) {
    slot = (slot + stride) % member_count;
    sum += slab.find(slot, 0)->value;
  }
  benchmark::DoNotOptimize(sum);
  for (Record* record : records) slab.release(*record);
}

struct Member : Link<Member> {
  uint64_t value = 0;
};

/// What a cache hit does to its LRU list.
void list_move_to_front(benchmark::State& state) {
  auto members = std::make_unique<Member[]>(member_count);
  List<Member> list;
  for (uint32_t i = 0; i < member_count; ++i) list.push_front(members[i]);
  uint32_t index = 0;
  for (auto _ : state) {
    index = (index + stride) % member_count;
    members[index].unlink();
    list.push_front(members[index]);
  }
  while (list.pop_front() != nullptr) {
  }
}

/// What each request does to its connection's deadline: moving it back only writes a number.
void timer_push_back(benchmark::State& state) {
  auto timers = std::make_unique<Timer[]>(member_count);
  TimerWheel wheel(0);
  for (uint32_t i = 0; i < member_count; ++i) wheel.schedule(timers[i], 10'000);
  uint32_t index = 0;
  uint64_t deadline = 10'000;
  for (auto _ : state) {
    index = (index + stride) % member_count;
    wheel.schedule(timers[index], ++deadline);
  }
  for (uint32_t i = 0; i < member_count; ++i) wheel.cancel(timers[i]);
}

void timer_schedule_and_cancel(benchmark::State& state) {
  Timer timer;
  TimerWheel wheel(0);
  uint64_t deadline = 0;
  for (auto _ : state) {
    wheel.schedule(timer, deadline = (deadline + 997) % 30'000);
    wheel.cancel(timer);
  }
}

BENCHMARK(slab_acquire_and_release);
BENCHMARK(slab_find);
BENCHMARK(list_move_to_front);
BENCHMARK(timer_push_back);
BENCHMARK(timer_schedule_and_cancel);

}  // namespace
}  // namespace uringd

BENCHMARK_MAIN();
