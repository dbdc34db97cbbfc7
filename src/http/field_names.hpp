// The field names that uringd knows: those of Field, in its order, and three that only frame a message. Private to
// http/.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "uringd/http/request.hpp"

namespace uringd::http {

inline constexpr size_t field_count = static_cast<size_t>(Field::count_);
inline constexpr std::array<std::string_view, field_count> field_names = {
    "host",     "if-match", "if-none-match",   "if-modified-since", "if-unmodified-since",
    "if-range", "range",    "accept",          "accept-encoding",   "user-agent",
    "referer",  "expect",   "x-forwarded-for", "forwarded",         "authorization"};

/// A Field's number, or one of these.
enum KnownField : size_t { field_connection = field_count, field_content_length, field_transfer_encoding, field_other };

/// The name is a token (RFC 9110 §5.1) in any case. Length first: most names of a browser are told apart by it alone.
constexpr size_t find_field(std::string_view name) {
  // For token characters, `| 0x20` maps to a letter only what is that letter, and to '-' only '-' itself.
  auto is = [name](std::string_view known) {
    for (size_t i = 0; i < known.size(); ++i) {
      if ((name[i] | 0x20) != known[i]) return false;
    }
    return true;
  };
  auto one_of = [&](auto... fields) {
    size_t found = field_other;
    static_cast<void>(
        ((is(field_names[static_cast<size_t>(fields)]) && (found = static_cast<size_t>(fields), true)) || ...));
    return found;
  };
  switch (name.size()) {
    case 4: return one_of(Field::host);
    case 5: return one_of(Field::range);
    case 6: return one_of(Field::accept, Field::expect);
    case 7: return one_of(Field::referer);
    case 8: return one_of(Field::if_match, Field::if_range);
    case 9: return one_of(Field::forwarded);
    case 10: return is("connection") ? field_connection : one_of(Field::user_agent);
    case 13: return one_of(Field::if_none_match, Field::authorization);
    case 14: return is("content-length") ? field_content_length : field_other;
    case 15: return one_of(Field::accept_encoding, Field::x_forwarded_for);
    case 17: return is("transfer-encoding") ? field_transfer_encoding : one_of(Field::if_modified_since);
    case 19: return one_of(Field::if_unmodified_since);
    default: return field_other;
  }
}

constexpr bool every_name_is_found() {
  for (size_t i = 0; i < field_count; ++i) {
    if (find_field(field_names[i]) != i) return false;
  }
  return true;
}
static_assert(every_name_is_found());

}  // namespace uringd::http
