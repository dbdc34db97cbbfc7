// Directories: of which directories this worker holds entries, and whether it has asked the helper thread to watch
// them. Belongs to the worker's disk. A directory that falls empty stays for a while (a small cache that churns would
// ask and take back all the time), at most 4,096 of these, 10 s long.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "uringd/base/list.hpp"
#include "uringd/cache/key.hpp"
#include "uringd/disk/notice.hpp"

namespace uringd::disk {

/// "/a" of "/a/b.html" and of "/a/", and of the keys of their kin (special_key.hpp): "/a//", "/a/b.html//br" and
/// "/a///hna"; "" of "/b.html".
std::string_view directory_of(std::string_view path);

class Directories {
 public:
  /// `helper` may be nullptr: nothing is watched then.
  Directories(HelperDoor* helper, uint64_t hash_seed) : helper_(helper), hash_seed_(hash_seed) {}
  ~Directories();
  Directories(const Directories&) = delete;
  Directories& operator=(const Directories&) = delete;

  /// One more entry is held there, one fewer.
  void enter(uint32_t site, std::string_view directory);
  void leave(uint32_t site, std::string_view directory, uint64_t now_ms);
  /// An entry that is held there is worth a watch; asks once.
  void watch(uint32_t site, std::string_view directory, uint64_t now_ms);
  /// Whether a watch was asked for long enough ago to stand by now, where one is to be had.
  [[nodiscard]] bool watched(uint32_t site, std::string_view directory, uint64_t now_ms) const;
  /// Takes back the watches of directories that have been empty for long.
  void sweep(uint64_t now_ms);
  [[nodiscard]] size_t count() const { return directories_.size(); }

 private:
  struct Directory : Link<Directory> {
    uint64_t hash = 0;
    uint32_t site = 0;
    uint32_t entries = 0;
    uint64_t empty_since_ms = 0;
    uint64_t asked_ms = 0;
    bool asked = false;
    std::string path;
  };
  [[nodiscard]] uint64_t hash_of(uint32_t site, std::string_view directory) const {
    return cache::make_key(site, directory, hash_seed_).hash;
  }
  void forget(Directory& directory);

  HelperDoor* helper_;
  uint64_t hash_seed_;
  std::unordered_map<uint64_t, Directory> directories_;
  List<Directory> empty_;  // longest first
  size_t empty_count_ = 0;
};

}  // namespace uringd::disk
