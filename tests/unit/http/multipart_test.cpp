// Multipart bodies: byte by byte once, then put together for many sets and taken apart again by the grammar of
// RFC 2046 §5.1.1.
#include "uringd/http/multipart.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace uringd::http {
namespace {

constexpr uint64_t nonce = 0x00f1e2d3c4b5a697;
constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

std::string head_of(const Multipart& multipart, size_t index) {
  std::array<char, Multipart::most_head_bytes> out;
  return {out.data(), multipart.write_head(index, out)};
}

std::string body_of(const Multipart& multipart, std::string_view bytes) {
  std::string body;
  for (size_t i = 0; i < multipart.count(); ++i) {
    body += head_of(multipart, i);
    body += bytes.substr(multipart.range(i).first, multipart.range(i).length);
  }
  return body + head_of(multipart, multipart.count());
}

Multipart make(const std::string& value, uint64_t size, std::string_view type, uint64_t number = nonce) {
  const RangeSet set = parse_ranges("bytes=" + value, size);
  REQUIRE(set.ranges().size() >= 2);
  return {set, size, type, number};
}

struct Part {
  std::vector<std::string> fields;
  std::string bytes;
  bool operator==(const Part&) const = default;
};

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

/// multipart-body := dash-boundary CRLF body-part *(delimiter CRLF body-part) close-delimiter CRLF, nothing before and
/// nothing behind (RFC 2046 §5.1.1). nullopt: it is not.
std::optional<std::vector<Part>> split(std::string_view body, const std::string& boundary) {
  const std::string delimiter = "\r\n--" + boundary;
  if (!take(body, "--" + boundary + "\r\n")) return std::nullopt;
  std::vector<Part> parts;
  while (true) {
    Part part;
    while (!take(body, "\r\n")) {
      const size_t end = body.find("\r\n");
      if (end == std::string_view::npos) return std::nullopt;
      part.fields.emplace_back(body.substr(0, end));
      body.remove_prefix(end + 2);
    }
    const size_t end = body.find(delimiter);
    if (end == std::string_view::npos) return std::nullopt;
    part.bytes = body.substr(0, end);
    parts.push_back(part);
    body.remove_prefix(end + delimiter.size());
    if (take(body, "--\r\n")) return body.empty() ? std::optional{parts} : std::nullopt;
    if (!take(body, "\r\n")) return std::nullopt;
  }
}

std::string boundary_of(const Multipart& multipart) {
  std::string_view type = multipart.content_type();
  REQUIRE(take(type, "multipart/byteranges; boundary="));
  return std::string{type};
}

TEST_CASE("two ranges are framed as RFC 9110 §14.6 and RFC 2046 §5.1.1 show it, byte by byte") {
  const Multipart multipart = make("0-4,-3", 36, "text/plain; charset=utf-8");
  CHECK(multipart.content_type() == "multipart/byteranges; boundary=00f1e2d3c4b5a697");
  CHECK(multipart.count() == 2);
  CHECK(multipart.range(1) == ByteRange{33, 3});
  const std::string expected =
      "--00f1e2d3c4b5a697\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-4/36\r\n\r\n"
      "01234"
      "\r\n--00f1e2d3c4b5a697\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 33-35/36\r\n\r\n"
      "xyz"
      "\r\n--00f1e2d3c4b5a697--\r\n";
  CHECK(body_of(multipart, alphabet) == expected);
  CHECK(multipart.content_length() == expected.size());
}

TEST_CASE("without a content type the parts have none (RFC 9110 §15.3.7.2)") {
  const Multipart multipart = make("0-0,2-2", 36, "");
  CHECK(body_of(multipart, alphabet) ==
        "--00f1e2d3c4b5a697\r\nContent-Range: bytes 0-0/36\r\n\r\n0"
        "\r\n--00f1e2d3c4b5a697\r\nContent-Range: bytes 2-2/36\r\n\r\n2\r\n--00f1e2d3c4b5a697--\r\n");
}

TEST_CASE("every bit of the nonce is in the boundary, which needs no quotes (RFC 2046 §5.1.1)") {
  CHECK(boundary_of(make("0-0,2-2", 36, "", 0)) == "0000000000000000");
  CHECK(boundary_of(make("0-0,2-2", 36, "", ~0ull)) == "ffffffffffffffff");
  for (int bit = 0; bit < 64; ++bit) {
    const std::string boundary = boundary_of(make("0-0,2-2", 36, "", 1ull << bit));
    CHECK(std::stoull(boundary, nullptr, 16) == 1ull << bit);
    CHECK(boundary.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

TEST_CASE("parts come in the order of the ranges, each with its place in the whole (RFC 9110 §15.3.7.2)") {
  const Multipart multipart = make("30-,0-1,10-11", 36, "a/b");
  const auto parts = split(body_of(multipart, alphabet), boundary_of(multipart));
  REQUIRE(parts);
  const std::vector<Part> expected = {{{"Content-Type: a/b", "Content-Range: bytes 30-35/36"}, "uvwxyz"},
                                      {{"Content-Type: a/b", "Content-Range: bytes 0-1/36"}, "01"},
                                      {{"Content-Type: a/b", "Content-Range: bytes 10-11/36"}, "ab"}};
  CHECK(*parts == expected);
}

TEST_CASE("the length is that of the body for every set, and taking it apart gives its ranges (RFC 2046 §5.1.1)") {
  std::mt19937_64 random{7};
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>("\r\n-ab0\0\xff"[random() % 8]);
  for (int turn = 0; turn < 300; ++turn) {
    std::string value;
    const size_t count = 2 + random() % 63;
    const uint64_t step = bytes.size() / count;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t first = i * step + random() % (step / 2);
      value += (i > 0 ? "," : "") + std::to_string(first) + "-" + std::to_string(first + random() % (step / 2 - 1));
    }
    const std::string type(random() % 257, 't');
    const Multipart multipart = make(value, bytes.size(), type, random());
    const std::string body = body_of(multipart, bytes);
    REQUIRE(multipart.content_length() == body.size());
    const auto parts = split(body, boundary_of(multipart));
    REQUIRE(parts);
    REQUIRE(parts->size() == count);
    for (size_t i = 0; i < count; ++i) {
      const ByteRange range = multipart.range(i);
      REQUIRE((*parts)[i].bytes == bytes.substr(range.first, range.length));
      REQUIRE((*parts)[i].fields.back() == "Content-Range: bytes " + std::to_string(range.first) + "-" +
                                               std::to_string(range.first + range.length - 1) + "/5000");
    }
  }
}

TEST_CASE("the largest numbers and the longest type fit a head, and their sum is exact (RFC 9110 §14.4)") {
  const std::string type(256, 'x');
  const uint64_t size = (1ull << 63) - 1;
  const Multipart multipart = make("0-9223372036854775804,9223372036854775806-", size, type);
  const std::string first = head_of(multipart, 0), second = head_of(multipart, 1), end = head_of(multipart, 2);
  CHECK(
      second.ends_with("\r\nContent-Range: bytes 9223372036854775806-9223372036854775806/9223372036854775807\r\n\r\n"));
  CHECK(second.size() < Multipart::most_head_bytes);
  CHECK(multipart.content_length() == size - 1 + first.size() + second.size() + end.size());
}

TEST_CASE("a copy frames as the original does, wherever it lies") {
  std::optional<Multipart> original = make("0-0,2-2", 36, "a/b");
  const std::string body = body_of(*original, alphabet);
  const Multipart copy = *original;
  original = make("4-4,8-9", 36, "c/d", 5);
  CHECK(body_of(copy, alphabet) == body);
  CHECK(copy.content_type() == "multipart/byteranges; boundary=00f1e2d3c4b5a697");
}

}  // namespace
}  // namespace uringd::http
