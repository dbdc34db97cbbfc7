// query: what stands behind '?': names and values, decoded as forms encode them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace uringd::admin {

/// The first value of that name; nothing: it is not there, or its encoding is broken.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

/// "%2F" and "+" decoded; nothing where a '%' has no two hex digits behind it.
std::optional<std::string> decode_form(std::string_view text);

}  // namespace uringd::admin
