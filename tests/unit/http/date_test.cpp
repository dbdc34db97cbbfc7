// HTTP dates against known ones, each other, and the C library's calendar.
#include "uringd/http/date.hpp"

#include <doctest/doctest.h>

#include <array>
#include <ctime>
#include <random>
#include <string>
#include <vector>

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

TEST_CASE("all three forms are read, by their grammar (RFC 9110 §5.6.7)") {
  struct Row {
    std::string text;
    std::string expected;  // as an IMF-fixdate
  };
  for (const Row& row : std::vector<Row>{
           {"Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"},
           {"Wed, 31 Dec 1969 23:59:59 GMT", "Wed, 31 Dec 1969 23:59:59 GMT"},
           {"Tue, 15 Nov 1994 12:45:26 GMT", "Tue, 15 Nov 1994 12:45:26 GMT"},
           {"Wed, 08 Jul 2037 22:53:52 GMT", "Wed, 08 Jul 2037 22:53:52 GMT"},  // 0x7f000000
           {"Tue, 19 Jan 2038 03:14:08 GMT", "Tue, 19 Jan 2038 03:14:08 GMT"},  // 2^31
           {"Sun, 07 Feb 2106 06:28:16 GMT", "Sun, 07 Feb 2106 06:28:16 GMT"},  // 2^32
           {"Fri, 25 Feb 2174 09:42:23 GMT", "Fri, 25 Feb 2174 09:42:23 GMT"},
           {"Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"},
           {"Mon, 01 Jan 0001 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"},
           {"Monday, 15-Aug-05 15:52:01 GMT", "Mon, 15 Aug 2005 15:52:01 GMT"},
           {"Wednesday, 09-Nov-94 08:49:37 GMT", "Wed, 09 Nov 1994 08:49:37 GMT"},
           {"Saturday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"},
           {"Thu Jan  1 00:00:00 1970", "Thu, 01 Jan 1970 00:00:00 GMT"},
           {"Wed Nov 16 08:49:37 1994", "Wed, 16 Nov 1994 08:49:37 GMT"},
           {"Sun Nov 06 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT"},  // date3: 2DIGIT / ( SP 1DIGIT )
           {"Mon Feb 29 12:00:00 2024", "Thu, 29 Feb 2024 12:00:00 GMT"},  // the day's name is not held against it
           {"Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"},
           {"Friday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"},
           {"Thu, 29 Feb 2024 00:00:00 GMT", "Thu, 29 Feb 2024 00:00:00 GMT"},
           {"Tue, 29 Feb 2000 00:00:00 GMT", "Tue, 29 Feb 2000 00:00:00 GMT"},
           {"Sat, 31 Dec 2016 23:59:60 GMT", "Sun, 01 Jan 2017 00:00:00 GMT"},  // a leap second
           {"Saturday, 31-Dec-16 23:59:60 GMT", "Sun, 01 Jan 2017 00:00:00 GMT"},
           {"Sat Dec 31 23:59:60 2016", "Sun, 01 Jan 2017 00:00:00 GMT"},
       }) {
    CAPTURE(row.text);
    const auto seconds = parse_date(row.text, now_s);
    REQUIRE(seconds);
    CHECK(format(*seconds) == row.expected);
  }
}

TEST_CASE("what is no day of the calendar, or no time of a day, is nullopt (RFC 9110 §5.6.7)") {
  for (const std::string text :
       {"Wed, 29 Feb 2023 00:00:00 GMT", "Thu, 29 Feb 1900 00:00:00 GMT", "Mon, 31 Apr 2023 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Oct 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:00:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT", "Sunday, 31-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 24:49:37 GMT",
        "Sun Nov  0 08:49:37 1994", "Sun Nov 31 08:49:37 1994", "Sun Nov  6 08:49:61 1994"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text, now_s).has_value());
  }
}

TEST_CASE("what is no HTTP date by the grammar is nullopt: case, white space and zones count (RFC 9110 §5.6.7)") {
  for (const std::string text : {"",
                                 "0",
                                 "-1",
                                 "Thu",
                                 "Sun, 06 Nov 1994 08:49:37 GMT ",
                                 " Sun, 06 Nov 1994 08:49:37 GMT",
                                 "Sun, 06 Nov 1994 08:49:37 gmt",
                                 "sun, 06 Nov 1994 08:49:37 GMT",
                                 "SUN, 06 Nov 1994 08:49:37 GMT",
                                 "Sun, 06 nov 1994 08:49:37 GMT",
                                 "Sun, 06 NOV 1994 08:49:37 GMT",
                                 "sunday, 06-Nov-94 08:49:37 GMT",
                                 "Sun nov  6 08:49:37 1994",
                                 "Sun, 6 Nov 1994 08:49:37 GMT",
                                 "Sun, 06 Nov 1994 8:49:37 GMT",
                                 "Sun, 06 Nov 1994 08:49 GMT is",
                                 "Sun, 06  Nov 1994 08:49:37 GMT",
                                 "Sun,  06 Nov 1994 08:49:37 GMT",
                                 "Sun,06 Nov 1994 08:49:37 GMT",
                                 "Sun, 06 Nov 94 08:49:37 GMT",
                                 "Sun, 06 Nov 19994 08:49:37 GMT",
                                 "Sun, 06 Nov 1994 08:49:37",
                                 "Sun, 06 Nov 1994 08:49:37 UTC",
                                 "Sun, 06 Nov 1994 08:49:37 +0000",
                                 "Sun, 06 Nov 1994 08:49:37 EST",
                                 "Sun, 06 Nov 1994 08:49:37GMT",
                                 "Sun, 06 Nov 1994 08:49:37.0 GMT",
                                 "Sun, 06-Nov-1994 08:49:37 GMT",
                                 "Sun, 06-Nov-94 08:49:37 GMT",
                                 "Sun, +6 Nov 1994 08:49:37 GMT",
                                 "Sun, 06 Nov -994 08:49:37 GMT",
                                 "Sun, 06 Nov 1994 08-49-37 GMT",
                                 "Sun, 06 Xyz 1994 08:49:37 GMT",
                                 "Sun, 06 ovD 1994 08:49:37 GMT",
                                 "Xyz, 06 Nov 1994 08:49:37 GMT",
                                 "Funday, 06-Nov-94 08:49:37 GMT",
                                 "Sunday, 06-Nov-1994 08:49:37 GMT",
                                 "Sunday, 06 Nov 1994 08:49:37 GMT",
                                 "Sunday, 6-Nov-94 08:49:37 GMT",
                                 "Sunday, 06-Nov-94 08:49:37",
                                 "Sun Nov 6 08:49:37 1994xx",
                                 "Sun Nov 6 08:49:37 1994",
                                 "Sun Nov   6 08:49:37 1994",
                                 "Sun Nov  06 08:49:37 1994",
                                 "Sun Nov  6 08:49:37 1994 ",
                                 "Sun Nov  6 08:49:37 94",
                                 "Sun Nov  6 08:49:37 1994 GMT",
                                 "Sunday Nov  6 08:49:37 1994",
                                 "Nov  6 08:49:37 1994",
                                 "784111777784111777784111777",
                                 "1994-11-06T08:49:37Z     ",
                                 "Sun, 06 Nov 1994 08:49:37 GMT; length=1000",
                                 "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text, now_s).has_value());
  }
}

TEST_CASE("a text cut short anywhere is nullopt, whichever form it had (RFC 9110 §5.6.7)") {
  for (const std::string text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    for (size_t size = 0; size < text.size(); ++size) {
      CAPTURE(text.substr(0, size));
      CHECK_FALSE(parse_date(text.substr(0, size), now_s).has_value());
    }
  }
}

}  // namespace
}  // namespace uringd::http
