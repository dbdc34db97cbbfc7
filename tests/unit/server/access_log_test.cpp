// AccessLog on the kernel's ring: files, pipes that nobody reads, a full device, terminals, and two workers on one file
// or pipe.
#include "access_log.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <climits>
#include <filesystem>
#include <set>

#include "access_log_bench.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;

namespace {

/// Kernel workers of this thread's rings that are inside a file's write.
size_t workers_in_a_write() {
  size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    char name[32] = {}, where[64] = {};
    const auto read_into = [&](const char* file, char* text, int bytes) {
      if (FILE* stream = fopen((task.path() / file).c_str(), "r")) {
        if (fgets(text, bytes, stream) == nullptr) text[0] = '\0';
        fclose(stream);
      }
    };
    read_into("comm", name, sizeof name);
    read_into("wchan", where, sizeof where);
    if (std::string_view(name).starts_with("iou-wrk") &&
        std::string_view(where).find("write") != std::string_view::npos)
      count += std::string_view(where).find("io_wq") == std::string_view::npos;
  }
  return count;
}

}  // namespace

TEST_CASE("a log that is off takes nothing and asks for nothing") {
  Bench bench;
  bench.lines(3);
  CHECK_FALSE(bench.log.on());
  CHECK(bench.log.idle());
  CHECK(bench.log.next_ms() == UINT64_MAX);
  bench.turn();
  CHECK(bench.log.counters().dropped == 0);
  bench.log.close();
  CHECK(bench.log.idle());
}

TEST_CASE("a few lines are written 100 ms after the first one, not before") {
  Bench bench;
  const Fd file = memory_file();
  bench.log.open(copy_of(file), combined);
  CHECK(bench.log.on());
  CHECK(bench.log.next_ms() == UINT64_MAX);
  const uint64_t first_ms = 5000;
  const Numbered one(0, 0), two(1, 0);
  bench.log.write(one.record, first_ms, wall_ns);
  bench.log.write(two.record, first_ms + 50, wall_ns);
  CHECK(bench.log.next_ms() == first_ms + 100);
  bench.log.on_turn(first_ms + 99);
  CHECK(bench.log.next_ms() == first_ms + 100);
  bench.log.on_turn(first_ms + 100);
  CHECK(bench.log.next_ms() == UINT64_MAX);  // under way
  REQUIRE(bench.until([&] { return bench.log.idle(); }));
  CHECK(all_of(file.number()) == one.line(combined, 4096) + two.line(combined, 4096));
  CHECK(bench.log.counters().lines == 2);
  CHECK(bench.log.counters().bytes == all_of(file.number()).size());
}

TEST_CASE("16 KiB are written at once") {
  Bench bench;
  const Fd file = memory_file();
  bench.log.open(copy_of(file), combined);
  bench.log.on_turn(0);
  while (bench.log.next_ms() != 0) bench.line(1000);
  CHECK(bench.next * 1100 > 16'384);
  CHECK(bench.next * 1000 < 16'384 + 2000);
  bench.log.on_turn(0);                      // long before the 100 ms
  CHECK(bench.log.next_ms() == UINT64_MAX);  // under way
  REQUIRE(bench.until([&] { return bench.log.idle(); }));
  CHECK(numbers_of(all_of(file.number())) == numbers(0, bench.next));
}

TEST_CASE("many lines reach a file in order, and what the buffer could not take is counted") {
  Bench bench;
  const Fd file = memory_file();
  bench.log.open(copy_of(file), AccessFormat::json);
  for (int i = 0; i < 200; ++i) {
    bench.lines(60, 20);
    bench.turn();
  }
  REQUIRE(bench.done());
  const auto got = numbers_of(all_of(file.number()));
  CHECK(std::ranges::is_sorted(got));
  CHECK(std::set(got.begin(), got.end()).size() == got.size());
  CHECK(got.size() == bench.log.counters().lines);
  CHECK(got.size() + bench.log.counters().dropped == bench.next);
}

TEST_CASE("a full device costs the batch, counted in lines; one warning, and the next one 10 s later with the number") {
  Bench bench;
  bench.log.open(Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), combined);
  const auto fail_once = [&] {
    const uint64_t failures = bench.log.counters().failures;
    bench.lines(5);
    bench.ahead_ms += 100;
    REQUIRE(bench.until([&] { return bench.log.counters().failures == failures + 1; }));
    bench.turn();
  };
  fail_once();
  const auto first = bench.warnings.take();
  REQUIRE(first.size() == 1);
  CHECK(first[0].ends_with("warn access log: 5 lines lost: No space left on device"));
  fail_once();
  fail_once();
  CHECK(bench.warnings.take().size() == 1);
  CHECK(bench.log.next_ms() <= bench.now_ms() + 10'000);
  CHECK(bench.log.next_ms() > bench.now_ms() + 9000);
  bench.ahead_ms += 10'000;
  bench.turn();
  const auto second = bench.warnings.take();
  REQUIRE(second.size() == 2);
  CHECK(second[1].ends_with("warn access log: 10 lines lost: No space left on device"));
  CHECK(bench.log.next_ms() == UINT64_MAX);
  CHECK(bench.log.counters().dropped == 15);
  CHECK(bench.log.counters().lines == 0);
  CHECK(bench.log.counters().bytes == 0);
}

TEST_CASE("a pipe whose reader has gone, a descriptor that cannot be written: the same, and nobody is killed") {
  const auto old_action = signal(SIGPIPE, SIG_IGN);
  Bench bench;
  Pipe pipe;
  pipe.from = Fd();
  bench.log.open(std::move(pipe.to), combined);
  bench.lines(3);
  REQUIRE(bench.done());
  CHECK(bench.log.counters().dropped == 3);
  bench.log.open(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), combined);
  bench.lines(4);
  REQUIRE(bench.done());
  CHECK(bench.log.counters().dropped == 7);
  CHECK(bench.log.counters().failures == 2);
  CHECK(bench.log.on());
  signal(SIGPIPE, old_action);
}

TEST_CASE(
    "a pipe that nobody reads holds nobody up and no kernel worker; what was accepted comes whole when one reads") {
  Bench bench;
  Pipe pipe;
  bench.log.open(copy_of(pipe.to), combined);
  for (int i = 0; i < 100; ++i) {
    bench.lines(50, 100);
    bench.turn();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(bench.longest < std::chrono::milliseconds(100));
  CHECK(workers_in_a_write() == 0);
  CHECK(bench.log.counters().dropped > 0);
  CHECK(bench.warnings.take().size() == 1);
  CHECK_FALSE(bench.log.idle());
  std::string text;
  bench.log.flush();
  REQUIRE(bench.until([&] {
    text += pipe.read_some();
    return bench.log.idle();
  }));
  text += pipe.read_some();
  const auto got = numbers_of(text);
  CHECK(std::ranges::is_sorted(got));
  CHECK(got.size() == bench.log.counters().lines);
  CHECK(got.size() + bench.log.counters().dropped == bench.next);
  CHECK(got.size() > 64 * 1024 * 2 / 250);
}

TEST_CASE("a full pipe that somebody made non-blocking is waited for too, and not asked without end") {
  Bench bench;
  Pipe pipe(O_NONBLOCK);
  while (::write(pipe.to.number(), std::string(4096, '\n').data(), 4096) > 0) {
  }
  bench.log.open(copy_of(pipe.to), combined);
  bench.lines(10);
  bench.log.flush();
  const uint64_t submissions = bench.ring.counters().submissions;
  for (int i = 0; i < 100; ++i) {
    bench.turn();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(bench.ring.counters().submissions - submissions < 5);
  std::string text;
  REQUIRE(bench.until([&] {
    text += pipe.read_some();
    return bench.log.idle();
  }));
  text += pipe.read_some();
  CHECK(numbers_of(text.substr(text.find_first_not_of('\n'))) == numbers(0, 10));
  CHECK(bench.log.counters().failures == 0);
}

TEST_CASE("a terminal that takes nothing more holds nobody up, and is given up at the end") {
  Bench bench;
  const Fd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(grantpt(master.number()) == 0);
  REQUIRE(unlockpt(master.number()) == 0);
  bench.log.open(Fd(::open(ptsname(master.number()), O_RDWR | O_NOCTTY | O_CLOEXEC)), combined);
  for (int i = 0; i < 100; ++i) {
    bench.lines(20, 100);
    bench.turn();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(bench.longest < std::chrono::milliseconds(100));
  CHECK_FALSE(bench.log.idle());
  bench.log.abandon();
  REQUIRE(bench.until([&] { return bench.log.idle(); }));
  CHECK(bench.log.counters().lines + bench.log.counters().dropped == bench.next);
}

TEST_CASE("what goes to a pipe is cut to PIPE_BUF a line (pipe(7)), what goes to a file is not") {
  Bench bench;
  Pipe pipe;
  bench.log.open(copy_of(pipe.to), combined);
  bench.lines(3, 10'000);
  REQUIRE(bench.done());
  const auto cut = lines_of(pipe.read_some());
  REQUIRE(cut.size() == 3);
  for (const std::string& line : cut) {
    CHECK(line.size() < PIPE_BUF);
    CHECK(line.size() > PIPE_BUF / 2);
  }
  const Fd file = memory_file();
  bench.log.open(copy_of(file), combined);
  bench.lines(1, 10'000);
  REQUIRE(bench.done());
  CHECK(all_of(file.number()).size() > 10'000);
}

TEST_CASE("two workers' lines on one pipe, or one file, never mix") {
  for (const bool to_pipe : {true, false}) {
    CAPTURE(to_pipe);
    Pipe pipe;
    const Fd file = memory_file();
    std::string text;
    std::atomic<uint64_t> written{0};
    std::atomic<int> running{2};
    std::atomic<bool> ended_well{true};
    const auto work = [&](uint64_t first) {
      {
        Bench bench;
        bench.next = first;
        bench.log.open(copy_of(to_pipe ? pipe.to : file), first == 0 ? combined : AccessFormat::json);
        for (int i = 0; i < 300; ++i) {
          bench.lines(20, static_cast<size_t>(i * 7 % 900));
          bench.turn();
        }
        ended_well = bench.done() && ended_well;
        written += bench.log.counters().lines;
      }
      --running;
    };
    std::thread one(work, 0), two(work, 1'000'000);
    while (running > 0) {
      text += pipe.read_some();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    one.join();
    two.join();
    text += to_pipe ? pipe.read_some() : all_of(file.number());
    uint64_t next_of[2] = {0, 1'000'000};
    const auto got = numbers_of(text);
    for (const uint64_t number : got) {
      uint64_t& next = next_of[number >= 1'000'000];
      if (number < next) FAIL("line ", number, " comes twice, or late");
      next = number + 1;
    }
    CHECK(ended_well.load());
    CHECK(got.size() == written.load());
    CHECK(got.size() > 500);
  }
}
