// Growth by doubling from 1 KiB, so that a request that comes byte by byte costs no more than one that comes at once.
#include "input_buffer.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "uringd/base/check.hpp"

namespace uringd::server {

bool InputBuffer::append(std::span<const char> bytes) {
  if (bytes.empty()) return true;
  if (end_ + bytes.size() > capacity_ && begin_ > 0) {
    std::memmove(memory_, memory_ + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + bytes.size() > capacity_) {
    const size_t wanted = std::bit_ceil(std::max<size_t>(end_ + bytes.size(), 1024));
    if (budget_.taken_bytes + wanted - capacity_ > budget_.limit_bytes) return false;
    auto* memory = static_cast<char*>(std::realloc(memory_, wanted));
    if (!memory) return false;
    budget_.taken_bytes += wanted - capacity_;
    memory_ = memory;
    capacity_ = wanted;
  }
  std::memcpy(memory_ + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
  return true;
}

void InputBuffer::consume(size_t count) {
  CHECK(count <= size());
  begin_ += count;
  if (begin_ == end_) clear();
}

void InputBuffer::erase(size_t first, size_t count) {
  CHECK(first + count <= size());
  if (count == 0) return;
  char* place = memory_ + begin_ + first;
  std::memmove(place, place + count, size() - first - count);
  end_ -= count;
  if (begin_ == end_) clear();
}

void InputBuffer::clear() {
  std::free(memory_);
  budget_.taken_bytes -= capacity_;
  memory_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace uringd::server
