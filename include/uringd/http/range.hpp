// Byte ranges (RFC 9110 §14): the one place where range arithmetic happens, in checked unsigned 64 bit (CVE-2017-7529
// was an overflow in it). Pure. One range per request; a set of several is ignored, which RFC 9110 §14.2 allows.
#pragma once

#include <cstdint>
#include <string_view>

namespace uringd::http {

struct ByteRange {
  enum class Kind : uint8_t {
    ignored,        ///< malformed, another unit, several ranges, or a suffix of an empty body: answer 200
    satisfiable,    ///< [first, first + length), not empty, within the size
    unsatisfiable,  ///< 416
  };
  Kind kind;
  uint64_t first = 0;
  uint64_t length = 0;
};

/// What the value of a Range field asks of a body of `size` bytes.
ByteRange parse_range(std::string_view value, uint64_t size);

}  // namespace uringd::http
