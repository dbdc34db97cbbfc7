// Entry: what a worker knows about one path, ready to answer with. Belongs to one worker; counted references, not
// atomic: the cache holds one while the entry is linked, every response that is being sent holds one more (a pin), so
// dropping an entry never takes bytes from a send. Four kinds:
//
//   content   a small file as it is sent: head and body contiguous in one allocation, ready for one SEND
//             [Entry][path and name NUL][… free …][head][body]      the head is written last, right against the body
//             The body of a larger one lies in pages of its own, which sockets can be sent by reference.
//             It may hold copies of itself in content codings, which come and go with it and are content themselves.
//   verdict   no file: a status (404, 403, 301)
//   file      a large file: its open descriptor and validators, in a Payload of the disk's
//   names     a directory: which names are in it, in a Payload of the disk's
//
// The head is that of "HTTP/1.1 200" with a persistent connection. Its Date is patched in place, but only while no send
// reads it: see date_current().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/base/list.hpp"
#include "uringd/base/page_memory.hpp"
#include "uringd/cache/etag.hpp"
#include "uringd/cache/key.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/reply_head.hpp"

namespace uringd::cache {

class Entry;

/// A counted reference to an entry.
class EntryRef {
 public:
  EntryRef() = default;
  explicit EntryRef(Entry* entry);  // adds a reference
  EntryRef(EntryRef&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  EntryRef& operator=(EntryRef&& other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  EntryRef(const EntryRef& other) : EntryRef(other.entry_) {}
  EntryRef& operator=(const EntryRef&) = delete;
  ~EntryRef() { reset(); }

  void reset();
  explicit operator bool() const { return entry_ != nullptr; }
  Entry* operator->() const { return entry_; }
  Entry& operator*() const { return *entry_; }
  [[nodiscard]] Entry* get() const { return entry_; }

 private:
  Entry* entry_ = nullptr;
};

enum class Kind : uint8_t { content, verdict, file, names };

/// What an entry of another room holds; dies with the entry.
class Payload {
 public:
  virtual ~Payload() = default;
};

/// What the file's attributes were when its bytes were read: equal stamps mean an unchanged file. Made by the disk.
using Stamp = std::array<uint64_t, 2>;

/// What an entry says about its bytes, beside them.
struct EntryFacts {
  std::string_view content_type;  // outlives the entry (a table or the configuration snapshot)
  http::Coding coding = http::Coding::identity;
  bool compressible = false;
  bool siblings = false;                             // coded copies of it may lie beside the file
  bool server = true, tagged = true, ranged = true;  // the fields Server, ETag, Accept-Ranges are sent
  bool has_modified = false;                         // false: no Last-Modified (RFC 9110 §8.8.2.1)
  int64_t modified_s = 0;                            // of the file, also where it is not sent
  uint32_t modified_ns = 0;
};

/// Of an entry's copy in one coding. useless: it would not be smaller.
enum class CopyState : uint8_t { none, asked, quick, best_asked, best, useless };

class Entry : public Link<Entry> {
 public:
  static constexpr size_t head_room_bytes = 512;  // of a head without further lines
  /// A body of so many bytes gets pages: sent by reference 32 KiB cost 8.3 us of CPU in all, copied 9.5; 16 KiB 9.3 and
  /// 7.9 (the floor's, loopback).
  static constexpr size_t worth_paging_bytes = size_t{32} << 10;

  /// Memory for `body_bytes` and a head with `lines_bytes` of further lines, or nothing where there is no memory. Body
  /// and lines are to be filled by the caller. `name` is the file's; it takes memory of its own where it does not begin
  /// with the key's path. `account`, which outlives the entry, holds its charge for as long as it lives. `pages`, which
  /// outlives it too: where larger bodies lie, as long as it has room.
  static EntryRef make(const Key& key, std::string_view name, size_t lines_bytes, size_t body_bytes,
                       size_t* account = nullptr, PageMemory* pages = nullptr);
  static EntryRef make_verdict(const Key& key, int status, size_t* account = nullptr);
  /// `kind` is file or names; `payload_bytes` is what the payload takes, of the kernel's memory too.
  static EntryRef make_holder(const Key& key, std::string_view name, Kind kind, std::unique_ptr<Payload> payload,
                              size_t payload_bytes, size_t* account = nullptr);

  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  /// Where the body is read to, before seal().
  [[nodiscard]] std::span<char> body_memory() { return {body_, body_bytes_}; }
  /// Where further field lines may wait for seal(): as many bytes as make() was told.
  [[nodiscard]] std::span<char> lines_memory() { return {head_end_ - 2 - lines_bytes_, lines_bytes_}; }
  /// Hashes the body, writes the head: from now on the entry does not change but for its Date and its copies. `lines`:
  /// further field lines, at most as many bytes as make() was told, lines() perhaps. False when the head does not fit
  /// (a media type of the configuration may be long).
  [[nodiscard]] bool seal(const EntryFacts& facts, std::string_view lines, int64_t now_s);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] Key key() const { return {site_, {path(), path_bytes_}, hash_}; }
  /// The file that the path led to: the path, or with an index name or an extension behind it.
  [[nodiscard]] std::string_view name() const { return {path() + name_at_, name_bytes_}; }
  /// Of a verdict.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] Payload* payload() const { return payload_.get(); }
  [[nodiscard]] std::span<const char> head() const { return {head_end_ - head_bytes_, head_bytes_}; }
  [[nodiscard]] std::span<const char> body() const { return {body_, body_bytes_}; }
  /// In one piece, where the body has no pages of its own.
  [[nodiscard]] std::span<const char> head_and_body() const {
    CHECK(!pages_);
    return {body_ - head_bytes_, head_bytes_ + body_bytes_};
  }
  [[nodiscard]] bool paged() const { return pages_ != nullptr; }
  /// A socket was sent its pages, and may hold them.
  void set_referred() { referred_ = true; }
  [[nodiscard]] std::string_view etag() const { return {etag_, sizeof etag_}; }
  [[nodiscard]] const EntryFacts& facts() const { return facts_; }
  /// As its head says it; empty: it does not.
  [[nodiscard]] std::string_view last_modified() const {
    return {head().data() + modified_at_, facts_.has_modified ? http::date_size : 0};
  }
  /// The further lines of its head.
  [[nodiscard]] std::string_view lines() const { return {head_end_ - 2 - lines_bytes_, lines_bytes_}; }
  /// Bytes that this entry takes of the cache's budget: its whole allocation, its payload's and its copies' too.
  [[nodiscard]] size_t charge() const { return charge_bytes_ + copies_bytes_; }
  /// Responses that are being sent from it right now, and looks at it.
  [[nodiscard]] uint32_t pins() const { return references_ - (in_cache_ || attached_ ? 1 : 0) - keepers_; }
  /// One reference more, or fewer, is of somebody who sends nothing from it, and is no pin: for as long as a copy takes
  /// to be made, the Date goes on.
  void keep() { ++keepers_; }
  void unkeep() {
    CHECK(keepers_ > 0);
    --keepers_;
  }

  /// Its copy in that coding, not identity, or nullptr; lives as long as this entry, unless pinned. Cache::attach()
  /// gives it one.
  [[nodiscard]] Entry* copy(http::Coding coding) const { return copies_[copy_index(coding)].get(); }
  [[nodiscard]] CopyState copy_state(http::Coding coding) const { return copy_states_[copy_index(coding)]; }
  void set_copy_state(http::Coding coding, CopyState state) { copy_states_[copy_index(coding)] = state; }

  /// Until then it is known that no files of these codings lie beside this one.
  void no_siblings(http::CodingSet codings, uint64_t until_ms) {
    no_siblings_ = codings;
    no_siblings_until_ms_ = until_ms;
  }
  [[nodiscard]] bool has_no_sibling(http::Coding coding, uint64_t now_ms) const {
    return now_ms < no_siblings_until_ms_ && no_siblings_.has(coding);
  }
  [[nodiscard]] bool in_cache() const { return in_cache_; }

  /// The disk says: at that time, in that generation of its site, this was what the path meant.
  void looked(uint64_t now_ms, uint32_t generation, const Stamp& stamp) {
    looked_at_ms_ = now_ms;
    generation_ = generation;
    stamp_ = stamp;
  }
  [[nodiscard]] uint64_t looked_at_ms() const { return looked_at_ms_; }
  [[nodiscard]] uint32_t generation() const { return generation_; }
  [[nodiscard]] const Stamp& stamp() const { return stamp_; }
  /// A look at it is under way, and has been for so long that nobody waits for it any more. Kept for the disk.
  enum class Look : uint8_t { none, under_way, overdue };
  [[nodiscard]] Look look() const { return look_; }
  void set_look(Look look) { look_ = look; }
  /// What the cache's observer goes by while the entry is linked.
  [[nodiscard]] void* mark() const { return mark_; }
  void set_mark(void* mark) { mark_ = mark; }
  /// It needs no more looks. Kept for the disk.
  [[nodiscard]] bool settled() const { return settled_; }
  void settle() { settled_ = true; }
  /// When it last answered a request.
  [[nodiscard]] uint64_t used_at_ms() const { return used_at_ms_; }
  [[nodiscard]] uint64_t hits() const { return hits_; }

  /// True when the head says `now_s`, after writing it where no send reads the head; false: the caller sends a copy.
  [[nodiscard]] bool date_current(int64_t now_s, std::string_view date) {
    if (date_s_ == now_s) [[likely]]
      return true;
    return patch_date(now_s, date);
  }

 private:
  friend class EntryRef;
  friend class Cache;
  Entry() = default;
  ~Entry() = default;
  static Entry* allocate(const Key& key, std::string_view name, Kind kind, size_t more_bytes, size_t payload_bytes,
                         size_t* account);
  static size_t copy_index(http::Coding coding) {
    CHECK(coding != http::Coding::identity);
    return static_cast<size_t>(coding) - 1;
  }
  /// In the place of one that was there; the charges are the caller's business.
  void set_copy(const EntryRef& copy);
  [[nodiscard]] const char* path() const { return reinterpret_cast<const char*>(this + 1); }
  bool patch_date(int64_t now_s, std::string_view date);
  void destroy();

  // What a look-up reads and writes, behind the Link: one cache line.
  uint64_t hash_ = 0;
  Entry* next_in_bucket_ = nullptr;
  uint32_t site_ = 0;
  uint32_t path_bytes_ = 0;
  uint64_t used_at_ms_ = 0;
  uint64_t hits_ = 0;
  uint32_t references_ = 0;
  Kind kind_ = Kind::content;
  uint8_t segment_ = 0;  // which of the cache's queues it is in
  uint8_t uses_ = 0;     // since it entered that queue, saturating
  bool in_cache_ = false;
  bool settled_ = false;
  bool attached_ = false;  // it is a copy that another entry holds
  bool referred_ = false;  // sockets were sent its pages
  http::CodingSet no_siblings_;

  char* body_ = nullptr;
  size_t body_bytes_ = 0;
  char* head_end_ = nullptr;     // body_, but where that lies in pages
  PageMemory* pages_ = nullptr;  // whose they are
  int64_t date_s_ = 0;
  uint64_t looked_at_ms_ = 0;
  uint32_t head_bytes_ = 0;
  uint32_t lines_bytes_ = 0;
  uint32_t name_at_ = 0;  // behind the path's beginning
  uint32_t name_bytes_ = 0;
  uint32_t generation_ = 0;
  uint16_t status_ = 200;
  uint16_t keepers_ = 0;
  uint16_t modified_at_ = 0;  // in the head
  Look look_ = Look::none;
  void* mark_ = nullptr;
  Stamp stamp_{};
  EntryFacts facts_;
  std::unique_ptr<Payload> payload_;
  size_t charge_bytes_ = 0;
  size_t copies_bytes_ = 0;
  size_t* account_ = nullptr;
  uint64_t no_siblings_until_ms_ = 0;
  std::array<EntryRef, http::coding_count - 1> copies_;
  std::array<CopyState, http::coding_count - 1> copy_states_{};
  char etag_[etag_bytes] = {};
};

inline EntryRef::EntryRef(Entry* entry) : entry_(entry) {
  if (entry_) ++entry_->references_;
}
inline void EntryRef::reset() {
  if (Entry* entry = std::exchange(entry_, nullptr); entry && --entry->references_ == 0) entry->destroy();
}

}  // namespace uringd::cache
