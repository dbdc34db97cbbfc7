// The page: one table, one style sheet in it, links and nothing else. It asks for no other file, so the strictest
// policy (default-src 'none'; style-src 'unsafe-inline') takes nothing from it. All links are relative: it works behind
// a proxy that cuts a prefix off. Names are isolated (bdi), so that one that turns the direction of writing turns only
// itself.
#include "listing_page.hpp"

#include <algorithm>
#include <array>

#include "listing_text.hpp"

namespace uringd::http {
namespace {

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root { --text: #1b1d21; --faint: #5a606b; --line: #dfe2e8; --link: #0b57c4; --page: #fff; --hover: #f3f5f9; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e5e7eb; --faint: #a0a7b4; --line: #343943; --link: #8ab8ff; --page: #15171c; --hover: #20242c; }
}
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0.5rem 0; font-size: 1.25rem; overflow-wrap: anywhere; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible { outline: 2px solid; outline-offset: 2px; }
ol { display: flex; flex-wrap: wrap; margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere; }
li + li::before { content: "/"; padding: 0 0.35rem; color: var(--faint); }
table { width: 100%; border-collapse: collapse; }
caption { padding-bottom: 0.5rem; color: var(--faint); text-align: start; }
th, td { padding: 0.4rem 0.25rem; border-bottom: 1px solid var(--line); text-align: start; font-weight: normal; }
th + td, th + th, td + td { padding-left: 0.75rem; }
thead th { font-weight: 600; white-space: nowrap; }
tbody th { width: 100%; overflow-wrap: anywhere; }
tbody th a { display: block; }
tbody td { color: var(--faint); white-space: nowrap; font-variant-numeric: tabular-nums; }
tbody tr:hover { background: var(--hover); }
th:nth-child(2), td:nth-child(2) { text-align: end; }
[aria-sort=ascending] a::after { content: " \2191"; }
[aria-sort=descending] a::after { content: " \2193"; }
@media (max-width: 30rem) { time span { display: none; } }
</style>
<title>)";

struct Column {
  ListingForm::Sort sort;
  std::string_view query, label;
};
constexpr std::array<Column, 3> columns = {{{ListingForm::Sort::name, "name", "Name"},
                                            {ListingForm::Sort::size, "size", "Size"},
                                            {ListingForm::Sort::time, "time", "Modified (UTC)"}}};

/// "/a/b/" has links to "/" and "/a/", and its last name is where one is.
void append_breadcrumbs(std::string& out, std::string_view path) {
  out += "<nav aria-label=\"Breadcrumb\"><ol>\n<li><a href=\"";
  size_t above = static_cast<size_t>(std::ranges::count(path, '/')) - 1;
  const auto append_way_up = [&] {
    for (size_t step = 0; step < above; ++step) out += "../";
  };
  append_way_up();
  out += "\">Home</a></li>\n";
  for (std::string_view rest = path.substr(1); !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(name.size() + 1);
    if (--above > 0) {
      out += "<li><a href=\"";
      append_way_up();
      out += "\"><bdi>";
      append_html(out, name);
      out += "</bdi></a></li>\n";
    } else {
      out += "<li aria-current=\"page\"><bdi>";
      append_html(out, name);
      out += "</bdi></li>\n";
    }
  }
  out += "</ol></nav>\n";
}

void append_count(std::string& out, size_t count, std::string_view one, std::string_view several) {
  ((out += std::to_string(count)) += ' ') += count == 1 ? one : several;
}

void append_caption(std::string& out, std::span<const ListedFile> files, bool truncated) {
  const auto directories = static_cast<size_t>(std::ranges::count(files, true, &ListedFile::directory));
  out += "<caption>";
  append_count(out, directories, "directory, ", "directories, ");
  append_count(out, files.size() - directories, "file", "files");
  if (truncated) {
    out += ". There are more: only ";
    append_count(out, files.size(), "name is", "names are");
    out += " shown";
  }
  out += "</caption>\n";
}

void append_headers(std::string& out, const ListingForm& form) {
  out += "<thead><tr>";
  for (const Column& column : columns) {
    const bool current = column.sort == form.sort;
    out += "<th scope=\"col\"";
    if (current) out += form.descending ? " aria-sort=\"descending\"" : " aria-sort=\"ascending\"";
    (out += "><a href=\"?sort=") += column.query;
    out += current && !form.descending ? "&amp;order=desc\">" : "&amp;order=asc\">";
    (out += column.label) += "</a></th>";
  }
  out += "</tr></thead>\n";
}

void append_row(std::string& out, const ListedFile& file) {
  out += "<tr><th scope=\"row\"><a href=\"";
  append_href(out, file.name, file.directory);
  out += "\"><bdi>";
  append_html(out, file.name);
  out += file.directory ? "</bdi>/</a></th><td></td>" : "</bdi></a></th>";
  if (!file.directory) {
    out += "<td title=\"";
    append_count(out, file.size_bytes, "byte", "bytes");
    out += "\">";
    append_size(out, file.size_bytes);
    out += "</td>";
  }
  std::string time;
  append_time(time, file.modified_s);
  const std::string_view shown = time;
  ((out += "<td><time datetime=\"") += shown) += "\">";
  ((out += shown.substr(0, 10)) += "<span> ") += shown.substr(11, 5);
  out += "</span></time></td></tr>\n";
}

}  // namespace

std::string render_page(std::string_view path, std::span<const ListedFile> files, bool truncated,
                        const ListingForm& form) {
  std::string out;
  out.reserve(head.size() + 1024 + files.size() * 256);
  out += head;
  append_html(out, path);
  out += "</title>\n</head>\n<body>\n";
  const bool top = path == "/";
  if (!top) append_breadcrumbs(out, path);
  out += "<main>\n<h1>Index of <bdi>";
  append_html(out, path);
  out += "</bdi></h1>\n<table>\n";
  append_caption(out, files, truncated);
  append_headers(out, form);
  out += "<tbody>\n";
  if (!top) {
    out += "<tr><th scope=\"row\"><a href=\"../\">Parent directory</a></th><td></td><td></td></tr>\n";
  }
  if (files.empty()) out += "<tr><td colspan=\"3\">This directory is empty.</td></tr>\n";
  for (const ListedFile& file : files) append_row(out, file);
  return out += "</tbody>\n</table>\n</main>\n</body>\n</html>\n";
}

}  // namespace uringd::http
