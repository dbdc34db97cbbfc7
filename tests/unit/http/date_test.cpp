// HTTP dates against known ones, each other, and the C library's calendar.
#include "uringd/http/date.hpp"

#include <doctest/doctest.h>

#include <array>
#include <ctime>
#include <random>
#include <string>

namespace uringd::http {
namespace {

constexpr int64_t now_s = 1'795'000'000;  // 2026-11-18

std::string format(int64_t seconds) {
  std::array<char, date_size> out;
  format_date(seconds, out);
  return {out.data(), out.size()};
}

TEST_CASE("the example of RFC 9110 §5.6.7 in its three forms") {
  CHECK(format(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT", now_s) == 784111777);
  CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", now_s) == 784111777);
  CHECK(parse_date("Sun Nov  6 08:49:37 1994", now_s) == 784111777);
  CHECK(parse_date("Wed Nov 16 08:49:37 1994", now_s) == 784111777 + 10 * 86400);
}

TEST_CASE("dates agree with the C library's calendar and come back from text unchanged") {
  std::mt19937_64 random{1};
  for (int i = 0; i < 20000; ++i) {
    const int64_t seconds = -62135596800 + static_cast<int64_t>(random() % (253402300800u + 62135596800u));
    const std::string text = format(seconds);
    const time_t time = seconds;
    tm fields{};
    gmtime_r(&time, &fields);
    std::array<char, 64> expected;
    strftime(expected.data(), expected.size(), "%a, %d %b %Y %H:%M:%S GMT", &fields);
    if (fields.tm_year + 1900 >= 1000) REQUIRE(text == expected.data());  // strftime does not pad years
    REQUIRE(parse_date(text, now_s) == seconds);
    std::array<char, 64> asctime_form;
    strftime(asctime_form.data(), asctime_form.size(), "%a %b %e %H:%M:%S %Y", &fields);
    if (fields.tm_year + 1900 >= 1000) REQUIRE(parse_date(asctime_form.data(), now_s) == seconds);
  }
}

TEST_CASE("years outside 1 to 9999 are clamped") {
  CHECK(format(INT64_MIN) == "Mon, 01 Jan 0001 00:00:00 GMT");
  CHECK(format(INT64_MAX) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(format(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST_CASE("a two-digit year is the latest that is not more than 50 years ahead (RFC 9110 §5.6.7)") {
  auto year = [](const char* text, int64_t now) { return format(parse_date(text, now).value_or(0)).substr(12, 4); };
  CHECK(year("Monday, 01-Jan-26 00:00:00 GMT", now_s) == "2026");
  CHECK(year("Monday, 01-Jan-76 00:00:00 GMT", now_s) == "2076");
  CHECK(year("Monday, 18-Nov-76 00:00:00 GMT", now_s) == "2076");
  CHECK(year("Monday, 31-Dec-76 00:00:00 GMT", now_s) == "1976");
  CHECK(year("Monday, 01-Jan-99 00:00:00 GMT", now_s) == "1999");
  CHECK(year("Monday, 01-Jan-00 00:00:00 GMT", now_s) == "2000");
  CHECK(year("Monday, 01-Jan-05 00:00:00 GMT", 4'070'908'800) == "2105");  // read in 2099
  CHECK(parse_date("Tuesday, 29-Feb-28 00:00:00 GMT", now_s).has_value());
  CHECK_FALSE(parse_date("Tuesday, 29-Feb-27 00:00:00 GMT", now_s).has_value());
}

TEST_CASE("days are those of the calendar, and a leap second is one") {
  CHECK(parse_date("Thu, 29 Feb 2024 00:00:00 GMT", now_s).has_value());
  CHECK(parse_date("Tue, 29 Feb 2000 00:00:00 GMT", now_s).has_value());
  CHECK(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", now_s) == 1483228800);
  for (const char* text :
       {"Wed, 29 Feb 2023 00:00:00 GMT", "Thu, 29 Feb 1900 00:00:00 GMT", "Mon, 31 Apr 2023 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Oct 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:00:61 GMT", "Mon, 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text, now_s).has_value());
  }
}

TEST_CASE("what is no HTTP date to the letter is nullopt") {
  for (const char* text : {"",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           " Sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 gmt",
                           "sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 8:49:37 GMT",
                           "Sun, 06 nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 94 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 06-Nov-1994 08:49:37 GMT",
                           "Sun Nov 06 08:49:37 1994",
                           "Sun Nov 6 08:49:37 1994xx",
                           "Sun Nov  6 08:49:37 1994 ",
                           "Sunday, 06-Nov-1994 08:49:37 GMT",
                           "Sun, 06 Nov 0000 08:49:37 GMT",
                           "784111777784111777784111777",
                           "1994-11-06T08:49:37Z     ",
                           "Sun, 06 Nov 1994 08:49:37 +0000",
                           "Funday, 06-Nov-94 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text, now_s).has_value());
  }
}

}  // namespace
}  // namespace uringd::http
