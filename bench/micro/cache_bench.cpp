// The cache's part of a hit and of a miss: key, look-up, making, sealing and inserting an entry that evicts another,
// and the verdicts of a flood of random names. 1,000 to 100,000 entries of 1 KiB, asked for in an order that the
// prefetcher cannot guess. What a policy is worth: cache_policy. And what a compressed copy of 16 KiB of a page costs,
// off the workers' time, in each coding; `percent` is its size.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/cache/cache.hpp"
#include "uringd/cache/encode.hpp"

namespace uringd::cache {
namespace {

constexpr uint64_t seed = 42;
constexpr size_t body_bytes = 1024;
constexpr EntryFacts facts{
    .content_type = "text/html; charset=utf-8", .has_modified = true, .modified_s = 1'700'000'000};

std::string path_of(size_t number) { return "/thumbs/" + std::to_string(number) + ".jpg"; }

EntryRef make_entry(Cache& cache, const Key& key) {
  EntryRef entry = cache.make(key, key.path, 0, body_bytes);
  std::memset(entry->body_memory().data(), 'x', body_bytes);
  benchmark::DoNotOptimize(entry->seal(facts, "", 1'700'000'001));
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

/// Markup around words, in an order that does not repeat: brotli and zstd make of it what they make of a manual's page.
std::string page(size_t size) {
  constexpr std::string_view words[] = {"ring",    "worker", "the",     "of",    "a",         "completion", "that",
                                        "waits",   "for",    "buffer",  "file",  "is",        "request",    "answer",
                                        "and",     "in",     "cached",  "entry", "which",     "no",         "directory",
                                        "changed", "read",   "through", "once",  "submitted", "before",     "kernel"};
  constexpr std::string_view marks[] = {"</p>\n<p>", "<code>", "</code> ", "<a href=\"/docs/",
                                        ".html\">",  "</a>, ", ". "};
  std::string text =
      "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Manual</title></head>\n";
  uint64_t state = seed;
  const auto below = [&state](size_t bound) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<size_t>(state >> 33) % bound;
  };
  while (text.size() < size) {
    text.append(words[below(std::size(words))]).append(1, ' ');
    if (below(6) == 0) text += marks[below(std::size(marks))];
    if (below(20) == 0) text += std::to_string(below(100'000));
  }
  text.resize(size);
  return text;
}

void encode_page(benchmark::State& state, http::Coding coding, Effort effort) {
  const std::string body = page(16384);
  const auto once = encode(body, coding, effort, true, body.size() / 2);
  if (!once) return state.SkipWithError("a page became no half of its size");
  for (auto _ : state) benchmark::DoNotOptimize(encode(body, coding, effort, true, body.size()));
  state.counters["percent"] = 100.0 * static_cast<double>(once->size()) / static_cast<double>(body.size());
}
BENCHMARK_CAPTURE(encode_page, gzip_quick, http::Coding::gzip, Effort::quick);
BENCHMARK_CAPTURE(encode_page, zstd_quick, http::Coding::zstd, Effort::quick);
BENCHMARK_CAPTURE(encode_page, br_quick, http::Coding::br, Effort::quick);
BENCHMARK_CAPTURE(encode_page, gzip_best, http::Coding::gzip, Effort::best);
BENCHMARK_CAPTURE(encode_page, zstd_best, http::Coding::zstd, Effort::best);
BENCHMARK_CAPTURE(encode_page, br_best, http::Coding::br, Effort::best);

}  // namespace
}  // namespace uringd::cache

BENCHMARK_MAIN();
