// Maps' files that change, on real directories, the kernel's ring and the helper's thread: what inotify brings, what
// only the clock finds, and that nothing else waits for it.
#include "helper_world.hpp"

#include <sys/stat.h>

#include <sstream>

#include "map_file.hpp"
#include "uringd/site/random.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;
using disk::test::count_of;

namespace {

// Long enough that what is seen sooner was not seen by the clock.
constexpr uint64_t never_ms = 60'000;

struct MapsWorld {
  explicit MapsWorld(HelperOptions options, const std::string& content = "key one\n") : world(options, {}, false) {
    world.tree.directory("maps");
    world.tree.write(file_, content);
    start(options);
  }
  MapsWorld(HelperOptions options, const std::function<void(const RealTree&)>& prepare) : world(options, {}, false) {
    prepare(world.tree);
    start(options);
  }
  void start(const HelperOptions& options) {
    std::this_thread::sleep_for(30ms);  // older than a file that is read once more
    MapFile file{.map = {.name = "map",
                         .file = world.tree.at(file_),
                         .kind = config::MapKind::txt,
                         .max_size_bytes = 256 << 20,
                         .where = "config.toml:1:1"}};
    std::vector<config::Problem> warnings;
    auto table = load_map(file.map, warnings, &file.loaded);
    if (!table) FAIL(config::to_line(table.error()));
    std::vector<std::unique_ptr<const site::MapTable>> tables;
    tables.push_back(std::move(*table));
    maps = std::make_unique<site::Maps>(std::move(tables));
    HelperWork work = HelperWorld::work(options);
    work.maps = maps.get();
    work.map_files.push_back(std::move(file));
    world.helper = std::make_unique<Helper>(*world.sites, std::move(work), world.logger, 2);
    world.start();
    if (options.watch) REQUIRE(within(10s, [&] { return watched(); }));
  }
  /// The directory of the map's path is among our inotify watches: an event before that would not be heard.
  [[nodiscard]] bool watched() const {
    struct stat status{};
    REQUIRE(stat(world.tree.at(file_).parent_path().c_str(), &status) == 0);
    std::ostringstream inode;
    inode << " ino:" << std::hex << status.st_ino << ' ';
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
      std::ifstream info(entry.path());
      for (std::string line; std::getline(info, line);) {
        if (line.starts_with("inotify wd:") && line.contains(inode.str())) return true;
      }
    }
    return false;
  }
  std::string value(std::string_view key = "key") {
    pass();
    site::Random random(1);
    return std::string(maps->table(0).find(key, random).value_or("(none)"));
  }
  void pass() {
    for (Hand& hand : world.hands) {
      if (passing && hand.mailbox.take() != 0) hand.mailbox.pass();
    }
  }
  bool becomes(const std::string& expected, std::chrono::milliseconds limit = 10s) {
    return within(limit, [&] { return value() == expected; });
  }

  std::unique_ptr<site::Maps> maps;
  HelperWorld world;
  const std::string file_ = "maps/map.txt";
  bool passing = true;
};

}  // namespace

TEST_CASE("a file that is written in place or replaced is seen by an event, not by the clock") {
  MapsWorld maps({.stale_after_ms = never_ms});
  CHECK(maps.value() == "one");
  auto begin = Clock::now();
  maps.world.tree.write("maps/map.txt", "key two\n");
  CHECK(maps.becomes("two"));
  MESSAGE("in place: " << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count() << " ms");
  std::this_thread::sleep_for(1s);
  begin = Clock::now();
  maps.world.tree.write("maps/new", "key three\nother 1\n");
  maps.world.tree.rename("maps/new", "maps/map.txt");
  CHECK(maps.becomes("three"));
  MESSAGE("by rename: " << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count()
                        << " ms");
  CHECK(maps.world.helper->counters().map_reloads == 2);
  CHECK(count_of(maps.world.log(), "maps.map: 2 entries from " + maps.world.tree.at("maps/map.txt").string()) == 1);
}

TEST_CASE("a file that somebody has open for writing is not read, however long the writer rests") {
  MapsWorld maps({.stale_after_ms = never_ms});
  std::ofstream writer(maps.world.tree.at("maps/map.txt"), std::ios::trunc);
  const auto began = Clock::now();
  for (int line = 0; line < 4; ++line) {
    writer << "key" << line << " half\n" << std::flush;
    std::this_thread::sleep_for(400ms);  // longer than a change has to rest, and all of it than one is waited for
    if (Clock::now() - began < 5s) CHECK(maps.value() == "one");
  }
  writer << "key two\n";
  writer.close();
  CHECK(maps.becomes("two"));
  CHECK(maps.world.helper->counters().map_reloads == 1);
}

TEST_CASE("a ConfigMap's switch is seen by an event: the directory is the one of the configured path") {
  MapsWorld maps({.stale_after_ms = never_ms}, [](const RealTree& tree) {
    tree.directory("maps/..2024_1");
    tree.write("maps/..2024_1/map.txt", "key one\n");
    tree.link("..2024_1", "maps/..data");
    tree.link("..data/map.txt", "maps/map.txt");
  });
  CHECK(maps.value() == "one");
  const RealTree& tree = maps.world.tree;
  tree.directory("maps/..2024_2");
  tree.write("maps/..2024_2/map.txt", "key two\n");
  tree.switch_link("..2024_2", "maps/..data");
  tree.remove("maps/..2024_1");
  CHECK(maps.becomes("two"));
  CHECK(maps.world.helper->counters().map_reload_failures == 0);
}

TEST_CASE("a directory that vanished keeps the table, and is watched again when it is back") {
  MapsWorld maps({.stale_after_ms = 250});
  const RealTree& tree = maps.world.tree;
  tree.rename("maps", "away");
  CHECK(within(10s,
               [&] { return count_of(maps.world.log(), "No such file or directory; the table before stays") == 1; }));
  CHECK(maps.value() == "one");
  tree.directory("maps");
  tree.write("maps/map.txt", "key two\n");
  CHECK(maps.becomes("two"));
  CHECK(within(10s, [&] { return maps.watched(); }));
  CHECK(count_of(maps.world.log(), "No such file") == 1);
}

TEST_CASE("a directory that another one takes the place of is seen by an event, and watched in its place") {
  MapsWorld maps({.stale_after_ms = never_ms});
  const RealTree& tree = maps.world.tree;
  tree.directory("next");
  tree.write("next/map.txt", "key two\n");
  tree.rename("maps", "away");
  tree.rename("next", "maps");
  CHECK(maps.becomes("two"));
  CHECK(within(10s, [&] { return maps.watched(); }));
}

TEST_CASE("without inotify a change is seen by the clock") {
  MapsWorld maps({.watch = false, .stale_after_ms = 250});
  maps.world.tree.write("maps/map.txt", "key two\n");
  CHECK(maps.becomes("two"));
}

TEST_CASE("a broken file keeps the table until it is mended") {
  MapsWorld maps({.stale_after_ms = never_ms});
  maps.world.tree.write("maps/map.txt", std::string("key two\n\0", 9));
  CHECK(within(10s, [&] { return maps.world.helper->counters().map_reload_failures == 1; }));
  CHECK(maps.value() == "one");
  maps.world.tree.write("maps/map.txt", "key three\n");
  CHECK(maps.becomes("three"));
  CHECK(count_of(maps.world.log(), "/maps/map.txt:2: ") == 1);
}

TEST_CASE("a FIFO in the map's place holds nobody") {
  MapsWorld maps({.stale_after_ms = never_ms});
  const RealTree& tree = maps.world.tree;
  tree.remove("maps/map.txt");
  REQUIRE(mkfifo(tree.at("maps/map.txt").c_str(), 0600) == 0);
  CHECK(within(10s, [&] { return count_of(maps.world.log(), "is no regular file; the table before stays") == 1; }));
  const uint64_t before = maps.world.state().root->inode;
  tree.switch_link("releases/2", "current");
  CHECK(within(10s, [&] { return maps.world.state().root->inode != before; }));
  CHECK(maps.value() == "one");
}

TEST_CASE("the table before is there until both workers have passed") {
  MapsWorld maps({.stale_after_ms = never_ms});
  maps.passing = false;
  const site::MapTable* const first = &maps.maps->table(0);
  maps.world.tree.write("maps/map.txt", "key two\n");
  REQUIRE(maps.becomes("two"));
  site::Random random(1);
  CHECK(first->find("key", random) == "one");  // a sanitizer says so where it is not
  const auto asked = [&](Hand& hand) {
    return within(10s, [&] { return (hand.mailbox.take() & static_cast<uint32_t>(Command::pass)) != 0; });
  };
  REQUIRE(asked(maps.world.hands[0]));
  REQUIRE(asked(maps.world.hands[1]));
  maps.world.hands[1].mailbox.pass();
  std::this_thread::sleep_for(100ms);
  CHECK(maps.world.helper->retired_maps() == 1);
  CHECK(first->find("key", random) == "one");
  maps.world.hands[0].mailbox.pass();
  CHECK(within(10s, [&] { return maps.world.helper->retired_maps() == 0; }));
}

TEST_CASE("while a map of 1,000,000 lines is made anew a switch of the root is seen as soon as ever") {
  MapsWorld maps({.stale_after_ms = never_ms});
  std::string text;
  for (int line = 0; line < 1'000'000; ++line) {
    text += "/old/page-" + std::to_string(line) + ".html /new/section/" + std::to_string(line) + '\n';
  }
  maps.world.tree.write("maps/new", text + "key two\n");
  const auto begin = Clock::now();
  maps.world.tree.rename("maps/new", "maps/map.txt");
  Clock::duration longest{};
  int switches = 0;
  int late = 0;
  while (maps.value() != "two" && Clock::now() - begin < 20s) {
    const uint64_t before = maps.world.state().root->inode;
    const auto switched = Clock::now();
    maps.world.tree.switch_link(++switches % 2 == 0 ? "releases/1" : "releases/2", "current");
    REQUIRE(within(10s, [&] { return maps.world.state().root->inode != before; }));
    longest = std::max(longest, Clock::now() - switched);
    late += Clock::now() - switched >= 100ms ? 1 : 0;
    maps.world.acknowledge();
    std::this_thread::sleep_for(5ms);
  }
  const auto took = Clock::now() - begin;
  CHECK(maps.value() == "two");
  CHECK(maps.maps->table(0).entries() == 1'000'001);
  MESSAGE("made anew in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms, " << switches
                          << " switches meanwhile, the longest seen after "
                          << std::chrono::duration_cast<std::chrono::microseconds>(longest).count() << " us");
  // Where others use the machine too a few are late; a build in one piece would leave room for one or two.
  CHECK(switches >= 5);
  CHECK(late * 4 < switches);
}

TEST_CASE("the helper ends at once while a map is read or built") {
  for (const auto pause : {0ms, 110ms, 150ms, 300ms}) {
    MapsWorld maps({.stale_after_ms = never_ms});
    std::string text;
    for (int line = 0; line < 500'000; ++line) text += "key-" + std::to_string(line) + " value\n";
    maps.world.tree.write("maps/map.txt", text);
    std::this_thread::sleep_for(pause);
    const auto begin = Clock::now();
    CHECK(maps.world.helper->stop(5s));
    CHECK(Clock::now() - begin < 1s);
  }
}

TEST_CASE("events of other files in the directory cost a look now and then, not a rebuild") {
  MapsWorld maps({.stale_after_ms = never_ms});
  for (int number = 0; number < 400; ++number) {
    maps.world.tree.write("maps/noise", std::to_string(number));
    std::this_thread::sleep_for(1ms);
  }
  CHECK(maps.world.helper->counters().map_reloads == 0);
  maps.world.tree.write("maps/map.txt", "key two\n");
  CHECK(maps.becomes("two"));
}
