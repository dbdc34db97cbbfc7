// The buffer ring's two ends: the kernel takes from its head, we add at its tail. A double give_back would hand the
// same bytes to two connections, so it stops the process.
#include "buffer_ring.hpp"

#include <sys/mman.h>

#include <cerrno>

#include "uringd/base/check.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) static_cast<void>(0)
#endif

namespace uringd::uring {

void BufferRing::take_down() {
  if (entries_ == nullptr) return;
  io_uring_free_buf_ring(ring_, entries_, count_, group);
  ASAN_UNPOISON_MEMORY_REGION(memory_, size_t{count_} * bytes_);
  munmap(memory_, size_t{count_} * bytes_);
  entries_ = nullptr;
}

int BufferRing::set_up(io_uring& ring, uint32_t count, uint32_t bytes) {
  CHECK(entries_ == nullptr);
  CHECK(count > 0);
  CHECK((count & (count - 1)) == 0);
  CHECK(count <= 32768);  // IORING_REGISTER_PBUF_RING's bound
  const size_t size = size_t{count} * bytes;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  int error = 0;
  entries_ = io_uring_setup_buf_ring(&ring, count, group, 0, &error);
  if (entries_ == nullptr) {
    munmap(memory, size);
    return error;
  }
  ring_ = &ring;
  memory_ = static_cast<char*>(memory);
  count_ = count;
  bytes_ = bytes;
  callers_.assign(count, false);
  for (uint32_t buffer = 0; buffer < count; ++buffer) add(static_cast<uint16_t>(buffer));
  publish();
  return 0;
}

char* BufferRing::memory_of(uint16_t buffer) const { return memory_ + size_t{buffer} * bytes_; }

void BufferRing::add(uint16_t buffer) {
  ASAN_POISON_MEMORY_REGION(memory_of(buffer), bytes_);
  io_uring_buf_ring_add(entries_, memory_of(buffer), bytes_, buffer, io_uring_buf_ring_mask(count_), pending_++);
}

void BufferRing::taken(uint16_t buffer) {
  CHECK(buffer < count_);
  CHECK(!callers_[buffer]);
  callers_[buffer] = true;
  ASAN_UNPOISON_MEMORY_REGION(memory_of(buffer), bytes_);
}

void BufferRing::give_back(uint16_t buffer) {
  CHECK(buffer < count_);
  CHECK(callers_[buffer]);
  callers_[buffer] = false;
  add(buffer);
}

void BufferRing::publish() {
  if (pending_ == 0) return;
  io_uring_buf_ring_advance(entries_, pending_);
  pending_ = 0;
}

std::span<const char> BufferRing::bytes(uint16_t buffer, uint32_t size) const {
  CHECK(buffer < count_);
  CHECK(callers_[buffer]);
  CHECK(size <= bytes_);
  return {memory_of(buffer), size};
}

}  // namespace uringd::uring
