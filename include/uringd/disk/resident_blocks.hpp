// ResidentBlocks: which blocks of one file were seen in the page cache a moment ago, so that not every download looks
// at every page. A look costs a quarter of what sending the pages does; pages that were there and are in use are not
// what the kernel gives up first, so for ten seconds a sample of them must do (for one second: 0.151 s/GiB, not 0.129).
// Owned by its OpenFile. Bounded: 64 GiB of a file, 64 KiB of bits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "uringd/disk/transfer.hpp"

namespace uringd::disk {

class ResidentBlocks {
 public:
  static constexpr uint64_t block_bytes = uint64_t{128} << 10;  // what the kernel reads ahead together

  /// Whether [offset, offset + bytes) of `file`, which has `size_bytes`, is in the page cache. Blocks that nobody knows
  /// of are looked at as a whole, so that they are known to who asks for another part of them.
  [[nodiscard]] bool has(Transfer& transfer, int file, uint64_t size_bytes, uint64_t offset, size_t bytes,
                         uint64_t now_ms) {
    constexpr uint64_t believed_ms = 10000;
    if (now_ms - since_ms_ >= believed_ms) {
      seen_.clear();
      since_ms_ = now_ms;
    }
    const uint64_t behind = (offset + bytes - 1) / block_bytes + 1;
    uint64_t block = offset / block_bytes;
    while (block < behind && block < seen_.size() && seen_[block]) ++block;
    if (block == behind) {
      if (transfer.resident(file, offset, bytes, true)) return true;
      seen_.clear();  // they are being taken away
      return false;
    }
    const uint64_t first = block * block_bytes;
    const uint64_t end = std::min(behind * block_bytes, size_bytes);
    if (transfer.resident(file, first, end - first, false)) {
      remember(block, behind);
      return true;
    }
    const uint64_t from = std::max(first, offset);
    const uint64_t wanted = offset + bytes - from;
    return wanted < end - first && transfer.resident(file, from, wanted, false);
  }

 private:
  void remember(uint64_t block, uint64_t behind) {
    constexpr uint64_t most_blocks = uint64_t{1} << 19;
    if (behind > most_blocks) return;
    if (seen_.size() < behind) seen_.resize(behind);
    for (; block < behind; ++block) seen_[block] = true;
  }

  std::vector<bool> seen_;
  uint64_t since_ms_ = 0;  // what is in there was seen since then
};

}  // namespace uringd::disk
