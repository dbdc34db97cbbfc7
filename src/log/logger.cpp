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
#include <string>
#include <utility>

#include "logger_line.hpp"
#include "repeats.hpp"
#include "uringd/base/check.hpp"

namespace uringd::log {
namespace {

uint64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

int64_t wall_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
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

Logger::Logger(Level level, int output, Form form, std::function<uint64_t()> now_ms)
    : level_(level),
      form_(form),
      output_(output),
      now_ms_(now_ms ? std::move(now_ms) : monotonic_ms),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      slots_(new Slot[slot_count]),
      repeats_(std::make_unique<Repeats>()) {
  CHECK(wake_.open());
  for (size_t slot = 0; slot < slot_count; ++slot) slots_[slot].turn.store(slot, std::memory_order_relaxed);
}

Logger::~Logger() = default;

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
  slot->wall_ns = wall_clock_ns();
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
  const uint64_t now = now_ms_();
  const Form form = form_.load(std::memory_order_relaxed);
  std::string& lines = unwritten_;
  const auto tell = [&](Level level, const std::string& text) {
    append_line(lines, form, wall_clock_ns(), level, text);
  };
  repeats_->end_windows(now, tell);
  // One queue's worth: writers that never stop must not fill the memory with `lines`. What is left was written after
  // the read above, so its writer has set the eventfd again.
  for (size_t taken = 0; taken < slot_count; ++taken) {
    Slot& slot = slots_[tail_ % slot_count];
    if (slot.turn.load(std::memory_order_acquire) != tail_ + 1) break;
    const std::string_view text{slot.text.data(), slot.size};
    if (repeats_->admit(slot.level, text, now, tell)) append_line(lines, form, slot.wall_ns, slot.level, text);
    slot.turn.store(tail_ + slot_count, std::memory_order_release);
    ++tail_;
  }
  if (const uint64_t dropped = this->dropped(); dropped != reported_) {
    tell(Level::warn, std::to_string(dropped - reported_) + " log lines dropped: the queue was full");
    reported_ = dropped;
  }
  if (finishing_) repeats_->end_all(now, tell);
  write_some(output_, lines);
}

// While the output takes nothing, it is what main() waits for.
std::optional<std::chrono::milliseconds> Logger::due() const {
  if (blocked()) return std::nullopt;
  const auto end_ms = repeats_->next_end_ms();
  if (!end_ms) return std::nullopt;
  const uint64_t now = now_ms_();
  return std::chrono::milliseconds(*end_ms > now ? *end_ms - now : 0);
}

void Logger::finish() {
  finishing_ = true;
  drain();
}

}  // namespace uringd::log
