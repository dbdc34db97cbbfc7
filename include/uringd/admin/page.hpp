// The admin interface's page as it is built into the binary: each file of src/admin/page with what its response needs.
// Made at build time by src/admin/page/embed.cpp; constant data, any thread.
#pragma once

#include <span>
#include <string_view>

namespace uringd::admin {

struct Asset {
  std::string_view path;          ///< of the request target: "/", "/page.css"
  std::string_view content_type;  ///< complete value, with its charset
  std::string_view identity;      ///< the file's bytes
  std::string_view gzip;          ///< RFC 1952; empty: no smaller than the file, send that
  std::string_view etag;          ///< strong, with its quotes: of the identity bytes
  std::string_view gzip_etag;     ///< likewise of the gzip bytes; empty where there are none
};

/// What the page may do (Content-Security-Policy), to be sent with every asset: nothing inline, nothing from elsewhere,
/// in nobody's frame.
inline constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// All assets, ordered by path (bytewise). They change with the binary only: send them with `Cache-Control: no-cache`
/// and their ETag, and Vary: Accept-Encoding.
std::span<const Asset> page_assets();

/// The asset at that path, or nothing.
const Asset* page_asset(std::string_view path);

}  // namespace uringd::admin
