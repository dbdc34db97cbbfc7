// The cache's part of a hit and of a miss: key, look-up, making, sealing and inserting an entry that evicts another,
// and the verdicts of a flood of random names. 1,000 to 100,000 entries of 1 KiB, asked for in an order that the
// prefetcher cannot guess. What a policy is worth: cache_policy.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <vector>

#include "uringd/cache/cache.hpp"

namespace uringd::cache {
namespace {

constexpr uint64_t seed = 42;
constexpr size_t body_bytes = 1024;
constexpr EntryFacts facts{
    .content_type = "text/html; charset=utf-8", .modified_s = 1'700'000'000, .has_modified = true};

std::string path_of(size_t number) { return "/thumbs/" + std::to_string(number) + ".jpg"; }

EntryRef make_entry(Cache& cache, const Key& key) {
  EntryRef entry = cache.make(key, body_bytes);
  std::memset(entry->body_memory().data(), 'x', body_bytes);
  benchmark::DoNotOptimize(entry->seal(facts, 1'700'000'001));
  return entry;
}

void hit(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Cache cache({.capacity_bytes = size_t{1} << 30});
  std::vector<std::string> paths;
  for (size_t number = 0; number < count; ++number) {
    paths.push_back(path_of(number));
    cache.insert(make_entry(cache, make_key(0, paths.back(), seed)), 0);
  }
  size_t number = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(make_key(0, paths[number], seed), number));
    number = (number + 7919) % count;
  }
}
BENCHMARK(hit)->Arg(1)->Arg(1'000)->Arg(100'000);

void miss_that_evicts(benchmark::State& state) {
  Cache cache({.capacity_bytes = size_t{16} << 20});
  std::vector<std::string> paths;
  for (size_t number = 0; number < 32'768; ++number) paths.push_back(path_of(number));
  size_t number = 0;
  for (auto _ : state) {
    const Key key = make_key(0, paths[number], seed);
    if (!cache.find(key, number)) cache.insert(make_entry(cache, key), number);
    number = (number + 1) % paths.size();
  }
}
BENCHMARK(miss_that_evicts);

void verdict_that_evicts(benchmark::State& state) {
  Cache cache({.capacity_bytes = size_t{16} << 20});
  std::vector<std::string> paths;
  for (size_t number = 0; number < 32'768; ++number) paths.push_back(path_of(number));
  size_t number = 0;
  for (auto _ : state) {
    const Key key = make_key(0, paths[number], seed);
    if (!cache.find(key, number)) cache.insert(cache.make_verdict(key, 404), number);
    number = (number + 1) % paths.size();
  }
}
BENCHMARK(verdict_that_evicts);

}  // namespace
}  // namespace uringd::cache

BENCHMARK_MAIN();
