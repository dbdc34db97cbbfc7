// BufferRing: the receive buffers of one ring. The kernel picks one per arrival; the caller has it from that completion
// until give_back(). Every buffer is the kernel's or the caller's, never both: a bit per buffer says whose, and under
// AddressSanitizer the kernel's buffers are poisoned. Memory is faulted in at start: a first touch costs microseconds.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <span>
#include <vector>

namespace uringd::uring {

class BufferRing {
 public:
  static constexpr uint16_t group = 0;

  BufferRing() = default;
  BufferRing(const BufferRing&) = delete;
  BufferRing& operator=(const BufferRing&) = delete;
  ~BufferRing() { take_down(); }

  /// Registers `count` (a power of two) buffers of `bytes` each. 0 or a negative errno, after which it may be tried
  /// again.
  int set_up(io_uring& ring, uint32_t count, uint32_t bytes);
  /// Unregisters; before the ring goes.
  void take_down();
  /// The kernel has filled `buffer`: it is the caller's now.
  void taken(uint16_t buffer);
  void give_back(uint16_t buffer);
  /// Lets the kernel see what was given back. Before each submission: a re-armed receive wants to find them.
  void publish();
  [[nodiscard]] std::span<const char> bytes(uint16_t buffer, uint32_t size) const;
  [[nodiscard]] uint32_t count() const { return count_; }

 private:
  void add(uint16_t buffer);
  [[nodiscard]] char* memory_of(uint16_t buffer) const;

  io_uring* ring_ = nullptr;
  io_uring_buf_ring* entries_ = nullptr;
  char* memory_ = nullptr;
  uint32_t count_ = 0;
  uint32_t bytes_ = 0;
  int pending_ = 0;  // given back, not yet published
  std::vector<bool> callers_;
};

}  // namespace uringd::uring
