// logger_line: one event as one line of the error log, with its line end, as text or as JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "uringd/log/logger.hpp"

namespace uringd::log {

/// text: time, level, text, with control bytes as \xHH. json: an object (RFC 8259), bytes that are no UTF-8 as \ufffd.
/// The time is RFC 3339's, UTC, to the millisecond. `text` has at most a few times Logger::line_bytes.
void append_line(std::string& lines, Form form, int64_t wall_ns, Level level, std::string_view text);

}  // namespace uringd::log
