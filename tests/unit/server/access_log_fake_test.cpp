// AccessLog on the fake ring: whatever a kernel answers, in whatever order, from seeds: every line that was accepted
// stands in its file once, whole and in order, or is counted as dropped.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <cerrno>
#include <climits>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "uringd/uring/fake.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include <doctest/doctest.h>

#include "access_log_lines.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;
using log::AccessFormat;
using uring::Mischief;

namespace {

constexpr AccessFormat combined = AccessFormat::combined;

/// A log on a world of files: "log0", "log1", … in the order in which they were opened.
struct Logging {
  explicit Logging(uint64_t seed = 1, Mischief mischief = Mischief::none()) : world(seed, mischief) {
    uring::RingOptions options;
    options.world = &world;
    ring.emplace(std::move(*uring::Ring::create(options)));
    log.emplace(*ring, warnings.logger);
  }
  ~Logging() {
    log.reset();
    ring.reset();
  }

  struct Opened {
    std::string path;
    AccessFormat format;
    bool pipe;
    size_t most_bytes;
  };
  Opened& open(AccessFormat format, bool pipe = false) {
    const std::string path = "log" + std::to_string(files.size());
    if (pipe) {
      world.put_other(path);
    } else {
      world.put_file(path, "");
    }
    files.push_back({path, format, pipe, pipe ? size_t{PIPE_BUF} : log::AccessFormatter::most_line_bytes});
    const Mischief kept = std::exchange(world.mischief(), Mischief::none());
    ring->open_file(path.c_str(), {.kind = uring::Kind::map});  // of nobody here
    int number = -1;
    while (number < 0) {
      for (const uring::Completion& completion : ring->turn(true)) {
        if (completion.tag.kind == uring::Kind::map) {
          number = completion.result;
        } else {
          log->on_completion(completion);
        }
      }
    }
    world.mischief() = kept;
    log->open(Fd(number), format);
    return files.back();
  }
  void line(size_t more = 0) {
    records.emplace_back(records.size(), more);
    const uint64_t before = log->counters().dropped;
    asked += log->on();
    log->write(records.back().record, now_ms(), wall_ns);
    CHECK(log->counters().dropped - before <= 1);
  }
  void lines(size_t count, size_t more = 0) {
    for (size_t i = 0; i < count; ++i) line(more);
  }
  void turn(uint64_t ms = 0) {
    world.advance(ms * 1'000'000);
    log->on_turn(now_ms());
    for (const uring::Completion& completion : ring->turn(false)) log->on_completion(completion);
    world.check();
  }
  /// To the end, on a kernel that has become friendly.
  void finish() {
    world.mischief() = Mischief::none();
    log->flush();
    for (int turns = 0; turns < 1000 && !log->idle(); ++turns) turn(10);
    REQUIRE(log->idle());
  }
  [[nodiscard]] uint64_t now_ms() const { return world.now_ns() / 1'000'000; }

  /// Reads all files: whole lines, in order, as they should be; how many. A part of a line is allowed where a write
  /// failed, and stands on a line of its own.
  uint64_t whole_lines(uint64_t most_parts) {
    uint64_t next = 0, whole = 0, parts = 0;
    for (const Opened& file : files) {
      const std::string content = world.content(file.path);
      if (content.starts_with('\n')) FAIL(file.path, " begins with the end of another file's line");
      for (const std::string& line : lines_of(content)) {
        const uint64_t number = number_of(line);
        if (number != UINT64_MAX && number >= next && number < records.size() &&
            line + "\n" == records[number].line(file.format, file.most_bytes)) {
          next = number + 1;
          ++whole;
          continue;
        }
        if (line.empty()) continue;  // the end of a part
        ++parts;
        if (file.pipe) FAIL("a part of a line in a pipe: ", line);
        const auto begins_like = [&](const Numbered& one) {
          return one.line(file.format, file.most_bytes).starts_with(line);
        };
        if (std::ranges::none_of(records, begins_like)) FAIL(file.path, " has a line of nobody: ", line);
      }
    }
    CHECK(parts <= most_parts);
    return whole;
  }

  uring::World world;
  std::optional<uring::Ring> ring;
  Warnings warnings;
  std::optional<AccessLog> log;
  std::deque<Opened> files;
  std::deque<Numbered> records;
  uint64_t asked = 0;  // lines, while the log was on
};

/// Anything a day can bring, in any order.
void live(Logging& logging, uring::Random& random) {
  std::string stuck;
  for (int step = 0; step < 120; ++step) {
    const bool any = !logging.files.empty();
    switch (random.below(12)) {
      case 0: logging.open(random.chance(500) ? combined : AccessFormat::json, random.chance(400)); break;
      case 1:
        if (random.chance(200)) logging.log->close();
        break;
      case 2:
        if (any && random.chance(500)) {
          const std::string& path = logging.files[random.below(logging.files.size())].path;
          logging.world.fail_append(path, random.chance(500) ? 0 : ENOSPC);
        }
        break;
      case 3:
        if (!stuck.empty()) logging.world.set_stuck(stuck, false);
        stuck = any && random.chance(500) ? logging.files.back().path : "";
        if (!stuck.empty()) logging.world.set_stuck(stuck, true);
        break;
      case 4: logging.turn(random.below(3000)); break;
      case 5: logging.lines(random.below(100), random.below(2000)); break;
      default: logging.lines(random.below(20), random.below(200)); logging.turn(random.below(120));
    }
  }
  if (!stuck.empty()) logging.world.set_stuck(stuck, false);
  for (const auto& file : logging.files) logging.world.fail_append(file.path, 0);
}

}  // namespace

TEST_CASE("short writes go on where they stopped: no line is lost, none is torn") {
  Mischief mischief;
  mischief.short_append = 900;
  mischief.longest_delay_ns = 1'000'000;
  Logging logging(5, mischief);
  logging.open(combined);
  for (int i = 0; i < 50; ++i) {
    logging.lines(20, static_cast<size_t>(i));
    logging.turn(100);
  }
  logging.finish();
  CHECK(logging.whole_lines(0) == 1000);
  CHECK(logging.log->counters().lines == 1000);
  CHECK(logging.log->counters().bytes == logging.world.content("log0").size());
}

TEST_CASE("a disk with room again gets lines again, and a part of a line that it had taken ends in a line of its own") {
  Logging logging;
  logging.open(combined);
  logging.lines(3);
  logging.world.mischief().short_append = 1000;
  for (int i = 0; i < 10 && logging.log->counters().bytes < 150; ++i) logging.turn(100);
  logging.world.fail_append("log0", ENOSPC);
  logging.turn();
  logging.turn();
  logging.world.mischief() = Mischief::none();
  REQUIRE(logging.log->counters().failures == 1);
  logging.lines(2);
  logging.turn(100);
  logging.turn();
  CHECK(logging.log->counters().failures == 2);
  logging.world.fail_append("log0", 0);
  logging.lines(4);
  logging.finish();
  const uint64_t lines = logging.log->counters().lines;
  CHECK(logging.whole_lines(1) == lines);
  CHECK(lines >= 4);
  CHECK(lines < 7);
  CHECK(lines + logging.log->counters().dropped == 9);
  CHECK(logging.warnings.take().size() == 1);
  logging.log.reset();  // the end tells the rest
  CHECK(logging.warnings.take().size() == 2);
}

TEST_CASE("an interrupted write is tried again at once, one that would block 50 ms later") {
  Logging logging;
  logging.open(combined, true);
  logging.line();
  logging.world.fail_append("log0", EAGAIN);
  logging.turn(100);
  logging.turn();
  const uint64_t retry_ms = logging.log->next_ms();
  CHECK(retry_ms > logging.now_ms());
  CHECK(retry_ms <= logging.now_ms() + 50);
  CHECK_FALSE(logging.log->idle());
  logging.world.fail_append("log0", EINTR);
  logging.turn(50);
  logging.turn();
  CHECK(logging.log->next_ms() == UINT64_MAX);  // under way again
  logging.world.fail_append("log0", 0);
  logging.finish();
  CHECK(logging.whole_lines(0) == 1);
  CHECK(logging.log->counters().failures == 0);
}

TEST_CASE("lines for a file that gives way before it was used go to its successor, or are counted if it takes others") {
  for (const bool alike : {true, false}) {
    CAPTURE(alike);
    Logging logging;
    logging.open(combined, true);
    logging.world.set_stuck("log0", true);
    logging.line();
    logging.turn(100);
    logging.open(combined);
    logging.line();
    logging.turn();
    logging.open(alike ? combined : AccessFormat::json);
    logging.line();
    logging.world.set_stuck("log0", false);
    logging.finish();
    CHECK(lines_of(logging.world.content("log0")).size() == 1);
    CHECK(logging.world.content("log1").empty());
    CHECK(lines_of(logging.world.content("log2")).size() == (alike ? 2 : 1));
    CHECK(logging.log->counters().dropped == (alike ? 0 : 1));
    CHECK(logging.world.open_files() == 1);
  }
}

TEST_CASE("closing behind a stuck pipe ends after 2 s, with everything counted and nothing open") {
  Logging logging;
  logging.open(combined, true);
  logging.world.set_stuck("log0", true);
  logging.lines(5);
  logging.turn(100);
  logging.lines(7);
  logging.log->close();
  CHECK_FALSE(logging.log->on());
  logging.line();  // nobody asked for it
  logging.turn(1990);
  logging.turn();
  CHECK_FALSE(logging.log->idle());
  logging.turn(20);
  for (int turns = 0; turns < 10; ++turns) logging.turn(1);
  CHECK(logging.log->idle());
  CHECK(logging.log->counters().dropped == 12);
  CHECK(logging.world.held().empty());
}

TEST_CASE("every accepted line is in its file once, whole and in order, or counted, whatever the kernel does") {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    uring::Random random(seed);
    Mischief mischief = Mischief::wild();
    mischief.slow = 200;
    mischief.slowest_ns = 3'000'000'000;
    Logging logging(seed * 7919, mischief);
    live(logging, random);
    if (seed % 4 == 0) logging.log->abandon();
    logging.finish();
    const auto& counters = logging.log->counters();
    REQUIRE(counters.lines + counters.dropped == logging.asked);
    // Each failed or cancelled write can leave a part of a line, and so can each file that was given up.
    REQUIRE(logging.whole_lines(counters.failures + logging.files.size() + 1) == counters.lines);
    logging.log->close();
    logging.finish();
    REQUIRE(logging.world.held() == "");
  }
}

TEST_CASE("with nothing but short writes and slow ones no line is lost but to a full buffer, nor torn") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    uring::Random random(seed);
    Mischief mischief;
    mischief.short_append = 500;
    mischief.held_back = 300;
    mischief.longest_delay_ns = 50'000'000;
    Logging logging(seed, mischief);
    logging.open(combined);
    for (int step = 0; step < 100; ++step) {
      logging.lines(random.below(20), random.below(100));
      if (random.chance(30)) logging.open(combined);
      logging.turn(random.below(60));
    }
    logging.finish();
    REQUIRE(logging.log->counters().failures == 0);
    REQUIRE(logging.log->counters().dropped == 0);
    REQUIRE(logging.whole_lines(0) == logging.asked);
  }
}
