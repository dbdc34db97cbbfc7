// The request-target's way to a file name: split, decoded once, normalised in the same pass, never decoded again. What
// the rules of a site see is byte for byte what openat2 gets. Pure; writes only into the caller's buffer. This check is
// a convenience: the wall is RESOLVE_BENEATH in disk/ (CVE-2021-41773 and its first fix are why decoding happens once).
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

namespace uringd::http {

struct Target {
  std::string_view path;   ///< in `out`, NUL-terminated; begins with '/', no empty, "." or ".." component, no slash at
                           ///< its end but in "/"
  std::string_view query;  ///< in `raw`, as sent, without '?'
  std::string_view authority;  ///< in `raw`; absolute form only
  bool asterisk = false;       ///< "*" (OPTIONS); path is "/"
  bool trailing_slash =
      false;            ///< "/", "/a/", and dot segments at the end ("/a/."), which name a directory (RFC 3986 §5.2.4)
  bool hidden = false;  ///< a component begins with '.'; a first component ".well-known" does not count (RFC 8615)
  bool has_query = false;      ///< there was a '?', even with nothing behind it
  bool name_too_long = false;  ///< a component is longer than 255 bytes (NAME_MAX): no file can have it
};

/// The target of an origin-form, absolute-form (http, https) or asterisk-form request-target, or 400. `out` has at
/// least raw.size() + 2 bytes and must outlive the result, as must `raw`. Dot segments are resolved after decoding;
/// those above the root are cut off there (RFC 3986 §5.2.4). 400: "%2f" (no file name has a slash), "%00", '%' without
/// two hex digits, '#', white space, control and non-ASCII bytes, an invalid authority. CONNECT's authority-form is 400
/// here: look at the method first.
std::expected<Target, int> parse_target(std::string_view raw, std::span<char> out);

/// The path that a rule made out of decoded text: normalised as parse_target does it, but not decoded again. nullopt:
/// it does not begin with '/' or has a NUL. `out` has at least decoded.size() + 2 bytes; query, authority and asterisk
/// of the result are not set.
std::optional<Target> normalise_path(std::string_view decoded, std::span<char> out);

/// Percent-encodes a decoded path for Location or a link; returns its size, 0 if it does not fit or does not begin with
/// '/'. The result has no control byte, space, quote, '?', '#' or backslash, and begins with exactly one slash:
/// a redirect made from it cannot lead to another host.
size_t encode_path(std::string_view decoded, std::span<char> out);

}  // namespace uringd::http
