// Output: what one connection sends next: composed bytes (heads, small bodies, copies of pipelined hits), then perhaps
// one span of somebody else's memory (a cache entry, an error page, a stream's piece). One send at a time reads it; it
// changes only while none does. Composed bytes lie in 1 KiB of its own, or in a 32 KiB block leased for a
// batch of pipelined answers; a block only makes batches larger: without one, answers go out one by one. A head that is
// longer than that kilobyte (a site may have long fields) gets memory of its own when no block is left.
//
//   open ──► sealed (a span was added: nothing more fits behind it) ──► clear
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "uringd/cache/entry.hpp"
#include "uringd/http/reply_head.hpp"

namespace uringd::server {

/// The 32 KiB blocks of one worker. Bounded; a connection that finds none does without.
class BlockPool {
 public:
  static constexpr size_t block_bytes = size_t{32} << 10;

  explicit BlockPool(size_t block_count);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  [[nodiscard]] char* lease();  // nullptr: none left
  void give_back(char* block);
  [[nodiscard]] std::span<char> area() const { return {area_, block_count_ * block_bytes}; }

 private:
  char* area_;
  size_t block_count_;
  std::vector<char*> free_;
};

class Output {
 public:
  explicit Output(BlockPool& pool) : pool_(pool) {}
  ~Output() { clear(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  [[nodiscard]] bool empty() const { return composed_bytes_ == 0 && !sealed_; }
  [[nodiscard]] bool sealed() const { return sealed_; }
  [[nodiscard]] uint32_t composed_bytes() const { return static_cast<uint32_t>(composed_bytes_); }

  /// Room for `bytes` behind what is composed, or empty; commit() makes it part of the output. `batch`: more answers
  /// follow, a block is worth it.
  [[nodiscard]] std::span<char> room(size_t bytes, bool batch);
  void commit(size_t bytes);
  /// Composes a head. False: it does not fit behind what is there, or at all where the output is empty.
  [[nodiscard]] bool add_head(const http::ReplyHead& head, bool batch);
  /// Copies a body behind its head where it fits and copying is cheaper than a second part, else adds it as the span.
  void add_body(std::span<const char> bytes, bool batch, cache::EntryRef pin, std::shared_ptr<const void> owner = {});
  /// The span: `bytes` stay where they are until clear(): `pin` keeps an entry's memory, `owner` other memory.
  void add_span(std::span<const char> bytes, cache::EntryRef pin, std::shared_ptr<const void> owner = {});
  /// Takes the span away again (a stream's piece goes back); composed bytes stay.
  void drop_span();

  /// What is left to send, in at most two parts; all of it is lent to the send that reads it.
  struct Rest {
    std::array<iovec, 2> parts;
    size_t count;
    size_t bytes;
    size_t span_bytes;  // of the last part, where that is the span
  };
  [[nodiscard]] Rest rest();
  /// `bytes` more were sent. True when nothing is left.
  bool sent(size_t bytes);
  /// The entry whose bytes the span is, or nullptr.
  [[nodiscard]] cache::Entry* pinned() const { return pin_.get(); }
  /// Bytes of the span that were sent.
  [[nodiscard]] size_t span_sent() const { return sent_ > composed_bytes_ ? sent_ - composed_bytes_ : 0; }
  void clear();

 private:
  static constexpr size_t small_bytes = 1024;
  [[nodiscard]] char* composed() { return block_ ? block_ : small_.data(); }
  [[nodiscard]] size_t free_bytes() const { return (block_ ? BlockPool::block_bytes : small_bytes) - composed_bytes_; }
  [[nodiscard]] bool take_block();
  void give_block();

  BlockPool& pool_;
  char* block_ = nullptr;
  std::unique_ptr<char[]> own_block_;
  size_t composed_bytes_ = 0;
  size_t sent_ = 0;
  std::span<const char> span_;
  cache::EntryRef pin_;
  std::shared_ptr<const void> owner_;
  bool sealed_ = false;
  std::array<char, small_bytes> small_;
};

}  // namespace uringd::server
