// What the access log reads out of a request's fields: the user's name, the target's parts; and how fields are cut
// where a line would be too long. Pure; nothing here allocates.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "access_log_escape.hpp"

namespace uringd::log {

/// The user's name in an Authorization field's value, decoded into `memory` and cut to it; empty: none. As nginx reads
/// it: scheme "Basic" in any case, spaces, base64 up to the first '=', a colon behind at least one byte.
std::string_view user_of(std::string_view authorization, std::span<char> memory);

/// A request target's (RFC 9112 §3.2) path, without scheme and authority, and its query, without the question mark.
struct TargetParts {
  std::string_view path, query;
};
TargetParts parts_of(std::string_view target);

/// Cuts the texts so that together they cost at most `budget`: first the longest, no shorter than the next longest.
void cut_to(size_t budget, std::span<std::string_view* const> texts, PrefixOf prefix_of);

}  // namespace uringd::log
