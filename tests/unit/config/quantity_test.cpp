// Sizes and durations: the forms that contract.md names, their round trips over random values, and what is refused.
#include "uringd/config/quantity.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace uringd::config;
using std::chrono::milliseconds;

TEST_CASE("a size is bytes, or a number with a binary or decimal unit") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("65536") == 65536);
  CHECK(parse_size("10B") == 10);
  CHECK(parse_size("64KiB") == 65536);
  CHECK(parse_size("1MiB") == 1048576);
  CHECK(parse_size("2GiB") == 2147483648);
  CHECK(parse_size("1TiB") == 1099511627776);
  CHECK(parse_size("1KB") == 1000);
  CHECK(parse_size("1MB") == 1000000);
  CHECK(parse_size("1GB") == 1000000000);
}

TEST_CASE("a size with a sign, space, fraction, other spelling or overflow is refused") {
  for (const char* text : {"",
                           "-1",
                           "+1",
                           " 1",
                           "1 ",
                           "1 KiB",
                           "1.5KiB",
                           "64k",
                           "64K",
                           "64kb",
                           "64KIB",
                           "KiB",
                           "0x10",
                           "1e3",
                           "18446744073709551616",
                           "9223372036854775808",
                           "9007199254740993KiB",
                           "18014398509481985KiB",
                           "8388608TiB",
                           "1KiBs"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text).has_value());
  }
  CHECK(parse_size("9223372036854775807") == 9223372036854775807u);
  CHECK(parse_size("8388607TiB") == 8388607u * 1099511627776u);
}

TEST_CASE("a duration needs its unit: ms, s, m or h") {
  CHECK(parse_duration("500ms") == milliseconds(500));
  CHECK(parse_duration("2s") == milliseconds(2000));
  CHECK(parse_duration("5m") == milliseconds(300'000));
  CHECK(parse_duration("1h") == milliseconds(3'600'000));
  CHECK(parse_duration("0s") == milliseconds(0));
  for (const char* text : {"", "5", "s", "-1s", "1.5s", "1 s", "1S", "1min", "1d", "1us", "9223372036854775808ms",
                           "9223372036854775s0", "9223372036854776s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
  CHECK(parse_duration("9223372036854775s") == milliseconds(9223372036854775000));
}

TEST_CASE("a formatted size or duration is read back as the same value") {
  std::mt19937_64 random(20240607);
  for (int round = 0; round < 20000; ++round) {
    // Shifts spread the values over all magnitudes; multiples of units come up often that way too.
    const std::uint64_t value = (random() >> 1 >> (random() % 63)) << (random() % 2 * 10 * (random() % 2));
    if (value > 9223372036854775807u) continue;
    CAPTURE(value);
    CHECK(parse_size(format_size(value)) == value);
    const Duration duration(static_cast<Duration::rep>(value));
    CHECK(parse_duration(format_duration(duration)) == duration);
  }
}

TEST_CASE("values are formatted in the largest unit that divides them") {
  CHECK(format_size(0) == "0");
  CHECK(format_size(1000) == "1000");
  CHECK(format_size(65536) == "64KiB");
  CHECK(format_size(1536) == "1536");
  CHECK(format_size(1024ull * 1024 * 1024 * 1024) == "1TiB");
  CHECK(format_duration(milliseconds(0)) == "0s");
  CHECK(format_duration(milliseconds(1500)) == "1500ms");
  CHECK(format_duration(milliseconds(60'000)) == "60s");
  CHECK(format_duration(milliseconds(90'000)) == "90s");
  CHECK(format_duration(milliseconds(120'000)) == "2m");
  CHECK(format_duration(milliseconds(7'200'000)) == "2h");
}
