// Tree: the backing directory tree as the kernel knows it: nodes by number, each held open (O_PATH) for as long as the
// kernel remembers it. Shared by all threads of the program, behind one lock.
#pragma once

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace slow_disk {

// A file of the backing tree that the kernel knows: by its inode, so that a name that gets another file is another
// node.
struct Node {
  int descriptor = -1;  // O_PATH: keeps the inode's number from being given to another file
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t lookups = 0;
  std::string path;  // the last name it was found by
};

inline fuse_attr attributes_of(const struct stat& found) {
  fuse_attr result{};
  result.ino = found.st_ino;
  result.size = static_cast<std::uint64_t>(found.st_size);
  result.blocks = static_cast<std::uint64_t>(found.st_blocks);
  result.atime = static_cast<std::uint64_t>(found.st_atim.tv_sec);
  result.mtime = static_cast<std::uint64_t>(found.st_mtim.tv_sec);
  result.ctime = static_cast<std::uint64_t>(found.st_ctim.tv_sec);
  result.atimensec = static_cast<std::uint32_t>(found.st_atim.tv_nsec);
  result.mtimensec = static_cast<std::uint32_t>(found.st_mtim.tv_nsec);
  result.ctimensec = static_cast<std::uint32_t>(found.st_ctim.tv_nsec);
  result.mode = found.st_mode;
  result.nlink = static_cast<std::uint32_t>(found.st_nlink);
  result.uid = found.st_uid;
  result.gid = found.st_gid;
  result.blksize = static_cast<std::uint32_t>(found.st_blksize);
  return result;
}

// Nodes by the number that the kernel calls them; 0 or the negative errno is what its functions return.
class Tree {
 public:
  explicit Tree(const char* backing) {
    Node& root = nodes_[FUSE_ROOT_ID];
    root.descriptor = ::open(backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
    root.lookups = 1;
    usable_ = root.descriptor >= 0;
  }
  [[nodiscard]] bool usable() const { return usable_; }

  std::string path(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const std::string& path = nodes_[number].path;
    return path.empty() ? "/" : path;
  }

  int descriptor(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    return nodes_[number].descriptor;
  }

  int find(std::uint64_t parent, const char* name, fuse_entry_out& entry) {
    const int opened = ::openat(descriptor(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0) return -errno;
    struct stat found{};
    if (::fstatat(opened, "", &found, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
      const int error = -errno;
      ::close(opened);
      return error;
    }
    const std::lock_guard lock(mutex_);
    std::uint64_t& number = numbers_[{found.st_dev, found.st_ino}];
    if (number != 0) {
      ::close(opened);
    } else {
      number = ++last_number_;
      nodes_[number] = {opened, found.st_dev, found.st_ino, 0, ""};
    }
    Node& node = nodes_[number];
    node.path = nodes_[parent].path + "/" + name;
    ++node.lookups;
    entry.nodeid = number;
    entry.attr = attributes_of(found);
    return 0;
  }

  void forget(std::uint64_t number, std::uint64_t lookups) {
    const std::lock_guard lock(mutex_);
    const auto found = nodes_.find(number);
    if (number == FUSE_ROOT_ID || found == nodes_.end()) return;
    Node& node = found->second;
    node.lookups -= std::min(lookups, node.lookups);
    if (node.lookups > 0) return;
    ::close(node.descriptor);
    numbers_.erase({node.device, node.inode});
    nodes_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, Node> nodes_;
  std::map<std::pair<dev_t, ino_t>, std::uint64_t> numbers_;
  std::uint64_t last_number_ = FUSE_ROOT_ID;
  bool usable_ = false;
};

}  // namespace slow_disk
