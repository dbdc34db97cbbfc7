// MultipartReader: a strict reader of multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1), written from the grammar
// and not from the server's writer. It believes nothing: every CRLF, delimiter, field and length is looked at, and what
// is wrong fails the test that called it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"

namespace uringd::testing {

struct BodyPart {
  std::uint64_t first = 0;  // [first, last] of the representation, as its Content-Range says
  std::uint64_t last = 0;
  std::uint64_t size = 0;  // of the whole
  std::string content_type;
  std::string bytes;
};

/// The parts of a 206 whose Content-Type is multipart/byteranges; empty, and a failed check, where it is not one.
[[nodiscard]] std::vector<BodyPart> read_multipart(const Response& response);

struct Span {
  std::uint64_t first;
  std::uint64_t last;
};

/// The answer is a whole 206 of exactly these parts of `whole` in this order, each of that media type.
void check_parts(const Response& response, const std::string& whole, std::string_view content_type,
                 const std::vector<Span>& expected);

}  // namespace uringd::testing
