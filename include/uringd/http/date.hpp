// HTTP dates (RFC 9110 §5.6.7), computed from the proleptic Gregorian calendar: no locale, no time zone, no libc. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace uringd::http {

constexpr size_t date_size = 29;

/// Writes an IMF-fixdate ("Sun, 06 Nov 1994 08:49:37 GMT"). Years outside 1 to 9999 are clamped: a file may have any
/// mtime.
void format_date(int64_t unix_seconds, std::span<char, date_size> out);

/// The time in unix seconds of an IMF-fixdate, an RFC 850 date or an asctime date; nullopt if it is none of these by
/// the grammar (case-sensitive), or no day of the calendar. The name of the day must be one, but may be the wrong one.
/// A two-digit year is the latest one that is not more than 50 years after `now_seconds`. A second of 60 is accepted
/// (leap second).
std::optional<int64_t> parse_date(std::string_view text, int64_t now_seconds);

}  // namespace uringd::http
