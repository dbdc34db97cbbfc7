// Directories: one watch for all entries of a directory, taken back when it has been empty for long.
#include "harness.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

using Names = std::vector<std::string>;  // "site:directory"

}  // namespace

TEST_CASE("the directory of a path is what is before its last name, without a slash at its end") {
  CHECK(disk::directory_of("/a/b.html") == "/a");
  CHECK(disk::directory_of("/a/") == "/a");
  CHECK(disk::directory_of("/a//") == "/a");
  CHECK(disk::directory_of("/a/b.js//br") == "/a");
  CHECK(disk::directory_of("/b.js//br").empty());
  CHECK(disk::directory_of("/a///hna") == "/a");
  CHECK(disk::directory_of("///hna").empty());
  CHECK(disk::directory_of("/a/b/c") == "/a/b");
  CHECK(disk::directory_of("/b.html").empty());
  CHECK(disk::directory_of("/").empty());
  CHECK(disk::directory_of("//").empty());
}

TEST_CASE("a watch is asked for once, with the first entry that is worth one, of each site by itself") {
  RecordingDoor door;
  disk::SlotCounts held(2);
  disk::Directories directories(&door, hash_seed, held);
  directories.enter(0, "/d");  // a verdict
  CHECK(door.watch_calls.empty());
  directories.enter(0, "/d");
  directories.watch(*directories.find(0, "/d"), 0);
  directories.enter(0, "/d");
  directories.watch(*directories.find(0, "/d"), 0);
  directories.enter(1, "/d");
  directories.watch(*directories.find(1, "/d"), 0);
  CHECK(door.watch_calls == Names{"0:/d", "1:/d"});
  CHECK(directories.count() == 2);
}

TEST_CASE("a watch that was refused is asked for again with the next entry") {
  RecordingDoor door;
  disk::SlotCounts held(2);
  disk::Directories directories(&door, hash_seed, held);
  door.busy = true;
  directories.enter(0, "/d");
  directories.watch(*directories.find(0, "/d"), 0);
  door.busy = false;
  directories.watch(*directories.find(0, "/d"), 0);
  directories.watch(*directories.find(0, "/d"), 0);
  CHECK(door.watch_calls == Names{"0:/d", "0:/d"});
}

TEST_CASE("a directory that is empty for ten seconds loses its watch; one that fills again in time keeps it") {
  RecordingDoor door;
  disk::SlotCounts held(2);
  disk::Directories directories(&door, hash_seed, held);
  for (const char* path : {"/goes", "/stays"}) {
    directories.enter(0, path);
    directories.watch(*directories.find(0, path), 0);
    directories.enter(0, path);
    directories.leave(*directories.find(0, path), 1000);  // not the last
  }
  directories.sweep(60'000);
  CHECK(door.unwatched.empty());
  directories.leave(*directories.find(0, "/stays"), 60'000);
  directories.leave(*directories.find(0, "/goes"), 60'000);
  directories.sweep(69'999);
  CHECK(door.unwatched.empty());
  directories.enter(0, "/stays");
  directories.watch(*directories.find(0, "/stays"), 0);
  directories.sweep(70'000);
  CHECK(door.unwatched == Names{"0:/goes"});
  CHECK(directories.count() == 1);
  CHECK(door.watch_calls.size() == 2);
  directories.enter(0, "/goes");
  directories.watch(*directories.find(0, "/goes"), 0);
  CHECK(door.watch_calls.size() == 3);
}

TEST_CASE("a directory that was never watched is forgotten with its last entry, and nothing is taken back") {
  RecordingDoor door;
  disk::SlotCounts held(2);
  disk::Directories directories(&door, hash_seed, held);
  directories.enter(0, "/d");
  directories.leave(*directories.find(0, "/d"), 0);
  CHECK(directories.count() == 0);
  directories.sweep(60'000);
  CHECK(door.unwatched.empty());
}

TEST_CASE("of more than 4,096 empty directories the one that is empty longest goes at once") {
  RecordingDoor door;
  disk::SlotCounts held(2);
  disk::Directories directories(&door, hash_seed, held);
  for (int number = 0; number <= 4096; ++number) {
    const std::string path = "/" + std::to_string(number);
    directories.enter(0, path);
    directories.watch(*directories.find(0, path), 0);
    directories.leave(*directories.find(0, path), 0);
    CHECK(door.unwatched.size() == (number == 4096 ? 1 : 0));
  }
  CHECK(door.unwatched == Names{"0:/0"});
  CHECK(directories.count() == 4096);
}

TEST_CASE("without a helper thread nothing is asked for and nothing is kept") {
  disk::SlotCounts held(2);
  disk::Directories directories(nullptr, hash_seed, held);
  directories.enter(0, "/d");
  directories.watch(*directories.find(0, "/d"), 0);
  directories.leave(*directories.find(0, "/d"), 0);
  CHECK(directories.count() == 0);
}

TEST_CASE("an entry that is not linked any more knows no directory: that may be gone before it") {
  Bench bench;
  bench.put("d/a", "a");
  bench.age();
  const Waiting asking(bench, "/d/a");
  bench.run();
  REQUIRE(asking.entry);
  CHECK(asking.entry->mark() != nullptr);
  bench.invalidate("/d/a");
  CHECK(asking.entry->mark() == nullptr);
}

TEST_CASE(
    "files, indexes and verdicts ask for a watch of where they lie, once; when all are dropped it is taken back") {
  Bench bench;
  bench.put("d/a", "a");
  bench.put("d/b", "b");
  bench.put("e/index.html", "e");
  bench.put("top", "t");
  bench.put("large.bin", std::string(5000, 'x'));
  bench.age();
  for (const char* path : {"/d/a", "/d/b", "/e/", "/top", "/large.bin", "/none/at/all", "/e"}) {
    const Waiting asking(bench, path);
    bench.run();
  }
  CHECK(bench.door.watch_calls == Names{"0:/d", "0:/e", "0:", "0:/none/at"});
  bench.invalidate("/d/a");
  bench.pass(10'100);
  CHECK(bench.door.unwatched.empty());
  bench.invalidate("/d/b");
  bench.pass(9'900);
  CHECK(bench.door.unwatched.empty());
  bench.pass(200);
  CHECK(bench.door.unwatched == Names{"0:/d"});
}

TEST_CASE("a flood of missing names in new directories asks for few watches: one in 16 ms") {
  Bench bench;
  bench.age();
  for (int round = 1; round <= 2; ++round) {
    for (int number = 0; number < 50; ++number) {
      const Waiting asking(bench, "/" + std::to_string(100 * round + number) + "/missing");
    }
    bench.step();
    CHECK(bench.door.watch_calls.size() == static_cast<size_t>(round));
    bench.run();
    bench.pass(20);
  }
}

TEST_CASE("a directory whose site leaves loses its watch with the next sweep, before those that were empty earlier") {
  RecordingDoor door;
  disk::SlotCounts held(2);
  disk::Directories directories(&door, hash_seed, held);
  for (const uint32_t site : {0U, 1U}) {
    for (const char* directory : {"/a", "/b"}) {
      directories.enter(site, directory);
      directories.watch(*directories.find(site, directory), 0);
    }
  }
  directories.leave(*directories.find(0, "/a"), 100);
  directories.leave(*directories.find(1, "/a"), 200);
  directories.hasten([](uint32_t site) { return site == 1; }, 300);
  CHECK(directories.due(300));
  directories.sweep(300);
  CHECK(door.unwatched == Names{"1:/a"});
  CHECK(!directories.due(300));
  directories.leave(*directories.find(1, "/b"), 400, true);
  CHECK(held.any(1));
  directories.sweep(400);
  CHECK(door.unwatched == Names{"1:/a", "1:/b"});
  CHECK(!held.any(1));
  directories.leave(*directories.find(0, "/b"), 500);
  directories.sweep(10'600);
  CHECK(door.unwatched.size() == 4);
  CHECK(!held.any(0));
}
