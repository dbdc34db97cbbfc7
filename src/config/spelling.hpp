// spelling: which texts may stand for a host, a media type, a field name, a file name, a status, a page. Pure
// predicates; what they refuse would end a header early, leave root or never match a request.
#pragma once

#include <string>
#include <string_view>

namespace uringd::config {

inline constexpr std::string_view digits = "0123456789";

/// ASCII letters in lower case, other bytes as they are.
std::string lower(std::string_view text);

/// Whether every byte of `text` is one of `allowed`; true for an empty text.
bool only(std::string_view text, std::string_view allowed);

/// "text/html; charset=utf-8": RFC 6838 §4.2 names, then visible ASCII.
bool is_media_type(std::string_view text);

/// What cache_control may be keyed by: "text/html", "text/*" or "*".
bool is_media_range(std::string_view text);

/// A field's name: a token (RFC 9110 §5.6.2).
bool is_token(std::string_view text);

/// One spelling for each host, out of one in lower case: without a dot at its end, an IPv6 address as RFC 5952 has it.
std::string canonical_host(std::string host);

/// "*", "*.example.com", "example.com" or "[::1]", without port, in lower case.
bool is_host(std::string_view host);

/// One component of a path, neither "." nor "..".
bool is_file_name(std::string_view name);

/// What may follow a name and a dot: "html", "en.html".
bool is_extension(std::string_view text);

/// "404" or "5xx".
bool is_error_status(std::string_view status);

/// What is wrong with the braces of a pattern (base/glob), or nothing.
std::string_view brace_problem(std::string_view pattern);

/// A file's path below root, "/404.html", without "..".
bool is_page_path(std::string_view path);

}  // namespace uringd::config
