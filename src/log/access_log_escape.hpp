// Bytes of a request as they may stand in a line of the access log, in its two formats. What needs no escape, nearly
// everything that browsers send, is found and copied 16 bytes at a time. Pure; nothing here allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace uringd::log {

/// How far beyond the end of what they wrote the escape functions may write.
constexpr size_t escape_slack = 16;

/// As nginx's log_format writes a variable: each byte below 32 or above 126, '"' and '\' as \xHH, upper case. Writes at
/// most most_combined_growth bytes for each byte of `text`; returns the end of what it wrote.
char* escape_combined(char* out, std::string_view text);
constexpr size_t most_combined_growth = 4;

/// As a JSON string's content (RFC 8259 §7). Escaped besides what must be: U+007F to U+009F, which a terminal would
/// obey. A byte that belongs to no UTF-8 character (RFC 3629) becomes \ufffd.
char* escape_json(char* out, std::string_view text);
constexpr size_t most_json_growth = 6;

/// A beginning of a text, `cost` bytes long once it is escaped.
struct Prefix {
  size_t bytes = 0;
  size_t cost = 0;
};
/// The longest beginning of `text` of whole characters whose cost is at most `budget`.
using PrefixOf = Prefix (*)(std::string_view text, size_t budget);
Prefix combined_prefix(std::string_view text, size_t budget);
Prefix json_prefix(std::string_view text, size_t budget);
Prefix plain_prefix(std::string_view text, size_t budget);

}  // namespace uringd::log
