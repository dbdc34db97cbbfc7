// TreeWalk: the regular files below a root that match patterns, a slice at a time, so that the helper thread can look
// at other things in between. A name that begins with a dot is skipped, with what is below it. A link to a file counts
// where it stays below the root; a link to a directory is not entered (it could lead in a circle).
// Bounds: 64 levels, 100,000 files, as many directories that wait; a cut is told by truncated().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

class DirectoryNames;

class TreeWalk {
 public:
  static constexpr uint32_t depth_limit = 64;
  static constexpr uint32_t file_limit = 100'000;

  /// `root` stays the caller's and open as long as the walk lives. `patterns` are of paths with `prefix` before them.
  /// Links count only with Resolve::symlinks_inside.
  TreeWalk(int root, std::string prefix, const std::vector<std::string>& patterns, uring::Resolve resolve);
  ~TreeWalk();
  TreeWalk(TreeWalk&&) noexcept;

  /// Reads some more names (one getdents64 buffer, 32 KiB) and appends what matches ("/dir/file", without the prefix)
  /// to `found`. May wait for a disk. False: that was all.
  bool step(std::vector<std::string>& found);
  [[nodiscard]] bool truncated() const { return truncated_; }

 private:
  void look_at(std::string_view name, unsigned char type, std::vector<std::string>& found);
  [[nodiscard]] bool matches(std::string_view path_in_tree) const;
  [[nodiscard]] bool may_match_below(std::string_view directory_in_tree) const;

  int root_;
  std::string prefix_;
  std::vector<std::string> patterns_;
  uring::Resolve resolve_;
  std::vector<std::string> waiting_;  // directories to enter
  // The directory that is being read.
  std::string path_;
  Fd directory_;
  std::unique_ptr<DirectoryNames> names_;
  uint32_t files_ = 0;
  bool truncated_ = false;
};

}  // namespace uringd::disk
