// Sizes and durations: digits, then one unit of a table. The tables are the only place where units are spelled.
#include "uringd/config/quantity.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace uringd::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kilo = 1000;
constexpr std::uint64_t kibi = 1024;
constexpr std::array<Unit, 10> size_units = {{{"", 1},
                                              {"B", 1},
                                              {"KB", kilo},
                                              {"MB", kilo* kilo},
                                              {"GB", kilo* kilo* kilo},
                                              {"TB", kilo* kilo* kilo* kilo},
                                              {"KiB", kibi},
                                              {"MiB", kibi* kibi},
                                              {"GiB", kibi* kibi* kibi},
                                              {"TiB", kibi* kibi* kibi* kibi}}};
constexpr std::array<Unit, 4> duration_units = {{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit_name(rest, text.data() + text.size());
  for (const Unit& unit : units) {
    if (unit.name != unit_name) continue;
    std::uint64_t product = 0;
    // Both bounds matter: TOML's integers and std::chrono's counts are signed 64 bit.
    if (__builtin_mul_overflow(number, unit.factor, &product) ||
        product > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return std::nullopt;
    }
    return product;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, size_units); }

std::optional<Duration> parse_duration(std::string_view text) {
  const auto milliseconds = parse(text, duration_units);
  if (!milliseconds) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*milliseconds));
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (auto unit = size_units.rbegin(); unit->name.ends_with("iB"); ++unit) {
    if (bytes % unit->factor == 0) return std::to_string(bytes / unit->factor) + std::string(unit->name);
  }
  return std::to_string(bytes);
}

std::string format_duration(Duration duration) {
  const auto milliseconds = static_cast<std::uint64_t>(duration.count());
  if (milliseconds == 0) return "0s";
  // 60s stays 60s: nobody looks for a timeout of "1m" in the documentation of a key whose default is "60s".
  const Unit& unit = milliseconds % 3'600'000 == 0                         ? duration_units[3]
                     : milliseconds % 60'000 == 0 && milliseconds > 60'000 ? duration_units[2]
                     : milliseconds % 1000 == 0                            ? duration_units[1]
                                                                           : duration_units[0];
  return std::to_string(milliseconds / unit.factor) + std::string(unit.name);
}

}  // namespace uringd::config
