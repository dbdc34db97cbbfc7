// Logger: what a line looks like, that a client cannot forge one, what happens when the queue is full, and that threads
// keep their order. Run under -Db_sanitize=thread too: the queue has no lock.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "uringd/log/logger.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using uringd::Fd;
using uringd::log::Form;
using uringd::log::Level;
using uringd::log::Logger;

namespace {

constexpr size_t queue_lines = 1024;
constexpr size_t time_size = std::string_view("2026-01-31T23:59:59.123Z ").size();

/// A logger whose output can be read back.
struct Logged {
  explicit Logged(Level level = Level::debug, Form form = Form::text)
      : output(memfd_create("log", MFD_CLOEXEC)), logger(level, output.number(), form, [this] { return now_ms; }) {}

  /// All lines written so far, whole.
  [[nodiscard]] std::vector<std::string> full_lines() const {
    std::string text(static_cast<size_t>(lseek(output.number(), 0, SEEK_END)), '\0');
    REQUIRE(pread(output.number(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    std::vector<std::string> lines;
    size_t begin = 0;
    for (size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back(text.substr(begin, end - begin));
    }
    REQUIRE(begin == text.size());
    return lines;
  }
  /// The same without the time in front.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines = full_lines();
    for (std::string& line : lines) {
      if (line.size() > time_size && line[time_size - 2] == 'Z') line.erase(0, time_size);
    }
    return lines;
  }
  [[nodiscard]] bool wakes() const {
    pollfd event{logger.wake_descriptor(), POLLIN, 0};
    return poll(&event, 1, 0) == 1;
  }

  uint64_t now_ms = 1'000'000;
  Fd output;
  Logger logger;
};

std::vector<std::string> after_drain(Logged& logged) {
  logged.logger.drain();
  return logged.lines();
}

}  // namespace

TEST_CASE("a line is its time in UTC to the millisecond, its level and its text") {
  Logged logged;
  timespec before{};
  clock_gettime(CLOCK_REALTIME, &before);
  logged.logger.warn("hello");
  timespec after{};
  clock_gettime(CLOCK_REALTIME, &after);
  logged.logger.drain();
  const std::vector<std::string> lines = logged.full_lines();
  REQUIRE(lines.size() == 1);
  tm parts{};
  int milliseconds = -1;
  char rest[32] = {};
  REQUIRE(std::sscanf(lines[0].c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %31[^\n]", &parts.tm_year, &parts.tm_mon,
                      &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &milliseconds, rest) == 8);
  CHECK(std::string(rest) == "warn hello");
  CHECK(lines[0].size() == time_size + 10);
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  const auto ms_of = [](const timespec& time) { return time.tv_sec * 1000 + time.tv_nsec / 1'000'000; };
  const int64_t written_ms = timegm(&parts) * 1000 + milliseconds;
  CHECK(written_ms >= ms_of(before));
  CHECK(written_ms <= ms_of(after));
}

TEST_CASE("lines above the level are not written, and do not wake anybody") {
  Logged logged(Level::warn);
  CHECK(logged.logger.enabled(Level::error));
  CHECK(logged.logger.enabled(Level::warn));
  CHECK_FALSE(logged.logger.enabled(Level::info));
  logged.logger.info("no");
  logged.logger.debug("no");
  CHECK_FALSE(logged.wakes());
  logged.logger.warn("yes");
  logged.logger.error("also");
  CHECK(after_drain(logged) == std::vector<std::string>{"warn yes", "error also"});
}

TEST_CASE("each level writes its own name") {
  Logged logged;
  logged.logger.error("a");
  logged.logger.warn("b");
  logged.logger.info("c");
  logged.logger.debug("d");
  CHECK(after_drain(logged) == std::vector<std::string>{"error a", "warn b", "info c", "debug d"});
}

TEST_CASE("control bytes are escaped, so that a request cannot forge a line or speak to a terminal") {
  Logged logged;
  logged.logger.info("GET /\r\n2026-01-01T00:00:00.000Z error forged");
  logged.logger.info(std::string_view("nul\0tab\tescape\x1b[2J\x7f.", 20));
  const std::vector<std::string> lines = after_drain(logged);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "info GET /\\x0D\\x0A2026-01-01T00:00:00.000Z error forged");
  CHECK(lines[1] == "info nul\\x00tab\\x09escape\\x1B[2J\\x7F.");
}

TEST_CASE("every byte below 32 and 127 is escaped, every other one is written as it is") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    Logged logged;
    const char character = static_cast<char>(byte);
    logged.logger.info({&character, 1});
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02X", static_cast<unsigned>(byte));
    const std::string expected = byte < 32 || byte == 127 ? escaped : std::string(1, character);
    CHECK(after_drain(logged) == std::vector<std::string>{"info " + expected});
  }
}

TEST_CASE("a line of line_bytes is whole, a longer one is cut there, an empty one is a line") {
  Logged logged;
  const std::string longest(Logger::line_bytes, 'x');
  logged.logger.info(longest);
  logged.logger.info(longest + "y");
  logged.logger.info(std::string(100'000, 'z'));
  logged.logger.info("");
  const std::vector<std::string> lines = after_drain(logged);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "info " + longest);
  CHECK(lines[1] == "info " + longest);
  CHECK(lines[2] == "info " + std::string(Logger::line_bytes, 'z'));
  CHECK(lines[3] == "info ");
}

TEST_CASE("the wake descriptor is readable exactly while there is something to drain") {
  Logged logged;
  CHECK_FALSE(logged.wakes());
  logged.logger.info("a");
  CHECK(logged.wakes());
  logged.logger.drain();
  CHECK_FALSE(logged.wakes());
  CHECK(logged.lines().size() == 1);
}

TEST_CASE("a full queue keeps the first lines, drops the others, and the next drain says how many, once") {
  Logged logged;
  for (size_t number = 0; number < queue_lines + 5; ++number) logged.logger.info(std::to_string(number));
  CHECK(logged.logger.dropped() == 5);
  const std::vector<std::string> lines = after_drain(logged);
  REQUIRE(lines.size() == queue_lines + 1);
  for (size_t number = 0; number < queue_lines; ++number) {
    if (lines[number] != "info " + std::to_string(number)) FAIL("line ", number, " is ", lines[number]);
  }
  CHECK(lines.back().find("5 log lines dropped") != std::string::npos);
  CHECK(after_drain(logged).size() == queue_lines + 1);

  logged.logger.info("again");
  CHECK(after_drain(logged).back() == "info again");
  for (size_t number = 0; number < queue_lines + 2; ++number) logged.logger.info(std::to_string(number));
  CHECK(after_drain(logged).back().find("2 log lines dropped") != std::string::npos);
}

TEST_CASE("the queue goes round: many times its size passes through it in order") {
  Logged logged;
  std::vector<std::string> expected;
  for (int number = 0; number < 5000; ++number) {
    expected.push_back("info " + std::to_string(number));
    logged.logger.info(std::to_string(number));
    if (number % 700 == 0) logged.logger.drain();
  }
  CHECK(after_drain(logged) == expected);
  CHECK(logged.logger.dropped() == 0);
}

TEST_CASE("an output that nobody reads any more stops no writer and no drain") {
  const auto old_action = signal(SIGPIPE, SIG_IGN);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const Fd output(ends[1]);
  Logger logger(Level::info, output.number());
  close(ends[0]);
  for (size_t number = 0; number < 3 * queue_lines; ++number) {
    logger.info("lost");
    if (number % 1000 == 0) logger.drain();
  }
  logger.drain();
  CHECK(logger.dropped() < 3 * queue_lines);
  signal(SIGPIPE, old_action);
}

TEST_CASE("one drain ends while writers go on: lines that must be escaped are slower to drain than to write") {
  using Clock = std::chrono::steady_clock;
  Logged logged;
  std::atomic<bool> go{true};
  const Clock::time_point end = Clock::now() + std::chrono::seconds(3);  // of the writers, where a drain does not end
  // Each one another, or they would be held back.
  const auto flood = [](size_t number) {
    std::string text(Logger::line_bytes, '\n');
    const std::string digits = std::to_string(number);
    return text.replace(0, digits.size(), digits);
  };
  for (size_t number = 0; number < queue_lines; ++number) logged.logger.info(flood(number));
  std::thread writer([&] {
    for (size_t number = queue_lines; go && Clock::now() < end; ++number) logged.logger.info(flood(number));
  });
  logged.logger.drain();
  const size_t lines = logged.full_lines().size();
  CHECK(lines >= queue_lines);
  CHECK(lines <= queue_lines + 1);
  go = false;
  writer.join();
}

TEST_CASE("what one drain leaves, the wake descriptor still tells of") {
  Logged logged;
  std::thread writer([&] {
    for (int number = 0; number < 20'000; ++number) logged.logger.info("x" + std::to_string(number));
  });
  for (int turn = 0; turn < 5; ++turn) logged.logger.drain();
  writer.join();
  while (logged.wakes()) logged.logger.drain();
  size_t lines = 0;
  for (const std::string& line : logged.lines()) lines += line.starts_with("info x");
  CHECK(lines + logged.logger.dropped() == 20'000);
}

TEST_CASE("lines of several threads come whole, each thread's in its order, and none is lost uncounted") {
  constexpr int writer_count = 4;
  constexpr int line_count = 5000;
  Logged logged;
  std::atomic<int> running{writer_count};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < writer_count; ++writer) {
    writers.emplace_back([&, writer] {
      for (int number = 0; number < line_count; ++number) {
        const std::string name = std::to_string(writer) + ":" + std::to_string(number);
        logged.logger.info(name + " " +
                           std::string(static_cast<size_t>(number % 400), static_cast<char>('a' + writer)));
        if (number % 64 == 0) std::this_thread::yield();
      }
      running.fetch_sub(1);
    });
  }
  while (running.load() > 0) logged.logger.drain();
  for (std::thread& writer : writers) writer.join();
  while (logged.wakes()) logged.logger.drain();

  uint64_t arrived = 0;
  int last[writer_count] = {-1, -1, -1, -1};
  bool whole = true;
  bool in_order = true;
  for (const std::string& line : logged.lines()) {
    if (line.find("log lines dropped") != std::string::npos) continue;
    int writer = -1;
    int number = -1;
    if (std::sscanf(line.c_str(), "info %d:%d ", &writer, &number) != 2 || writer < 0 || writer >= writer_count) {
      whole = false;
      break;
    }
    const std::string padding(static_cast<size_t>(number % 400), static_cast<char>('a' + writer));
    whole = whole && line == "info " + std::to_string(writer) + ":" + std::to_string(number) + " " + padding;
    in_order = in_order && number > last[writer];
    last[writer] = number;
    ++arrived;
  }
  CHECK(whole);
  CHECK(in_order);
  CHECK(arrived + logged.logger.dropped() == uint64_t{writer_count} * line_count);
  CHECK(arrived >= queue_lines);
}

TEST_CASE("a line of JSON is one object with time, level and msg (RFC 8259, RFC 3339)") {
  Logged logged(Level::debug, Form::json);
  logged.logger.error("no \"such\\file\"\n\x01\x7f");
  logged.logger.drain();
  const std::vector<std::string> lines = logged.full_lines();
  REQUIRE(lines.size() == 1);
  int parts[7] = {};
  char rest[128] = {};
  REQUIRE(std::sscanf(lines[0].c_str(), "{\"time\":\"%4d-%2d-%2dT%2d:%2d:%2d.%3dZ\",%127[^\n]", &parts[0], &parts[1],
                      &parts[2], &parts[3], &parts[4], &parts[5], &parts[6], rest) == 8);
  CHECK(std::string(rest) == R"("level":"error","msg":"no \"such\\file\"\u000a\u0001\u007f"})");
}

TEST_CASE("in JSON, what is UTF-8 stays, and what is none becomes U+FFFD, a line cut within a character too") {
  const auto msg_of = [](const std::string& text) {
    Logged logged(Level::debug, Form::json);
    logged.logger.info(text);
    logged.logger.drain();
    const std::string line = logged.full_lines().at(0);
    const size_t begin = line.find("\"msg\":\"") + 7;
    return line.substr(begin, line.size() - 2 - begin);
  };
  CHECK(msg_of("gr\xc3\xbc\xc3\x9f \xf0\x9f\x8e\x89") == "gr\xc3\xbc\xc3\x9f \xf0\x9f\x8e\x89");
  CHECK(msg_of("a\xff"
               "b\xc3") == "a\\ufffdb\\ufffd");
  CHECK(msg_of("\xed\xa0\x80") == "\\ufffd\\ufffd\\ufffd");  // a surrogate (RFC 3629 §3)
  CHECK(msg_of(std::string(Logger::line_bytes - 1, 'x') + "\xc3\xbc").ends_with("x\\ufffd"));
}

TEST_CASE("dropped lines are told in JSON as a line like any other") {
  Logged logged(Level::debug, Form::json);
  for (size_t number = 0; number < queue_lines + 3; ++number) logged.logger.info(std::to_string(number));
  logged.logger.drain();
  CHECK(logged.full_lines().back().ends_with(R"("level":"warn","msg":"3 log lines dropped: the queue was full"})"));
}

TEST_CASE("level and form can be changed while the logger is in use, from any thread") {
  Logged logged(Level::info);
  logged.logger.debug("too much");
  logged.logger.set_level(Level::debug);
  logged.logger.debug("wanted");
  logged.logger.set_level(Level::error);
  logged.logger.warn("too much");
  CHECK(after_drain(logged) == std::vector<std::string>{"debug wanted"});
  logged.logger.set_form(Form::json);
  logged.logger.error("now");
  logged.logger.drain();
  CHECK(logged.full_lines().back().ends_with(R"("level":"error","msg":"now"})"));

  std::atomic<bool> go{true};
  std::thread writer([&] {
    for (int number = 0; go; ++number) logged.logger.info(std::to_string(number));
  });
  for (int turn = 0; turn < 200; ++turn) {
    logged.logger.set_level(turn % 2 == 0 ? Level::debug : Level::error);
    logged.logger.set_form(turn % 3 == 0 ? Form::json : Form::text);
    logged.logger.drain();
  }
  go = false;
  writer.join();
}
