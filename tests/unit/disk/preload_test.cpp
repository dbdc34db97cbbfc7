// Preloads: files that nobody asked for yet, fetched a few at a time and only where there is room for them.
#include "harness.hpp"

#include <deque>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

/// "/0" to "/<how_many - 1>", each there with its own number in it.
std::vector<std::string> put_many(Bench& bench, int how_many, size_t bytes = 1) {
  std::vector<std::string> paths;
  for (int number = 0; number < how_many; ++number) {
    const std::string name = std::to_string(number);
    bench.put(name, std::string(bytes, name.back()));
    paths.push_back("/" + name);
  }
  bench.age();
  return paths;
}

}  // namespace

TEST_CASE("four are fetched at once, and one more as each ends, until all are held") {
  Bench bench;
  const std::vector<std::string> paths = put_many(bench, 10);
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  CHECK(bench.under_way(0) == 4);
  CHECK(bench.disk->counters().preloaded == 4);
  while (bench.step()) CHECK(bench.disk->in_flight() <= 4);
  CHECK(bench.disk->counters().preloaded == 10);
  for (const std::string& path : paths) {
    CAPTURE(path);
    const Waiting asking(bench, path);
    CHECK(asking.at_once);
    CHECK(asking.body() == path.substr(1));
  }
}

TEST_CASE("what is held, or asked for already, is not fetched again; what is missing holds nobody up") {
  Bench bench;
  std::vector<std::string> paths = put_many(bench, 3);
  paths.insert(paths.begin(), "/missing");
  {
    const Waiting first(bench, "/0");
    bench.run();
  }
  Waiting second(bench, "/1");
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.run();
  CHECK(bench.disk->counters().preloaded == 2);
  CHECK(bench.disk->counters().fetches == 4);
  CHECK(bench.held("/2"));
  CHECK(second.body() == "1");
}

TEST_CASE("what is held of the tree before is looked at, and read only where it changed") {
  Bench bench;
  const std::vector<std::string> paths = put_many(bench, 6);
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.run();
  bench.put("5", "changed");
  bench.age();
  bench.release("root");
  const uint64_t read_bytes = bench.disk->counters().read_bytes;
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.run();
  CHECK(bench.disk->counters().read_bytes == read_bytes + 7);
  const Waiting same(bench, "/0");
  CHECK(same.at_once);
  const Waiting changed(bench, "/5");
  CHECK(changed.at_once);
  CHECK(changed.body() == "changed");
}

TEST_CASE("preloading ends when the cache is nearly full: it evicts nothing") {
  BenchOptions options;
  options.cache.capacity_bytes = size_t{256} << 10;
  Bench bench(options);
  const std::vector<std::string> paths = put_many(bench, 200, 4000);
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.run();
  CHECK(bench.disk->counters().preloaded > 20);
  CHECK(bench.disk->counters().preloaded < 70);
  CHECK(bench.cache.counters().gone[static_cast<size_t>(cache::Gone::capacity)] == 0);
}

TEST_CASE("preloading ends where the queue is full of requests") {
  Bench bench({.disk = {.queue_size = 4, .max_cached_file_bytes = 4096}});
  const std::vector<std::string> paths = put_many(bench, 10);
  bench.cold(true);
  std::deque<Waiting> crowd;
  for (const char* path : {"/a", "/b", "/c"}) crowd.emplace_back(bench, path);
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.warm();
  bench.run();
  CHECK(bench.disk->counters().preloaded == 1);
  CHECK(bench.disk->counters().rejected == 0);
  for (const Waiting& one : crowd) CHECK(one.told == 1);
}

TEST_CASE("a request joins the preload of its path") {
  Bench bench;
  const std::vector<std::string> paths = put_many(bench, 1);
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  const Waiting asking(bench, "/0");
  bench.run();
  CHECK(asking.body() == "0");
  CHECK(bench.disk->counters().joined == 1);
  CHECK(bench.disk->counters().fetches == 1);
}
