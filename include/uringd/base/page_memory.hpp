// PageMemory: memory that sockets can be sent by reference: pages of a file that has no name (memfd_create(2)), mapped,
// and given out in pieces of whole pages. Its owner writes and reads a piece like any other memory; sendfile(2) takes
// the piece's bytes from descriptor() at offset_of(), and then the socket holds the pages themselves until the client
// has acknowledged them. So a piece that was sent is never given out again: freed, its pages leave the file, and live
// on for as long as a socket needs them. One thread. Bounded by its size, which is address space until pieces are
// taken; some freed pieces that were never sent are kept as they are, for the next ones of about their size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "uringd/base/fd.hpp"

namespace uringd {

class PageMemory {
 public:
  /// `bytes`: the most that pieces together may be. nullptr where the kernel refuses.
  [[nodiscard]] static std::unique_ptr<PageMemory> create(size_t bytes);
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;
  ~PageMemory();

  /// At least `bytes`, beginning with a page, all of it there (touching it needs no more memory); what is in it is
  /// whatever was. Empty where there is no memory or no room.
  [[nodiscard]] std::span<char> allocate(size_t bytes);
  /// A piece, by its beginning and as many bytes as were asked for, or as it has. `sent`: sockets may still hold it.
  void free(std::span<char> piece, bool sent);

  [[nodiscard]] int descriptor() const { return file_.number(); }
  [[nodiscard]] bool has(const char* place) const { return place >= area_ && place < area_ + bytes_; }
  [[nodiscard]] uint64_t offset_of(const char* place) const { return static_cast<uint64_t>(place - area_); }

 private:
  struct Range {
    size_t offset, bytes;
  };
  PageMemory(Fd file, char* area, size_t bytes);
  [[nodiscard]] Range take_range(size_t bytes);
  void give_range(Range range);
  void empty(Range range);

  Fd file_;
  char* area_;
  size_t bytes_;
  std::map<size_t, size_t> free_;                               // by offset
  std::set<std::pair<size_t, size_t>> free_by_size_;            // the same: bytes, offset
  static constexpr size_t most_kept_bytes = size_t{256} << 10;  // of each: 2 MiB in all
  std::array<Range, 8> kept_{};                                 // freed, never sent, their pages still there
};

}  // namespace uringd
