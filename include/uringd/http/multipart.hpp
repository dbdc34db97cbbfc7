// Multipart: how several ranges of one representation are sent as multipart/byteranges (RFC 9110 §14.6, RFC 2046
// §5.1). It knows the framing (boundary, part heads, end) and the length of the whole; the bytes between are sent by
// whoever holds them. A value of about a kilobyte, made for one reply. Pure.
//
//   head of part 0 · its bytes · head of part 1 · its bytes · … · end
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "uringd/http/range.hpp"

namespace uringd::http {

class Multipart {
 public:
  /// Of a part's head and of the end, whatever the numbers in it: with a content type of up to 256 bytes.
  static constexpr size_t most_head_bytes = 512;

  /// `ranges`: at least two, of a representation of `size` bytes. `content_type` (at most 256 bytes, may be empty) is
  /// the representation's and outlives this. `nonce`: a number that nobody outside can predict; the boundary is made
  /// of it.
  Multipart(const RangeSet& ranges, uint64_t size, std::string_view content_type, uint64_t nonce);

  [[nodiscard]] size_t count() const { return ranges_.ranges().size(); }
  [[nodiscard]] ByteRange range(size_t index) const { return ranges_.ranges()[index]; }
  /// Of all parts with their framing.
  [[nodiscard]] uint64_t content_length() const { return content_length_; }
  /// "multipart/byteranges; boundary=…".
  [[nodiscard]] std::string_view content_type() const { return {type_.data(), type_bytes_}; }
  /// Writes what goes before the bytes of that part, or with index count() the end. Returns its size.
  size_t write_head(size_t index, std::span<char, most_head_bytes> out) const;

 private:
  RangeSet ranges_;
  uint64_t size_;
  std::string_view part_type_;
  uint64_t content_length_ = 0;
  size_t type_bytes_ = 0;
  std::array<char, 80> type_;
};

}  // namespace uringd::http
