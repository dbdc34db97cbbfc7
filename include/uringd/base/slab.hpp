// Slab<T>: a fixed number of slots for objects that completions name by index. Owned by one thread. The address range
// is reserved at once and touched as slots are first used, so an idle server stays small; a freed slot is used again
// first. Each slot has a 24-bit generation that grows at every release: find() tells a stale name from a live one.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd {

template <typename T>
class Slab {
 public:
  explicit Slab(uint32_t capacity) : capacity_(capacity), bytes_(size_t{capacity} * sizeof(Cell)) {
    CHECK(capacity > 0);
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    cells_ = static_cast<Cell*>(memory);
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    CHECK(live_ == 0);
    munmap(cells_, bytes_);
  }

  /// Touches the memory of the first `count` slots, so that their first use does not fault (1.4-8.6 us a page).
  void populate(uint32_t count) {
    const size_t bytes = size_t{count < capacity_ ? count : capacity_} * sizeof(Cell);
    for (size_t offset = 0; offset < bytes; offset += 4096)
      reinterpret_cast<volatile unsigned char*>(cells_)[offset] = 0;
  }

  /// A new T in a free slot, or nullptr when all are taken.
  template <typename... Arguments>
  T* acquire(Arguments&&... arguments) {
    uint32_t slot = free_;
    if (slot != 0) {
      free_ = cells_[slot - 1].next_free;
    } else {
      if (used_ == capacity_) return nullptr;
      slot = ++used_;
    }
    Cell& cell = cells_[slot - 1];
    CHECK(!cell.live);
    cell.live = true;
    ++live_;
    return new (&cell.storage) T(std::forward<Arguments>(arguments)...);
  }

  void release(T& object) {
    Cell& cell = cell_of(object);
    CHECK(cell.live);
    object.~T();
    cell.live = false;
    cell.generation = (cell.generation + 1) & 0xffffff;
    cell.next_free = free_;
    free_ = static_cast<uint32_t>(&cell - cells_) + 1;
    --live_;
  }

  /// The live object in `slot` with that generation, or nullptr.
  [[nodiscard]] T* find(uint32_t slot, uint32_t generation) {
    if (slot >= used_) return nullptr;
    Cell& cell = cells_[slot];
    return cell.live && cell.generation == generation ? reinterpret_cast<T*>(&cell.storage) : nullptr;
  }
  [[nodiscard]] uint32_t slot_of(const T& object) const { return static_cast<uint32_t>(&cell_of(object) - cells_); }
  [[nodiscard]] uint32_t generation_of(const T& object) const { return cell_of(object).generation; }
  [[nodiscard]] uint32_t live() const { return live_; }
  [[nodiscard]] uint32_t capacity() const { return capacity_; }

 private:
  struct Cell {
    alignas(T) unsigned char storage[sizeof(T)];
    uint32_t generation;
    uint32_t next_free;  // slot + 1; 0: none
    bool live;
  };
  Cell& cell_of(const T& object) const {
    auto offset = reinterpret_cast<const unsigned char*>(&object) - reinterpret_cast<unsigned char*>(cells_);
    CHECK(offset >= 0 && static_cast<size_t>(offset) < bytes_);
    return cells_[static_cast<size_t>(offset) / sizeof(Cell)];
  }

  Cell* cells_;
  uint32_t capacity_;
  size_t bytes_;
  uint32_t used_ = 0;  // slots that were ever touched
  uint32_t free_ = 0;  // slot + 1 of the first free one below used_; 0: none
  uint32_t live_ = 0;
};

}  // namespace uringd
