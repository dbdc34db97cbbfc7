// Counter: a number with one writer (the thread that owns it) and any readers. The writer pays a plain addition: a
// relaxed load and store, no locked instruction; a reader sees some recent value, never half of one. It may go down
// again (what is held just now), but never below 0.
#pragma once

#include <atomic>
#include <cstdint>

namespace uringd::stats {

class Counter {
 public:
  Counter() = default;
  explicit Counter(uint64_t value) : value_(value) {}
  Counter(const Counter& other) : value_(other.value()) {}
  Counter& operator=(const Counter& other) {
    set(other.value());
    return *this;
  }

  void operator++() { *this += 1; }
  void operator--() { *this -= 1; }
  void operator+=(uint64_t more) { set(value() + more); }
  void operator-=(uint64_t less) { set(value() - less); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  operator uint64_t() const { return value(); }  // NOLINT(google-explicit-constructor): a counter is its value

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace uringd::stats
