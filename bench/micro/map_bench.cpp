// What a rewrite's look-up costs, beside what it replaces (the proposal for Apache's RewriteMap): a table that is whole
// before the first request, read through one atomic pointer; a mutex-guarded cache; the scan of a file's lines. The
// scan's lines lie in memory here, while Apache reads them from the file each time: the comparison favours it.
// warm_up_* is what the first N look-ups of distinct keys cost in a file of N lines, loading included: with a scan that
// grows with the square of N, with or without a cache behind it. Each refuses to measure a wrong answer.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "uringd/site/maps.hpp"

namespace uringd::site {
namespace {

std::string key_of(size_t number) { return "/old/page-" + std::to_string(100'000 + number); }

std::string file_of(size_t count) {
  std::string file;
  for (size_t i = 0; i < count; ++i) file += key_of(i) + " /new/section/" + std::to_string(100'000 + i) + "\n";
  return file;
}

std::unique_ptr<char[]> copy_of(const std::string& file) {
  auto bytes = std::make_unique_for_overwrite<char[]>(file.size());
  std::memcpy(bytes.get(), file.data(), file.size());
  return bytes;
}

std::unique_ptr<const MapTable> build(std::unique_ptr<char[]> bytes, size_t size) {
  MapBuilder builder(config::MapKind::txt, std::move(bytes), size);
  while (builder.step()) continue;
  return std::move(builder.finish().value());
}

/// As mod_rewrite looks a key up that is in no cache: line by line, until there it is.
std::optional<std::string_view> scan(std::string_view file, std::string_view key) {
  while (!file.empty()) {
    const std::string_view line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(line.size() + 1, file.size()));
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
      return line.substr(key.size() + 1);
  }
  return std::nullopt;
}

/// One for all threads, as a process of Apache has it.
class GuardedCache {
 public:
  void add(std::string key, std::string value) {
    const std::lock_guard lock(mutex_);
    values_.emplace(std::move(key), std::move(value));
  }
  /// A copy: another thread may drop the entry.
  std::optional<std::string> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : std::optional{found->second};
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> values_;
};

constexpr size_t entries = 100'000;

/// The same 100,000 entries in each form, and keys in an order that no cache line foresees.
struct World {
  std::string file = file_of(entries);
  std::unique_ptr<Maps> maps;
  GuardedCache cache;
  std::vector<std::string> keys;

  World() {
    std::vector<std::unique_ptr<const MapTable>> tables;
    tables.push_back(build(copy_of(file), file.size()));
    maps = std::make_unique<Maps>(std::move(tables));
    for (size_t i = 0; i < entries; ++i) {
      const std::string key = key_of(i);
      cache.add(key, std::string{*scan(file.substr(i * file.size() / entries), key)});
    }
    Random random(1);
    for (size_t i = 0; i < 65536; ++i) keys.push_back(key_of(random.below(entries)));
  }
};

World& world() {
  static World made;
  return made;
}

template <typename LookUp>
void look_up(benchmark::State& state, LookUp once) {
  World& in = world();
  Random random(static_cast<uint64_t>(state.thread_index()) + 1);
  if (!once(in, in.keys[0], random) || once(in, "/old/page-1", random)) return state.SkipWithError("a wrong answer");
  for (auto _ : state) {
    auto value = once(in, in.keys[random.below(65536)], random);
    benchmark::DoNotOptimize(value);
  }
  state.SetItemsProcessed(state.iterations());
}

void look_up_maps(benchmark::State& state) {
  look_up(state, [](World& in, const std::string& key, Random& random) { return in.maps->table(0).find(key, random); });
}
void look_up_guarded_cache(benchmark::State& state) {
  look_up(state, [](World& in, const std::string& key, Random&) { return in.cache.find(key); });
}
void look_up_scan(benchmark::State& state) {
  look_up(state, [](World& in, const std::string& key, Random&) { return scan(in.file, key); });
}

/// `look_ups` takes a file and the number of its lines, and returns how many keys it found.
template <typename LookUps>
void warm_up(benchmark::State& state, LookUps look_ups) {
  const auto count = static_cast<size_t>(state.range(0));
  const std::string file = file_of(count);
  for (auto _ : state) {
    if (look_ups(file, count) != count) return state.SkipWithError("a key was not found");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
}

void warm_up_maps(benchmark::State& state) {
  warm_up(state, [](const std::string& file, size_t count) {
    const auto table = build(copy_of(file), file.size());
    Random random(1);
    size_t found = 0;
    for (size_t i = 0; i < count; ++i) found += table->find(key_of(i), random).has_value();
    return found;
  });
}
void warm_up_scan(benchmark::State& state) {
  warm_up(state, [](const std::string& file, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; ++i) found += scan(file, key_of(i)).has_value();
    return found;
  });
}
void warm_up_scan_and_guarded_cache(benchmark::State& state) {
  warm_up(state, [](const std::string& file, size_t count) {
    GuardedCache cache;
    size_t found = 0;
    for (size_t i = 0; i < count; ++i) {
      const std::string key = key_of(i);
      if (cache.find(key)) continue;
      if (const auto value = scan(file, key)) {
        cache.add(key, std::string{*value});
        ++found;
      }
    }
    return found;
  });
}

void build_lines(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const std::string file = file_of(count);
  size_t table_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto bytes = copy_of(file);
    state.ResumeTiming();
    auto table = build(std::move(bytes), file.size());
    state.PauseTiming();
    if (table->entries() != count) return state.SkipWithError("entries are missing");
    table_bytes = table->bytes();
    table.reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * file.size()));
  state.counters["bytes/entry"] = static_cast<double>(table_bytes) / static_cast<double>(count);
  state.counters["of them the file's"] = static_cast<double>(file.size()) / static_cast<double>(count);
}

BENCHMARK(look_up_maps)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(look_up_guarded_cache)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(look_up_scan)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(warm_up_maps)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(warm_up_scan)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(warm_up_scan_and_guarded_cache)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(build_lines)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace uringd::site

BENCHMARK_MAIN();
