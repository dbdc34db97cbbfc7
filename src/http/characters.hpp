// Character classes of RFC 9110 §5.6.2 and RFC 3986 §2, and ASCII case folding. Tables, because the C library's
// functions depend on a locale. Private to http/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace uringd::http {

/// One table of flags per byte value.
enum CharacterClass : uint8_t {
  token_char = 1,     // RFC 9110 §5.6.2 tchar
  reg_name_char = 2,  // RFC 3986 §3.2.2 unreserved and sub-delims; '%' is looked at apart
  path_char = 4,      // RFC 3986 §3.3 pchar and '/': stands for itself in a path
};

constexpr std::array<uint8_t, 256> make_character_classes() {
  std::array<uint8_t, 256> table{};
  auto add = [&table](std::string_view characters, unsigned classes) {
    for (char c : characters) table[static_cast<unsigned char>(c)] |= static_cast<uint8_t>(classes);
  };
  add("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", token_char | reg_name_char | path_char);
  add("!#$%&'*+-.^_`|~", token_char);
  add("-._~!$&'()*+,;=", reg_name_char | path_char);
  add(":@/", path_char);
  return table;
}
inline constexpr std::array<uint8_t, 256> character_classes = make_character_classes();

constexpr bool is_class(char c, CharacterClass wanted) {
  return (character_classes[static_cast<unsigned char>(c)] & wanted) != 0;
}
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

/// 0 to 15, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/// `lower_case` must already be in lower case.
constexpr bool equals_folded(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

/// Without leading and trailing spaces and tabs (OWS, RFC 9110 §5.6.3).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Cuts the first element, trimmed, off a comma-separated list without quoted strings.
constexpr std::string_view take_element(std::string_view& list) {
  const size_t comma = list.find(',');
  const std::string_view element = trim(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  return element;
}

}  // namespace uringd::http
