// Fuzzes Range. Properties, against a second reading of RFC 9110 §14.1 in wider arithmetic: what is not the grammar is
// ignored; what is served is within the body, apart, and exactly the bytes that were asked for; nothing satisfiable is
// 416, and nothing is refused for its number or overlaps that has few of both.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fuzz.hpp"
#include "uringd/http/range.hpp"

namespace {

using namespace uringd::http;
using uringd::fuzz::Input;
__extension__ using Wide = unsigned __int128;  // holds every sum of positions
using Interval = std::pair<Wide, Wide>;        // [first, second)

struct Asked {
  bool well_formed = false;
  size_t count = 0;
  std::vector<Interval> satisfiable;
};

bool digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Saturated: no size is larger than 2^64 - 1, so positions from there on are one and the same.
Wide number(std::string_view text) {
  Wide value = 0;
  for (char c : text) value = std::min(value * 10 + static_cast<Wide>(c - '0'), (Wide{1} << 64) - 1);
  return value;
}

Asked read(const std::string& text, uint64_t size) {
  Asked asked;
  std::string unit = text.substr(0, 6);
  for (char& c : unit) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (unit != "bytes=") return asked;
  std::string element;
  for (char c : text.substr(6) + ",") {
    if (c != ',') {
      element += c;
      continue;
    }
    element.erase(0, element.find_first_not_of(" \t"));
    element.erase(element.find_last_not_of(" \t") + 1);
    const std::string spec = std::exchange(element, "");
    if (spec.empty()) continue;
    ++asked.count;
    const size_t dash = spec.find('-');
    if (dash == std::string::npos) return asked;
    const std::string first = spec.substr(0, dash), last = spec.substr(dash + 1);
    if (first.empty()) {
      if (!digits(last)) return asked;
      const Wide length = std::min<Wide>(number(last), size);
      if (length > 0) asked.satisfiable.emplace_back(size - length, size);
    } else {
      if (!digits(first) || (!last.empty() && (!digits(last) || number(last) < number(first)))) return asked;
      const Wide end = last.empty() ? Wide{size} : std::min<Wide>(number(last) + 1, size);
      if (number(first) < size) asked.satisfiable.emplace_back(number(first), end);
    }
  }
  asked.well_formed = asked.count > 0;
  return asked;
}

std::vector<Interval> joined(std::vector<Interval> intervals) {
  std::ranges::sort(intervals);
  std::vector<Interval> result;
  for (const Interval& next : intervals) {
    if (!result.empty() && next.first <= result.back().second) {
      result.back().second = std::max(result.back().second, next.second);
    } else {
      result.push_back(next);
    }
  }
  return result;
}

void check(const std::string& text, uint64_t size) {
  const RangeSet set = parse_ranges(text, size);
  const Asked asked = read(text, size);
  REQUIRE_THAT(set.ranges().empty() == (set.kind() != RangeSet::Kind::satisfiable));
  if (!asked.well_formed) return REQUIRE_THAT(set.kind() == RangeSet::Kind::ignored);
  if (asked.count > RangeSet::most) return REQUIRE_THAT(set.kind() == RangeSet::Kind::ignored);
  if (set.kind() == RangeSet::Kind::unsatisfiable) return REQUIRE_THAT(asked.satisfiable.empty());

  Wide total = 0;
  for (const auto& [first, end] : asked.satisfiable) total += end - first;
  if (set.kind() == RangeSet::Kind::ignored) {
    return REQUIRE_THAT(size == 0 || total > size ||
                        (asked.satisfiable.size() > 2 && joined(asked.satisfiable).size() < asked.satisfiable.size()));
  }
  REQUIRE_THAT(total <= size);
  std::vector<Interval> sent;
  for (const ByteRange& range : set.ranges()) {
    REQUIRE_THAT(range.length > 0 && range.first < size && range.length <= size - range.first);
    sent.emplace_back(range.first, Wide{range.first} + range.length);
  }
  REQUIRE_THAT(sent.size() <= asked.satisfiable.size());
  const std::vector<Interval> apart = joined(sent);
  REQUIRE_THAT(apart.size() == sent.size());
  REQUIRE_THAT(apart == joined(asked.satisfiable));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2048) return 0;
  Input input{data, size};
  const uint64_t own = input.number();
  const std::string text = input.rest();
  for (uint64_t body : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, uint64_t{1} << 63, ~uint64_t{0}, own}) {
    check(text, body);
  }
  return 0;
}
