// evaluate, in the order of RFC 9110 §13.2.2: preconditions, then If-Range, then Range. A set of which one range is
// left is answered as one range (§15.3.7.2 wants no multipart for it).
#include "uringd/http/evaluate.hpp"

#include <optional>

#include "uringd/http/range.hpp"

namespace uringd::http {
namespace {

Reply evaluate_range(std::string_view value, const Representation& representation) {
  const RangeSet set = parse_ranges(value, representation.size);
  switch (set.kind()) {
    case RangeSet::Kind::ignored: return {200, 0, representation.size};
    case RangeSet::Kind::unsatisfiable: return {416, 0, 0};
    case RangeSet::Kind::satisfiable: break;
  }
  if (set.ranges().size() > 1) return {.status = 206, .several = true};
  return {206, set.ranges()[0].first, set.ranges()[0].length};
}

}  // namespace

Reply evaluate(const Request& request, const Representation& representation, int64_t now_seconds) {
  const Reply whole{200, 0, representation.size};
  switch (check_preconditions(request, representation, now_seconds)) {
    case Precondition::failed: return {412, 0, 0};
    case Precondition::not_modified: return {304, 0, 0};
    case Precondition::passed: break;
  }
  const std::optional<std::string_view> value = request.field(Field::range);
  if (!value || request.repeated(Field::range) || request.method() != Method::get) return whole;
  if (!check_if_range(request, representation, now_seconds)) return whole;
  return evaluate_range(*value, representation);
}

}  // namespace uringd::http
