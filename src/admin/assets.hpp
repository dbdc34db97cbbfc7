// assets: the files of the page at "/", embedded in the binary. The one place where they are listed; empty where the
// build embeds none, and then "/" is 404.
#pragma once

#include <span>
#include <string_view>

namespace uringd::admin {

struct Asset {
  std::string_view path;          // "/", "/page.js"
  std::string_view content_type;  // with its charset
  std::string_view gzip;          // the bytes in that coding; empty: only as they are
  std::string_view identity;
  std::string_view etag;       // of the bytes as they are, with its quotes
  std::string_view gzip_etag;  // of the coded ones
};

std::span<const Asset> assets();
/// nullptr: there is none.
const Asset* find_asset(std::string_view path);

}  // namespace uringd::admin
