// MediaTypes: additions first, then a binary search in the generated table.
#include "uringd/http/media_type.hpp"

#include <algorithm>
#include <array>

#include "characters.hpp"

namespace uringd::http {
namespace {

struct Row {
  std::string_view extension, value;
  Density density;
};

using enum Density;
constexpr Row table[] = {
#include "media_type_table.inc"
};
static_assert(std::ranges::is_sorted(table, {}, &Row::extension));

constexpr size_t longest_extension =
    std::ranges::max(table, {}, [](const Row& row) { return row.extension.size(); }).extension.size();

constexpr MediaType unknown = {"application/octet-stream", other};

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

// Images and sounds whose samples may lie there as they are; most others have a compression of their own.
constexpr std::string_view loose_images[] = {"bmp", "x-ms-bmp", "x-icon", "vnd.microsoft.icon", "tiff"};
constexpr std::string_view loose_sounds[] = {"wav", "x-wav", "midi", "x-midi", "aiff", "x-aiff"};
constexpr std::string_view archives[] = {"zip",         "gzip",    "x-gzip",          "zstd",    "brotli",
                                         "x-xz",        "x-bzip2", "x-7z-compressed", "vnd.rar", "x-rar-compressed",
                                         "java-archive"};

bool is_plain(std::string_view type, std::string_view subtype) {
  if (type == "text" || subtype == "wasm" || subtype == "xml" || subtype.ends_with("+xml")) return true;
  return subtype.find("json") != std::string_view::npos || subtype.find("javascript") != std::string_view::npos;
}

bool is_dense(std::string_view type, std::string_view subtype) {
  const auto in = [subtype](std::span<const std::string_view> names) { return std::ranges::count(names, subtype) > 0; };
  if (type == "image") return !in(loose_images);
  if (type == "audio") return !in(loose_sounds);
  if (type == "video") return true;
  if (type == "font") return subtype == "woff" || subtype == "woff2";
  // Office documents and EPUB are ZIP files; those of their parts that are XML say so, and are plain.
  return in(archives) || subtype.ends_with("+zip") || subtype.starts_with("vnd.openxmlformats");
}

}  // namespace

Density density_of(std::string_view media_type) {
  const std::string name = lower_case(trim(media_type.substr(0, media_type.find(';'))));
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return other;
  const std::string_view type = std::string_view{name}.substr(0, slash);
  const std::string_view subtype = std::string_view{name}.substr(slash + 1);
  if (is_plain(type, subtype)) return plain;
  return is_dense(type, subtype) ? dense : other;
}

MediaTypes::MediaTypes(std::span<const std::pair<std::string, std::string>> additions) {
  additions_.reserve(additions.size());
  for (const auto& [extension, value] : additions) {
    const bool charset_missing = is_text(value) && value.find(';') == std::string::npos;
    additions_.push_back({lower_case(extension.starts_with('.') ? extension.substr(1) : extension),
                          charset_missing ? value + "; charset=utf-8" : value, density_of(value)});
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
    return {addition->value, addition->density};
  }
  if (extension.size() > longest_extension) return unknown;
  const auto* row = std::ranges::lower_bound(table, extension, folded_less, &Row::extension);
  if (row == std::end(table) || !equals_folded(extension, row->extension)) return unknown;
  return {row->value, row->density};
}

}  // namespace uringd::http
