// See multipart_reader.hpp. Read in the order of the bytes; the first thing that is wrong ends the reading.
#include "multipart_reader.hpp"

#include <doctest/doctest.h>

#include <charconv>
#include <optional>

namespace uringd::testing {
namespace {

// RFC 2046 §5.1.1: 1 to 70 of these, not ending in a space.
bool is_boundary(std::string_view text) {
  constexpr std::string_view kPlain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ";
  return !text.empty() && text.size() <= 70 && text.back() != ' ' && text.find_first_not_of(kPlain) == text.npos;
}

std::string boundary_of(const std::string& content_type) {
  constexpr std::string_view kType = "multipart/byteranges;";
  if (!lower(content_type).starts_with(kType)) return "";
  std::string_view rest = std::string_view(content_type).substr(kType.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!lower(rest).starts_with("boundary=")) return "";
  rest.remove_prefix(9);
  if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"')
    return std::string(rest.substr(1, rest.size() - 2));
  // Without quotes it is a token (RFC 9110 §5.6.6).
  return rest.find_first_of(" ()<>@,;:\\\"/[]?=") == rest.npos ? std::string(rest) : "";
}

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return {};
  return value;
}

// "bytes 0-99/1000"
bool take_content_range(std::string_view value, BodyPart& part) {
  if (!value.starts_with("bytes ")) return false;
  value.remove_prefix(6);
  const std::size_t dash = value.find('-');
  const std::size_t slash = value.find('/');
  if (dash == value.npos || slash == value.npos || slash < dash) return false;
  const auto first = number(value.substr(0, dash));
  const auto last = number(value.substr(dash + 1, slash - dash - 1));
  const auto size = number(value.substr(slash + 1));
  if (!first || !last || !size || *first > *last || *last >= *size) return false;
  part.first = *first;
  part.last = *last;
  part.size = *size;
  return true;
}

class Reader {
 public:
  Reader(std::string_view body, const std::string& boundary) : rest_(body), delimiter_("--" + boundary) {}

  std::vector<BodyPart> parts() {
    take("\r\n");  // RFC 2046 §5.1.1: an empty preamble has its line end
    if (!must(take(delimiter_), "the first delimiter")) return {};
    std::vector<BodyPart> parts;
    while (!take("--")) {
      if (!must(take("\r\n"), "CRLF behind a delimiter")) return {};
      parts.emplace_back();
      if (!fields(parts.back()) || !bytes(parts.back())) return {};
    }
    if (!must(rest_.empty() || rest_ == "\r\n", "nothing behind the closing delimiter")) return {};
    return parts;
  }

 private:
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  bool must(bool found, const char* what) {
    if (!found) FAIL_CHECK("multipart: expected ", what, ", found: ", std::string(rest_.substr(0, 80)));
    return found;
  }

  bool fields(BodyPart& part) {
    bool ranged = false;
    bool typed = false;
    while (!take("\r\n")) {
      const std::size_t end = rest_.find("\r\n");
      const std::size_t colon = rest_.find(": ");
      if (!must(end != rest_.npos && colon != rest_.npos && colon < end, "a field line of a part")) return false;
      const std::string name = lower(rest_.substr(0, colon));
      const std::string_view value = rest_.substr(colon + 2, end - colon - 2);
      if (name == "content-range") {
        if (!must(!ranged && take_content_range(value, part), "one valid Content-Range")) return false;
        ranged = true;
      } else if (name == "content-type") {
        if (!must(!typed, "one Content-Type")) return false;
        part.content_type = value;
        typed = true;
      }
      rest_.remove_prefix(end + 2);
    }
    // RFC 9110 §15.3.7.2: a Content-Range in each part.
    return must(ranged, "a Content-Range in the part");
  }

  bool bytes(BodyPart& part) {
    const std::uint64_t length = part.last - part.first + 1;
    if (!must(rest_.size() >= length, "as many bytes as the Content-Range says")) return false;
    part.bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    // A client that looks for the delimiter instead of counting must not find one in the bytes.
    if (!must(part.bytes.find("\r\n" + delimiter_) == std::string::npos, "no delimiter within a part")) return false;
    return must(take("\r\n" + delimiter_), "CRLF and the delimiter behind a part");
  }

  std::string_view rest_;
  std::string delimiter_;
};

}  // namespace

std::vector<BodyPart> read_multipart(const Response& response) {
  INFO("head: ", response.head);
  CHECK(response.status == 206);
  // RFC 9110 §15.3.7.2: with Content-Range in the head, a client would take the body for one part.
  CHECK(!response.has("Content-Range"));
  CHECK(!response.has("Transfer-Encoding"));
  CHECK(response.complete);
  CHECK(response.content_length() == response.body.size());
  const std::string boundary = boundary_of(response.field("Content-Type"));
  CHECK(is_boundary(boundary));
  if (!is_boundary(boundary)) return {};
  return Reader(response.body, boundary).parts();
}

void check_parts(const Response& response, const std::string& whole, std::string_view content_type,
                 const std::vector<Span>& expected) {
  const std::vector<BodyPart> parts = read_multipart(response);
  CHECK(parts.size() == expected.size());
  for (std::size_t i = 0; i < parts.size() && i < expected.size(); ++i) {
    INFO("part ", i);
    CHECK(parts[i].first == expected[i].first);
    CHECK(parts[i].last == expected[i].last);
    CHECK(parts[i].size == whole.size());
    CHECK(parts[i].content_type == content_type);
    const bool right_bytes = parts[i].bytes == whole.substr(parts[i].first, parts[i].last - parts[i].first + 1);
    CHECK(right_bytes);
  }
}

}  // namespace uringd::testing
