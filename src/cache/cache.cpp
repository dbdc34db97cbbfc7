// The hash table (chained through the entries, never resized) and the LRU list of one worker's cache.
#include "uringd/cache/cache.hpp"

#include <algorithm>
#include <bit>

#include "uringd/base/check.hpp"

namespace uringd::cache {
namespace {

constexpr size_t average_entry_bytes = 2048;

size_t bucket_count(size_t capacity_bytes) {
  return std::bit_ceil(std::clamp<size_t>(capacity_bytes / average_entry_bytes, 1024, size_t{1} << 20));
}

bool same(const Entry& entry, const Key& key) {
  const Key own = entry.key();
  return own.hash == key.hash && own.site == key.site && own.path == key.path;
}

}  // namespace

Cache::Cache(size_t capacity_bytes)
    : capacity_bytes_(capacity_bytes),
      bucket_mask_(bucket_count(capacity_bytes) - 1),
      buckets_(std::make_unique<Entry*[]>(bucket_mask_ + 1)) {}

Cache::~Cache() {
  while (Entry* entry = recent_.front()) drop(*entry);
  CHECK(bytes_ == 0);
  CHECK(count_ == 0);
}

Entry* Cache::find(const Key& key) {
  for (Entry* entry = bucket_of(key.hash); entry; entry = entry->next_in_bucket_) {
    if (!same(*entry, key)) continue;
    if (entry != recent_.front()) {
      entry->unlink();
      recent_.push_front(*entry);
    }
    return entry;
  }
  return nullptr;
}

void Cache::insert(const EntryRef& entry) {
  CHECK(!entry->in_cache_);
  if (Entry* old = find(entry->key())) drop(*old);  // first: a file that outgrew the cache is not its old bytes
  if (entry->charge() > capacity_bytes_) return;
  while (bytes_ + entry->charge() > capacity_bytes_) drop(*recent_.back());
  Entry*& bucket = bucket_of(entry->hash_);
  entry->next_in_bucket_ = bucket;
  bucket = &*entry;
  recent_.push_front(*entry);
  bytes_ += entry->charge();
  ++count_;
  entry->in_cache_ = true;
  ++entry->references_;
}

void Cache::drop(Entry& entry) {
  CHECK(entry.in_cache_);
  Entry** place = &bucket_of(entry.hash_);
  while (*place != &entry) {
    CHECK(*place != nullptr);
    place = &(*place)->next_in_bucket_;
  }
  *place = entry.next_in_bucket_;
  entry.next_in_bucket_ = nullptr;
  entry.unlink();
  entry.in_cache_ = false;
  bytes_ -= entry.charge();
  --count_;
  if (--entry.references_ == 0) entry.destroy();
}

}  // namespace uringd::cache
