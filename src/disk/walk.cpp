// A directory at a time, broad before deep in no particular order; what waits is kept by path, not by descriptor, so
// that a broad tree does not eat descriptors.
#include "uringd/disk/walk.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "directory_names.hpp"
#include "uringd/base/glob.hpp"

namespace uringd::disk {
namespace {

// glibc has no wrapper for openat2(2) before 2.42.
Fd open_below(int root, const std::string& path, uint64_t flags, uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | resolve;
  const char* relative = path.empty() ? "." : path.c_str() + 1;
  return Fd(static_cast<int>(syscall(SYS_openat2, root, relative, &how, sizeof how)));
}

}  // namespace

TreeWalk::TreeWalk(int root, std::string prefix, const std::vector<std::string>& patterns, uring::Resolve resolve)
    : root_(root), prefix_(std::move(prefix)), resolve_(resolve) {
  for (const std::string& pattern : patterns) {
    for (std::string& plain : glob_written_out(pattern)) patterns_.push_back(std::move(plain));
  }
  if (!patterns_.empty()) waiting_.emplace_back();
}

TreeWalk::~TreeWalk() = default;
TreeWalk::TreeWalk(TreeWalk&&) noexcept = default;

bool TreeWalk::matches(std::string_view path_in_tree) const {
  const std::string path = prefix_ + std::string(path_in_tree);
  return std::ranges::any_of(patterns_, [&](const std::string& pattern) { return glob_match(pattern, path); });
}

bool TreeWalk::may_match_below(std::string_view directory_in_tree) const {
  const std::string directory = prefix_ + std::string(directory_in_tree);
  return std::ranges::any_of(patterns_,
                             [&](const std::string& pattern) { return glob_may_match_below(pattern, directory); });
}

bool TreeWalk::step(std::vector<std::string>& found) {
  if (!names_) {
    if (waiting_.empty()) return false;
    path_ = std::move(waiting_.back());
    waiting_.pop_back();
    // Links in its middle are as good as those that were skipped: it was a directory when it was seen.
    directory_ = open_below(root_, path_, O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (!directory_.open()) return true;
    names_ = std::make_unique<DirectoryNames>(directory_.number());
  }
  const bool more = names_->next([&](std::string_view name, unsigned char type) { look_at(name, type, found); });
  if (!more) names_.reset();
  return true;
}

void TreeWalk::look_at(std::string_view name, unsigned char type, std::vector<std::string>& found) {
  if (name.starts_with('.')) return;
  std::string path = path_ + '/';
  path += name;
  struct stat status{};
  if (type == DT_UNKNOWN) {
    if (fstatat(directory_.number(), path.c_str() + path_.size() + 1, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    type = static_cast<unsigned char>(IFTODT(status.st_mode));
  }
  if (type == DT_DIR) {
    if (!may_match_below(path)) return;
    if (std::ranges::count(path, '/') > depth_limit || waiting_.size() >= file_limit || files_ == file_limit) {
      truncated_ = true;
      return;
    }
    return waiting_.push_back(std::move(path));
  }
  if (type != DT_REG && type != DT_LNK) return;
  if (!matches(path)) return;
  if (type == DT_LNK) {
    if (resolve_ == uring::Resolve::no_symlinks) return;
    const Fd target = open_below(root_, path, O_PATH, 0);
    if (!target.open() || fstat(target.number(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  }
  if (files_ == file_limit) {
    truncated_ = true;
    waiting_.clear();
    return;
  }
  ++files_;
  found.push_back(std::move(path));
}

}  // namespace uringd::disk
