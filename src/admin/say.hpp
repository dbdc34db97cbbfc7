// say: what all answers of the admin interface have in common: JSON, never cached, never another origin's. Pure.
#pragma once

#include <string>
#include <string_view>

#include "uringd/server/handler.hpp"

namespace uringd::admin {

/// Fields of every answer. A page elsewhere can neither read it nor put it into a frame.
inline constexpr std::string_view common_fields =
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

/// Appends `text` as a JSON string, with its quotes. Bytes that are no UTF-8 become U+FFFD: file names may be anything.
void append_json(std::string& out, std::string_view text);

server::Answer say_json(int status, std::string json);
/// {"error": …, "hint": …}: what is wrong, and what would be right.
server::Answer say_error(int status, std::string_view error, std::string_view hint);

}  // namespace uringd::admin
