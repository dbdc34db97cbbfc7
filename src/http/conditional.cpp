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

/// Cuts an entity tag off the front of `text` (RFC 9110 §8.8.3); nullopt: there is none.
std::optional<EntityTag> take_tag(std::string_view& text) {
  EntityTag tag;
  tag.weak = text.starts_with("W/");
  std::string_view rest = text.substr(tag.weak ? 2 : 0);
  if (!rest.starts_with('"')) return std::nullopt;
  const size_t end = rest.find('"', 1);
  if (end == std::string_view::npos || rest.substr(1, end - 1).find(' ') != std::string_view::npos) return std::nullopt;
  tag.opaque = rest.substr(0, end + 1);
  text = rest.substr(end + 1);
  return tag;
}

std::optional<EntityTag> parse_tag(std::string_view text) {
  const std::optional<EntityTag> tag = take_tag(text);
  return text.empty() ? tag : std::nullopt;
}

bool same_tag(const EntityTag& a, const EntityTag& b, bool strong) {
  return a.opaque == b.opaque && !(strong && (a.weak || b.weak));
}

/// All lines of a list field, not only the first (RFC 9110 §5.3).
bool field_matches(const Request& request, Field field, std::string_view etag, bool strong) {
  std::optional<std::string_view> line = request.field(field);
  while (line) {
    if (etag_list_matches(*line, etag, strong)) return true;
    line = request.repeated(field) ? request.next_line(field, *line) : std::nullopt;
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
  list = trim(list);
  if (list == "*") return true;
  const std::optional<EntityTag> ours = parse_tag(etag);
  if (!ours) return false;
  while (!list.empty()) {
    if (list.front() == ',' || list.front() == ' ' || list.front() == '\t') {
      list.remove_prefix(1);
      continue;
    }
    const std::optional<EntityTag> theirs = take_tag(list);
    if (!theirs) return false;  // not a list of tags from here on
    if (same_tag(*theirs, *ours, strong)) return true;
  }
  return false;
}

Precondition check_preconditions(const Request& request, const Representation& representation, int64_t now_seconds) {
  using enum Precondition;
  if (request.field(Field::if_match)) {
    if (!field_matches(request, Field::if_match, representation.etag, true)) return failed;
  } else if (representation.has_modified) {
    const std::optional<int64_t> date = date_field(request, Field::if_unmodified_since, now_seconds);
    if (date && representation.modified > *date) return failed;
  }
  if (request.field(Field::if_none_match)) {
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
  if (const std::optional<EntityTag> theirs = parse_tag(*value)) {
    const std::optional<EntityTag> ours = parse_tag(representation.etag);
    return ours && same_tag(*theirs, *ours, true);
  }
  const std::optional<int64_t> date = parse_date(*value, now_seconds);
  return date && representation.has_modified && *date == representation.modified &&
         representation.modified < now_seconds;
}

}  // namespace uringd::http
