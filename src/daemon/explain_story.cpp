// Lines for a person's terminal. Escaping: a file name or a request must not be able to move the cursor, change the
// title or ring the bell (C0, DEL, and C1, which is U+0080 to U+009F in UTF-8 and single bytes outside it).
#include "explain_story.hpp"

#include <cstdint>

namespace uringd::daemon {
namespace {

constexpr size_t column = 9;

/// The bytes of the UTF-8 character that `text` begins with, or 0: it is none, or one that a terminal obeys.
size_t printable(std::string_view text) {
  const auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const auto follows = [&](size_t at) { return (byte(at) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) && (first > 0xC2 || byte(1) >= 0xA0) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool shortest = first > 0xE0 || byte(1) >= 0xA0;
    const bool surrogate = first == 0xED && byte(1) >= 0xA0;
    return shortest && !surrogate && follows(1) && follows(2) ? 3 : 0;
  }
  if (first < 0xF0 || first > 0xF4) return 0;
  const bool in_range = (first > 0xF0 || byte(1) >= 0x90) && (first < 0xF4 || byte(1) < 0x90);
  return in_range && follows(1) && follows(2) && follows(3) ? 4 : 0;
}

}  // namespace

std::string shown(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (const size_t size = printable(text); size > 0) {
      result += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    const auto byte = static_cast<unsigned char>(text.front());
    result.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    text.remove_prefix(1);
  }
  return result;
}

std::string shown_in_quotes(std::string_view text) { return "\"" + shown(text) + "\""; }

std::string bytes_text(uint64_t size) { return std::to_string(size) + (size == 1 ? " byte" : " bytes"); }

void Story::tell(std::string_view about, std::string_view words) {
  std::string label(about);
  label.resize(label.size() < column ? column : label.size() + 1, ' ');
  text_.append(label).append(words).append("\n");
}

void Story::tell_head(std::string_view head) {
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    if (line.empty()) return;
    text_.append(column, ' ').append(shown(line)).append("\n");
    head.remove_prefix(end + 2);
  }
}

}  // namespace uringd::daemon
