// The helper thread on real directories and the kernel's ring: what becomes of changes, switches, jobs, and its end.
#include "uringd/server/helper.hpp"

#include <poll.h>
#include <unistd.h>

#include "helper_world.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;
using World = HelperWorld;
using disk::test::count_of;

TEST_CASE("a change in a watched directory is told to every worker") {
  World world;
  REQUIRE(world.helper->door(1).watch(0, "/assets"));
  world.settle("/assets");
  world.tree.write("releases/1/assets/a.css");
  CHECK(within(100ms, [&] { return world.hands[0].heard("/assets/a.css"); }));
  CHECK(within(100ms, [&] { return world.hands[1].heard("/assets/a.css"); }));
  CHECK(world.helper->watches() > 0);
  CHECK(world.helper->counters().events > 0);
}

TEST_CASE("50 switches of the root in a row are each seen within 100 ms, as one generation, and old states are freed") {
  World world({.stale_after_ms = 60'000});
  REQUIRE(world.helper->door(0).watch(0, "/assets"));
  world.settle("/assets");
  uint32_t generation = world.state().generation;
  Clock::duration longest{};
  for (int round = 0; round < 50; ++round) {
    const std::string target = round % 2 == 0 ? "releases/2" : "releases/1";
    const std::weak_ptr<const disk::Root> before = world.state().root;
    const ino_t inode = [&] {
      struct stat status{};
      REQUIRE(stat(world.tree.at(target).c_str(), &status) == 0);
      return status.st_ino;
    }();
    const auto begin = Clock::now();
    world.tree.switch_link(target, "current");
    REQUIRE(within(100ms, [&] { return world.state().root->inode == inode; }));
    longest = std::max(longest, Clock::now() - begin);
    CHECK(world.state().generation == ++generation);
    CHECK(!world.state().previous);
    CHECK(within(1s, [&] {
      world.acknowledge();  // the notice comes a moment after the state
      return before.expired();
    }));
  }
  MESSAGE("longest: " << std::chrono::duration_cast<std::chrono::microseconds>(longest).count() << " us");
  CHECK(within(1s, [&] { return world.helper->retired_states() == 0; }));
  CHECK(world.helper->counters().switches == 50);
  CHECK(count_of(world.log(), "is another directory now: " + world.tree.at("releases/2").string()) >=
        5);  // the log passes five equal lines
  // What is in the new tree is watched.
  world.hands[0].invalidated.clear();
  world.settle("/assets");
}

TEST_CASE("a root that was switched before its first watch stood is seen at once, not by the clock") {
  World world({.stale_after_ms = 60'000}, {}, false);
  const uint64_t before = world.state().root->inode;
  world.tree.switch_link("releases/2", "current");
  world.start();
  CHECK(within(2s, [&] { return world.state().root->inode != before; }));
}

TEST_CASE("without inotify a switch is seen by the clock, and a stale_after of 0 looks every 100 ms") {
  World world({.watch = false, .stale_after_ms = 0});
  const uint64_t before = world.state().root->inode;
  world.tree.switch_link("releases/2", "current");
  CHECK(within(1s, [&] { return world.state().root->inode != before; }));
  CHECK(world.helper->watches() == 0);
}

TEST_CASE("the tree before stays as long as keep_previous says, and then goes with all that is held of it") {
  World world({.stale_after_ms = 60'000}, {.keep_previous_ms = 150});
  const uint64_t before = world.state().root->inode;
  const auto begin = Clock::now();
  world.tree.switch_link("releases/2", "current");
  REQUIRE(within(500ms, [&] { return world.state().root->inode != before; }));
  REQUIRE(world.state().previous);
  CHECK(world.state().previous->inode == before);
  const uint32_t generation = world.state().generation;
  CHECK(within(1s, [&] { return !world.state().previous; }));
  CHECK(Clock::now() - begin >= 140ms);
  CHECK(world.state().generation == generation + 1);
  CHECK(world.state().release == generation + 1);
}

TEST_CASE("a state is freed when every worker has let go, not before") {
  World world({.watch = false, .stale_after_ms = 100});
  const disk::SiteState* const first = &world.state();
  const std::weak_ptr<const disk::Root> root = first->root;
  world.tree.switch_link("releases/2", "current");
  REQUIRE(within(1s, [&] { return &world.state() != first; }));
  REQUIRE(within(1s, [&] {
    world.hands[0].take();
    world.hands[1].take();
    return world.hands[0].retired.size() == 1 && world.hands[1].retired.size() == 1;
  }));
  CHECK(world.hands[0].retired[0] == first);
  world.helper->door(0).done_with(first);
  std::this_thread::sleep_for(50ms);
  CHECK(!root.expired());
  CHECK(world.helper->retired_states() == 1);
  world.helper->door(1).done_with(first);
  CHECK(within(1s, [&] { return root.expired(); }));
  CHECK(within(1s, [&] { return world.helper->retired_states() == 0; }));
}

TEST_CASE("a ConfigMap's switch inside the root is one new generation, with the root as it was") {
  World world({.stale_after_ms = 60'000});
  world.tree.directory("releases/1/..2024_1");
  world.tree.write("releases/1/..2024_1/page.html", "one");
  world.tree.link("..2024_1", "releases/1/..data");
  world.tree.link("..data/page.html", "releases/1/page.html");
  REQUIRE(world.helper->door(0).watch(0, ""));
  world.settle("");
  const uint32_t generation = world.state().generation;
  const uint64_t inode = world.state().root->inode;
  world.tree.directory("releases/1/..2024_2");
  world.tree.write("releases/1/..2024_2/page.html", "two");
  world.tree.link("..2024_2", "releases/1/..data_tmp");
  world.tree.rename("releases/1/..data_tmp", "releases/1/..data");
  CHECK(within(100ms, [&] { return world.state().generation == generation + 1; }));
  world.tree.remove("releases/1/..2024_1");
  std::this_thread::sleep_for(50ms);
  CHECK(world.state().generation == generation + 1);
  CHECK(world.state().root->inode == inode);
}

TEST_CASE("a root that is gone is served on, which is said once, and found again when it is back") {
  World world({.stale_after_ms = 100});
  const uint64_t before = world.state().root->inode;
  const uint32_t generation = world.state().generation;
  world.tree.remove("current");
  CHECK(within(1s,
               [&] { return world.log().find("cannot be opened (No such file or directory)") != std::string::npos; }));
  std::this_thread::sleep_for(300ms);
  CHECK(count_of(world.log(), "cannot be opened") == 1);
  CHECK(world.state().root->inode == before);
  world.tree.link("releases/1", "current");
  CHECK(within(1s, [&] { return world.log().find("is back") != std::string::npos; }));
  CHECK(world.state().generation == generation);
  world.tree.switch_link("releases/2", "current");
  CHECK(within(1s, [&] { return world.state().root->inode != before; }));
}

TEST_CASE("a listing comes with its ticket to who asked, and a directory of another kind comes as nothing") {
  World world;
  const Fd directory = world.tree.open("releases/1");
  const Fd proc(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(world.helper->door(1).list(directory.number(), 77));
  REQUIRE(world.helper->door(1).list(proc.number(), 78));
  REQUIRE(within(1s, [&] {
    world.hands[1].take();
    return world.hands[1].listed.size() == 2;
  }));
  CHECK(world.hands[1].listed[0].ticket == 77);
  REQUIRE(world.hands[1].listed[0].names);
  CHECK(world.hands[1].listed[0].names->may_contain("index.html"));
  CHECK(!world.hands[1].listed[0].names->may_contain("missing.html"));
  CHECK(world.hands[1].listed[1].ticket == 78);
  CHECK(!world.hands[1].listed[1].names);
  CHECK(world.hands[0].mailbox.pending() == 0);
}

TEST_CASE("with 4,096 jobs waiting the door says no, takes what is given back, and opens again") {
  World world({}, {}, false);
  disk::HelperDoor& door = world.helper->door(0);
  for (int number = 0; number < 4096; ++number) REQUIRE(door.watch(0, "/assets"));
  CHECK(!door.watch(0, "/assets"));
  CHECK(!door.list(world.tree.open().number(), 1));
  door.unwatch(0, "/assets");
  world.start();
  CHECK(within(5s, [&] { return door.watch(0, "/assets"); }));
  world.settle("/assets");
}

TEST_CASE("a worker that is far behind costs new generations, not memory, and the other one hears on") {
  World world({.stale_after_ms = 60'000});
  REQUIRE(world.helper->door(0).watch(0, ""));
  world.settle("");
  std::this_thread::sleep_for(50ms);
  while (world.hands[1].mailbox.pending() < 4096) world.hands[1].mailbox.post(disk::Invalidated{0, "/filler"});
  const uint32_t generation = world.state().generation;
  const auto begin = Clock::now();
  for (int number = 0; number < 300; ++number) world.tree.write("releases/1/file-" + std::to_string(number % 100), "x");
  CHECK(within(200ms, [&] { return world.state().generation > generation; }));
  CHECK(within(1s, [&] { return world.hands[0].heard("/file-99"); }));
  std::this_thread::sleep_for(50ms);  // the last pause has passed, and the helper rests
  // Only that states are retired, and that at most every 20 ms.
  CHECK(world.hands[1].mailbox.pending() <= 4096 + world.helper->counters().generations);
  CHECK(world.helper->counters().generations * 20ms <= Clock::now() - begin + 40ms);
  CHECK(world.helper->counters().overflows > 0);
}

TEST_CASE("what cache.preload names is told at start and after a switch, in batches, to all") {
  World world({.stale_after_ms = 60'000, .preload = {"**/*.css"}}, {}, false);
  for (int number = 0; number < 300; ++number) world.tree.write("releases/1/assets/" + std::to_string(number) + ".css");
  world.tree.write("releases/2/assets/new.css");
  world.start();
  CHECK(within(5s, [&] {
    world.hands[0].take();
    world.hands[1].take();
    return world.hands[0].preloaded.size() == 300 && world.hands[1].preloaded.size() == 300;
  }));
  CHECK(world.hands[0].largest_batch == 256);
  world.tree.switch_link("releases/2", "current");
  CHECK(within(1s, [&] {
    world.hands[0].take();
    return world.hands[0].preloaded.back() == "/assets/new.css";
  }));
  CHECK(world.helper->counters().preloaded == 301);
}

TEST_CASE("a preload waits for workers that do not take it") {
  World world({.preload = {"**"}}, {}, false);
  for (int number = 0; number < 2600; ++number) world.tree.write("releases/1/assets/" + std::to_string(number), "");
  world.start();
  std::this_thread::sleep_for(200ms);
  CHECK(world.hands[0].mailbox.pending() <= 8);
  CHECK(within(10s, [&] {
    world.hands[0].take();
    world.hands[1].take();
    return world.hands[0].preloaded.size() == 2601;
  }));
}

TEST_CASE("it ends within a second, busy or idle, and the doors stay usable") {
  World world({.preload = {"**"}});
  disk::HelperDoor& door = world.helper->door(0);
  for (int number = 0; number < 4000; ++number) {
    REQUIRE(door.watch(0, number % 2 ? "/assets" : ""));
  }
  const auto begin = Clock::now();
  CHECK(world.helper->stop(1s));
  CHECK(Clock::now() - begin < 1s);
  CHECK(world.helper->stop(1s));
  door.unwatch(0, "/assets");
}

TEST_CASE("one that was never started ends at once, with jobs in it") {
  World world({}, {}, false);
  REQUIRE(world.helper->door(0).watch(0, "/assets"));
  CHECK(world.helper->stop(0ms));
}

TEST_CASE("an idle helper wakes only to look at its roots") {
  World world({.stale_after_ms = 60'000});
  std::this_thread::sleep_for(100ms);
  timespec before{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  std::this_thread::sleep_for(500ms);
  timespec after{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const int64_t used_us = (after.tv_sec - before.tv_sec) * 1'000'000 + (after.tv_nsec - before.tv_nsec) / 1000;
  CHECK(used_us < 20'000);
}
