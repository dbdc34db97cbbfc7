// Logger: what is said again and again is held back and told once, with a clock that the test moves.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "uringd/log/logger.hpp"

#include <doctest/doctest.h>

using std::chrono::milliseconds;
using uringd::Fd;
using uringd::log::Level;
using uringd::log::Logger;

namespace {

constexpr size_t time_size = std::string_view("2026-01-31T23:59:59.123Z ").size();

struct Logged {
  Logged()
      : output(memfd_create("log", MFD_CLOEXEC)),
        logger(Level::debug, output.number(), uringd::log::Form::text, [this] { return now_ms; }) {}

  /// What was written since this was asked last, without the times.
  std::vector<std::string> drained(bool finish = false) {
    finish ? logger.finish() : logger.drain();
    return fresh();
  }
  std::vector<std::string> fresh() {
    std::vector<std::string> lines;
    std::string text(static_cast<size_t>(lseek(output.number(), 0, SEEK_END)), '\0');
    REQUIRE(pread(output.number(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    for (size_t end = 0; (end = text.find('\n', seen)) != text.npos; seen = end + 1) {
      lines.push_back(text.substr(seen + time_size, end - seen - time_size));
    }
    return lines;
  }
  void say(const std::string& text, int times, Level level = Level::warn) {
    for (int time = 0; time < times; ++time) logger.write(level, text);
  }

  uint64_t now_ms = 1'000'000;
  size_t seen = 0;
  Fd output;
  Logger logger;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("five lines of one text pass in 10 s, the others are told in one when the 10 s end") {
  Logged logged;
  logged.say("again", 12);
  CHECK(logged.drained() == Lines(5, "warn again"));
  logged.now_ms += 9'999;
  logged.say("again", 1);
  CHECK(logged.drained().empty());
  logged.now_ms += 1;
  CHECK(logged.drained() == Lines{"warn again (8 more times in 10 s)"});
  logged.now_ms += 20'000;
  CHECK(logged.drained().empty());
}

TEST_CASE("five times is not held back, and then there is nothing to tell") {
  Logged logged;
  logged.say("five", 5);
  CHECK(logged.drained().size() == 5);
  CHECK_FALSE(logged.logger.due().has_value());
  logged.now_ms += 60'000;
  CHECK(logged.drained().empty());
}

TEST_CASE("one line more than five is told as one") {
  Logged logged;
  logged.say("six", 6);
  CHECK(logged.drained().size() == 5);
  logged.now_ms += 10'000;
  CHECK(logged.drained() == Lines{"warn six (1 more time in 10 s)"});
}

TEST_CASE("the next 10 s begin with the next line, which is written after what was held back") {
  Logged logged;
  logged.say("again", 7);
  CHECK(logged.drained().size() == 5);
  logged.now_ms += 15'000;
  logged.say("again", 6);
  Lines expected{"warn again (2 more times in 10 s)"};
  expected.insert(expected.end(), 5, "warn again");
  CHECK(logged.drained() == expected);
  CHECK(logged.logger.due() == milliseconds(10'000));
}

TEST_CASE("the same text at another level, and another text, are counted by themselves") {
  Logged logged;
  logged.say("text", 5);
  logged.say("text", 5, Level::error);
  logged.say("text.", 5);
  CHECK(logged.drained().size() == 15);
}

TEST_CASE("due() says when the first text that holds something back is to be told, and nothing while there is none") {
  Logged logged;
  CHECK_FALSE(logged.logger.due().has_value());
  logged.say("first", 5);
  static_cast<void>(logged.drained());
  CHECK_FALSE(logged.logger.due().has_value());
  logged.now_ms += 4'000;
  logged.say("second", 6);
  static_cast<void>(logged.drained());
  CHECK(logged.logger.due() == milliseconds(10'000));
  logged.say("first", 1);
  static_cast<void>(logged.drained());
  CHECK(logged.logger.due() == milliseconds(6'000));
  logged.now_ms += 7'000;
  CHECK(logged.logger.due() == milliseconds(0));
  CHECK(logged.drained() == Lines{"warn first (1 more time in 10 s)"});
  CHECK(logged.logger.due() == milliseconds(3'000));
}

TEST_CASE("finish() tells at once what is held back, with the seconds that have passed") {
  Logged logged;
  logged.say("again", 8);
  CHECK(logged.drained().size() == 5);
  logged.now_ms += 2'100;
  logged.say("last words", 1);
  CHECK(logged.drained(true) == Lines{"warn last words", "warn again (3 more times in 3 s)"});
  CHECK_FALSE(logged.logger.due().has_value());
}

TEST_CASE("sixteen texts are known at a time; one that repeats keeps its place among many that do not") {
  Logged logged;
  logged.say("flood", 10);
  static_cast<void>(logged.drained());
  for (int number = 0; number < 200; ++number) {
    logged.now_ms += 10;
    logged.say("other " + std::to_string(number), 1);
    logged.say("flood", 1);
    CHECK(logged.drained() == Lines{"warn other " + std::to_string(number)});
  }
  logged.now_ms += 10'000;
  CHECK(logged.drained() == Lines{"warn flood (205 more times in 10 s)"});
}

TEST_CASE("what holds something back keeps its place although others were heard later") {
  Logged logged;
  logged.say("flood", 8);
  static_cast<void>(logged.drained());
  for (int number = 0; number < 50; ++number) {
    logged.now_ms += 10;
    logged.say("other " + std::to_string(number), 1);
    CHECK(logged.drained().size() == 1);
  }
  logged.say("flood", 1);
  CHECK(logged.drained().empty());
}

TEST_CASE("a seventeenth text that repeats too takes the place of the one silent longest, whose count is told then") {
  Logged logged;
  for (int number = 0; number < 16; ++number) {
    logged.now_ms += 10;
    logged.say("text " + std::to_string(number), 6);
    CHECK(logged.drained().size() == 5);
  }
  logged.say("one more", 1);
  CHECK(logged.drained() == Lines{"warn text 0 (1 more time in 1 s)", "warn one more"});
}

TEST_CASE("what a blocked output does not take is due to nobody: the output is what is waited for") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const Fd input(ends[0]);
  const Fd output(ends[1]);
  uint64_t now_ms = 5'000;
  Logger logger(Level::info, output.number(), uringd::log::Form::text, [&] { return now_ms; });
  const auto fill = [&] {
    for (int number = 0; number < 1000 && !logger.blocked(); ++number) {
      logger.info(std::to_string(number) + std::string(Logger::line_bytes - 8, 'x'));
      logger.drain();
    }
  };
  for (int time = 0; time < 6; ++time) logger.info("again");
  logger.drain();
  CHECK(logger.due() == milliseconds(10'000));
  fill();
  REQUIRE(logger.blocked());
  CHECK_FALSE(logger.due().has_value());
}
