// Preconditions. Tags are taken apart character by character, not by commas: a tag may hold one.
#include "uringd/http/conditional.hpp"

#include <optional>

#include "characters.hpp"
#include "uringd/http/date.hpp"

namespace uringd::http {
namespace {

struct EntityTag {
  std::string_view opaque;  // with its quotes
  bool weak = false;
};

/// What an opaque tag is made of (RFC 9110 §8.8.3 etagc): no quote, no space, no control character; bytes above 127
/// are allowed (obs-text), and a backslash escapes nothing.
bool is_etag_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7f && c != '"';
}

/// Cuts an entity tag off the front of `text` (RFC 9110 §8.8.3); nullopt: there is none.
std::optional<EntityTag> take_tag(std::string_view& text) {
  EntityTag tag;
  tag.weak = text.starts_with("W/");  // case-sensitive
  const std::string_view rest = text.substr(tag.weak ? 2 : 0);
  if (!rest.starts_with('"')) return std::nullopt;
  size_t end = 1;
  while (end < rest.size() && is_etag_char(rest[end])) ++end;
  if (end == rest.size() || rest[end] != '"') return std::nullopt;
  tag.opaque = rest.substr(0, end + 1);
  text = rest.substr(end + 1);
  return tag;
}

/// A tag of our own making, which needs no look at its characters; nullopt: "".
std::optional<EntityTag> own_tag(std::string_view etag) {
  if (etag.empty()) return std::nullopt;
  const bool weak = etag.starts_with("W/");
  return EntityTag{etag.substr(weak ? 2 : 0), weak};
}

bool same_tag(const EntityTag& a, const EntityTag& b, bool strong) {
  return a.opaque == b.opaque && !(strong && (a.weak || b.weak));
}

enum class Named : uint8_t { no, yes, unknown };

/// Does one line of a list name `ours`? unknown: it did not before it stopped being a list of tags.
Named find_tag(std::string_view list, const EntityTag& ours, bool strong) {
  for (list = trim(list); !list.empty(); list = trim(list)) {
    if (list.front() != ',') {  // a list may have empty elements (RFC 9110 §5.6.1.2)
      const std::optional<EntityTag> theirs = take_tag(list);
      list = trim(list);
      if (!theirs || (!list.empty() && list.front() != ',')) return Named::unknown;
      if (same_tag(*theirs, ours, strong)) return Named::yes;
      if (list.empty()) break;
    }
    list.remove_prefix(1);
  }
  return Named::no;
}

/// All lines of a list field are one list (RFC 9110 §5.3), in which a star has no place.
bool field_matches(const Request& request, Field field, std::string_view etag, bool strong) {
  std::optional<std::string_view> line = request.field(field);
  if (!request.repeated(field)) {
    if (line && *line == etag && etag.starts_with('"')) return true;  // a browser's: the tag that we gave it, alone
    return line && etag_list_matches(*line, etag, strong);
  }
  const std::optional<EntityTag> ours = own_tag(etag);
  while (ours && line) {
    const Named named = find_tag(*line, *ours, strong);
    if (named != Named::no) return named == Named::yes;
    line = request.next_line(field, *line);
  }
  return false;
}

/// A date field, once and well-formed; otherwise it is as if it were absent (RFC 9110 §13.1.3, §13.1.4).
std::optional<int64_t> date_field(const Request& request, Field field, int64_t now_seconds) {
  const std::optional<std::string_view> text = request.field(field);
  return text && !request.repeated(field) ? parse_date(*text, now_seconds) : std::nullopt;
}

}  // namespace

bool etag_list_matches(std::string_view list, std::string_view etag, bool strong) {
  if (trim(list) == "*") return true;
  const std::optional<EntityTag> ours = own_tag(etag);
  return ours && find_tag(list, *ours, strong) == Named::yes;
}

Precondition check_preconditions(const Request& request, const Representation& representation, int64_t now_seconds) {
  using enum Precondition;
  if (request.field(Field::if_match)) {
    if (!field_matches(request, Field::if_match, representation.etag, true)) return failed;
  } else if (representation.has_modified) {
    const std::optional<int64_t> date = date_field(request, Field::if_unmodified_since, now_seconds);
    if (date && representation.modified > *date) return failed;
  }
  if (request.field(Field::if_none_match)) {  // even one that names no tag hides If-Modified-Since (§13.1.3)
    return field_matches(request, Field::if_none_match, representation.etag, false) ? not_modified : passed;
  }
  if (representation.has_modified) {
    const std::optional<int64_t> date = date_field(request, Field::if_modified_since, now_seconds);
    if (date && representation.modified <= *date) return not_modified;
  }
  return passed;
}

bool check_if_range(const Request& request, const Representation& representation, int64_t now_seconds) {
  const std::optional<std::string_view> value = request.field(Field::if_range);
  if (!value) return true;
  if (request.repeated(Field::if_range)) return false;
  std::string_view rest = *value;
  if (const std::optional<EntityTag> theirs = take_tag(rest); theirs && rest.empty()) {
    const std::optional<EntityTag> ours = own_tag(representation.etag);
    return ours && same_tag(*theirs, *ours, true);
  }
  const std::optional<int64_t> date = parse_date(*value, now_seconds);
  return date && representation.has_modified && *date == representation.modified &&
         representation.modified < now_seconds;
}

}  // namespace uringd::http
