// What every fuzzer here needs: a property that must hold, numbers and text out of the input, and a Request made of
// field lines. No state.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "uringd/http/request_parser.hpp"

namespace uringd::fuzz {

inline void require_at(bool holds, const char* property, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
  std::abort();
}
/// Ends the process where a property does not hold: libFuzzer keeps the input.
#define REQUIRE_THAT(property) ::uringd::fuzz::require_at((property), #property, __FILE__, __LINE__)

/// The input, taken from its front; zeros behind its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  uint64_t number() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  /// What stands before the next '\n'.
  std::string line() {
    const size_t end = rest_.find('\n');
    std::string text{rest_.substr(0, end)};
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return text;
  }
  std::string rest() const { return std::string{rest_}; }  // its own memory, for the sanitizer
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// Can this be a field's value (RFC 9110 §5.5)?
inline bool is_field_value(std::string_view text) {
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return false;
  }
  return true;
}

/// A request for "/" with these field lines, each ending in CRLF; its bytes live as long as this.
class MadeRequest {
 public:
  MadeRequest(std::string_view method, std::string_view lines)
      : bytes_(std::string{method} + " / HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "\r\n") {
    REQUIRE_THAT(parser_.parse_head(bytes_.data(), bytes_.size()) == http::RequestParser::Progress::head_complete);
  }
  MadeRequest(const MadeRequest&) = delete;
  MadeRequest& operator=(const MadeRequest&) = delete;
  const http::Request& get() const { return parser_.request(); }

 private:
  std::string bytes_;
  http::RequestParser parser_;
};

}  // namespace uringd::fuzz
