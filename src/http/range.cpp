// parse_range. Numbers saturate at 2^64 - 1 instead of wrapping: a first position that large lies behind every body, a
// last position or suffix that large means "to its end".
#include "uringd/http/range.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "characters.hpp"

namespace uringd::http {
namespace {

std::optional<uint64_t> parse_position(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  constexpr uint64_t top = std::numeric_limits<uint64_t>::max();
  uint64_t value = 0;
  for (char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    value = value > (top - digit) / 10 ? top : value * 10 + digit;
  }
  return value;
}

}  // namespace

ByteRange parse_range(std::string_view value, uint64_t size) {
  using enum ByteRange::Kind;
  constexpr std::string_view unit = "bytes=";
  if (value.size() < unit.size() || !equals_folded(value.substr(0, unit.size()), unit)) return {ignored};
  const std::string_view spec = trim(value.substr(unit.size()));
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return {ignored};
  const std::string_view first_text = spec.substr(0, dash), last_text = spec.substr(dash + 1);

  if (first_text.empty()) {  // "-n": the last n bytes; of fewer than n, all
    const std::optional<uint64_t> suffix = parse_position(last_text);
    if (!suffix) return {ignored};
    if (*suffix == 0) return {unsatisfiable};
    if (size == 0) return {ignored};  // satisfiable by RFC 9110 §14.1.2, but no Content-Range can say it
    const uint64_t length = std::min(*suffix, size);
    return {satisfiable, size - length, length};
  }

  const std::optional<uint64_t> first = parse_position(first_text);
  const std::optional<uint64_t> last =
      last_text.empty() ? std::numeric_limits<uint64_t>::max() : parse_position(last_text);
  if (!first || !last || *first > *last) return {ignored};
  if (*first >= size) return {unsatisfiable};
  return {satisfiable, *first, std::min(*last, size - 1) - *first + 1};
}

}  // namespace uringd::http
