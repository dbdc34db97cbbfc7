// MediaTypes: additions first, then a binary search in the generated table.
#include "uringd/http/media_type.hpp"

#include <algorithm>
#include <array>

#include "characters.hpp"

namespace uringd::http {
namespace {

struct Row {
  std::string_view extension, value;
  bool compressible;
};

constexpr Row table[] = {
#include "media_type_table.inc"
};
static_assert(std::ranges::is_sorted(table, {}, &Row::extension));

constexpr size_t longest_extension =
    std::ranges::max(table, {}, [](const Row& row) { return row.extension.size(); }).extension.size();

constexpr MediaType unknown = {"application/octet-stream", false};

/// "html" of "/a.b/index.html"; empty: none.
std::string_view extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
}

std::string lower_case(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool is_text(std::string_view media_type) { return equals_folded(media_type.substr(0, 5), "text/"); }

}  // namespace

bool compressible_type(std::string_view media_type) {
  const std::string type = lower_case(trim(media_type.substr(0, media_type.find(';'))));
  if (is_text(type)) return true;
  const size_t slash = type.find('/');
  if (slash == std::string::npos) return false;
  const std::string_view subtype = std::string_view{type}.substr(slash + 1);
  if (subtype == "wasm" || subtype == "xml" || subtype.ends_with("+xml")) return true;
  return subtype.find("json") != std::string_view::npos || subtype.find("javascript") != std::string_view::npos;
}

MediaTypes::MediaTypes(std::span<const std::pair<std::string, std::string>> additions) {
  additions_.reserve(additions.size());
  for (const auto& [extension, value] : additions) {
    const bool charset_missing = is_text(value) && value.find(';') == std::string::npos;
    additions_.push_back({lower_case(extension.starts_with('.') ? extension.substr(1) : extension),
                          charset_missing ? value + "; charset=utf-8" : value, compressible_type(value)});
  }
  std::ranges::sort(additions_, {}, &Addition::extension);
}

MediaType MediaTypes::of(std::string_view path) const {
  const std::string_view extension = extension_of(path);
  if (extension.empty()) return unknown;
  // Compared case-insensitively without a copy: an addition may be longer than any buffer.
  const auto folded_less = [](std::string_view lower_case_extension, std::string_view asked) {
    return std::ranges::lexicographical_compare(lower_case_extension, asked, {}, {}, lower);
  };
  const auto addition = std::ranges::lower_bound(additions_, extension, folded_less, &Addition::extension);
  if (addition != additions_.end() && equals_folded(extension, addition->extension)) {
    return {addition->value, addition->compressible};
  }
  if (extension.size() > longest_extension) return unknown;
  const auto* row = std::ranges::lower_bound(table, extension, folded_less, &Row::extension);
  if (row == std::end(table) || !equals_folded(extension, row->extension)) return unknown;
  return {row->value, row->compressible};
}

}  // namespace uringd::http
