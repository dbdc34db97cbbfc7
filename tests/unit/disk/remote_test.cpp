// Roots whose files the kernel may know from before (network file systems, FUSE), and other file systems below a local
// root: the file system itself is asked whether the file held still, and what always takes a thread has leave.
#include "harness.hpp"

#include <array>
#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

constexpr uint64_t other_device = 2;

BenchOptions far(bool remote, uint32_t threads = 16) {
  return {.disk = {.kernel_threads = threads, .max_cached_file_bytes = 4096},
          .remote = remote,
          .device = remote ? 1 : other_device};
}

/// Runs to the end; the most operations of that step that were under way at once.
size_t most_under_way(Bench& bench, uint8_t step) {
  size_t most = bench.under_way(step);
  while (bench.step()) most = std::max(most, bench.under_way(step));
  return most;
}

}  // namespace

TEST_CASE("a change that only the file system knows of makes the fetch read again: one version, the new one") {
  for (const bool remote : {true, false}) {
    CAPTURE(remote);
    Bench bench(far(remote));
    bench.world.set_remote(true);
    bench.put("a.txt", "first");
    bench.age();
    const Waiting asking(bench, "/a.txt");
    bool changed = false;
    bench.run_changing_while_read([&] {
      if (!std::exchange(changed, true)) bench.put("a.txt", "other");
    });
    CHECK(bench.disk->counters().moved == 1);
    CHECK(asking.body() == "other");
    CHECK(bench.disk->counters().published + bench.disk->counters().not_kept == 1);
  }
}

TEST_CASE(
    "a file that holds still is looked at once more where the file system is another's, and not where it is ours") {
  for (const auto& [remote, device, looks] :
       {std::tuple<bool, uint64_t, size_t>{true, 1, 1}, {false, other_device, 1}, {false, 1, 0}}) {
    Bench bench({.remote = remote, .device = device});
    bench.put("a.txt", "a");
    bench.age();
    const Waiting asking(bench, "/a.txt");
    CHECK(most_under_way(bench, 2) == looks);
    CHECK(asking.body() == "a");
    CHECK(bench.held("/a.txt"));
  }
}

TEST_CASE("a look that fails is the disk's error, and nothing is held") {
  Bench bench(far(true));
  bench.put("a.txt", "a");
  bench.age();
  const Waiting asking(bench, "/a.txt");
  while (bench.under_way(2) == 0) REQUIRE(bench.step());
  bench.world.mischief().read_error = 1000;
  bench.run();
  CHECK(asking.status == 500);
  CHECK(bench.cache.count() == 0);
}

TEST_CASE("a file that never holds still on its own file system is 503 after a few tries") {
  Bench bench(far(true));
  bench.world.set_remote(true);
  bench.put("a.txt", "0");
  bench.age();
  const Waiting asking(bench, "/a.txt");
  int changes = 0;
  bench.run_changing_while_read([&] { bench.put("a.txt", std::to_string(++changes % 10)); });
  CHECK(asking.told == 1);
  CHECK(asking.status == 503);
  CHECK(changes == 8);
}

TEST_CASE("every open and look of a remote root has a thread's leave, of an empty file too") {
  Bench bench(far(true, 2));
  for (const char* name : {"1", "2", "3", "4", "5"}) bench.put(name, std::string(name) == "3" ? "" : name);
  bench.age();
  std::array<Waiting, 5> crowd;
  for (size_t number = 0; number < crowd.size(); ++number) crowd[number].ask(bench, "/" + std::to_string(number + 1));
  size_t most = 0;
  do {
    most = std::max(most, bench.under_way(0) + bench.under_way(2));
  } while (bench.step());
  CHECK(most == 2);
  for (const Waiting& one : crowd) CHECK(one.status == 200);
  CHECK(crowd[2].body().empty());
  CHECK(bench.disk->counters().cold_opens == 5);
}

TEST_CASE("looks at another file system below a local root have a thread's leave; what is cached there needs none") {
  Bench bench(far(false, 1));
  for (const char* name : {"1", "2", "3"}) bench.put(name, std::string(name) == "3" ? "" : name);
  bench.age();
  std::array<Waiting, 3> crowd;
  for (size_t number = 0; number < crowd.size(); ++number) crowd[number].ask(bench, "/" + std::to_string(number + 1));
  CHECK(bench.under_way(0) == 3);
  size_t most = 0;
  while (bench.step()) most = std::max(most, bench.under_way(2));
  CHECK(most == 1);
  for (const Waiting& one : crowd) CHECK(one.status == 200);
  CHECK(bench.disk->counters().cold_opens == 0);
  CHECK(bench.disk->counters().cold_reads == 0);
}

TEST_CASE("a remote fetch gives its thread back however it ends") {
  Bench bench(far(true, 1));
  bench.world.set_remote(true);
  bench.put("a.txt", "a");
  bench.put("unreadable.txt", "u");
  bench.put("large.bin", std::string(5000, 'x'));
  bench.put("d/index.txt", "i");
  bench.world.fail_read("root/unreadable.txt", EIO);
  bench.age();
  for (const auto& [path, status] : {std::pair{"/a.txt", 200},
                                     {"/unreadable.txt", 500},
                                     {"/large.bin", 200},
                                     {"/d", 301},
                                     {"/d/", 200},
                                     {"/missing", 404},
                                     {"/a.txt/", 404},
                                     {"/a.txt", 200}}) {
    CAPTURE(path);
    const Waiting asking(bench, path);
    bench.run();
    CHECK(asking.status == status);
  }
  bench.pass(2010);
  Waiting looks(bench, "/a.txt");
  bench.run();
  CHECK(looks.unchanged);
}
