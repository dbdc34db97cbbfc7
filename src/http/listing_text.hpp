// Text of listings: names whose bytes anybody chose, written so that no page, no JSON and no link can be left by them.
// Pure; appends to the caller's string. Private to http/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace uringd::http {

/// As HTML text, or as a value between double quotes. What is not UTF-8 becomes U+FFFD; control characters become their
/// pictures (U+2400 on), which a person can see.
void append_html(std::string& out, std::string_view text);
/// As the inside of a JSON string (RFC 8259 §7). What is not UTF-8 becomes U+FFFD.
void append_json(std::string& out, std::string_view text);
/// As a reference from the directory that the name is in (RFC 3986 §4.2), byte for byte: needs no escaping in HTML and
/// JSON. Begins with "./" where the name would be read as a scheme.
void append_href(std::string& out, std::string_view name, bool directory);
/// RFC 3339 in UTC: "2024-05-01T12:34:56Z". Years outside 1 to 9999 are clamped, as those of HTTP dates are.
void append_time(std::string& out, int64_t unix_seconds);
/// For people: "999 B", "1.5 KiB", "10 MiB".
void append_size(std::string& out, uint64_t bytes);

}  // namespace uringd::http
