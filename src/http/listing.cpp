// The form of a listing, its order, and its JSON. The page is in listing_page.
#include "uringd/http/listing.hpp"

#include <algorithm>
#include <utility>

#include "listing_page.hpp"
#include "listing_text.hpp"
#include "uringd/base/check.hpp"

namespace uringd::http {
namespace {

constexpr std::string_view format_letters = "hj";
constexpr std::string_view sort_letters = "nst";

void sort_files(std::span<ListedFile> files, const ListingForm& form) {
  const auto before = [&form](const ListedFile& one, const ListedFile& other) {
    switch (form.sort) {
      case ListingForm::Sort::size: return one.size_bytes < other.size_bytes;
      case ListingForm::Sort::time: return one.modified_s < other.modified_s;
      case ListingForm::Sort::name: break;
    }
    return one.name < other.name;
  };
  std::ranges::sort(files, [&](const ListedFile& one, const ListedFile& other) {
    if (one.directory != other.directory) return one.directory;
    if (before(one, other)) return !form.descending;
    if (before(other, one)) return form.descending;
    return one.name < other.name;
  });
}

std::string render_json(std::string_view path, std::span<const ListedFile> files, bool truncated) {
  std::string out = R"({"path":")";
  append_json(out, path);
  out += truncated ? R"(","truncated":true,"entries":[)" : R"(","truncated":false,"entries":[)";
  std::string_view separator = "\n";
  for (const ListedFile& file : files) {
    (out += std::exchange(separator, ",\n")) += R"({"name":")";
    append_json(out, file.name);
    out += R"(","href":")";
    append_href(out, file.name, file.directory);
    out += file.directory ? R"(","type":"directory","size":)" : R"(","type":"file","size":)";
    (out += std::to_string(file.size_bytes)) += R"(,"modified":")";
    append_time(out, file.modified_s);
    out += "\"}";
  }
  return out += "]}\n";
}

}  // namespace

std::string ListingForm::tag() const {
  return {format_letters[static_cast<size_t>(format)], sort_letters[static_cast<size_t>(sort)], descending ? 'd' : 'a'};
}

std::optional<ListingForm> ListingForm::from_tag(std::string_view tag) {
  if (tag.size() != 3) return std::nullopt;
  const size_t format = format_letters.find(tag[0]);
  const size_t sort = sort_letters.find(tag[1]);
  if (format == tag.npos || sort == tag.npos || (tag[2] != 'a' && tag[2] != 'd')) return std::nullopt;
  return ListingForm{static_cast<Format>(format), static_cast<Sort>(sort), tag[2] == 'd'};
}

ListingForm ListingForm::from_query(std::string_view query, Format format) {
  ListingForm form{.format = format};
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == query.npos ? std::string_view() : query.substr(end + 1);
    if (pair == "sort=name") form.sort = Sort::name;
    if (pair == "sort=size") form.sort = Sort::size;
    if (pair == "sort=time") form.sort = Sort::time;
    if (pair == "order=asc") form.descending = false;
    if (pair == "order=desc") form.descending = true;
  }
  return form;
}

std::string_view ListingForm::media_type() const {
  return format == Format::html ? "text/html; charset=utf-8" : "application/json";
}

std::string render_listing(std::string_view path, std::span<ListedFile> files, bool truncated,
                           const ListingForm& form) {
  CHECK(path.starts_with('/'));
  CHECK(path.ends_with('/'));
  sort_files(files, form);
  if (form.format == ListingForm::Format::json) return render_json(path, files, truncated);
  return render_page(path, files, truncated, form);
}

}  // namespace uringd::http
