// Site: a directory tree that a test builds, gives to the server and alters while it is being served.
// Layout on disk: <temp>/root is what the server serves, <temp> itself is "outside" (secrets that must never be
// served lie there), so that every escape has something to find. The whole of <temp> goes when the Site dies.
// Everything is made readable for all, because some tests run the server as an ordinary user.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace uringd::testing {

/// `size_bytes` bytes that differ by position and by seed: a shifted, repeated or swapped piece is seen by comparing.
[[nodiscard]] std::string pattern(std::size_t size_bytes, std::uint32_t seed = 1);

/// All bytes of a file as they are on disk now. Fails the test when it cannot be read.
[[nodiscard]] std::string file_bytes(const std::string& path);

class Site {
 public:
  Site();
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// Absolute paths: the served root, one name below it, one name beside it.
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string path(std::string_view name) const { return root_ + "/" + std::string(name); }
  [[nodiscard]] std::string outside(std::string_view name) const { return base_ + "/" + std::string(name); }

  // Names are relative to root; parents are made as needed.
  void file(std::string_view name, std::string_view content, mode_t mode = 0644) const;
  void outside_file(std::string_view name, std::string_view content) const;
  void directory(std::string_view name, mode_t mode = 0755) const;
  void symlink(std::string_view name, const std::string& target) const;
  void fifo(std::string_view name) const;
  void unix_socket(std::string_view name) const;
  /// A copy of /dev/zero; false where this user or file system may not make one.
  [[nodiscard]] bool zero_device(std::string_view name) const;
  /// A file of `size_bytes` zeros that takes no room.
  void sparse_file(std::string_view name, std::uint64_t size_bytes) const;

  // Changes to what is there.
  void overwrite_in_place(std::string_view name, std::string_view content, std::uint64_t offset = 0) const;
  void append(std::string_view name, std::string_view content) const;
  void truncate(std::string_view name, std::uint64_t size_bytes) const;
  /// A new file renamed over the old one, as deploys and editors do.
  void replace(std::string_view name, std::string_view content) const;
  void remove(std::string_view name) const;
  void set_mtime(std::string_view name, std::time_t seconds) const;

 private:
  std::string base_;
  std::string root_;
};

}  // namespace uringd::testing
