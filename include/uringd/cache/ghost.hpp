// Ghosts: hashes of entries that left the cache's probation without a second use, or changed while they were popular:
// who comes back soon was not seen once. Belongs to one Cache. Fixed size: sets of four, the oldest of a set makes
// room; 8 bytes for each 4 KiB of capacity. What counts as soon is measured in bytes that became ghosts since, because
// a ghost that is remembered for too long lets strangers in (bench/micro/cache_policy). It may take a stranger for a
// ghost (one in 2^29) and forget early; both only cost a hit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace uringd::cache {

class Ghosts {
 public:
  /// Remembers a ghost until `window_bytes` more have become ghosts.
  Ghosts(size_t count, size_t window_bytes);

  /// What is remembered is forgotten when there is room for more.
  void resize(size_t count, size_t window_bytes);

  void add(uint64_t hash, size_t bytes);
  /// Whether it was there; no longer is.
  bool take(uint64_t hash);

 private:
  struct Ghost {
    uint32_t fingerprint = 0;  // 0: none
    uint32_t left_at = 0;
  };
  using Set = std::array<Ghost, 4>;  // newest first
  [[nodiscard]] static size_t mask_for(size_t count);
  // The low bits of the hash pick the set, the high ones are the fingerprint.
  [[nodiscard]] Set& set_of(uint64_t hash) { return sets_[hash & mask_]; }
  [[nodiscard]] static uint32_t fingerprint_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | 1; }
  [[nodiscard]] uint32_t now() const { return static_cast<uint32_t>(left_bytes_ / 256); }  // a turn is 1 TiB

  size_t mask_;
  size_t window_;
  uint64_t left_bytes_ = 0;
  std::unique_ptr<Set[]> sets_;
};

}  // namespace uringd::cache
