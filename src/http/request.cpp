// Request: the walk to the further lines of a repeated field. The bytes were accepted by RequestParser: each line ends
// in CRLF, has a colon, is not folded, and an empty line ends the head.
#include "uringd/http/request.hpp"

#include "characters.hpp"
#include "field_names.hpp"
#include "uringd/base/check.hpp"

namespace uringd::http {

std::optional<std::string_view> Request::next_line(Field field, std::string_view previous) const {
  const std::string_view head{base_, head_size_};
  CHECK(previous.data() >= head.data() && previous.data() <= head.data() + head.size());
  size_t at = head.find('\n', static_cast<size_t>(previous.data() - head.data()) + previous.size());
  while (at != std::string_view::npos && at + 1 < head.size()) {
    const size_t end = head.find('\n', at + 1);
    if (end == std::string_view::npos) break;
    const std::string_view line = head.substr(at + 1, end - at - 2);  // without CRLF
    at = end;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (find_field(line.substr(0, colon)) == static_cast<size_t>(field)) return trim(line.substr(colon + 1));
  }
  return std::nullopt;
}

}  // namespace uringd::http
