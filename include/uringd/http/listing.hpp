// Directory listings: names, sizes and times become a page or JSON. Pure: who read the directory is not seen here. The
// page needs no script: its columns are sorted by links, it reads well on a phone, in the dark and by keyboard, and
// every name is escaped, whatever its bytes are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace uringd::http {

/// How a listing is asked for: "?sort=size&order=desc".
struct ListingForm {
  enum class Format : uint8_t { html, json };
  enum class Sort : uint8_t { name, size, time };
  Format format = Format::html;
  Sort sort = Sort::name;
  bool descending = false;

  /// Three characters that say all of it ("hna"), and back; nothing for any others.
  [[nodiscard]] std::string tag() const;
  static std::optional<ListingForm> from_tag(std::string_view tag);
  /// From a query without its '?'; what is unknown in it does not count.
  static ListingForm from_query(std::string_view query, Format format);
  [[nodiscard]] std::string_view media_type() const;

  bool operator==(const ListingForm&) const = default;
};

struct ListedFile {
  std::string name;  // one component, any bytes but '/' and NUL; UTF-8 not guaranteed
  bool directory = false;
  uint64_t size_bytes = 0;
  int64_t modified_s = 0;
};

/// The body of the listing of `path` (decoded, begins and ends with '/'). Sorts `files`: directories first, then by the
/// form, names by their bytes where that is equal. `truncated`: there are more than these, and the page says so.
std::string render_listing(std::string_view path, std::span<ListedFile> files, bool truncated, const ListingForm& form);

}  // namespace uringd::http
