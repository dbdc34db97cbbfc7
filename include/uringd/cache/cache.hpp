// Cache: what one worker holds. Belongs to that worker alone: no lock, no atomic but its counters. Bounded in bytes
// (whole allocations count). Entries live in queues of their own bounds, so that one kind never takes another's room:
//
//   content    S3-FIFO: new ones on probation in a small queue, those used again in the main one, so that a crawler
//              over 100,000 files does not flush the hot set; one that comes back soon after its probation goes to
//              the main one at once. [bytes: what the others leave]
//   verdicts   404, 403, 301: a flood of random names evicts no content. [bytes: 1/32, 64 KiB to 4 MiB, 1/8 at most]
//   files      open descriptors of large files. [count; bytes: 2 KiB each, 1/16 at most]
//   names      of directories. [bytes: 1/32]
//
// All but the small queue are first in, first out with second chances: an entry that was used since goes round again.
// find, insert and drop are O(1) (insert: amortised, and 128 steps for each entry that goes); find allocates nothing
// and moves nothing. An entry that leaves is unlinked; its memory goes when its last send is done. Invariant: every
// linked entry is in exactly one bucket and one queue, and bytes() is the sum of their charges.
//
// The capacity may change while entries are held. What that takes is done in slices, catch_up(): a queue that is over a
// lowered bound shrinks, and nothing new is linked in it meanwhile; a table that is too small for a raised one is
// replaced by a larger one at once, and its buckets are split one after the other:
//
//   0 ┄ split_at_ ┄ split_mask_ ┄┄┄┄┄┄┄┄┄┄ bucket_mask_        a hash whose low bits (split_mask_) name a bucket that
//   split │ not yet │ in use where what it comes of is split   is split already is looked up by bucket_mask_
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "uringd/base/list.hpp"
#include "uringd/cache/entry.hpp"
#include "uringd/cache/ghost.hpp"
#include "uringd/cache/key.hpp"
#include "uringd/stats/counter.hpp"

namespace uringd::cache {

/// Why an entry left.
enum class Gone : uint8_t { capacity, idle, changed, missing, watch, replaced, closing, admin };
inline constexpr size_t gone_count = 8;

struct CacheCounters {
  stats::Counter inserted;
  std::array<stats::Counter, gone_count> gone;  // by reason
};

/// Hears of entries that are linked and unlinked, on the worker's thread, from within insert, drop and sweep; must not
/// call the cache.
class CacheObserver {
 public:
  virtual void on_linked(Entry& entry) = 0;
  virtual void on_unlinked(Entry& entry) = 0;

 protected:
  ~CacheObserver() = default;
};

struct CacheOptions {
  size_t capacity_bytes = 0;    // 0: nothing is held
  size_t file_limit = 256;      // kept descriptors
  size_t entry_bytes = 2048;    // of an average entry: for the size of the table
  PageMemory* pages = nullptr;  // where larger bodies lie; outlives the cache and all that was made by it
};

class Cache {
 public:
  /// The table has a bucket for each average entry of 2 KiB that the capacity has room for, a million at most; no
  /// request ever pays for a rehash.
  explicit Cache(const CacheOptions& options);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  /// Outlives the cache, or nullptr.
  void set_observer(CacheObserver* observer) { observer_ = observer; }

  /// New entries, not linked yet, on this cache's account. Nothing where there is no memory.
  [[nodiscard]] EntryRef make(const Key& key, std::string_view name, size_t lines_bytes, size_t body_bytes) {
    return Entry::make(key, name, lines_bytes, body_bytes, &live_bytes_, pages_);
  }
  [[nodiscard]] EntryRef make_verdict(const Key& key, int status) {
    return Entry::make_verdict(key, status, &live_bytes_);
  }
  [[nodiscard]] EntryRef make_holder(const Key& key, std::string_view name, Kind kind, std::unique_ptr<Payload> payload,
                                     size_t payload_bytes) {
    return Entry::make_holder(key, name, kind, std::move(payload), payload_bytes, &live_bytes_);
  }
  /// Whether an entry of that size may be made. Entries that are being read, or sent though they were evicted, live
  /// outside the capacity; clients that take nothing must not make them many: half of the capacity again, or 8 MiB.
  [[nodiscard]] bool has_room(size_t body_bytes) const {
    constexpr size_t least_bytes = size_t{8} << 20;
    return live_bytes_ - bytes_ + body_bytes <= std::max(capacity_bytes() / 2, least_bytes);
  }

  /// The entry of that key, which is used now, or nullptr. Valid until the next insert, drop or sweep unless pinned.
  [[nodiscard]] Entry* find(const Key& key, uint64_t now_ms);
  /// The same without being a use.
  [[nodiscard]] Entry* peek(const Key& key);
  /// Links `entry` under its key in the place of one that was there; evicts what no longer fits. An entry larger than
  /// its whole queue is not linked, but the one that was there goes all the same.
  void insert(const EntryRef& entry, uint64_t now_ms);
  /// `copy`, sealed and of a coding, becomes the base's copy in that coding, in the place of one that was there; evicts
  /// what no longer fits, which may be the base: pin it.
  void attach(Entry& base, const EntryRef& copy);
  /// Unlinks; responses that are being sent from it go on.
  void drop(Entry& entry, Gone why);
  /// Drops everything (Gone::closing).
  void clear();
  /// Drops what is of sites that `leaves` (Gone::closing), looking at `buckets` buckets from `first` on. Returns where
  /// it stopped: bucket_count() when that was the last.
  size_t drop_sites(const std::function<bool(uint32_t site)>& leaves, size_t first, size_t buckets);
  /// Shows the entries of the buckets from `first` on to `look`, which may drop the one that it is shown: of at most so
  /// many buckets, and no further one once so many entries were shown. Returns where it stopped: bucket_count() when
  /// that was the last. The table may grow between two calls; then entries are missed, or shown twice.
  size_t look_through(size_t first, size_t buckets, size_t entries, const std::function<void(Entry& entry)>& look);
  /// From now on. catch_up() does what is left to do.
  void set_capacity(size_t bytes);
  /// Evicts at most so many entries that no longer fit, and splits as many buckets.
  void catch_up(size_t steps);
  [[nodiscard]] bool behind() const;
  /// Drops what was not used for `idle_ms`, looking at `buckets` buckets and going on where the last call stopped.
  void sweep(uint64_t now_ms, uint64_t idle_ms, size_t buckets);

  // What is held: any thread may ask, and hears what it was a moment ago.
  [[nodiscard]] size_t bytes() const { return bytes_; }
  /// Of one kind's entries.
  [[nodiscard]] size_t bytes(Kind kind) const;
  /// Of copies in content codings: a part of bytes(Kind::content).
  [[nodiscard]] size_t copies_bytes() const { return copies_bytes_; }
  [[nodiscard]] size_t capacity_bytes() const { return capacity_bytes_; }
  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] size_t count(Kind kind) const;
  [[nodiscard]] const CacheCounters& counters() const { return counters_; }

  /// The most that the entries of that kind may be.
  [[nodiscard]] size_t bound_bytes(Kind kind) const;
  [[nodiscard]] size_t bucket_count() const { return bucket_mask_ + 1; }

 private:
  enum Segment : uint8_t { probation, main, verdicts, files, names };
  static constexpr size_t segment_count = 5;
  struct Queue {
    List<Entry> entries;  // front: the newest
    stats::Counter bytes, count;
    size_t bound_bytes = 0;
    size_t bound_count = SIZE_MAX;
  };

  [[nodiscard]] Entry*& bucket_of(uint64_t hash) {
    const size_t before = hash & split_mask_;
    return buckets_[before < split_at_ ? hash & bucket_mask_ : before];
  }
  [[nodiscard]] bool in_use(size_t bucket) const { return bucket <= split_mask_ || (bucket & split_mask_) < split_at_; }
  void set_bounds();
  void grow_table();
  void split(size_t buckets);
  [[nodiscard]] Segment segment_for(const Entry& entry);
  [[nodiscard]] bool fits(Segment segment, size_t more_bytes) const;
  [[nodiscard]] bool over(Segment segment) const;
  void link(Entry& entry, Segment segment);
  void enter_queue(Entry& entry, Segment segment);
  void leave_queue(Entry& entry);
  void evict_one(Segment segment);
  [[nodiscard]] Entry& candidate(Segment segment);
  [[nodiscard]] bool spared(Entry& entry);

  PageMemory* pages_;
  stats::Counter capacity_bytes_;
  size_t file_limit_;
  size_t entry_bytes_;
  size_t bucket_mask_;
  size_t split_mask_;    // bucket_mask_, but while buckets are split: that of the table before
  size_t split_at_ = 0;  // the next bucket to be split
  std::unique_ptr<Entry*[]> buckets_;
  std::array<Queue, segment_count> queues_;
  Ghosts ghosts_;
  CacheObserver* observer_ = nullptr;
  stats::Counter bytes_;         // of linked entries
  stats::Counter copies_bytes_;  // … and of their copies alone
  stats::Counter count_;
  size_t live_bytes_ = 0;  // of all entries made and not destroyed
  size_t sweep_at_ = 0;    // the bucket that the next sweep begins with
  CacheCounters counters_;
};

}  // namespace uringd::cache
