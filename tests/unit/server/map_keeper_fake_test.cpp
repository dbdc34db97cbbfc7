// The keeper of maps on the fake ring: when a changed file is read, what becomes of one that is no map, who frees the
// old table, and that no order of completions and no unkind kernel makes a table of halves.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "map_keeper.hpp"

#include <cerrno>
#include <cstdlib>
#include <deque>
#include <functional>
#include <utility>

#include "uringd/uring/fake.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include "../disk/real_tree.hpp"
using namespace uringd;
using namespace uringd::server;
using disk::test::count_of;
using disk::test::LogFile;
using uring::Mischief;

namespace {

/// What was loaded at start; tells of its end.
struct FirstTable final : site::MapTable {
  explicit FirstTable(bool& is_freed) : freed(is_freed) {}
  ~FirstTable() override { freed = true; }
  std::optional<std::string_view> find(std::string_view, site::Random&) const override { return "first"; }
  uint64_t entries() const override { return 1; }
  size_t bytes() const override { return 0; }
  bool& freed;
};

/// A keeper without its thread: what the helper's loop does, a simulated millisecond at a time, at the times that the
/// keeper asks for. Nothing is watched, so it looks every 250 ms.
struct Keeping {
  explicit Keeping(uint64_t seed = 1, Mischief mischief = Mischief::none(), std::vector<std::string> names = {"map"},
                   uint64_t stale_after_ms = 0)
      : world(seed, mischief), freed(names.size()) {
    std::vector<std::unique_ptr<const site::MapTable>> tables;
    for (const std::string& name : names) {
      tables.push_back(std::make_unique<FirstTable>(freed[tables.size()]));
      files.push_back({.map = {.name = name,
                               .file = "maps/" + name + ".txt",
                               .kind = config::MapKind::txt,
                               .max_size_bytes = 2 << 20,
                               .where = "config.toml:1:1"}});
    }
    maps = std::make_unique<site::Maps>(std::move(tables));
    uring::RingOptions options;
    options.world = &world;
    ring.emplace(std::move(*uring::Ring::create(options)));
    helper_options = {.watch = false, .stale_after_ms = stale_after_ms};
  }
  ~Keeping() { ring.reset(); }

  /// From here on what `put` has put is what was loaded.
  void start_loaded() {
    for (MapFile& file : files) {
      ring->open_file(file.map.file.c_str(), {.kind = uring::Kind::fetch});
      const int number = ring->turn(true)[0].result;
      REQUIRE(number >= 0);
      const uring::Attributes found = ring->attributes_of(number).value();
      file.loaded = {found.device,    found.inode,       found.size_bytes, found.modified_s,
                     found.changed_s, found.modified_ns, found.changed_ns};
      ring->close_file(number);
    }
    start();
  }
  void start() {
    keeper.emplace(*ring, MapKeeper::Work{*maps, files}, helper_options, logger, both, counters, retired);
  }

  void put(const std::string& content, const std::string& name = "map") {
    world.put_file("maps/" + name + ".txt", content);
  }
  std::string value(std::string_view key = "key", uint32_t map = 0) {
    site::Random random(1);
    return std::string(maps->table(map).find(key, random).value_or("(none)"));
  }
  [[nodiscard]] uint64_t now_ms() const { return world.now_ns() / 1'000'000; }

  void turn() {
    bool wanted = now_ms() >= keeper->next_ms();
    for (const uring::Completion& completion : ring->turn(false)) {
      wanted = true;
      keeper->on_completion(completion, now_ms());
    }
    if (wanted) keeper->on_time(now_ms());
    keeper->work(now_ms());
    most_under_way = std::max(most_under_way, keeper->under_way());
    if (passing) {
      for (Mailbox& mailbox : mailboxes) {
        if (mailbox.take() != 0) mailbox.pass();
      }
    }
    world.check();
    world.advance(1'000'000);
  }
  void run(uint64_t ms) {
    for (const uint64_t end = now_ms() + ms; now_ms() < end;) turn();
  }
  /// How long it took, or `limit_ms`.
  uint64_t run_until(const std::function<bool()>& holds, uint64_t limit_ms = 5000) {
    const uint64_t begin = now_ms();
    while (!holds() && now_ms() < begin + limit_ms) turn();
    return now_ms() - begin;
  }
  std::string log() {
    logger.drain();
    return log_file.text();
  }

  uring::World world;
  std::optional<uring::Ring> ring;
  std::deque<bool> freed;
  std::vector<MapFile> files;
  std::unique_ptr<site::Maps> maps;
  std::array<Mailbox, 2> mailboxes;
  std::array<Mailbox*, 2> both{&mailboxes[0], &mailboxes[1]};
  HelperOptions helper_options;
  HelperCounters counters;
  RetiredMaps retired;
  LogFile log_file;
  log::Logger logger{log::Level::debug, log_file.file.number()};
  std::optional<MapKeeper> keeper;
  bool passing = true;  // the workers
  uint32_t most_under_way = 0;
};

}  // namespace

TEST_CASE("a file that is what was loaded is looked at by the clock and never read") {
  Keeping keeping;
  keeping.put("key one");
  keeping.world.fail_read("maps/map.txt", EIO);
  keeping.start_loaded();
  const uint64_t before = keeping.ring->counters().submissions;
  keeping.run(10'000);
  CHECK(keeping.value() == "first");
  CHECK(keeping.log().empty());
  const uint64_t operations = keeping.ring->counters().submissions - before;
  CHECK(operations >= 3 * 35);  // an open, a look and a close every 250 ms and a little
  CHECK(operations <= 3 * 41);
}

TEST_CASE("stale_after is how often it looks, whatever is long ago") {
  Keeping keeping(1, Mischief::none(), {"map"}, 2000);
  keeping.put("key one");
  keeping.start_loaded();
  keeping.run(10);
  keeping.put("key two");
  CHECK(keeping.run_until([&] { return keeping.value() == "two"; }) > 1900);
  CHECK(keeping.value() == "two");
}

TEST_CASE("a change is read when it has rested for 100 ms, in place and by rename, and is said with its entries") {
  Keeping keeping;
  keeping.put("key one");
  keeping.start_loaded();
  keeping.run(100);
  keeping.put("key two");
  const uint64_t in_place = keeping.run_until([&] { return keeping.value() == "two"; });
  CHECK(in_place >= 100);
  CHECK(in_place <= 250 + 120);
  keeping.run(1500);
  keeping.world.replace_file("maps/map.txt", "key three\nother 1");
  CHECK(keeping.run_until([&] { return keeping.value() == "three"; }) <= 250 + 120);
  CHECK(count_of(keeping.log(), "maps.map: 2 entries from maps/map.txt") == 1);
  CHECK(keeping.counters.map_reloads == 2);
  CHECK(keeping.counters.map_reload_failures == 0);
}

TEST_CASE("one that changes all the time is read about once a second, and the table follows") {
  Keeping keeping;
  keeping.put("key 0");
  keeping.start_loaded();
  int version = 0;
  uint64_t last_ms = 0;
  uint64_t shortest_ms = UINT64_MAX;
  int furthest_behind = 0;
  std::string seen = keeping.value();
  for (const uint64_t end = keeping.now_ms() + 20'000; keeping.now_ms() < end;) {
    keeping.put("key " + std::to_string(++version));
    for (int turns = 0; turns < 10; ++turns) {
      keeping.turn();
      if (keeping.value() == seen) continue;
      seen = keeping.value();
      if (last_ms > 0) shortest_ms = std::min(shortest_ms, keeping.now_ms() - last_ms);
      last_ms = keeping.now_ms();
    }
    if (last_ms > 0) furthest_behind = std::max(furthest_behind, version - std::atoi(seen.c_str()));
  }
  CHECK(shortest_ms >= 1000);
  CHECK(keeping.counters.map_reloads >= 15);
  CHECK(furthest_behind <= 140);  // of 100 a second
  keeping.run(2500);
  CHECK(keeping.value() == std::to_string(version));
}

TEST_CASE("two changes in one tick of the file system's clock: the second is not missed") {
  for (uint64_t offset_ms = 0; offset_ms < 40; offset_ms += 5) {
    CAPTURE(offset_ms);
    Keeping keeping;
    keeping.world.set_timestamp_granularity(40'000'000);
    keeping.put("key aa");
    keeping.start_loaded();
    keeping.run(10 + offset_ms);
    // Changing until it is read in a hurry, and once more at once, before its times move.
    for (int version = 0; keeping.counters.map_reloads == 0; ++version) {
      keeping.put("key " + std::to_string(version % 90 + 10));
      keeping.turn();
    }
    keeping.put("key zz");
    keeping.run(3000);
    CHECK(keeping.value() == "zz");
  }
}

TEST_CASE("a broken file keeps the table, is said once with its line, counted, and read again when it is mended") {
  Keeping keeping;
  keeping.put("key one");
  keeping.start_loaded();
  keeping.put(std::string("key two\nno\0map", 14));
  keeping.run(5000);
  CHECK(keeping.value() == "first");
  CHECK(count_of(keeping.log(), "maps.map: maps/map.txt:2: ") == 1);
  CHECK(count_of(keeping.log(), "; the table before stays in use") == 1);
  CHECK(keeping.counters.map_reload_failures == 1);
  keeping.put("key three");
  keeping.run(2000);
  CHECK(keeping.value() == "three");
  CHECK(keeping.counters.map_reloads == 1);
  keeping.put(std::string("\0", 1));
  keeping.run(2000);
  CHECK(keeping.value() == "three");
  CHECK(keeping.counters.map_reload_failures == 2);
}

TEST_CASE("a file that vanishes, is too large, no file or unreadable keeps the table and is said once, each") {
  Keeping keeping;
  keeping.put("key one");
  keeping.start_loaded();
  keeping.run(300);
  const auto ends_in = [&](const std::string& cause) {
    keeping.run(3000);
    CHECK(keeping.value() == "first");
    CHECK(count_of(keeping.log(), "maps.map: maps/map.txt: " + cause + "; the table before stays in use") == 1);
  };
  keeping.world.remove("maps/map.txt");
  ends_in("No such file or directory");
  keeping.put(std::string((2 << 20) + 1, 'x'));
  ends_in("is larger than maps.map.max_size, \"2MiB\"");
  keeping.world.put_other("maps/map.txt");  // the world stops who reads a FIFO
  ends_in("is no regular file");
  keeping.world.put_directory("maps/map.txt");
  keeping.run(3000);
  CHECK(count_of(keeping.log(), "is no regular file") == 1);  // still
  keeping.world.remove("maps/map.txt");
  keeping.put("key two");
  keeping.world.fail_read("maps/map.txt", EIO);
  ends_in("Input/output error");
  keeping.world.fail_read("maps/map.txt", 0);
  keeping.run(2000);
  CHECK(keeping.value() == "two");  // although the file is the same one as before
  CHECK(keeping.counters.map_reloads == 1);
}

TEST_CASE("one that is gone for less than 100 ms is not said to be gone") {
  Keeping keeping;
  keeping.put("key one");
  keeping.start_loaded();
  for (int round = 0; round < 10; ++round) {
    keeping.world.remove("maps/map.txt");
    keeping.run(60);
    keeping.put("key " + std::to_string(round));
    keeping.run(1400);
    CHECK(keeping.value() == std::to_string(round));
  }
  CHECK(keeping.log().find("No such file") == std::string::npos);
}

TEST_CASE("the same file back where it was is not read again, and that it is back is said") {
  Keeping keeping;
  keeping.put("key one");
  keeping.start_loaded();
  keeping.world.fail_open("maps/map.txt", EACCES);
  keeping.run(1000);
  CHECK(count_of(keeping.log(), "Permission denied") == 1);
  keeping.world.fail_open("maps/map.txt", 0);
  keeping.run(1000);
  CHECK(keeping.value() == "first");
  CHECK(count_of(keeping.log(), "is again what it was") == 1);
  CHECK(keeping.counters.map_reloads == 0);
}

TEST_CASE("an old table is freed when every worker has passed, not before, and until then there is no newer one") {
  Keeping keeping;
  keeping.passing = false;
  keeping.put("key one");
  keeping.start_loaded();
  keeping.put("key two");
  keeping.run(2000);
  CHECK(keeping.value() == "two");
  CHECK(!keeping.freed[0]);
  CHECK((keeping.mailboxes[0].take() & static_cast<uint32_t>(Command::pass)) != 0);
  keeping.mailboxes[0].pass();
  keeping.put("key three");
  keeping.run(5000);
  CHECK(!keeping.freed[0]);
  CHECK(keeping.retired.count() == 1);
  CHECK(keeping.value() == "two");
  keeping.mailboxes[1].pass();
  CHECK(keeping.run_until([&] { return keeping.freed[0]; }) <= 20);
  CHECK(keeping.run_until([&] { return keeping.value() == "three"; }) <= 300);
}

TEST_CASE("maps on one device are looked at one after the other, those on two at the same time") {
  for (const bool one_device : {true, false}) {
    Mischief slow;
    slow.longest_delay_ns = 50'000'000;
    Keeping keeping(5, slow, {"a", "b", "c"});
    for (const char* name : {"a", "b", "c"}) keeping.put("key one", name);
    keeping.start_loaded();
    if (!one_device) {
      for (uint64_t index = 0; index < 3; ++index) keeping.files[index].loaded.device = 100 + index;
      keeping.start();
    }
    keeping.turn();
    keeping.run(2000);
    CHECK(keeping.most_under_way == (one_device ? 1 : 3));
  }
}

TEST_CASE("what is odd in a map is said once, not after every change of it") {
  Keeping keeping;
  keeping.put("key one");
  keeping.start_loaded();
  keeping.put("key two\nkey three");
  keeping.run(1500);
  CHECK(count_of(keeping.log(), "maps.map: maps/map.txt:2: ") == 1);
  keeping.put("key four\nkey five");
  keeping.run(1500);
  CHECK(keeping.value() == "four");
  CHECK(count_of(keeping.log(), "maps.map: maps/map.txt:2: ") == 1);
}

TEST_CASE(
    "an unkind kernel and a file that changes whenever it likes: every table is whole, the last one is the last") {
  const auto whole = [](uint64_t version) {
    std::string text = "first " + std::to_string(version) + '\n';
    for (int line = 0; line < 100 + static_cast<int>(version % 3) * 10; ++line) text += "# line\n";
    return text + "last " + std::to_string(version) + '\n';
  };
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Keeping keeping(seed, Mischief::wild());
    keeping.put(whole(0));
    keeping.start();
    uint64_t version = 0;
    uint64_t reloads = 0;
    uint64_t last_ms = 0;
    for (int step = 0; step < 40; ++step) {
      switch (keeping.world.random().below(6)) {
        case 0: keeping.put(whole(++version)); break;
        case 1: keeping.world.replace_file("maps/map.txt", whole(++version)); break;
        case 2: keeping.world.remove("maps/map.txt"); break;
        default: break;
      }
      const uint64_t end = keeping.now_ms() + keeping.world.random().below(400);
      while (keeping.now_ms() < end) {
        keeping.turn();
        if (keeping.counters.map_reloads == reloads) continue;
        reloads = keeping.counters.map_reloads;
        CHECK(keeping.value("first") == keeping.value("last"));
        CHECK(keeping.value("first") != "(none)");
        if (last_ms > 0) CHECK(keeping.now_ms() - last_ms >= 1000);
        last_ms = keeping.now_ms();
      }
    }
    keeping.put(whole(++version));
    keeping.world.mischief() = Mischief::none();
    keeping.run(4000);
    CHECK(keeping.value("last") == std::to_string(version));
    CHECK(keeping.retired.count() == 0);
    // The end, at any moment: what was under way is let go.
    keeping.world.mischief() = Mischief::wild();
    keeping.put(whole(++version));
    const uint64_t steps = keeping.world.random().below(20);
    for (uint64_t step = 0; step < steps; ++step) {
      keeping.run_until([&] { return keeping.keeper->under_way() == 0; });
      keeping.run_until([&] { return keeping.keeper->under_way() > 0; });
    }
    keeping.run(keeping.world.random().below(8));
    for (int rounds = 0; rounds < 1000 && keeping.keeper->under_way() > 0; ++rounds) {
      for (const uring::Completion& completion : keeping.ring->turn(true)) keeping.keeper->abandon(completion);
    }
    keeping.ring->turn(false);
    CHECK(keeping.world.held() == "");
  }
}
