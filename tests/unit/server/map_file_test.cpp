// Reading a map's file at start: what makes a table of it, and the lines for the person who can mend it.
#include "map_file.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "uringd/site/random.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include "../disk/real_tree.hpp"

using namespace uringd;
using namespace uringd::server;
using disk::test::RealTree;

namespace {

config::Map map_at(const std::string& file, config::MapKind kind = config::MapKind::txt) {
  return {.name = "legacy", .file = file, .kind = kind, .max_size_bytes = 256 << 20, .where = "config.toml:12:5"};
}

std::string value_of(const site::MapTable& table, std::string_view key) {
  site::Random random(1);
  return std::string(table.find(key, random).value_or("(none)"));
}

int64_t cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

/// What is wrong, as a line.
std::string problem_of(const config::Map& map) {
  std::vector<config::Problem> warnings;
  const auto table = load_map(map, warnings);
  return table ? "a table" : config::to_line(table.error());
}

}  // namespace

TEST_CASE("a file becomes a table, its account names it, and the stamp is that of the file") {
  const RealTree tree;
  tree.write("map.txt", "old new\nother there\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  std::vector<config::Problem> warnings;
  MapStamp stamp;
  const config::Map map = map_at(tree.at("map.txt"));
  const auto table = load_map(map, warnings, &stamp);
  REQUIRE(table);
  CHECK(value_of(**table, "old") == "new");
  CHECK((*table)->entries() == 2);
  CHECK(warnings.empty());
  CHECK(map_account(map, **table) == "maps.legacy: 2 entries from " + map.file);
  struct stat status{};
  REQUIRE(stat(map.file.c_str(), &status) == 0);
  CHECK(stamp.inode == status.st_ino);
  CHECK(stamp.device == status.st_dev);
  CHECK(stamp.size_bytes == 20);
  CHECK(stamp.changed_ns == status.st_ctim.tv_nsec);
}

TEST_CASE("an empty file is a table without entries") {
  const RealTree tree;
  tree.write("map.txt", "");
  std::vector<config::Problem> warnings;
  const auto table = load_map(map_at(tree.at("map.txt")), warnings);
  REQUIRE(table);
  CHECK((*table)->entries() == 0);
}

TEST_CASE("what is wrong with the file as a whole is told at its place in the configuration") {
  const RealTree tree;
  const std::string found = "config.toml:12:5: maps.legacy.file: found \"" + tree.at("x").string() + '"';
  config::Map map = map_at(tree.at("x"));
  CHECK(problem_of(map) == found + ": No such file or directory; expected a file");
  tree.directory("x");
  CHECK(problem_of(map) == found + ": is a directory; expected a file");
  tree.remove("x");
  REQUIRE(mkfifo(map.file.c_str(), 0600) == 0);  // an open that waits for a writer would not come back
  CHECK(problem_of(map) == found + ": is no regular file; expected a file");
  tree.remove("x");
  tree.write("x", std::string(1025, 'x'));
  map.max_size_bytes = 1024;
  CHECK(problem_of(map) == found + " of 1025 bytes; expected at most maps.legacy.max_size, \"1KiB\"");
  map.max_size_bytes = 1025;
  CHECK(problem_of(map) == "a table");
}

TEST_CASE("a path with a line's end in it stays one line") {
  CHECK(problem_of(map_at("no\nsuch")).find('\n') == std::string::npos);
}

TEST_CASE("what is wrong inside is told with the map's file and line") {
  const RealTree tree;
  const config::Map map = map_at(tree.at("map.txt"));
  tree.write("map.txt", std::string("a b\nc d\ne \0f\n", 13));
  CHECK(problem_of(map).starts_with(map.file + ":3: "));
  tree.write("map.txt", "a b\n" + std::string(10 << 20, 'x') + " y\n");
  CHECK(problem_of(map).starts_with(map.file + ":2: "));
  tree.write("map.txt", "no constant database");
  CHECK(problem_of(map_at(map.file, config::MapKind::cdb)).starts_with("config.toml:12:5: maps.legacy.file: found "));
}

TEST_CASE("a duplicate key is a warning with the file and its line, and the first one wins") {
  const RealTree tree;
  tree.write("map.txt", "a 1\nb 2\na 3\n");
  std::vector<config::Problem> warnings;
  const config::Map map = map_at(tree.at("map.txt"));
  const auto table = load_map(map, warnings);
  REQUIRE(table);
  CHECK(value_of(**table, "a") == "1");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].where == map.file + ":3");
}

TEST_CASE("of a file that is replaced all the time a whole one is read, never halves of two") {
  const RealTree tree;
  const auto whole = [](int number) {
    std::string text;
    for (int line = 0; line < 20'000; ++line) text += std::to_string(line) + ' ' + std::to_string(number) + '\n';
    return text;
  };
  const std::string versions[] = {whole(1), whole(2)};  // of one size
  tree.write("map.txt", versions[0]);
  std::atomic<bool> ending = false;
  std::thread writer([&] {
    for (size_t round = 0; !ending; ++round) {
      const int file = ::open(tree.at("map.txt").c_str(), O_WRONLY | O_CLOEXEC);
      const std::string& text = versions[round % 2];
      for (size_t at = 0; at < text.size(); at += 4096) {
        if (pwrite(file, text.data() + at, std::min<size_t>(4096, text.size() - at), static_cast<off_t>(at)) < 0) break;
      }
      ::close(file);
      std::this_thread::sleep_for(std::chrono::milliseconds(round % 7 * 10));
    }
  });
  size_t tables = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<config::Problem> warnings;
    MapStamp stamp;
    const auto table = load_map(map_at(tree.at("map.txt")), warnings, &stamp);
    if (!table || stamp == MapStamp{}) continue;  // not sure: the helper reads it once more
    ++tables;
    CHECK(value_of(**table, "0") == value_of(**table, "19999"));
  }
  ending = true;
  writer.join();
  MESSAGE(tables << " of 20");
}

TEST_CASE("a map of 1,000,000 lines costs less than a second of one core") {
  const RealTree tree;
  std::string text;
  for (int line = 0; line < 1'000'000; ++line) {
    text += "/old/page-" + std::to_string(line) + ".html /new/section/" + std::to_string(line % 97) + '/' +
            std::to_string(line) + '\n';
  }
  tree.write("map.txt", text);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  std::vector<config::Problem> warnings;
  const auto begin = std::chrono::steady_clock::now();
  [[maybe_unused]] const int64_t cpu_begin_ms = cpu_ms();
  const auto table = load_map(map_at(tree.at("map.txt")), warnings);
  const auto took = std::chrono::steady_clock::now() - begin;
  REQUIRE(table);
  CHECK((*table)->entries() == 1'000'000);
  MESSAGE((text.size() / 1'000'000) << " MB in " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
                                    << " ms, " << ((*table)->bytes() / 1'000'000) << " MB held");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(cpu_ms() - cpu_begin_ms < 1000);  // of its own time: others may use the machine too
#endif
}
