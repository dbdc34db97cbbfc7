// Cache: the small files that one worker holds. Belongs to that worker alone: no lock, no atomic. Bounded in bytes
// (whole allocations count); over the bound the least recently used entries are unlinked, their memory goes when their
// last send is done. find, insert and drop are O(1); find allocates nothing. Invariant: every linked entry is in
// exactly one bucket and in the LRU list, and bytes() is the sum of their charges.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "uringd/base/list.hpp"
#include "uringd/cache/entry.hpp"
#include "uringd/cache/key.hpp"

namespace uringd::cache {

class Cache {
 public:
  /// `capacity_bytes` 0: nothing is held. The table is sized once: buckets of an average entry of 2 KiB, so that a
  /// million entries never make one request pay for a rehash.
  explicit Cache(size_t capacity_bytes);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /// A new entry, not linked yet, on this cache's account. Nothing where there is no memory.
  [[nodiscard]] EntryRef make(const Key& key, size_t body_bytes) { return Entry::make(key, body_bytes, &live_bytes_); }
  /// Whether an entry of that size may be made. Entries that are being read, or sent though they were evicted, live
  /// outside the capacity; clients that take nothing must not make them many: half of the capacity again, or 8 MiB.
  [[nodiscard]] bool has_room(size_t body_bytes) const {
    constexpr size_t least_bytes = size_t{8} << 20;
    return live_bytes_ - bytes_ + body_bytes <= std::max(capacity_bytes_ / 2, least_bytes);
  }

  /// The entry of that key, now the most recently used, or nullptr. Valid until the next insert or drop unless pinned.
  [[nodiscard]] Entry* find(const Key& key);
  /// Links `entry` under its key in the place of one that was there; evicts what no longer fits. An entry larger than
  /// the whole cache is not linked, but the one that was there goes all the same.
  void insert(const EntryRef& entry);
  /// Unlinks; responses that are being sent from it go on.
  void drop(Entry& entry);

  [[nodiscard]] size_t bytes() const { return bytes_; }
  [[nodiscard]] size_t capacity_bytes() const { return capacity_bytes_; }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  [[nodiscard]] Entry*& bucket_of(uint64_t hash) { return buckets_[hash & bucket_mask_]; }

  size_t capacity_bytes_;
  size_t bucket_mask_;
  std::unique_ptr<Entry*[]> buckets_;
  List<Entry> recent_;     // front: most recently used
  size_t bytes_ = 0;       // of linked entries
  size_t live_bytes_ = 0;  // of all entries made and not destroyed
  size_t count_ = 0;
};

}  // namespace uringd::cache
