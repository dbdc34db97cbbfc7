// Logger: lines for the operator, on stderr. Any thread may write; nobody waits: a line goes into a bounded queue
// (1,024 lines of up to 480 bytes) and one thread, the main one, drains it. A full queue drops the line and counts it;
// the next drain says how many. Control bytes are escaped as \xHH: a request cannot forge a line.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "uringd/base/fd.hpp"

namespace uringd::log {

enum class Level : uint8_t { error, warn, info, debug };

class Logger {
 public:
  static constexpr size_t line_bytes = 480;

  /// Lines go to `output`, a descriptor that outlives the logger.
  Logger(Level level, int output);
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  [[nodiscard]] bool enabled(Level level) const { return level <= level_; }
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

  Level level_;
  int output_;
  Fd wake_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<uint64_t> head_{0};
  uint64_t tail_ = 0;
  std::atomic<uint64_t> dropped_{0};
  uint64_t reported_ = 0;
  std::string unwritten_;
};

}  // namespace uringd::log
