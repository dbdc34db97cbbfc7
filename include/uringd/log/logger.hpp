// Logger: lines for the operator, on stderr, as text or as JSON. Any thread may write; nobody waits: a line goes into a
// bounded queue (1,024 lines of up to 480 bytes) and one thread, the main one, drains it. A full queue drops the line
// and counts it; the next drain says how many. Control bytes are escaped: a request cannot forge a line. What is said
// again and again is held back: of one text at one level 5 lines in 10 s, then one that says how many more there were
// (of the 16 texts that were heard last).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "uringd/base/fd.hpp"

namespace uringd::log {

enum class Level : uint8_t { error, warn, info, debug };

/// text: 2026-01-31T23:59:59.123Z warn something; json: {"time":"2026-01-31T23:59:59.123Z","level":"warn","msg":"…"}
enum class Form : uint8_t { text, json };

class Repeats;

class Logger {
 public:
  static constexpr size_t line_bytes = 480;

  /// Lines go to `output`, a descriptor that outlives the logger. `now_ms`: a clock that never goes back, asked in
  /// drain() and due(); empty: the machine's.
  Logger(Level level, int output, Form form = Form::text, std::function<uint64_t()> now_ms = {});
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  [[nodiscard]] bool enabled(Level level) const { return level <= level_.load(std::memory_order_relaxed); }
  /// From the next line on, in whatever thread.
  void set_level(Level level) { level_.store(level, std::memory_order_relaxed); }
  /// From the next drain() on.
  void set_form(Form form) { form_.store(form, std::memory_order_relaxed); }
  /// Queues one line; longer text is cut. Thread-safe, wait-free but for a contended slot, no allocation.
  void write(Level level, std::string_view text);
  void error(std::string_view text) { write(Level::error, text); }
  void warn(std::string_view text) { write(Level::warn, text); }
  void info(std::string_view text) { write(Level::info, text); }
  void debug(std::string_view text) { write(Level::debug, text); }

  [[nodiscard]] int output() const { return output_; }
  /// Readable when there is something to drain.
  [[nodiscard]] int wake_descriptor() const { return wake_.number(); }
  /// Writes queued lines, one queue's worth at most (wake_descriptor() tells of more), as far as `output` takes them at
  /// once: a pipe that nobody reads holds nobody up. What it does not take is kept, and nothing more is taken from the
  /// queue until it has gone. One thread only.
  void drain();
  /// In how long drain() has something to say that wakes nobody: a repeated line whose 10 s end. For poll(2)'s timeout.
  [[nodiscard]] std::optional<std::chrono::milliseconds> due() const;
  /// drain() for the end of life: what is held back is told now.
  void finish();
  /// Something is left that `output` did not take: drain() again when it is writable.
  [[nodiscard]] bool blocked() const { return !unwritten_.empty(); }
  [[nodiscard]] uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t slot_count = 1024;
  struct Slot {
    std::atomic<uint64_t> turn;
    int64_t wall_ns;
    Level level;
    uint16_t size;
    std::array<char, line_bytes> text;
  };

  std::atomic<Level> level_;
  std::atomic<Form> form_;
  int output_;
  std::function<uint64_t()> now_ms_;
  Fd wake_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<uint64_t> head_{0};
  uint64_t tail_ = 0;
  std::atomic<uint64_t> dropped_{0};
  uint64_t reported_ = 0;
  std::unique_ptr<Repeats> repeats_;
  bool finishing_ = false;
  std::string unwritten_;
};

}  // namespace uringd::log
