// The making of entries: one allocation, the hash that is the entity tag, the head in front of the body.
#include "uringd/cache/entry.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "etag_avx2.hpp"
#include "uringd/base/check.hpp"
#include "uringd/cache/etag.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/reply_head.hpp"

namespace uringd::cache {
namespace {

XXH128_canonical_t digest_of(std::span<const char> bytes) {
  XXH128_canonical_t digest;
#ifdef URINGD_HASH_AVX2
  constexpr size_t worth_it_bytes = 256;  // what is shorter is hashed without vectors
  if (bytes.size() > worth_it_bytes && __builtin_cpu_supports("avx2")) {
    hash_avx2(bytes.data(), bytes.size(), digest.digest);
    return digest;
  }
#endif
  XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes.data(), bytes.size()));
  return digest;
}

}  // namespace

Key make_key(uint32_t site, std::string_view path, uint64_t seed) {
  return {site, path, XXH3_64bits_withSeed(path.data(), path.size(), seed + site)};
}

void write_etag(std::span<const char> bytes, std::span<char, etag_bytes> out) {
  static constexpr char digits[] = "0123456789abcdef";
  const XXH128_canonical_t digest = digest_of(bytes);
  char* place = out.data();
  *place++ = '"';
  for (unsigned char byte : digest.digest) {
    *place++ = digits[byte >> 4];
    *place++ = digits[byte & 15];
  }
  *place = '"';
}

// [Entry][path, and the name with it or behind it, NUL][more_bytes], or nullptr where there is no memory.
Entry* Entry::allocate(const Key& key, std::string_view name, Kind kind, size_t more_bytes, size_t payload_bytes,
                       size_t* account) {
  const bool in_one = name.starts_with(key.path);
  const size_t text_bytes = in_one ? name.size() : key.path.size() + name.size();
  const size_t bytes = sizeof(Entry) + text_bytes + 1 + more_bytes;
  void* memory = std::malloc(bytes);
  if (!memory) return nullptr;
  auto* entry = new (memory) Entry;
  entry->kind_ = kind;
  entry->charge_bytes_ = bytes + payload_bytes;
  entry->account_ = account;
  if (account) *account += entry->charge_bytes_;
  entry->site_ = key.site;
  entry->hash_ = key.hash;
  entry->path_bytes_ = static_cast<uint32_t>(key.path.size());
  entry->name_at_ = in_one ? 0 : entry->path_bytes_;
  entry->name_bytes_ = static_cast<uint32_t>(name.size());
  char* text = reinterpret_cast<char*>(entry + 1);
  std::memcpy(text, key.path.data(), key.path.size());
  std::memcpy(text + entry->name_at_, name.data(), name.size());
  text[text_bytes] = '\0';
  entry->body_ = entry->head_end_ = text + text_bytes + 1;
  return entry;
}

EntryRef Entry::make(const Key& key, std::string_view name, size_t lines_bytes, size_t body_bytes, size_t* account,
                     PageMemory* pages) {
  std::span<char> piece;
  if (pages && body_bytes >= worth_paging_bytes) piece = pages->allocate(body_bytes);
  const size_t head_bytes = head_room_bytes + lines_bytes;
  Entry* entry =
      allocate(key, name, Kind::content, head_bytes + (piece.empty() ? body_bytes : 0), piece.size(), account);
  if (!entry) {
    if (!piece.empty()) pages->free(piece, false);
    return {};
  }
  entry->head_end_ += head_bytes;
  entry->body_ = entry->head_end_;
  if (!piece.empty()) {
    entry->body_ = piece.data();
    entry->pages_ = pages;
  }
  entry->body_bytes_ = body_bytes;
  entry->lines_bytes_ = static_cast<uint32_t>(lines_bytes);
  return EntryRef(entry);
}

EntryRef Entry::make_verdict(const Key& key, int status, size_t* account) {
  Entry* entry = allocate(key, key.path, Kind::verdict, 0, 0, account);
  if (entry) entry->status_ = static_cast<uint16_t>(status);
  return EntryRef(entry);
}

EntryRef Entry::make_holder(const Key& key, std::string_view name, Kind kind, std::unique_ptr<Payload> payload,
                            size_t payload_bytes, size_t* account) {
  CHECK(kind == Kind::file || kind == Kind::names);
  Entry* entry = allocate(key, name, kind, 0, payload_bytes, account);
  if (entry) entry->payload_ = std::move(payload);
  return EntryRef(entry);
}

// The lines may lie where they belong already: the rest is written around them.
bool Entry::seal(const EntryFacts& facts, std::string_view lines, int64_t now_s) {
  CHECK(kind_ == Kind::content);
  CHECK(head_bytes_ == 0);
  CHECK(lines.size() <= lines_bytes_);
  CHECK(lines.empty() || lines.ends_with("\r\n"));
  write_etag({body_, body_bytes_}, etag_);
  facts_ = facts;
  char date[29];
  char modified[29];
  http::format_date(now_s, date);
  if (facts.has_modified) http::format_date(facts.modified_s, modified);
  http::ReplyHead head{};
  head.status = 200;
  head.date = {date, sizeof date};
  head.server = facts.server;
  head.content_type = facts.content_type;
  head.content_encoding = http::coding_name(facts.coding);
  head.content_length = body_bytes_;
  if (facts.tagged) head.etag = etag();
  if (facts.has_modified) head.last_modified = {modified, sizeof modified};
  head.accept_ranges = facts.ranged;
  char text[head_room_bytes];
  const size_t size = http::compose_head(head, text);
  if (size == 0) return false;
  constexpr std::string_view name = "Last-Modified: ";
  if (facts.has_modified) {
    modified_at_ = static_cast<uint16_t>(std::string_view(text, size).find(name) + name.size());
  }
  lines_bytes_ = static_cast<uint32_t>(lines.size());
  char* lines_place = head_end_ - 2 - lines.size();
  if (!lines.empty()) std::memmove(lines_place, lines.data(), lines.size());
  std::memcpy(lines_place - (size - 2), text, size - 2);
  std::memcpy(head_end_ - 2, "\r\n", 2);
  head_bytes_ = static_cast<uint32_t>(size + lines.size());
  date_s_ = now_s;
  return true;
}

bool Entry::patch_date(int64_t now_s, std::string_view date) {
  if (pins() > 0) return false;
  std::memcpy(head_end_ - head_bytes_ + http::date_offset(200), date.data(), date.size());
  date_s_ = now_s;
  return true;
}

void Entry::set_copy(const EntryRef& copy) {
  EntryRef& place = copies_[copy_index(copy->facts().coding)];
  if (place) {
    copies_bytes_ -= place->charge();
    place->attached_ = false;
    place.reset();
  }
  place = EntryRef(copy);
  copy->attached_ = true;
  copies_bytes_ += copy->charge();
}

// A copy that is being sent lives on by itself.
void Entry::destroy() {
  CHECK(references_ == 0);
  CHECK(!in_cache_);
  CHECK(!attached_);
  CHECK(keepers_ == 0);
  for (const EntryRef& copy : copies_) {
    if (copy) copy->attached_ = false;
  }
  if (account_) *account_ -= charge_bytes_;
  if (pages_) pages_->free({body_, body_bytes_}, referred_);
  this->~Entry();
  std::free(this);
}

}  // namespace uringd::cache
