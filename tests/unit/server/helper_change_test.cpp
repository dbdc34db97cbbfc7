// Another configuration on the scripted ring: what is under way for the one before when it is replaced ends late, and
// for nobody; what keeps the one before is let go of once, and not before.
#include <chrono>
#include <thread>

#include "loop_world.hpp"
#include "uringd/site/random.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;

namespace {

/// What keeps a configuration: tells how often it was let go of.
struct Kept {
  std::shared_ptr<const void> owner() {
    std::shared_ptr<int> made(new int(0), [this](int* number) {
      ++ends;
      delete number;
    });
    weak = made;
    return made;
  }
  int ends = 0;
  std::weak_ptr<const void> weak;
};

struct OneEntry final : site::MapTable {
  std::optional<std::string_view> find(std::string_view, site::Random&) const override { return "first"; }
  uint64_t entries() const override { return 1; }
  size_t bytes() const override { return 0; }
};

/// One map of `file`, whose table was made of nothing that is there: the file is read at the first look.
struct OneMap {
  explicit OneMap(std::string path) : file(std::move(path)) {
    std::vector<std::unique_ptr<const site::MapTable>> tables;
    tables.push_back(std::make_unique<OneEntry>());
    maps = std::make_unique<site::Maps>(std::move(tables));
  }
  void give(HelperWork& work) {
    work.maps = maps.get();
    work.map_files.push_back({.map = {.name = "map",
                                      .file = file,
                                      .kind = config::MapKind::txt,
                                      .max_size_bytes = 1 << 20,
                                      .where = "config.toml:1:1"}});
  }
  std::string value() {
    site::Random random(1);
    return std::string(maps->table(0).find("key", random).value_or("(none)"));
  }
  std::string file;
  std::unique_ptr<site::Maps> maps;
};

HelperWork work_of(std::vector<uint32_t> trees, Kept& kept, HelperOptions options = {.stale_after_ms = 60'000}) {
  return {.options = std::move(options), .trees = std::move(trees), .owner = kept.owner()};
}

/// Sleeps through until `holds`, which takes some of the loop's wakings by its clock.
bool sleeps_until(LoopWorld& world, const std::function<bool()>& holds, std::vector<std::function<void()>> steps = {}) {
  size_t step = 0;
  bool held = false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  world.script.on_sleep = [&] {
    if (step < steps.size()) {
      steps[step++]();
      return true;
    }
    held = holds();
    if (!held) std::this_thread::sleep_for(std::chrono::microseconds(200));
    return !held && std::chrono::steady_clock::now() < end;
  };
  world.run();
  return held;
}

}  // namespace

TEST_CASE("the owner before is let go of at once where nothing is under way, and the last one at the end") {
  LoopWorld world;
  std::array<Kept, 3> kept;
  world.first = work_of({0, 1}, kept[0]);
  world.run({[&] {
               CHECK(kept[0].ends == 0);
               world.configure(work_of({0, 1}, kept[1]));
             },
             [&] {
               CHECK(kept[0].ends == 1);
               CHECK(kept[1].ends == 0);
               world.configure(work_of({}, kept[2]));
             },
             [&] {
               CHECK(kept[1].ends == 1);
               CHECK(kept[2].ends == 0);
             }});
  CHECK(kept[0].ends == 1);
  CHECK(kept[1].ends == 1);
  CHECK(kept[2].ends == 1);
}

TEST_CASE("a root's open that ends after its tree went, and after its slot became another's, touches nothing") {
  LoopWorld world;
  std::array<Kept, 3> kept;
  world.tree.directory("other");
  world.tree.directory("third");
  world.first = work_of({0, 1}, kept[0]);
  bool hangs = true;
  const std::string old_path = world.tree.at("current-0");
  world.script.may_end = [&](uring::Tag, const std::string& path) { return !hangs || path != old_path; };
  uint64_t inode = 0;
  world.run({[&] { world.configure(work_of({1}, kept[1])); },
             [&] {
               CHECK(kept[0].ends == 0);  // its path is lent
               // What nobody may do while the owner is kept: the test is harder on the loop than the daemon is.
               world.sites->remove(0);
               world.tree.switch_link("releases/2", "current-0");
               REQUIRE(world.sites->add(site_of(world.tree.at("other"))) == 0);
               inode = world.sites->state(0).root->inode;
               world.configure(work_of({0, 1}, kept[2]));
             },
             [&] {
               CHECK(kept[0].ends == 0);
               CHECK(kept[1].ends == 1);
               hangs = false;
               world.jobs.post({.kind = Job::Kind::dispose});
             },
             [&] {
               CHECK(kept[0].ends == 1);
               CHECK(world.sites->state(0).root->inode == inode);
               CHECK(world.counters.switches == 0);
               CHECK(world.counters.generations == 0);
               // The tree that has the slot now is looked at as any other: its path leads elsewhere, which is seen.
               world.tree.rename("third", "other-2");
               world.tree.rename("other", "gone");
               world.tree.rename("other-2", "other");
             },
             [&] { CHECK(world.sites->state(0).root->inode != inode); }});
  CHECK(world.counters.switches == 1);
}

TEST_CASE("an open under way for a tree that both have goes on, for the new owner") {
  LoopWorld world;
  std::array<Kept, 2> kept;
  world.first = work_of({0, 1}, kept[0]);
  bool hangs = true;
  world.script.may_end = [&](uring::Tag tag, const std::string&) { return !hangs || tag.kind != uring::Kind::root; };
  world.run({[&] { world.configure(work_of({0, 1}, kept[1])); },
             [&] {
               CHECK(kept[0].ends == 1);
               world.switch_root(0);
               hangs = false;
               world.jobs.post({.kind = Job::Kind::dispose});
             },
             [&] { CHECK(world.switched(0)); }});
}

TEST_CASE("error pages that are read for a tree that went are nobody's, not the next tenant's of its slot") {
  const disk::SiteRules rules{.error_pages = {{"404", "/404.html", "text/html"}}};
  LoopWorld world(rules);
  std::array<Kept, 3> kept;
  world.first = work_of({0, 1}, kept[0]);
  const auto answer = [&](uint64_t order) {
    world.jobs.post({.kind = Job::Kind::pages, .order = order, .pages = std::make_shared<const disk::ErrorPages>()});
  };
  const disk::ErrorPages* before = nullptr;
  world.run({[&] { world.configure(work_of({1}, kept[1])); },
             [&] {
               CHECK(kept[0].ends == 0);
               world.sites->remove(0);
               REQUIRE(world.sites->add(site_of(world.tree.at("releases/2"), rules)) == 0);
               before = world.sites->state(0).pages.get();
               world.configure(work_of({0, 1}, kept[2]));
             },
             [&] { answer(1); },  // the background thread does not run; it was asked for the first tree first
             [&] {
               CHECK(kept[0].ends == 1);
               CHECK(world.sites->state(0).pages.get() == before);
               answer(3);  // after the second tree's, which is still under way
             },
             [&] { CHECK(world.sites->state(0).pages.get() != before); }});
}

TEST_CASE(
    "keepers of two configurations: the old one's read ends late, publishes nothing and keeps its maps till then") {
  LoopWorld world;
  std::array<Kept, 2> kept;
  world.tree.write("one.txt", "key one\n");
  world.tree.write("two.txt", "key two\n");
  OneMap one(world.tree.at("one.txt"));
  OneMap two(world.tree.at("two.txt"));
  world.first = work_of({0, 1}, kept[0], {.watch = false, .stale_after_ms = 250});
  one.give(world.first);
  HelperWork next = work_of({0, 1}, kept[1], {.watch = false, .stale_after_ms = 250});
  two.give(next);
  std::optional<uring::Tag> reading;  // of the first keeper: its fourth operation and those after it do not end
  bool hangs = true;
  std::set<uint32_t> generations;
  world.script.may_end = [&](uring::Tag tag, const std::string&) {
    if (tag.kind != uring::Kind::map) return true;
    generations.insert(tag.generation);
    if (!reading && tag.step == 5) reading = tag;
    return !hangs || reading != tag;
  };
  bool posted = false;
  const bool done = sleeps_until(world, [&] {
    if (!posted && reading) {
      world.configure(std::move(next));
      posted = true;
    } else if (posted && hangs && two.value() == "two") {
      CHECK(kept[0].ends == 0);
      CHECK(one.value() == "first");
      hangs = false;
      world.jobs.post({.kind = Job::Kind::dispose});
    } else if (!hangs) {
      return kept[0].ends == 1;
    }
    return false;
  });
  CHECK(done);
  CHECK(one.value() == "first");
  CHECK(two.value() == "two");
  CHECK(generations.size() == 2);
  CHECK(world.counters.map_reloads == 1);
  CHECK(world.retired_maps.count() == 0);
}

TEST_CASE("maps that end: the keeper and its inotify instance go with them, and come back with others") {
  LoopWorld world;
  std::array<Kept, 3> kept;
  world.tree.directory("maps");
  world.tree.write("maps/map.txt", "key one\n");
  OneMap one(world.tree.at("maps/map.txt"));
  OneMap two(world.tree.at("maps/map.txt"));
  const auto instances = [] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      count += std::filesystem::read_symlink(entry.path(), gone) == "anon_inode:inotify" ? 1 : 0;
    }
    return count;
  };
  const size_t before = instances();
  world.first = work_of({0, 1}, kept[0]);
  one.give(world.first);
  HelperWork third = work_of({0, 1}, kept[2]);
  two.give(third);
  const bool done = sleeps_until(world, [&] { return two.value() == "one"; },
                                 {[&] {
                                    CHECK(instances() == before + 2);
                                    world.configure(work_of({0, 1}, kept[1]));
                                  },
                                  [&] {
                                    CHECK(instances() == before + 1);
                                    CHECK(kept[0].ends == 1);
                                    world.configure(std::move(third));
                                  },
                                  [&] { CHECK(instances() == before + 2); }});
  CHECK(done);
  CHECK(instances() == before);
  world.logger.drain();
  CHECK(world.log_file.text().find("cannot be read") == std::string::npos);  // a read that is taken back is no failure
}

TEST_CASE("watch off, on, off and on, quicker than the descriptor's read is taken back: the last word counts") {
  for (const int words : {1, 2, 3, 4, 5}) {
    CAPTURE(words);
    LoopWorld world;
    Kept kept;
    bool hangs = false;
    world.script.may_end = [&](uring::Tag tag, const std::string&) { return !hangs || tag.kind != uring::Kind::watch; };
    const bool on = words % 2 == 0;
    world.run({[&] { world.jobs.post({.kind = Job::Kind::watch, .site = 0, .directory = "/assets"}); },
               [&] {
                 for (int word = 1; word <= words; ++word) {
                   world.configure(work_of({0, 1}, kept, {.watch = word % 2 == 0, .stale_after_ms = 60'000}));
                 }
               },
               [&] {
                 CHECK((world.watches > 0) == on);
                 CHECK(world.counters.generations >= 2);  // what was not told is doubted
                 world.tree.write("releases/1/assets/a");
                 world.jobs.post({.kind = Job::Kind::dispose});
               },
               [&] { CHECK(world.counters.invalidations == (on ? 1 : 0)); }});
  }
}

TEST_CASE("a preload walk ends with its tree") {
  LoopWorld world;
  std::array<Kept, 2> kept;
  for (int number = 0; number < 5000; ++number) world.tree.write("releases/1/assets/" + std::to_string(number));
  world.first = work_of({0, 1}, kept[0], {.stale_after_ms = 60'000, .preload = {"**"}});
  bool posted = false;
  world.script.before_turn = [&](bool) {
    if (world.counters.preloaded == 0 || std::exchange(posted, true)) return;
    world.configure(work_of({}, kept[1], {.stale_after_ms = 60'000, .preload = {"**"}}));
  };
  world.run({[&] { CHECK(kept[0].ends == 1); }});
  CHECK(world.counters.preloaded > 0);
  CHECK(world.counters.preloaded < 5000);
}
