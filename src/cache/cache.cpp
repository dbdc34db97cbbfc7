// The hash table (chained through the entries) and the five queues of one worker's cache. Content goes
//
//        new ──► probation ──used──► main ──► out              used in main: round again
//                    │                 ▲
//                    └─► out, a ghost ─┘ comes back            (Yang et al., "FIFO queues are all you need", 2023)
#include "uringd/cache/cache.hpp"

#include <bit>
#include <cstring>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::cache {
namespace {

// What follows was measured (bench/micro/cache_policy): a second use in probation is enough, and ghosts are remembered
// for half of the capacity; for the whole of it, strangers get in and 1 to 2 hits in 100 are lost.
constexpr uint8_t most_uses = 3;
constexpr uint8_t uses_to_stay = 1;
constexpr size_t probation_share = 10;
// A main queue of 100,000 entries that were all used must not make one insert walk them all: 128 steps to entries that
// lie anywhere take some 10 us.
constexpr int most_steps = 128;

size_t buckets_for(size_t capacity_bytes, size_t entry_bytes) {
  return std::bit_ceil(std::clamp<size_t>(capacity_bytes / entry_bytes, 1024, size_t{1} << 20));
}

}  // namespace

Cache::Cache(const CacheOptions& options)
    : pages_(options.pages),
      capacity_bytes_(options.capacity_bytes),
      file_limit_(options.file_limit),
      entry_bytes_(options.entry_bytes),
      bucket_mask_(buckets_for(capacity_bytes_, entry_bytes_) - 1),
      split_mask_(bucket_mask_),
      buckets_(std::make_unique<Entry*[]>(bucket_mask_ + 1)),
      ghosts_(capacity_bytes_ / 4096, capacity_bytes_ / 2) {
  set_bounds();
}

void Cache::set_bounds() {
  constexpr size_t least_verdicts = size_t{64} << 10;
  constexpr size_t most_verdicts = size_t{4} << 20;
  constexpr size_t bytes_per_file = 2048;
  queues_[verdicts].bound_bytes =
      std::min(std::clamp(capacity_bytes() / 32, least_verdicts, most_verdicts), capacity_bytes() / 8);
  queues_[files].bound_bytes = std::min(capacity_bytes() / 16, file_limit_ * bytes_per_file);
  queues_[files].bound_count = file_limit_;
  queues_[names].bound_bytes = capacity_bytes_ / 32;
  // Together: probation may take what main leaves, and is held to its share only when there is no more room.
  size_t content_bytes = capacity_bytes_;
  for (const Segment other : {verdicts, files, names}) content_bytes -= queues_[other].bound_bytes;
  queues_[main].bound_bytes = content_bytes;
  queues_[probation].bound_bytes = content_bytes / probation_share;
}

Cache::~Cache() {
  clear();
  for (const Queue& queue : queues_) {
    CHECK(queue.bytes == 0);
    CHECK(queue.count == 0);
  }
  CHECK(bytes_ == 0);
  CHECK(copies_bytes_ == 0);
  CHECK(count_ == 0);
}

void Cache::clear() {
  for (Queue& queue : queues_) {
    while (Entry* entry = queue.entries.back()) drop(*entry, Gone::closing);
  }
}

Entry* Cache::peek(const Key& key) {
  for (Entry* entry = bucket_of(key.hash); entry; entry = entry->next_in_bucket_) {
    if (entry->hash_ != key.hash || entry->site_ != key.site || entry->path_bytes_ != key.path.size()) continue;
    if (std::memcmp(entry->path(), key.path.data(), key.path.size()) == 0) return entry;
  }
  return nullptr;
}

Entry* Cache::find(const Key& key, uint64_t now_ms) {
  Entry* entry = peek(key);
  if (!entry) return nullptr;
  entry->used_at_ms_ = now_ms;
  ++entry->hits_;
  if (entry->uses_ < most_uses) ++entry->uses_;
  return entry;
}

void Cache::insert(const EntryRef& entry, uint64_t now_ms) {
  CHECK(!entry->in_cache_);
  // First: a file that outgrew the cache is not its old bytes.
  if (Entry* old = peek(entry->key())) drop(*old, Gone::replaced);
  const Segment segment = segment_for(*entry);
  const Queue& queue = queues_[segment == probation ? main : segment];
  if (entry->charge() > queue.bound_bytes || queue.bound_count == 0) return;
  if (over(segment)) return;  // evicting until it fits might take milliseconds
  while (!fits(segment, entry->charge())) evict_one(segment);
  entry->used_at_ms_ = now_ms;
  link(*entry, segment);
}

void Cache::attach(Entry& base, const EntryRef& copy) {
  CHECK(base.kind_ == Kind::content && base.facts_.coding == http::Coding::identity);
  CHECK(copy->kind_ == Kind::content && copy->head_bytes_ > 0);
  CHECK(!copy->in_cache_ && !copy->attached_);
  const bool was_over = over(main);
  const size_t before_bytes = base.copies_bytes_;
  base.set_copy(copy);
  if (!base.in_cache_) return;
  const size_t more_bytes = base.copies_bytes_ - before_bytes;  // in the place of a larger one: modulo 2^64
  queues_[base.segment_].bytes += more_bytes;
  bytes_ += more_bytes;
  copies_bytes_ += more_bytes;
  while (!was_over && over(main)) evict_one(main);
}

void Cache::drop(Entry& entry, Gone why) {
  CHECK(entry.in_cache_);
  Entry** place = &bucket_of(entry.hash_);
  while (*place != &entry) {
    CHECK(*place != nullptr);
    place = &(*place)->next_in_bucket_;
  }
  *place = entry.next_in_bucket_;
  entry.next_in_bucket_ = nullptr;
  // A popular file that changes is still popular.
  const bool popular = entry.segment_ == main || entry.uses_ >= uses_to_stay;
  const bool comes_back = why == Gone::changed || why == Gone::watch || why == Gone::replaced;
  if (entry.kind_ == Kind::content && popular && comes_back) ghosts_.add(entry.hash_, entry.charge());
  leave_queue(entry);
  bytes_ -= entry.charge();
  copies_bytes_ -= entry.copies_bytes_;
  --count_;
  entry.in_cache_ = false;
  ++counters_.gone[static_cast<size_t>(why)];
  if (observer_) observer_->on_unlinked(entry);
  if (--entry.references_ == 0) entry.destroy();
}

void Cache::sweep(uint64_t now_ms, uint64_t idle_ms, size_t buckets) {
  for (size_t turn = std::min(buckets, bucket_count()); turn > 0; --turn) {
    Entry* entry = in_use(sweep_at_) ? buckets_[sweep_at_] : nullptr;
    while (entry) {
      Entry* next = entry->next_in_bucket_;
      if (now_ms > entry->used_at_ms_ + idle_ms) drop(*entry, Gone::idle);
      entry = next;
    }
    sweep_at_ = (sweep_at_ + 1) & bucket_mask_;
  }
}

size_t Cache::drop_sites(const std::function<bool(uint32_t)>& leaves, size_t first, size_t buckets) {
  const size_t end = std::min(first + buckets, bucket_count());
  for (size_t bucket = first; bucket < end; ++bucket) {
    Entry* entry = in_use(bucket) ? buckets_[bucket] : nullptr;
    while (entry) {
      Entry* next = entry->next_in_bucket_;
      if (leaves(entry->site_)) drop(*entry, Gone::closing);
      entry = next;
    }
  }
  return end;
}

size_t Cache::look_through(size_t first, size_t buckets, size_t entries, const std::function<void(Entry&)>& look) {
  const size_t end = std::min(first + buckets, bucket_count());
  size_t shown = 0;
  for (; first < end && shown < entries; ++first) {
    Entry* entry = in_use(first) ? buckets_[first] : nullptr;
    while (entry) {
      Entry* next = entry->next_in_bucket_;
      look(*entry);
      ++shown;
      entry = next;
    }
  }
  return first;
}

// --- another capacity ---

// A smaller one keeps the table: it is in use, and may be wanted again.
void Cache::set_capacity(size_t bytes) {
  capacity_bytes_.set(bytes);
  set_bounds();
  ghosts_.resize(capacity_bytes_ / 4096, capacity_bytes_ / 2);
  if (buckets_for(capacity_bytes_, entry_bytes_) > bucket_count()) grow_table();
}

bool Cache::behind() const {
  return split_mask_ != bucket_mask_ || over(main) || over(verdicts) || over(files) || over(names);
}

void Cache::catch_up(size_t steps) {
  split(steps);
  for (const Segment segment : {main, verdicts, files, names}) {
    for (; steps > 0 && over(segment); --steps) evict_one(segment);
  }
}

void Cache::grow_table() {
  split(bucket_count());  // of the last time that it grew
  const size_t count = buckets_for(capacity_bytes_, entry_bytes_);
  auto larger = std::make_unique_for_overwrite<Entry*[]>(count);  // 8 MiB of zeros take milliseconds
  std::copy_n(buckets_.get(), bucket_count(), larger.get());
  buckets_ = std::move(larger);
  split_mask_ = bucket_mask_;
  split_at_ = 0;
  bucket_mask_ = count - 1;
}

void Cache::split(size_t buckets) {
  for (; buckets > 0 && split_mask_ != bucket_mask_; --buckets) {
    Entry* entry = buckets_[split_at_];
    for (size_t bucket = split_at_; bucket < bucket_count(); bucket += split_mask_ + 1) buckets_[bucket] = nullptr;
    while (entry) {
      Entry*& bucket = buckets_[entry->hash_ & bucket_mask_];
      Entry* next = std::exchange(entry->next_in_bucket_, bucket);
      bucket = std::exchange(entry, next);
    }
    if (split_at_++ < split_mask_) continue;
    split_mask_ = bucket_mask_;
    split_at_ = 0;
  }
}

// --- queues ---

size_t Cache::bytes(Kind kind) const {
  switch (kind) {
    case Kind::content: return queues_[probation].bytes + queues_[main].bytes;
    case Kind::verdict: return queues_[verdicts].bytes;
    case Kind::file: return queues_[files].bytes;
    case Kind::names: return queues_[names].bytes;
  }
  return 0;
}

size_t Cache::bound_bytes(Kind kind) const {
  switch (kind) {
    case Kind::content: return queues_[main].bound_bytes;
    case Kind::verdict: return queues_[verdicts].bound_bytes;
    case Kind::file: return queues_[files].bound_bytes;
    case Kind::names: return queues_[names].bound_bytes;
  }
  return 0;
}

size_t Cache::count(Kind kind) const {
  switch (kind) {
    case Kind::content: return queues_[probation].count + queues_[main].count;
    case Kind::verdict: return queues_[verdicts].count;
    case Kind::file: return queues_[files].count;
    case Kind::names: return queues_[names].count;
  }
  return 0;
}

Cache::Segment Cache::segment_for(const Entry& entry) {
  switch (entry.kind_) {
    case Kind::content: return ghosts_.take(entry.hash_) ? main : probation;
    case Kind::verdict: return verdicts;
    case Kind::file: return files;
    case Kind::names: break;
  }
  return names;
}

bool Cache::fits(Segment segment, size_t more_bytes) const {
  if (segment == probation || segment == main) return bytes(Kind::content) + more_bytes <= queues_[main].bound_bytes;
  const Queue& queue = queues_[segment];
  return queue.bytes + more_bytes <= queue.bound_bytes && queue.count < queue.bound_count;
}

// Its bound was lowered. Else every queue is within its own at any time.
bool Cache::over(Segment segment) const {
  if (segment == probation || segment == main) return bytes(Kind::content) > queues_[main].bound_bytes;
  const Queue& queue = queues_[segment];
  return queue.bytes > queue.bound_bytes;
}

void Cache::link(Entry& entry, Segment segment) {
  Entry*& bucket = bucket_of(entry.hash_);
  entry.next_in_bucket_ = bucket;
  bucket = &entry;
  enter_queue(entry, segment);
  bytes_ += entry.charge();
  copies_bytes_ += entry.copies_bytes_;
  ++count_;
  entry.in_cache_ = true;
  ++entry.references_;
  ++counters_.inserted;
  if (observer_) observer_->on_linked(entry);
}

void Cache::enter_queue(Entry& entry, Segment segment) {
  Queue& queue = queues_[segment];
  queue.entries.push_front(entry);
  queue.bytes += entry.charge();
  ++queue.count;
  entry.segment_ = segment;
  entry.uses_ = 0;
}

void Cache::leave_queue(Entry& entry) {
  Queue& queue = queues_[entry.segment_];
  entry.unlink();
  queue.bytes -= entry.charge();
  --queue.count;
}

// The next candidate of the queue that must shrink: of content, probation while it has more than its share.
Entry& Cache::candidate(Segment segment) {
  if (segment == probation || segment == main) {
    const Queue& new_ones = queues_[probation];
    segment = new_ones.bytes > new_ones.bound_bytes || queues_[main].count == 0 ? probation : main;
  }
  Entry* oldest = queues_[segment].entries.back();
  CHECK(oldest != nullptr);
  return *oldest;
}

// Whether it was used, and therefore stays: in main, or for another round.
bool Cache::spared(Entry& entry) {
  const bool new_one = entry.segment_ == probation;
  if (entry.uses_ < (new_one ? uses_to_stay : 1)) return false;
  const auto uses_left = static_cast<uint8_t>(new_one ? 0 : entry.uses_ - 1);
  const auto segment = new_one ? main : static_cast<Segment>(entry.segment_);
  leave_queue(entry);
  enter_queue(entry, segment);
  entry.uses_ = uses_left;
  return true;
}

void Cache::evict_one(Segment segment) {
  for (int step = 0; step < most_steps && spared(candidate(segment)); ++step) {
  }
  Entry& entry = candidate(segment);
  if (entry.segment_ == probation) ghosts_.add(entry.hash_, entry.charge());
  drop(entry, Gone::capacity);
}

}  // namespace uringd::cache
