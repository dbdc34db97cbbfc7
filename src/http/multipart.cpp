// Multipart. The grammar of RFC 2046 §5.1.1 gives every delimiter its own CRLF before it, except for the first, which
// begins the body: no preamble, no epilogue. The length of the whole is counted by the writer that later sends it, so
// that the two cannot disagree.
#include "uringd/http/multipart.hpp"

#include <algorithm>
#include <limits>

#include "uringd/base/check.hpp"
#include "uringd/http/reply_head.hpp"

namespace uringd::http {
namespace {

constexpr std::string_view type_and_parameter = "multipart/byteranges; boundary=";
constexpr size_t boundary_size = 16;  // all bits of the nonce, in hexadecimal: needs no quotes (RFC 2046 §5.1.1)
constexpr size_t most_type_bytes = 256;
constexpr size_t most_content_range = 72;

// The longest head: CRLF, delimiter, CRLF, both fields, empty line.
static_assert(2 + 2 + boundary_size + 2 + 14 + most_type_bytes + 2 + 15 + most_content_range + 4 <=
              Multipart::most_head_bytes);

char* put(char* at, std::string_view text) { return std::ranges::copy(text, at).out; }

char* put_hexadecimal(char* at, uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[number >> shift & 15];
  return at;
}

}  // namespace

Multipart::Multipart(const RangeSet& ranges, uint64_t size, std::string_view content_type, uint64_t nonce)
    : ranges_(ranges), size_(size), part_type_(content_type) {
  CHECK(count() >= 2);
  CHECK(size <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));  // a file's: the sum below cannot wrap
  CHECK(content_type.size() <= most_type_bytes);
  CHECK(content_type.find_first_of("\r\n") == std::string_view::npos);
  static_assert(type_and_parameter.size() + boundary_size <= sizeof type_);
  const char* end = put_hexadecimal(put(type_.data(), type_and_parameter), nonce);
  type_bytes_ = static_cast<size_t>(end - type_.data());

  std::array<char, most_head_bytes> head;
  for (size_t index = 0; index < count(); ++index) content_length_ += write_head(index, head) + range(index).length;
  content_length_ += write_head(count(), head);
}

size_t Multipart::write_head(size_t index, std::span<char, most_head_bytes> out) const {
  CHECK(index <= count());
  char* at = out.data();
  if (index > 0) at = put(at, "\r\n");
  at = put(at, "--");
  at = put(at, {type_.data() + type_and_parameter.size(), boundary_size});
  if (index == count()) {
    at = put(at, "--\r\n");
    return static_cast<size_t>(at - out.data());
  }
  if (!part_type_.empty()) {
    at = put(at, "\r\nContent-Type: ");
    at = put(at, part_type_);
  }
  at = put(at, "\r\nContent-Range: ");
  const ByteRange part = range(index);
  at += content_range({at, most_content_range}, part.first, part.length, size_);
  at = put(at, "\r\n\r\n");
  return static_cast<size_t>(at - out.data());
}

}  // namespace uringd::http
