// Host names as requests write them: is a Host value valid, and in which one spelling do we compare it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace uringd::http {

/// Is this `uri-host [":" port]` (RFC 9110 §7.2, RFC 3986 §3.2.2)? An empty host is not: it names no site (RFC 9110
/// §4.2.1). User information is not (RFC 9110 §4.2.4), nor is a port above 65535.
bool valid_host(std::string_view host_value);

/// The host in lower case, without port and without one trailing dot; an IPv6 literal as RFC 5952 writes it, in its
/// brackets. Written to `out`; nullopt if the value is invalid or does not fit.
std::optional<std::string_view> canonical_host(std::string_view host_value, std::span<char> out);

}  // namespace uringd::http
