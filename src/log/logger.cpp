// The queue is a ring of slots, each with a turn number (many writers, one reader): a writer owns a slot from the
// moment that it advances head_ until it publishes the slot's next turn.
#include "uringd/log/logger.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string>

#include "uringd/base/check.hpp"

namespace uringd::log {
namespace {

constexpr std::string_view level_name(Level level) {
  constexpr std::string_view names[] = {"error", "warn", "info", "debug"};
  return names[static_cast<size_t>(level)];
}

void append_time(std::string& line, int64_t wall_ns) {
  const time_t seconds = wall_ns / 1'000'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(wall_ns / 1'000'000 % 1000));
  line += text;
}

void append_escaped(std::string& line, std::string_view text) {
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte != 0x7f) {
      line += character;
    } else {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02X", byte);
      line += escaped;
    }
  }
}

// Writes what `output` takes without waiting and removes it from `text`. The descriptor may be shared with a shell, so
// it is not made non-blocking: a pipe that polls as writable takes PIPE_BUF bytes (pipe(7)).
void write_some(int output, std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    pollfd ready{output, POLLOUT, 0};
    if (poll(&ready, 1, 0) != 1) break;
    const ssize_t result = ::write(output, text.data() + written, std::min<size_t>(text.size() - written, PIPE_BUF));
    if (result < 0 && (errno == EINTR || errno == EAGAIN)) break;
    if (result <= 0) {  // nobody will ever read the log: the server goes on
      written = text.size();
      break;
    }
    written += static_cast<size_t>(result);
  }
  text.erase(0, written);
}

}  // namespace

Logger::Logger(Level level, int output)
    : level_(level), output_(output), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), slots_(new Slot[slot_count]) {
  CHECK(wake_.open());
  for (size_t slot = 0; slot < slot_count; ++slot) slots_[slot].turn.store(slot, std::memory_order_relaxed);
}

void Logger::write(Level level, std::string_view text) {
  if (!enabled(level)) return;
  uint64_t place = head_.load(std::memory_order_relaxed);
  Slot* slot = nullptr;
  for (;;) {
    slot = &slots_[place % slot_count];
    const uint64_t turn = slot->turn.load(std::memory_order_acquire);
    if (turn == place) {
      if (head_.compare_exchange_weak(place, place + 1, std::memory_order_relaxed)) break;
    } else if (turn < place) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    } else {
      place = head_.load(std::memory_order_relaxed);
    }
  }
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  slot->wall_ns = now.tv_sec * 1'000'000'000 + now.tv_nsec;
  slot->level = level;
  slot->size = static_cast<uint16_t>(std::min(text.size(), line_bytes));
  std::copy_n(text.data(), slot->size, slot->text.data());
  slot->turn.store(place + 1, std::memory_order_release);
  eventfd_write(wake_.number(), 1);
}

void Logger::drain() {
  eventfd_t ignored = 0;
  eventfd_read(wake_.number(), &ignored);
  write_some(output_, unwritten_);
  if (blocked()) return;
  std::string& lines = unwritten_;
  // One queue's worth: writers that never stop must not fill the memory with `lines`. What is left was written after
  // the read above, so its writer has set the eventfd again.
  for (size_t taken = 0; taken < slot_count; ++taken) {
    Slot& slot = slots_[tail_ % slot_count];
    if (slot.turn.load(std::memory_order_acquire) != tail_ + 1) break;
    append_time(lines, slot.wall_ns);
    lines += level_name(slot.level);
    lines += ' ';
    append_escaped(lines, {slot.text.data(), slot.size});
    lines += '\n';
    slot.turn.store(tail_ + slot_count, std::memory_order_release);
    ++tail_;
  }
  if (const uint64_t dropped = this->dropped(); dropped != reported_) {
    lines += "uringd: " + std::to_string(dropped - reported_) + " log lines dropped: the queue was full\n";
    reported_ = dropped;
  }
  write_some(output_, lines);
}

}  // namespace uringd::log
