// parse_ranges. Numbers saturate at 2^64 - 1 instead of wrapping: a first position that large lies behind every body, a
// last position or suffix that large means "to its end". One pass reads the set; every way out of it before its end
// means "ignored", so a flood costs no more than its first RangeSet::most members, and those are compared pairwise.
#include "uringd/http/range.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

#include "characters.hpp"

namespace uringd::http {
namespace {

constexpr uint64_t top = std::numeric_limits<uint64_t>::max();

/// A range-spec as written (RFC 9110 §14.1.1). A suffix has its length in `last`.
struct Spec {
  bool suffix = false;
  uint64_t first = 0, last = top;
};

std::optional<uint64_t> parse_position(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  uint64_t value = 0;
  for (char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    value = value > (top - digit) / 10 ? top : value * 10 + digit;
  }
  return value;
}

std::optional<Spec> parse_spec(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first_text = text.substr(0, dash), last_text = text.substr(dash + 1);
  Spec spec{.suffix = first_text.empty()};
  if (!spec.suffix) {
    const std::optional<uint64_t> first = parse_position(first_text);
    if (!first) return std::nullopt;
    spec.first = *first;
    if (last_text.empty()) return spec;
  }
  const std::optional<uint64_t> last = parse_position(last_text);
  if (!last || (!spec.suffix && spec.first > *last)) return std::nullopt;
  spec.last = *last;
  return spec;
}

/// The bytes that it means of `size`; of length 0 where it cannot be satisfied.
ByteRange resolve(const Spec& spec, uint64_t size) {
  if (spec.suffix) {
    const uint64_t length = std::min(spec.last, size);
    return {size - length, length};
  }
  if (spec.first >= size) return {};
  return {spec.first, std::min(spec.last, size - 1) - spec.first + 1};
}

uint64_t end_of(const ByteRange& range) { return range.first + range.length; }  // at most the size: no overflow

bool overlap(const ByteRange& a, const ByteRange& b) { return a.first < end_of(b) && b.first < end_of(a); }
bool overlap_or_touch(const ByteRange& a, const ByteRange& b) { return a.first <= end_of(b) && b.first <= end_of(a); }

/// How many share a byte with another one.
int count_overlapping(std::span<const ByteRange> ranges) {
  static_assert(RangeSet::most <= 64);
  uint64_t found = 0;  // one bit per range
  for (size_t i = 0; i < ranges.size(); ++i) {
    for (size_t j = i + 1; j < ranges.size(); ++j) {
      if (overlap(ranges[i], ranges[j])) found |= uint64_t{1} << i | uint64_t{1} << j;
    }
  }
  return std::popcount(found);
}

/// Joins what overlaps or touches, in the place of the earlier of the two; returns how many are left. Two that were
/// apart stay apart until a third joins one of them, so after a join the later ones are looked at anew, and only they.
size_t join(std::span<ByteRange> ranges) {
  size_t count = ranges.size();
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count;) {
      ByteRange& one = ranges[i];
      const ByteRange other = ranges[j];
      if (!overlap_or_touch(one, other)) {
        ++j;
        continue;
      }
      const uint64_t end = std::max(end_of(one), end_of(other));
      one.first = std::min(one.first, other.first);
      one.length = end - one.first;
      std::ranges::move(ranges.subspan(j + 1, count - j - 1), ranges.begin() + static_cast<ptrdiff_t>(j));
      --count;
      j = i + 1;
    }
  }
  return count;
}

}  // namespace

RangeSet parse_ranges(std::string_view value, uint64_t size) {
  RangeSet set;  // ignored, unless the end is reached
  constexpr std::string_view unit = "bytes=";
  if (value.size() < unit.size() || !equals_folded(value.substr(0, unit.size()), unit)) return set;
  std::string_view list = value.substr(unit.size());
  size_t specs = 0, count = 0;
  uint64_t asked = 0;
  while (!list.empty()) {
    const std::string_view element = take_element(list);
    if (element.empty()) continue;  // RFC 9110 §5.6.1.2
    const std::optional<Spec> spec = parse_spec(element);
    if (!spec || ++specs > RangeSet::most) return set;
    // Satisfiable by RFC 9110 §14.1.2, but no Content-Range can say it.
    if (spec->suffix && spec->last > 0 && size == 0) return set;
    const ByteRange range = resolve(*spec, size);
    if (range.length == 0) continue;
    if (range.length > size - asked) return set;
    asked += range.length;
    set.ranges_[count++] = range;
  }
  if (specs == 0) return set;
  const std::span<ByteRange> ranges{set.ranges_.data(), count};
  if (count_overlapping(ranges) > 2) return set;
  set.count_ = static_cast<uint8_t>(join(ranges));
  set.kind_ = set.count_ > 0 ? RangeSet::Kind::satisfiable : RangeSet::Kind::unsatisfiable;
  return set;
}

}  // namespace uringd::http
