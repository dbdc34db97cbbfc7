// Preconditions (RFC 9110 §13): entity-tag lists and dates of a request against what we would send. Pure, in the order
// of §13.2.2. A date that cannot be understood is as if its field were absent. A list of tags counts up to where it
// cannot be understood; an If-Match that names nothing by then fails, an If-None-Match passes, and each hides its date.
#pragma once

#include <cstdint>
#include <string_view>

#include "uringd/http/request.hpp"

namespace uringd::http {

/// What a 200 would send: its length and validators. Borrowed views.
struct Representation {
  uint64_t size = 0;
  std::string_view etag;  ///< quoted, may start with W/; empty: none
  int64_t modified = 0;   ///< Last-Modified, unix seconds
  bool has_modified = false;
};

enum class Precondition : uint8_t { passed, not_modified, failed };

/// passed: go on; not_modified: 304; failed: 412. For GET and HEAD.
Precondition check_preconditions(const Request& request, const Representation& representation, int64_t now_seconds);

/// RFC 9110 §13.1.5: may a Range be honoured? True without If-Range. Tags compare strongly; a date must equal
/// Last-Modified, and that must lie at least one second back (§8.8.2.2: a file may change twice within its second).
bool check_if_range(const Request& request, const Representation& representation, int64_t now_seconds);

/// Does a list of entity tags (a field's only line) name `etag`, or is it "*"? RFC 9110 §8.8.3.2; strong: neither may
/// be weak.
bool etag_list_matches(std::string_view list, std::string_view etag, bool strong);

}  // namespace uringd::http
