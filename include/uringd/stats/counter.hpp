// Counter: a number with one writer (the thread that owns it) and any readers. The writer pays a plain addition: a
// relaxed load and store, no locked instruction; a reader sees some recent value, never half of one.
#pragma once

#include <atomic>
#include <cstdint>

namespace uringd::stats {

class Counter {
 public:
  Counter() = default;
  Counter(const Counter& other) : value_(other.value()) {}
  Counter& operator=(const Counter& other) {
    value_.store(other.value(), std::memory_order_relaxed);
    return *this;
  }

  void operator++() { *this += 1; }
  void operator+=(uint64_t more) { value_.store(value() + more, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  operator uint64_t() const { return value(); }  // NOLINT(google-explicit-constructor): a counter is its value

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace uringd::stats
