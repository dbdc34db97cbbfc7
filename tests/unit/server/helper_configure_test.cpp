// One configuration after the other, on real directories, the kernel's rings and the helper's thread: what of a tree
// stays, comes and goes with it.
#include <set>

#include "configure_world.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;

TEST_CASE("a tree that both configurations have stays watched and is neither doubted nor told twice") {
  ConfigureWorld world;
  REQUIRE(world.helper->door(0).watch(0, "/assets"));
  world.settle("/assets");
  const disk::SiteState* const state = &world.state();
  for (int round = 0; round < 20; ++round) world.configure({0}, {.stale_after_ms = never_ms + round % 2});
  world.caught_up();
  CHECK(&world.state() == state);
  world.tree.write("releases/1/assets/a.css");
  CHECK(world.hears("/assets/a.css"));
  CHECK(world.helper->counters().generations == 0);
  std::this_thread::sleep_for(20ms);
  world.hands[0].take();
  CHECK(std::ranges::count(world.hands[0].invalidated, "/assets/a.css", &disk::Invalidated::path) <=
        3);  // made, written, closed
}

TEST_CASE("a tree that comes is looked at, has its error pages read, is preloaded alone and watched when asked") {
  ConfigureWorld world({.stale_after_ms = never_ms, .preload = {"**/*.html"}});
  world.tree.write("second/404.html", "none");
  world.tree.link("second", "second-link");
  REQUIRE(within(20s, [&] {
    world.hands[0].take();
    return world.hands[0].preloaded.size() == 1;
  }));
  const uint32_t second = world.add("second-link", {.error_pages = {{"404", "/404.html", "text/html"}}});
  CHECK(second == 1);
  world.configure({0, second}, {.stale_after_ms = never_ms, .preload = {"**/*.html"}});
  CHECK(within(20s, [&] { return world.sites->state(second).pages->find(404) != nullptr; }));
  CHECK(within(20s, [&] {
    world.hands[0].take();
    return world.hands[0].preloaded.size() == 3;
  }));
  world.caught_up();
  CHECK(world.hands[0].preloaded.size() == 3);  // one of the first tree, two of the second
  REQUIRE(world.helper->door(0).watch(second, "/assets"));
  world.caught_up();
  world.tree.write("second/assets/b.css");
  CHECK(world.hears("/assets/b.css"));
  CHECK(world.hands[0].invalidated.back().site == second);
  const uint64_t inode = world.sites->state(second).root->inode;
  world.tree.switch_link("releases/2", "second-link");
  CHECK(within(20s, [&] { return world.sites->state(second).root->inode != inode; }));
}

TEST_CASE("a tree that goes takes its watches along, and what still comes for it is nothing") {
  ConfigureWorld world;
  const uint32_t second = world.add("second");
  world.configure({0, second});
  REQUIRE(world.helper->door(0).watch(0, "/assets"));
  world.settle("/assets");
  const uint64_t with_one = world.helper->watches();
  REQUIRE(world.helper->door(0).watch(second, "/assets"));
  REQUIRE(world.helper->door(1).watch(second, ""));
  world.caught_up();
  CHECK(within(20s, [&] { return world.helper->watches() > with_one; }));
  world.configure({0});
  world.caught_up();
  CHECK(within(20s, [&] { return world.helper->watches() <= with_one; }));
  CHECK(world.helper->watches() > 0);
  world.helper->door(1).unwatch(second, "");
  REQUIRE(world.helper->door(1).watch(second, "/assets"));  // of a worker that had not heard yet
  world.caught_up();
  world.tree.write("second/assets/b.css");
  world.tree.write("releases/1/assets/a.css");
  CHECK(world.hears("/assets/a.css"));
  CHECK(!world.hands[0].heard("/assets/b.css"));
  CHECK(world.helper->watches() <= with_one);
}

TEST_CASE("a slot that is another tree's has nothing of the one before") {
  ConfigureWorld world({.stale_after_ms = never_ms, .preload = {"**/*.html"}});
  world.tree.directory("third/assets");
  world.tree.write("third/three.html");
  const uint32_t second = world.add("second");
  world.configure({0, second}, {.stale_after_ms = never_ms, .preload = {"**/*.html"}});
  REQUIRE(world.helper->door(0).watch(second, "/assets"));
  world.caught_up();
  world.configure({0}, {.stale_after_ms = never_ms, .preload = {"**/*.html"}});
  world.caught_up();
  world.sites->remove(second);
  REQUIRE(world.add("third") == second);
  world.hands[0].take();
  world.hands[0].preloaded.clear();
  world.configure({0, second}, {.stale_after_ms = never_ms, .preload = {"**/*.html"}});
  CHECK(within(20s, [&] {
    world.hands[0].take();
    return world.hands[0].preloaded == std::vector<std::string>{"/three.html"};
  }));
  world.tree.write("second/assets/b.css");
  world.tree.write("third/assets/c.css");
  REQUIRE(world.helper->door(0).watch(second, "/assets"));
  world.caught_up();
  world.tree.write("third/assets/d.css");
  CHECK(world.hears("/assets/d.css"));
  CHECK(!world.hands[0].heard("/assets/b.css"));
  CHECK(!world.hands[0].heard("/assets/c.css"));
}

TEST_CASE("watching that ends closes inotify; when it begins again all that was asked for is watched and doubted") {
  ConfigureWorld world;
  REQUIRE(world.helper->door(0).watch(0, "/assets"));
  world.settle("/assets");
  CHECK(ConfigureWorld::inotify_instances() == 1);
  world.configure({0}, {.watch = false, .stale_after_ms = never_ms});
  CHECK(within(20s, [&] { return ConfigureWorld::inotify_instances() == 0 && world.helper->watches() == 0; }));
  REQUIRE(world.helper->door(1).watch(0, ""));  // remembered
  world.caught_up();
  const uint32_t generation = world.state().generation;
  world.tree.write("releases/1/assets/a.css");
  world.caught_up();
  CHECK(!world.hands[0].heard("/assets/a.css"));
  CHECK(world.state().generation == generation);
  world.configure({0});
  CHECK(within(20s, [&] { return world.state().generation == generation + 1; }));  // for a.css
  CHECK(world.state().release != generation + 1);
  CHECK(world.helper->watches() > 0);
  world.tree.write("releases/1/assets/b.css");
  world.tree.write("releases/1/c.html");
  CHECK(world.hears("/assets/b.css"));
  CHECK(world.hears("/c.html"));
}

TEST_CASE("a root that was switched while nothing was watched is seen when watching begins") {
  ConfigureWorld world({.watch = false, .stale_after_ms = never_ms});
  world.caught_up();
  std::this_thread::sleep_for(50ms);  // the first look
  const uint64_t inode = world.state().root->inode;
  world.tree.switch_link("releases/2", "current");
  std::this_thread::sleep_for(50ms);
  CHECK(world.state().root->inode == inode);
  world.configure({0});
  CHECK(within(20s, [&] { return world.state().root->inode != inode; }));
}

TEST_CASE("another stale_after counts at once") {
  ConfigureWorld world({.watch = false, .stale_after_ms = never_ms});
  world.caught_up();
  std::this_thread::sleep_for(50ms);
  const uint64_t inode = world.state().root->inode;
  world.tree.switch_link("releases/2", "current");
  world.configure({0}, {.watch = false, .stale_after_ms = 0});
  const auto begin = Clock::now();
  CHECK(within(20s, [&] { return world.state().root->inode != inode; }));
  CHECK(Clock::now() - begin < 10s);
}

TEST_CASE("other preload patterns preload all trees anew, the same ones none") {
  ConfigureWorld world({.stale_after_ms = never_ms, .preload = {"*.html"}});
  world.tree.write("releases/1/assets/a.css");
  const auto preloaded = [&] {
    world.caught_up();
    std::this_thread::sleep_for(50ms);
    world.hands[0].take();
    return std::exchange(world.hands[0].preloaded, {});
  };
  CHECK(preloaded() == std::vector<std::string>{"/index.html"});
  world.configure({0}, {.stale_after_ms = never_ms, .preload = {"*.html"}});
  CHECK(preloaded().empty());
  world.configure({0}, {.stale_after_ms = never_ms, .preload = {"**/*.css"}});
  CHECK(preloaded() == std::vector<std::string>{"/assets/a.css"});
  world.configure({0}, {.stale_after_ms = never_ms});
  CHECK(preloaded().empty());
}

TEST_CASE("a state that was replaced before its tree went waits for every worker all the same") {
  ConfigureWorld world({.watch = false, .stale_after_ms = 0}, {.keep_previous_ms = 3'600'000});
  const std::weak_ptr<const disk::Root> first = world.state().root;
  world.tree.switch_link("releases/2", "current");
  REQUIRE(within(20s, [&] { return world.state().previous != nullptr; }));
  world.configure({});
  CHECK(within(20s, [&] { return world.state().previous == nullptr; }));  // nobody would end it later
  world.caught_up();
  world.hands[0].take();
  world.hands[1].take();
  REQUIRE(world.hands[0].retired.size() == 2);
  REQUIRE(world.hands[1].retired.size() == 2);
  CHECK(!first.expired());
  world.sites->remove(0);
  for (const disk::SiteState* state : world.hands[0].retired) world.helper->door(0).done_with(state);
  world.hands[0].retired.clear();
  world.caught_up();
  CHECK(world.helper->retired_states() == 2);
  CHECK(!first.expired());
  CHECK(within(20s, [&] {
    world.acknowledge();
    return world.helper->retired_states() == 0;
  }));
  CHECK(first.expired());
}

TEST_CASE("every listing is answered, whatever becomes of the trees meanwhile") {
  ConfigureWorld world;
  const Fd directory = world.tree.open("releases/1");
  std::set<uint64_t> answered;
  for (uint64_t ticket = 0; ticket < 600; ++ticket) {
    while (!world.helper->door(1).list(directory.number(), ticket)) std::this_thread::sleep_for(1ms);
    if (ticket % 3 == 0) world.configure(ticket % 2 == 0 ? std::vector<uint32_t>{} : std::vector<uint32_t>{0});
  }
  CHECK(within(20s, [&] {
    world.hands[1].take();
    return world.hands[1].listed.size() == 600;
  }));
  for (const disk::Listed& one : world.hands[1].listed) answered.insert(one.ticket);
  CHECK(answered.size() == 600);
}
