// Finding a file as a fetch does (disk/fetch_open), with calls that wait: the names that a path may mean, tried one
// after the other beneath the root of their tree, judged by what was opened. Tells which it was and why.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "explain_story.hpp"
#include "uringd/base/fd.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/http/content_coding.hpp"
#include "uringd/uring/attributes.hpp"

namespace uringd::daemon {

/// 200 is a regular file or, with `listing`, a directory to be listed; 301 a directory asked for without its slash.
struct FoundFile {
  int status = 404;
  bool listing = false;
  std::string name;  // below the tree's root: "/docs/index.html"
  Fd file;
  uring::Attributes attributes;
};

/// `path` is below the root of that tree.
[[nodiscard]] FoundFile find_file(const disk::Sites& sites, uint32_t tree, std::string_view path, Story& story);

/// The regular file NAME.br or its like, or nothing.
[[nodiscard]] std::optional<FoundFile> find_sibling(const disk::Sites& sites, uint32_t tree, std::string_view name,
                                                    http::Coding coding);

/// Where it is for people: "www/docs/index.html".
[[nodiscard]] std::string place_of(const disk::SiteRules& rules, std::string_view name);

/// All bytes of it, or nothing where it changed meanwhile or cannot be read.
[[nodiscard]] std::optional<std::string> read_whole(const FoundFile& found);

}  // namespace uringd::daemon
