// Byte ranges (RFC 9110 §14): the one place where range arithmetic happens, in checked unsigned 64 bit (CVE-2017-7529
// was an overflow in it). Pure; allocates nothing.
//
// Bounds against range floods (§14.2, §17.15; CVE-2011-3192): at most RangeSet::most ranges; a set in which more than
// two ranges overlap, or that asks for more bytes than the body has, gets the whole body. Ranges that overlap or touch
// are joined, so that no byte is sent twice; apart from that the client's order is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace uringd::http {

struct ByteRange {
  uint64_t first = 0;   ///< [first, first + length) of the representation
  uint64_t length = 0;  ///< never 0 in a RangeSet

  bool operator==(const ByteRange&) const = default;
};

class RangeSet {
 public:
  static constexpr size_t most = 64;
  enum class Kind : uint8_t {
    ignored,        ///< malformed, another unit, too much, or a suffix of an empty body: answer 200
    satisfiable,    ///< ranges() has at least one
    unsatisfiable,  ///< 416
  };

  [[nodiscard]] Kind kind() const { return kind_; }
  /// Within the size, none overlapping or touching another. What cannot be satisfied of a set is left out of it.
  [[nodiscard]] std::span<const ByteRange> ranges() const { return {ranges_.data(), count_}; }

 private:
  friend RangeSet parse_ranges(std::string_view value, uint64_t size);
  Kind kind_ = Kind::ignored;
  uint8_t count_ = 0;
  std::array<ByteRange, most> ranges_;
};

/// What the value of a Range field asks of a body of `size` bytes.
RangeSet parse_ranges(std::string_view value, uint64_t size);

}  // namespace uringd::http
