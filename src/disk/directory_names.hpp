// DirectoryNames: the names in an open directory, as many as one getdents64(2) brings at a time. For the helper thread:
// it may wait for a disk.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string_view>

namespace uringd::disk {

class DirectoryNames {
 public:
  static constexpr size_t buffer_bytes = size_t{32} << 10;

  /// From the directory's beginning. `directory` was opened for reading and is only lent.
  explicit DirectoryNames(int directory)
      : directory_(directory), buffer_(std::make_unique_for_overwrite<char[]>(buffer_bytes)) {
    lseek(directory, 0, SEEK_SET);
  }

  /// Calls `take(name, type)`, of type DT_…, for the next names, "." and ".." left out. False: none are left, or
  /// failed().
  template <typename Take>
  bool next(Take&& take) {
    const ssize_t bytes = getdents64(directory_, buffer_.get(), buffer_bytes);
    if (bytes < 0) failed_ = true;
    if (bytes <= 0) return false;
    for (ssize_t at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer_.get() + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") take(name, entry->d_type);
    }
    return true;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  int directory_;
  std::unique_ptr<char[]> buffer_;
  bool failed_ = false;
};

}  // namespace uringd::disk
