// Harness of AccessLog on the kernel's ring: a worker's side, pipes and files that can be read back.
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "access_log_lines.hpp"

namespace uringd::server::test {

using log::AccessFormat;
using Clock = std::chrono::steady_clock;

constexpr AccessFormat combined = AccessFormat::combined;

inline uring::Ring make_ring() {
  auto ring = uring::Ring::create({});
  if (!ring) FAIL(ring.error().message);
  return std::move(*ring);
}

/// A worker's side: the ring and its log. Time is what the test says, but for AccessLog's own retries.
struct Bench {
  ~Bench() {
    log.close();
    if (!done()) {
      log.abandon();
      done();
    }
  }

  void line(size_t more = 0) {
    const Numbered numbered(next++, more);
    const auto before = Clock::now();
    log.write(numbered.record, now_ms(), wall_ns);
    longest = std::max(longest, Clock::now() - before);
  }
  void lines(size_t count, size_t more = 0) {
    for (size_t i = 0; i < count; ++i) line(more);
  }
  /// As a worker's turn: what is due, what has come.
  void turn() {
    const auto before = Clock::now();
    log.on_turn(now_ms());
    for (const uring::Completion& completion : ring.turn(false)) log.on_completion(completion);
    longest = std::max(longest, Clock::now() - before);
  }
  /// Turns until `reached`, for two seconds of real time at most.
  bool until(const std::function<bool()>& reached) {
    const auto end = Clock::now() + std::chrono::seconds(2);
    while (!reached()) {
      if (Clock::now() > end) return false;
      turn();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }
  bool done() {
    log.flush();
    return until([this] { return log.idle(); });
  }
  [[nodiscard]] uint64_t now_ms() const { return ring.monotonic_ns() / 1'000'000 + ahead_ms; }

  uring::Ring ring = make_ring();
  Warnings warnings;
  AccessLog log{ring, warnings.logger};
  uint64_t next = 0, ahead_ms = 0;
  Clock::duration longest{};  // of a call that may not wait
};

inline Fd memory_file() {
  Fd file(memfd_create("access", MFD_CLOEXEC));
  REQUIRE(fcntl(file.number(), F_SETFL, O_APPEND) == 0);
  return file;
}

inline Fd copy_of(const Fd& file) { return Fd(fcntl(file.number(), F_DUPFD_CLOEXEC, 0)); }

struct Pipe {
  explicit Pipe(int flags = 0) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    from = Fd(ends[0]);
    to = Fd(ends[1]);
    REQUIRE(fcntl(from.number(), F_SETFL, O_NONBLOCK) == 0);
    if (flags != 0) REQUIRE(fcntl(to.number(), F_SETFL, flags) == 0);
  }
  std::string read_some() const {
    std::string text(65'536, '\0');
    const ssize_t got = ::read(from.number(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }
  Fd from, to;
};

/// Numbers of the lines, each of which must be whole.
inline std::vector<uint64_t> numbers_of(const std::string& text) {
  CHECK((text.empty() || text.back() == '\n'));
  std::vector<uint64_t> numbers;
  for (const std::string& line : lines_of(text)) {
    numbers.push_back(number_of(line));
    if (numbers.back() == UINT64_MAX) FAIL("no whole line: ", line);
  }
  return numbers;
}

inline std::vector<uint64_t> numbers(uint64_t first, uint64_t end) {
  std::vector<uint64_t> all;
  for (; first < end; ++first) all.push_back(first);
  return all;
}

}  // namespace uringd::server::test
