// The helper's loop on a scripted ring: whatever comes between which two of its
// turns, it does not sleep with a look that could be begun: no event will come
// again for it, and where stale_after is long, nothing else either. On the
// test's thread.
#include "loop_world.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;

TEST_CASE(
    "a switch that comes while the helper is awake for something else is "
    "seen before it sleeps again") {
  // Between the two turns of the ring that a turn of the loop makes; after
  // both.
  for (const int turns_before : {0, 1}) {
    CAPTURE(turns_before);
    LoopWorld world;
    int sleeps = 0;
    int turns = 0;
    world.script.on_sleep = [&] {
      if (++sleeps > 2) return false;
      CHECK(!world.switched(0));
      world.jobs.post({.kind = Job::Kind::watch, .site = 0, .directory = "/assets"});
      return true;
    };
    world.script.after_turn = [&](bool) {
      // The second job: nothing is left of the start by then.
      if (sleeps == 2 && turns++ == turns_before) world.switch_root(0);
    };
    world.run();
    CHECK(world.counters.events >= 1);  // more where others change names in /tmp, which is on the way
    CHECK(world.switched(0));
    CHECK(sleeps == 3);
  }
}

TEST_CASE(
    "a root that is switched after the first look at it and before its "
    "first watch is seen before the sleep") {
  LoopWorld world;
  uint32_t turns = 0;
  world.script.after_turn = [&](bool) {
    if (++turns == 2) world.switch_root(0);  // the first look has just ended, the watches are added next
  };
  world.run();
  CHECK(turns > 2);
  CHECK(world.switched(0));
}

TEST_CASE(
    "roots on one device, which are opened one after the other, are all "
    "seen before it sleeps") {
  LoopWorld world;
  int sleeps = 0;
  world.script.on_sleep = [&] {
    if (++sleeps > 1) return false;
    world.switch_root(0);
    world.switch_root(1);
    return true;
  };
  world.run();
  CHECK(world.switched(0));
  CHECK(world.switched(1));
  CHECK(sleeps == 2);
}
