// Taking the keys of what is held beside files apart, and putting them together.
#include "uringd/disk/special_key.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "uringd/base/check.hpp"

namespace uringd::disk {
namespace {

std::string_view join(std::initializer_list<std::string_view> parts, std::span<char> out) {
  size_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size();
  if (bytes > out.size() || bytes >= key_path_limit) return {};
  char* place = out.data();
  for (const std::string_view part : parts) place = std::ranges::copy(part, place).out;
  return {out.data(), bytes};
}

}  // namespace

// A tag that nobody gives leaves a path that no file has.
SpecialKey special_key(std::string_view key_path) {
  const size_t mark = key_path.find(special_mark);
  if (mark == key_path.npos) return {.path = key_path};
  const std::string_view tag = key_path.substr(mark + special_mark.size());
  if (tag.empty()) return {.kind = SpecialKey::Kind::names, .path = key_path.substr(0, mark)};
  if (tag.front() == '/') {
    const auto form = http::ListingForm::from_tag(tag.substr(1));
    if (!form) return {.path = key_path};
    return {.kind = SpecialKey::Kind::listing, .path = key_path.substr(0, mark + 1), .form = *form};
  }
  for (const http::Coding coding : http::real_codings) {
    if (tag != http::coding_name(coding)) continue;
    return {.kind = SpecialKey::Kind::sibling, .path = key_path.substr(0, mark), .coding = coding};
  }
  return {.path = key_path};
}

std::string_view sibling_key_path(std::string_view name, http::Coding coding, std::span<char> out) {
  CHECK(coding != http::Coding::identity);
  return join({name, special_mark, http::coding_name(coding)}, out);
}

std::string_view listing_key_path(std::string_view directory, const http::ListingForm& form, std::span<char> out) {
  CHECK(directory.ends_with('/'));
  return join({directory, special_mark, form.tag()}, out);
}

}  // namespace uringd::disk
