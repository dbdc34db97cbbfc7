// Keys of what is held beside files. No request's path has two slashes in a row, so a path with "//" and a tag behind
// it cannot be asked for from outside:
//
//   "/dir//"           the names in a directory ("//" of the root)
//   "/a.js//br"        the sibling of a file in a coding: the file a.js.br, as a representation of a.js
//   "/dir///hna"       the listing of a directory, in that form (http::ListingForm::tag)
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "uringd/http/content_coding.hpp"
#include "uringd/http/listing.hpp"

namespace uringd::disk {

inline constexpr std::string_view special_mark = "//";
/// The key of a directory's list of names is its path and this.
inline constexpr std::string_view names_suffix = special_mark;
/// Keys are shorter, as paths are: openat2 refuses longer ones (PATH_MAX with its NUL).
inline constexpr size_t key_path_limit = 4096;

struct SpecialKey {
  enum class Kind : uint8_t { file, names, sibling, listing };
  Kind kind = Kind::file;
  std::string_view path;  // before the mark: the file ("/a.js"), the directory ("/dir", ""), the directory ("/dir/")
  http::Coding coding = http::Coding::identity;
  http::ListingForm form;
};

/// What the path of a key means; borrows it.
SpecialKey special_key(std::string_view key_path);

/// Written to `out`; "" where it does not fit, or would be too long for a key.
std::string_view sibling_key_path(std::string_view name, http::Coding coding, std::span<char> out);
std::string_view listing_key_path(std::string_view directory, const http::ListingForm& form, std::span<char> out);

}  // namespace uringd::disk
