// InputBuffer: the bytes of one connection that are not answered yet: a part of a request, or pipelined ones behind it.
// Shared receive buffers never wait for a request to become whole; its bytes come here. Memory is taken when bytes
// wait and freed when none do; all input buffers of a worker count against one bound.
#pragma once

#include <cstddef>
#include <span>

namespace uringd::server {

/// What all input buffers of a worker may take together.
struct InputBudget {
  size_t limit_bytes = size_t{64} << 20;
  size_t taken_bytes = 0;
};

class InputBuffer {
 public:
  explicit InputBuffer(InputBudget& budget) : budget_(budget) {}
  ~InputBuffer() { clear(); }
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] size_t size() const { return end_ - begin_; }
  [[nodiscard]] const char* data() const { return memory_ + begin_; }
  [[nodiscard]] std::span<const char> bytes() const { return {data(), size()}; }
  /// False when the budget or the memory is used up; nothing was added then. May move the bytes.
  [[nodiscard]] bool append(std::span<const char> bytes);
  /// Drops bytes [0, count).
  void consume(size_t count);
  /// Drops bytes [first, first + count); those behind move down.
  void erase(size_t first, size_t count);
  void clear();

 private:
  InputBudget& budget_;
  char* memory_ = nullptr;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace uringd::server
