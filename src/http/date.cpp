// HTTP dates. Days are counted from a year that begins in March, so that the leap day is its last: month lengths then
// follow (153 * month + 2) / 5, and 400 years are always 146097 days.
#include "uringd/http/date.hpp"

#include <algorithm>
#include <array>

#include "characters.hpp"

namespace uringd::http {
namespace {

constexpr int64_t day_s = 86400;
constexpr int64_t era_days = 146097;            // 400 years
constexpr int64_t first_second = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t last_second = 253402300799;   // 9999-12-31T23:59:59Z
constexpr std::array<std::string_view, 7> day_names = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::string_view month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct Civil {
  int64_t year;
  int month, day;  // from 1
};

constexpr int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

constexpr int64_t days_of(Civil date) {  // since 1970-01-01
  const int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const int64_t era = floor_div(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t month = (date.month + 9) % 12;  // March is 0
  const int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + date.day - 1;
  return era * era_days + day_of_era - 719468;  // 0000-03-01 to 1970-01-01
}

constexpr Civil civil_of(int64_t days) {
  days += 719468;
  const int64_t era = floor_div(days, era_days);
  const int64_t day_of_era = days - era * era_days;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;
  const int calendar_month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  return {year_of_era + era * 400 + (calendar_month <= 2 ? 1 : 0), calendar_month,
          static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1)};
}
static_assert(days_of({1970, 1, 1}) == 0 && days_of({2000, 3, 1}) == 11017);

constexpr bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr int month_length(int64_t year, int month) {
  constexpr std::array<int, 12> lengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : lengths[static_cast<size_t>(month - 1)];
}

constexpr size_t weekday(int64_t days) { return static_cast<size_t>(((days % 7) + 7 + 4) % 7); }  // 0 is Sunday

void put(char*& at, int value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  at += width;
}
void put(char*& at, std::string_view text) { at = std::ranges::copy(text, at).out; }

/// Reads a date from left to right; after the first mismatch `good` stays false and the numbers mean nothing.
struct Reader {
  std::string_view rest;
  bool good = true;

  void literal(std::string_view expected) {
    if (!rest.starts_with(expected)) return fail();
    rest.remove_prefix(expected.size());
  }
  int number(size_t width) {
    if (rest.size() < width) return fail(), 0;
    int value = 0;
    for (char c : rest.substr(0, width)) {
      if (!is_digit(c)) return fail(), 0;
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(width);
    return value;
  }
  int month() {
    if (rest.size() < 3) return fail(), 1;
    for (int i = 0; i < 12; ++i) {
      if (rest.starts_with(month_names.substr(static_cast<size_t>(i) * 3, 3))) return rest.remove_prefix(3), i + 1;
    }
    return fail(), 1;
  }
  int time_of_day() {
    const int hour = number(2);
    literal(":");
    const int minute = number(2);
    literal(":");
    const int second = number(2);
    if (hour > 23 || minute > 59 || second > 60) fail();
    return hour * 3600 + minute * 60 + second;
  }
  void fail() { good = false; }
};

/// The date is one of the calendar, and nothing is left of the text.
std::optional<int64_t> finish(const Reader& reader, Civil date, int seconds) {
  if (!reader.good || !reader.rest.empty() || date.year < 1) return std::nullopt;
  if (date.day < 1 || date.day > month_length(date.year, date.month)) return std::nullopt;
  return days_of(date) * day_s + seconds;
}

/// The name of a day (its first three letters, or all of it). Which one is not held against the date: it says nothing
/// that the date does not, and a field that is thrown away can let a request pass (If-Unmodified-Since).
void skip_day_name(Reader& reader, bool full_name) {
  for (std::string_view name : day_names) {
    if (!full_name) name = name.substr(0, 3);
    if (reader.rest.starts_with(name)) return reader.rest.remove_prefix(name.size());
  }
  reader.fail();
}

std::optional<int64_t> parse_imf_fixdate(std::string_view text) {
  Reader reader{text};
  skip_day_name(reader, false);
  reader.literal(", ");
  Civil date{};
  date.day = reader.number(2);
  reader.literal(" ");
  date.month = reader.month();
  reader.literal(" ");
  date.year = reader.number(4);
  reader.literal(" ");
  const int seconds = reader.time_of_day();
  reader.literal(" GMT");
  return finish(reader, date, seconds);
}

/// RFC 9110 §5.6.7: a year that appears to lie more than 50 years ahead is the latest past one with these digits.
int64_t full_year(int two_digits, Civil date, int seconds, int64_t now_seconds) {
  const int64_t today = floor_div(now_seconds, day_s);
  Civil limit = civil_of(today);
  limit.year += 50;
  const int64_t latest = days_of(limit) * day_s + (now_seconds - today * day_s);
  date.year = limit.year - limit.year % 100 + 100 + two_digits;
  while (date.year > 100 && days_of(date) * day_s + seconds > latest) date.year -= 100;
  return date.year;
}

std::optional<int64_t> parse_rfc850(std::string_view text, int64_t now_seconds) {
  Reader reader{text};
  skip_day_name(reader, true);
  reader.literal(", ");
  Civil date{};
  date.day = reader.number(2);
  reader.literal("-");
  date.month = reader.month();
  reader.literal("-");
  const int two_digits = reader.number(2);
  reader.literal(" ");
  const int seconds = reader.time_of_day();
  reader.literal(" GMT");
  if (!reader.good) return std::nullopt;
  date.year = full_year(two_digits, date, seconds, now_seconds);
  return finish(reader, date, seconds);
}

std::optional<int64_t> parse_asctime(std::string_view text) {
  Reader reader{text};
  skip_day_name(reader, false);
  reader.literal(" ");
  Civil date{};
  date.month = reader.month();
  reader.literal(" ");
  const bool padded = reader.rest.starts_with(' ');  // date3: 2DIGIT / ( SP 1DIGIT )
  if (padded) reader.literal(" ");
  date.day = reader.number(padded ? 1 : 2);
  reader.literal(" ");
  const int seconds = reader.time_of_day();
  reader.literal(" ");
  date.year = reader.number(4);
  return finish(reader, date, seconds);
}

}  // namespace

void format_date(int64_t unix_seconds, std::span<char, date_size> out) {
  unix_seconds = std::clamp(unix_seconds, first_second, last_second);
  const int64_t days = floor_div(unix_seconds, day_s);
  const auto second = static_cast<int>(unix_seconds - days * day_s);
  const Civil date = civil_of(days);
  char* at = out.data();
  put(at, day_names[weekday(days)].substr(0, 3));
  put(at, ", ");
  put(at, date.day, 2);
  put(at, " ");
  put(at, month_names.substr(static_cast<size_t>(date.month - 1) * 3, 3));
  put(at, " ");
  put(at, static_cast<int>(date.year), 4);
  put(at, " ");
  put(at, second / 3600, 2);
  put(at, ":");
  put(at, second / 60 % 60, 2);
  put(at, ":");
  put(at, second % 60, 2);
  put(at, " GMT");
}

std::optional<int64_t> parse_date(std::string_view text, int64_t now_seconds) {
  if (text.size() < 24) return std::nullopt;  // the shortest form, asctime
  if (text[3] == ',') return parse_imf_fixdate(text);
  if (text[3] == ' ') return parse_asctime(text);
  return parse_rfc850(text, now_seconds);
}

}  // namespace uringd::http
