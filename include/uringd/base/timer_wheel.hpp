// TimerWheel: deadlines of one worker, coarse on purpose (64 ms): one wheel and one ring timeout instead of an
// operation per connection (LINK_TIMEOUT costs 0.2-1.2 us a request, this nothing: pushing a deadline back only writes
// a number). 512 slots of 64 ms reach 32 s; a later deadline is looked at again when its slot comes by. All times in
// ms.
#pragma once

#include <cstdint>

#include "uringd/base/list.hpp"

namespace uringd {

/// A deadline; a base class of what it belongs to. It must be cancelled before its owner dies.
class Timer : public Link<Timer> {
 public:
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }

 private:
  friend class TimerWheel;
  uint64_t deadline_ms_ = 0;
  uint64_t slot_ms_ = 0;  // when its slot is visited
};

class TimerWheel {
 public:
  static constexpr uint64_t tick_ms = 64;
  static constexpr size_t slot_count = 512;
  static constexpr uint64_t never = UINT64_MAX;

  explicit TimerWheel(uint64_t now_ms) : visited_(now_ms / tick_ms) {}

  /// Sets or moves the deadline. O(1); moving it back touches no list.
  void schedule(Timer& timer, uint64_t deadline_ms) {
    timer.deadline_ms_ = deadline_ms;
    if (timer.linked() && timer.slot_ms_ <= deadline_ms + tick_ms) return;
    cancel(timer);
    insert(timer);
  }
  void cancel(Timer& timer) {
    if (timer.linked()) timer.unlink();
  }

  /// Calls `expired(Timer&)` for each whose deadline has passed; it is unlinked before, and may be scheduled again.
  template <typename Expired>
  void advance(uint64_t now_ms, Expired&& expired) {
    const uint64_t now_tick = now_ms / tick_ms;
    if (now_tick > visited_ + slot_count) visited_ = now_tick - slot_count;  // a long sleep: each slot once
    while (visited_ < now_tick) {
      ++visited_;
      List<Timer>& slot = slots_[visited_ % slot_count];
      List<Timer> due;
      while (Timer* timer = slot.pop_front()) due.push_back(*timer);
      while (Timer* timer = due.pop_front()) {
        if (timer->deadline_ms_ <= now_ms) {
          expired(*timer);
        } else {
          insert(*timer);
        }
      }
    }
  }

  /// When advance() has something to look at next, or `never`.
  [[nodiscard]] uint64_t next_ms() {
    if (next_tick_ == none) return never;
    if (next_tick_ <= visited_) next_tick_ = visited_ + 1;
    while (slots_[next_tick_ % slot_count].empty()) {
      if (++next_tick_ > visited_ + slot_count) {
        next_tick_ = none;
        return never;
      }
    }
    return next_tick_ * tick_ms;
  }

 private:
  void insert(Timer& timer) {
    uint64_t tick = timer.deadline_ms_ / tick_ms + 1;  // never early
    if (tick <= visited_) tick = visited_ + 1;
    if (tick > visited_ + slot_count - 1) tick = visited_ + slot_count - 1;
    timer.slot_ms_ = tick * tick_ms;
    if (tick < next_tick_) next_tick_ = tick;
    slots_[tick % slot_count].push_back(timer);
  }

  static constexpr uint64_t none = UINT64_MAX;

  uint64_t visited_;           // the last tick whose slot was looked at
  uint64_t next_tick_ = none;  // no slot before it has a timer: asked every turn, and 512 slots are 2,000 steps
  List<Timer> slots_[slot_count];
};

}  // namespace uringd
