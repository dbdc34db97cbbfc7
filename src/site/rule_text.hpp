// Words of messages about rules, of which a configuration's reader prints one line each: what they quote may hold any
// byte, and none of it may end the line or reach a terminal as a command.
#pragma once

#include <string>
#include <string_view>

namespace uringd::site {

/// Control bytes and non-ASCII ones as "\x0a".
inline std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string all;
  for (char c : text) {
    if (c >= ' ' && c < 0x7f) {
      all += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    all += "\\x";
    all += digits[byte >> 4];
    all += digits[byte & 15];
  }
  return all;
}

inline std::string in_quotes(std::string_view text) { return '"' + printable(text) + '"'; }

}  // namespace uringd::site
