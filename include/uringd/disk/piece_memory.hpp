// PieceMemory: the buffers of one worker's large downloads: one area (its first part registered with the ring, what
// the memory-lock limit allows) in units of 16 KiB, taken from its beginning on. A piece is a run of units. When the
// area runs short pieces shrink, so that many slow downloads share what a few fast ones would have taken: no piece
// takes more than an eighth of what is free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace uringd::disk {

class PieceMemory {
 public:
  static constexpr size_t unit_bytes = size_t{16} * 1024;

  /// `bytes` rounded down to units, at least one; reserved, not touched.
  explicit PieceMemory(size_t bytes);
  ~PieceMemory();
  PieceMemory(const PieceMemory&) = delete;
  PieceMemory& operator=(const PieceMemory&) = delete;

  /// A piece of at most `wanted` bytes (rounded up to units), at least one unit; empty when nothing is free.
  [[nodiscard]] std::span<char> lease(size_t wanted);
  /// Takes back exactly what lease() gave.
  void give_back(std::span<char> piece);

  [[nodiscard]] std::span<char> area() const { return {area_, units_ * unit_bytes}; }
  [[nodiscard]] size_t free_bytes() const { return free_units_ * unit_bytes; }

 private:
  [[nodiscard]] size_t find_run(size_t units) const;

  char* area_;
  size_t units_;
  size_t free_units_;
  std::vector<bool> taken_;
};

}  // namespace uringd::disk
