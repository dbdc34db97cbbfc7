// The cache's part of a hit and of a miss: key, look-up (which moves the entry to the front), making, sealing and
// inserting an entry that evicts another. 1,000 to 100,000 entries of 1 KiB, asked for in an order that the prefetcher
// cannot guess.
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

EntryRef make_entry(const Key& key) {
  EntryRef entry = Entry::make(key, body_bytes);
  std::memset(entry->body_memory().data(), 'x', body_bytes);
  benchmark::DoNotOptimize(entry->seal(facts, 1'700'000'001, 0));
  return entry;
}

void hit(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Cache cache(size_t{1} << 30);
  std::vector<std::string> paths;
  for (size_t number = 0; number < count; ++number) {
    paths.push_back(path_of(number));
    cache.insert(make_entry(make_key(0, paths.back(), seed)));
  }
  size_t number = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(make_key(0, paths[number], seed)));
    number = (number + 7919) % count;
  }
}
BENCHMARK(hit)->Arg(1)->Arg(1'000)->Arg(100'000);

void miss_that_evicts(benchmark::State& state) {
  Cache cache(size_t{16} << 20);
  std::vector<std::string> paths;
  for (size_t number = 0; number < 32'768; ++number) paths.push_back(path_of(number));
  size_t number = 0;
  for (auto _ : state) {
    const Key key = make_key(0, paths[number], seed);
    if (!cache.find(key)) cache.insert(make_entry(key));
    number = (number + 1) % paths.size();
  }
}
BENCHMARK(miss_that_evicts);

}  // namespace
}  // namespace uringd::cache

BENCHMARK_MAIN();
