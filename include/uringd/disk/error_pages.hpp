// ErrorPages: the bodies of one site's own error pages, in memory, so that an answer that says that the disk is busy
// never waits for it. Read at load, and again when they change; immutable, replaced as a whole with the site's state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/http/content_coding.hpp"

namespace uringd::disk {

struct Root;

/// What the configuration says of one.
struct ErrorPageRule {
  std::string name;  // "404" or "5xx"
  std::string path;  // below the root, begins with '/'
  std::string content_type;
  bool operator==(const ErrorPageRule&) const = default;
};

struct ErrorPage {
  std::string content_type;
  std::string body;
  std::array<std::string, http::coding_count> coded;  // by Coding; empty: there is none
  bool negotiated = false;                            // it has any
};

struct ErrorPages {
  static constexpr size_t most_page_bytes = size_t{1} << 20;

  /// For a status: its own page, else that of its class ("4xx"), else nullptr: the built-in one.
  [[nodiscard]] const ErrorPage* find(int status) const;

  std::vector<std::pair<std::string, ErrorPage>> pages;  // "404" or "5xx"
  std::vector<std::array<uint64_t, 2>> stamps;           // of the files, by rule; zeros: it could not be read
};

/// Reads them beneath the root, and compresses what is compressible at best effort in these codings. Blocks: for the
/// start and for the background thread. `problems` gets a line for each that cannot be read.
ErrorPages read_error_pages(const Root& root, std::span<const ErrorPageRule> rules,
                            std::span<const http::Coding> compress, std::vector<std::string>& problems);
/// Whether the files are others than those that `pages` was made of. Blocks.
bool error_pages_changed(const Root& root, std::span<const ErrorPageRule> rules, const ErrorPages& pages);

}  // namespace uringd::disk
