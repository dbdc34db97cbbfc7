// Looking at eight bytes at once, in an ordinary register: heads are short, and what vector code needs before its first
// sixteen bytes costs more than these. Each test marks its bytes with 0x80, exactly: no carry goes from one to the
// next. Private to http/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace uringd::http {

class EightBytes {
 public:
  explicit EightBytes(const char* at) { std::memcpy(&word_, at, sizeof word_); }
  /// At most eight, the rest zero.
  explicit EightBytes(std::string_view few) { std::memcpy(&word_, few.data(), few.size()); }

  [[nodiscard]] uint64_t equal_to(char c) const { return zero_bytes(word_ ^ ones * static_cast<unsigned char>(c)); }
  /// `bound` at most 0x80. Bytes of 0x80 and above are not.
  [[nodiscard]] uint64_t below(unsigned char bound) const { return ~((word_ | highs) - ones * bound) & ~word_ & highs; }
  [[nodiscard]] uint64_t non_ascii() const { return word_ & highs; }

 private:
  static constexpr uint64_t ones = 0x0101010101010101;
  static constexpr uint64_t highs = 0x8080808080808080;
  static uint64_t zero_bytes(uint64_t word) { return ~(((word & ~highs) + ~highs) | word | ~highs); }

  uint64_t word_ = 0;
};

/// Calls `look(EightBytes)` until it returns true, for windows of `text` that begin `step` bytes apart (1 to 8) and the
/// one at its end, so that every run of 9 - step bytes lies in one of them; a text of fewer than eight bytes is one
/// window, followed by zeros. True: one call returned true.
template <typename Look>
bool any_window(std::string_view text, size_t step, Look&& look) {
  if (text.size() < 8) return look(EightBytes(text));
  for (size_t at = 0; at + 8 < text.size(); at += step) {
    if (look(EightBytes(text.data() + at))) return true;
  }
  return look(EightBytes(text.data() + text.size() - 8));
}

/// Only bytes that a request-target may have (RFC 9112 §3.2): no white space, control, non-ASCII byte, and no '#'.
inline bool good_target_bytes(std::string_view target) {
  const auto bad = [](EightBytes bytes) {
    return (bytes.below('!') | bytes.equal_to(0x7f) | bytes.equal_to('#') | bytes.non_ascii()) != 0;
  };
  if (target.size() >= 8) return !any_window(target, 8, bad);
  for (char c : target) {
    if (c <= ' ' || c == 0x7f || c == '#') return false;  // char is signed: non-ASCII bytes are below ' '
  }
  return true;
}

}  // namespace uringd::http
