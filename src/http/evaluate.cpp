// evaluate, in the order of RFC 9110 §13.2.2: preconditions, then If-Range, then Range.
#include "uringd/http/evaluate.hpp"

#include <optional>

#include "uringd/http/range.hpp"

namespace uringd::http {

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
  const ByteRange range = parse_range(*value, representation.size);
  switch (range.kind) {
    case ByteRange::Kind::ignored: return whole;
    case ByteRange::Kind::unsatisfiable: return {416, 0, 0};
    case ByteRange::Kind::satisfiable: break;
  }
  return {206, range.first, range.length};
}

}  // namespace uringd::http
