// Story: what --explain prints, one step a line: what it is about, then the words. File names, patterns and requests
// may hold any byte: what could steer a terminal is escaped. One owner, the main thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace uringd::daemon {

/// Control characters and what is no UTF-8 as \xNN.
[[nodiscard]] std::string shown(std::string_view text);
/// The same between double quotes.
[[nodiscard]] std::string shown_in_quotes(std::string_view text);
/// "a", "a and b", "a, b and c".
[[nodiscard]] std::string listed(const auto& texts, std::string_view last = " and ");
/// "1 byte", "17 bytes".
[[nodiscard]] std::string bytes_text(uint64_t size);

class Story {
 public:
  /// `words` are shown() as they are: nothing in them is escaped here.
  void tell(std::string_view about, std::string_view words);
  /// A response head, each line of it indented.
  void tell_head(std::string_view head);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string listed(const auto& texts, std::string_view last) {
  std::string result;
  size_t index = 0;
  for (const auto& text : texts) {
    if (index > 0) result += index + 1 == texts.size() ? last : std::string_view(", ");
    result += text;
    ++index;
  }
  return result;
}

}  // namespace uringd::daemon
