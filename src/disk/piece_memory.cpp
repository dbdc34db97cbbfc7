// First fit over a bit per unit: some 2,000 units a worker, looked through once per piece of up to 512 KiB.
#include "uringd/disk/piece_memory.hpp"

#include <sys/mman.h>

#include <algorithm>

#include "uringd/base/check.hpp"

namespace uringd::disk {

PieceMemory::PieceMemory(size_t bytes) : units_(std::max<size_t>(bytes / unit_bytes, 1)), free_units_(units_) {
  void* memory = mmap(nullptr, units_ * unit_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  area_ = static_cast<char*>(memory);
  taken_.resize(units_);
}

PieceMemory::~PieceMemory() {
  CHECK(free_units_ == units_);
  munmap(area_, units_ * unit_bytes);
}

std::span<char> PieceMemory::lease(size_t wanted) {
  if (free_units_ == 0) return {};
  const size_t share = std::max<size_t>(free_units_ / 8, 1);
  size_t units = std::clamp<size_t>((wanted + unit_bytes - 1) / unit_bytes, 1, share);
  size_t first = find_run(units);
  while (first == units_) {  // scattered: a smaller run; one unit is always there
    units = (units + 1) / 2;
    first = find_run(units);
  }
  std::fill_n(taken_.begin() + static_cast<std::ptrdiff_t>(first), units, true);
  free_units_ -= units;
  return {area_ + first * unit_bytes, units * unit_bytes};
}

void PieceMemory::give_back(std::span<char> piece) {
  const size_t first = static_cast<size_t>(piece.data() - area_) / unit_bytes;
  const size_t units = piece.size() / unit_bytes;
  CHECK(first + units <= units_);
  for (size_t unit = first; unit < first + units; ++unit) {
    CHECK(taken_[unit]);
    taken_[unit] = false;
  }
  free_units_ += units;
}

size_t PieceMemory::find_run(size_t units) const {
  size_t run = 0;
  for (size_t unit = 0; unit < units_; ++unit) {
    run = taken_[unit] ? 0 : run + 1;
    if (run == units) return unit + 1 - units;
  }
  return units_;
}

}  // namespace uringd::disk
