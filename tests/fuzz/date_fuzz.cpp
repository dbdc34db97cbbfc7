// Fuzzes dates, both ways. Properties: what is read is, letter by letter, one of the three forms of RFC 9110 §5.6.7 of
// that very second (a leap second and the name of the day aside); each form of any second of the years 1 to 9999 is
// read back as that second, the form with two digits for its year within 20 years of now.
#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include "fuzz.hpp"
#include "uringd/http/date.hpp"

namespace {

using namespace uringd::http;
using uringd::fuzz::Input;

constexpr int64_t first_second = -62135596800, last_second = 253402300799;  // of the years 1 to 9999

/// By the C library's calendar, which the code under test does not use.
std::string written(const char* format, int64_t time) {
  const std::time_t seconds = time;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::string year = std::to_string(parts.tm_year + 1900);
  year.insert(0, 4 - std::min<size_t>(4, year.size()), '0');  // %Y has no zeros in front
  std::string with_year = format;
  if (const size_t at = with_year.find("%Y"); at != std::string::npos) with_year.replace(at, 2, year);
  return {text.data(), std::strftime(text.data(), text.size(), with_year.c_str(), &parts)};
}
std::string imf(int64_t time) { return written("%a, %d %b %Y %H:%M:%S GMT", time); }
std::string rfc850(int64_t time) { return written("%A, %d-%b-%y %H:%M:%S GMT", time); }
std::string asctime(int64_t time) { return written("%a %b %e %H:%M:%S %Y", time); }

/// Which day of the week a date claims to be is not looked at.
std::string behind_day(const std::string& date) { return date.substr(date.find_first_of(", ")); }

void check_text(std::string text, int64_t now) {
  const auto time = parse_date(text, now);
  if (!time) return;
  REQUIRE_THAT(*time >= first_second && *time <= last_second + 1);
  int64_t second = *time;
  if (const size_t leap = text.find(":60"); leap != std::string::npos) {  // read as the first second of the next minute
    text.replace(leap, 3, ":59");
    --second;
  }
  const std::string rest = behind_day(text);
  const bool one_digit = rest.starts_with(' ') && rest.size() > 5 && rest[5] == '0';  // "Nov 06" is "Nov  6" too
  REQUIRE_THAT(rest == behind_day(imf(second)) || rest == behind_day(rfc850(second)) ||
               (one_digit ? rest.substr(0, 5) + " " + rest.substr(6) : rest) == behind_day(asctime(second)));
}

void check_time(int64_t time, int64_t now) {
  std::array<char, date_size> ours;
  format_date(time, ours);
  const int64_t clamped = std::clamp(time, first_second, last_second);
  REQUIRE_THAT((std::string{ours.data(), ours.size()} == imf(clamped)));
  REQUIRE_THAT(parse_date(imf(clamped), now) == clamped);
  REQUIRE_THAT(parse_date(asctime(clamped), now) == clamped);
  const int64_t near = now + clamped % (20LL * 365 * 86400);  // within what two digits can say
  REQUIRE_THAT(parse_date(rfc850(near), now) == near);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 256) return 0;
  Input input{data, size};
  const int64_t now = 1'700'000'000 + input.byte() * int64_t{10'000'000};
  if (input.byte() % 2 == 0) {
    check_text(input.rest(), now);
  } else {
    check_time(static_cast<int64_t>(input.number()) >> input.byte() % 64, now);
  }
  return 0;
}
