// Request: the walks over the head: further lines of a repeated field, fields of any name. The bytes were accepted by
// RequestParser: each line ends in CRLF, has a colon, is not folded, and an empty line ends the head.
#include "uringd/http/request.hpp"

#include "characters.hpp"
#include "field_names.hpp"
#include "uringd/base/check.hpp"

namespace uringd::http {

namespace {

/// Where in `head` the slice `part` of it ends.
size_t end_of(std::string_view part, std::string_view head) {
  CHECK(part.data() >= head.data() && part.data() + part.size() <= head.data() + head.size());
  return static_cast<size_t>(part.data() - head.data()) + part.size();
}

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

/// The value in the first line with such a name that begins behind `offset`.
template <typename IsName>
std::optional<std::string_view> Request::line_after(size_t offset, IsName is_name) const {
  const std::string_view head{base_, head_size_};
  size_t at = head.find('\n', offset);
  while (at != std::string_view::npos && at + 1 < head.size()) {
    const size_t end = head.find('\n', at + 1);
    if (end == std::string_view::npos) break;
    const std::string_view line = head.substr(at + 1, end - at - 2);  // without CRLF
    at = end;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (is_name(line.substr(0, colon))) return trim(line.substr(colon + 1));
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::next_line(Field field, std::string_view previous) const {
  return line_after(end_of(previous, {base_, head_size_}),
                    [field](std::string_view name) { return find_field(name) == static_cast<size_t>(field); });
}

std::optional<std::string_view> Request::find(std::string_view name) const {
  return find_next(name, target());  // the request line ends behind it
}

std::optional<std::string_view> Request::find_next(std::string_view name, std::string_view previous) const {
  return line_after(end_of(previous, {base_, head_size_}),
                    [name](std::string_view other) { return same_name(other, name); });
}

}  // namespace uringd::http
