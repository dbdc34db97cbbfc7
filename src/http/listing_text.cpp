// Escaping for HTML, JSON and links; times and sizes.
#include "listing_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "characters.hpp"

namespace uringd::http {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

constexpr uint8_t byte_of(char c) { return static_cast<uint8_t>(c); }

struct Character {
  size_t size;  // bytes; of a broken one those that could have begun one (Unicode §3.9: the maximal subpart)
  bool valid;
};

/// The first character of `text`, which is not empty.
Character first_character(std::string_view text) {
  const uint8_t lead = byte_of(text[0]);
  if (lead < 0x80) return {1, true};
  if (lead < 0xc2 || lead > 0xf4) return {1, false};
  const size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte also rules out overlong forms, surrogates and what is above U+10FFFF.
  const uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t at = 1; at < size; ++at) {
    if (at == text.size()) return {at, false};
    const uint8_t byte = byte_of(text[at]);
    if (at == 1 ? byte < least || byte > most : byte < 0x80 || byte > 0xbf) return {at, false};
  }
  return {size, true};
}

/// Calls `ascii(char)` and `other(bytes)` for each character; what is broken is told as U+FFFD.
template <typename Ascii, typename Other>
void for_each_character(std::string_view text, Ascii&& ascii, Other&& other) {
  while (!text.empty()) {
    const auto [size, valid] = first_character(text);
    if (!valid) {
      other(replacement);
    } else if (size == 1) {
      ascii(text[0]);
    } else {
      other(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
}

void append_padded(std::string& out, uint64_t number, size_t width) {
  const std::string digits = std::to_string(number);
  out.append(width - std::min(width, digits.size()), '0').append(digits);
}

}  // namespace

void append_html(std::string& out, std::string_view text) {
  const auto ascii = [&out](char c) {
    switch (c) {
      case '&': out += "&amp;"; return;
      case '<': out += "&lt;"; return;
      case '>': out += "&gt;"; return;
      case '"': out += "&quot;"; return;
      case '\'': out += "&#39;"; return;
      default: break;
    }
    if (byte_of(c) < 0x20) {
      (out += "\xe2\x90") += static_cast<char>(0x80 + c);
    } else if (c == 0x7f) {
      out += "\xe2\x90\xa1";
    } else {
      out += c;
    }
  };
  for_each_character(text, ascii, [&out](std::string_view bytes) {
    // U+0080 to U+009F are controls too, which HTML forbids (§13.2.3.5).
    const bool control = bytes[0] == '\xc2' && byte_of(bytes[1]) < 0xa0;
    out += control ? replacement : bytes;
  });
}

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto ascii = [&](char c) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte_of(c) < 0x20) {
      ((out += "\\u00") += digits[byte_of(c) >> 4]) += digits[c & 15];
    } else {
      out += c;
    }
  };
  for_each_character(text, ascii, [&out](std::string_view bytes) { out += bytes; });
}

void append_href(std::string& out, std::string_view name, bool directory) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  if (name.find(':') != name.npos) out += "./";
  for (const char c : name) {
    // '&' and '\'' mean something where the link is written; '/' is in no name.
    if (is_class(c, path_char) && c != '/' && c != '&' && c != '\'') {
      out += c;
    } else {
      ((out += '%') += digits[byte_of(c) >> 4]) += digits[byte_of(c) & 15];
    }
  }
  if (directory) out += '/';
}

void append_time(std::string& out, int64_t unix_seconds) {
  constexpr int64_t first_second = -62135596800;  // 0001-01-01T00:00:00Z
  constexpr int64_t last_second = 253402300799;   // 9999-12-31T23:59:59Z
  const std::chrono::sys_seconds time{std::chrono::seconds{std::clamp(unix_seconds, first_second, last_second)}};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const auto seconds = static_cast<uint64_t>((time - days).count());
  append_padded(out, static_cast<uint64_t>(static_cast<int>(date.year())), 4);
  append_padded(out += '-', static_cast<unsigned>(date.month()), 2);
  append_padded(out += '-', static_cast<unsigned>(date.day()), 2);
  append_padded(out += 'T', seconds / 3600, 2);
  append_padded(out += ':', seconds / 60 % 60, 2);
  append_padded(out += ':', seconds % 60, 2);
  out += 'Z';
}

void append_size(std::string& out, uint64_t bytes) {
  constexpr std::array<std::string_view, 7> units = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
  if (bytes < 1024) {
    (out += std::to_string(bytes)) += units[0];
    return;
  }
  // In units of 1/1024 of the one written: what is cut off below does not show in two digits.
  size_t unit = 1;
  uint64_t parts = bytes;
  for (; parts >= 1024 * 1024 - 512 && unit + 1 < units.size(); ++unit) parts /= 1024;
  const uint64_t tenths = (parts * 10 + 512) / 1024;
  if (tenths < 100) {
    ((out += std::to_string(tenths / 10)) += '.') += static_cast<char>('0' + tenths % 10);
  } else {
    out += std::to_string((parts + 512) / 1024);
  }
  out += units[unit];
}

}  // namespace uringd::http
