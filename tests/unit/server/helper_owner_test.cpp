// When what keeps a configuration is let go of: once, by the helper's thread, when nobody has anything of it any more;
// and what becomes of its maps.
#include "configure_world.hpp"
#include "map_file.hpp"
#include "uringd/site/random.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;

TEST_CASE("an owner is let go of once, by the helper's thread, when every worker has passed and not before") {
  ConfigureWorld world;
  std::array<Life, 3> lives;
  world.configure({0}, {.stale_after_ms = never_ms}, lives[0].begin());
  world.configure({0}, {.stale_after_ms = never_ms}, lives[1].begin());
  world.caught_up();
  world.hands[0].pass();
  std::this_thread::sleep_for(50ms);
  CHECK(lives[0].ends == 0);  // the other worker may have a notice about a tree of it before it
  world.hands[1].pass();
  CHECK(within(20s, [&] { return lives[0].ends == 1; }));
  CHECK(lives[0].thread.load() != std::this_thread::get_id());
  world.configure({0}, {.stale_after_ms = never_ms}, lives[2].begin());
  CHECK(within(20s, [&] {
    world.pass();
    return lives[1].ends == 1;
  }));
  CHECK(lives[2].ends == 0);
  CHECK(world.helper->stop(1s));
  CHECK(lives[2].ends == 1);
  CHECK(lives[0].ends == 1);
  CHECK(lives[1].ends == 1);
}

TEST_CASE("what was posted too late, or never carried out, is let go of as well") {
  Life never, late, queued;
  {
    HelperWorld world({}, {}, false);
    world.helper->configure({.owner = never.begin()});
    CHECK(world.helper->stop(1s));
    CHECK(never.ends == 0);
  }
  CHECK(never.ends == 1);
  ConfigureWorld world;
  CHECK(world.helper->stop(1s));
  world.configure({0}, {}, late.begin());
  CHECK(late.ends == 1);
  CHECK(late.thread.load() == std::this_thread::get_id());
}

TEST_CASE("a thing that is disposed of ends on the helper's thread, or on ours where that does not run") {
  Life before, during, after;
  HelperWorld world({}, {}, false);
  world.helper->dispose(before.begin());
  CHECK(before.ends == 1);
  world.start();
  world.helper->dispose(during.begin());
  CHECK(within(20s, [&] { return during.ends == 1; }));
  CHECK(during.thread.load() != std::this_thread::get_id());
  CHECK(world.helper->stop(1s));
  world.helper->dispose(after.begin());
  CHECK(after.ends == 1);
  CHECK(after.thread.load() == std::this_thread::get_id());
}

TEST_CASE("things that several threads dispose of while it ends each end once") {
  for (int round = 0; round < 20; ++round) {
    ConfigureWorld world;
    std::array<Life, 2> lives;
    std::atomic<int> given{0};
    std::vector<std::jthread> threads;
    for (Life& life : lives) {
      threads.emplace_back([&](const std::stop_token& end) {
        for (; !end.stop_requested(); ++given) {
          world.helper->dispose(life.begin());
          if (given % 50 == 0) world.configure({0}, {.watch = given % 100 == 0}, life.begin()), ++given;
        }
      });
    }
    std::this_thread::sleep_for(2ms);
    CHECK(world.helper->stop(5s));
    threads.clear();
    // The configuration that was the last one, and those that wait for the workers, end with the helper.
    world.helper.reset();
    CHECK(lives[0].ends + lives[1].ends == given);
  }
}

TEST_CASE(
    "300 configurations in a storm of events and switches: each owner ends once, the last one's tree is watched") {
  ConfigureWorld world;
  REQUIRE(world.helper->door(0).watch(0, "/assets"));
  REQUIRE(world.helper->door(1).watch(0, ""));
  std::vector<std::unique_ptr<Life>> lives;
  std::jthread storm([&](const std::stop_token& end) {
    for (int number = 0; !end.stop_requested(); ++number) {
      world.tree.write("releases/" + std::to_string(1 + number % 2) + "/assets/" + std::to_string(number % 50), "x");
      if (number % 20 == 0) world.tree.switch_link("releases/" + std::to_string(1 + number / 20 % 2), "current");
    }
  });
  const auto turn = [&] {
    world.acknowledge();
    world.pass();
    for (Hand& hand : world.hands) hand.invalidated.clear();
  };
  uint32_t other = UINT32_MAX;
  for (int round = 0; round < 300; ++round) {
    // A second tree comes and goes; its slot is given back when the configuration that had it is let go of.
    auto owner = std::make_unique<Life>();
    std::vector<uint32_t> trees{0};
    std::shared_ptr<const void> keeper = owner->begin();
    if (round % 3 != 0) {
      other = world.add("second", {.error_pages = {{"404", "/index.html", "text/html"}}, .keep_previous_ms = 10});
      trees.push_back(other);
      keeper = std::shared_ptr<const void>(static_cast<const void*>(owner.get()),
                                           [&world, other, inside = std::move(keeper)](const void*) mutable {
                                             world.sites->remove(other);
                                             inside.reset();
                                           });
      static_cast<void>(world.helper->door(0).watch(other, "/assets"));
    }
    lives.push_back(std::move(owner));
    world.configure(std::move(trees), {.watch = round % 7 != 3, .stale_after_ms = round % 2 == 0 ? never_ms : 100},
                    std::move(keeper));
    if (round % 10 != 0) continue;
    std::this_thread::sleep_for(3ms);
    turn();
  }
  world.configure({0});
  storm = {};
  CHECK(within(30s, [&] {
    turn();
    return std::ranges::all_of(lives, [](const auto& life) { return life->ends == 1; });
  }));
  CHECK(within(30s, [&] {
    turn();
    return world.helper->retired_states() == 0;
  }));
  const uint32_t bound = world.sites->bound();
  CHECK(world.add("second") < bound);  // slots are given back
  world.tree.switch_link("releases/1", "current");
  world.settle("/assets");
}

TEST_CASE("other maps have other watches, tables that the old ones replaced are freed, and the old file is nobody's") {
  ConfigureWorld world;
  world.tree.directory("maps-1");
  world.tree.directory("maps-2");
  world.tree.write("maps-1/map.txt", "key one\n");
  world.tree.write("maps-2/map.txt", "key two\n");
  std::this_thread::sleep_for(30ms);  // older than a file that is read once more
  struct Loaded {
    std::unique_ptr<site::Maps> maps;
    MapFile file;
  };
  const auto load = [&](const std::string& path) {
    Loaded loaded{.maps = {},
                  .file = {.map = {.name = "map",
                                   .file = world.tree.at(path),
                                   .kind = config::MapKind::txt,
                                   .max_size_bytes = 1 << 20,
                                   .where = "config.toml:1:1"}}};
    std::vector<config::Problem> warnings;
    auto table = load_map(loaded.file.map, warnings, &loaded.file.loaded);
    if (!table) FAIL(config::to_line(table.error()));
    std::vector<std::unique_ptr<const site::MapTable>> tables;
    tables.push_back(std::move(*table));
    loaded.maps = std::make_unique<site::Maps>(std::move(tables));
    return loaded;
  };
  const auto value = [&](const Loaded& loaded) {
    site::Random random(1);
    return std::string(loaded.maps->table(0).find("key", random).value_or("(none)"));
  };
  const auto use = [&](const Loaded& loaded, Life& life) {
    HelperWork work{.options = {.stale_after_ms = never_ms}, .trees = {0}, .owner = life.begin()};
    work.maps = loaded.maps.get();
    work.map_files = {loaded.file};
    world.helper->configure(std::move(work));
  };
  const auto becomes = [&](const Loaded& loaded, const std::string& expected) {
    return within(20s, [&] { return value(loaded) == expected; });
  };
  const auto settled = [&] {
    world.caught_up();
    std::this_thread::sleep_for(100ms);  // the first looks, which add the watches
  };
  std::array<Life, 3> lives;
  Loaded one = load("maps-1/map.txt");
  Loaded two = load("maps-2/map.txt");
  use(one, lives[0]);
  settled();
  world.tree.write("maps-1/map.txt", "key three\n");
  CHECK(becomes(one, "three"));
  CHECK(world.helper->retired_maps() == 1);
  use(two, lives[1]);
  settled();
  CHECK(world.helper->retired_maps() == 1);  // nobody has passed
  CHECK(lives[0].ends == 0);
  world.tree.write("maps-1/map.txt", "key four\n");
  world.tree.write("maps-2/map.txt", "key five\n");
  CHECK(becomes(two, "five"));  // although the old keeper's table of the same number still waits
  CHECK(value(one) == "three");
  CHECK(world.helper->retired_maps() == 2);
  CHECK(within(20s, [&] {
    world.pass();
    return world.helper->retired_maps() == 0 && lives[0].ends == 1;
  }));
  one.maps.reset();
  world.configure({0}, {.stale_after_ms = never_ms}, lives[2].begin());
  CHECK(within(20s, [&] {
    world.pass();
    return lives[1].ends == 1;
  }));
  CHECK(ConfigureWorld::inotify_instances() == 1);
  world.tree.write("maps-2/map.txt", "key six\n");
  std::this_thread::sleep_for(300ms);
  CHECK(value(two) == "five");
}
