// Directories: of which directories this worker holds entries, and whether it has asked the helper thread to watch
// them. Belongs to the worker's disk. A directory that falls empty stays for a while (a small cache that churns would
// ask and take back all the time), at most 4,096 of these, 10 s long; not where its site leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "uringd/base/list.hpp"
#include "uringd/cache/key.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/slot_counts.hpp"

namespace uringd::disk {

/// "/a" of "/a/b.html" and of "/a/", and of the keys of their kin (special_key.hpp): "/a//", "/a/b.html//br" and
/// "/a///hna"; "" of "/b.html".
std::string_view directory_of(std::string_view path);

class Directories {
 public:
  /// `helper` may be nullptr: nothing is watched then. `held` counts directories, and outlives this.
  Directories(HelperDoor* helper, uint64_t hash_seed, SlotCounts& held)
      : helper_(helper), hash_seed_(hash_seed), held_(held) {}
  ~Directories();
  Directories(const Directories&) = delete;
  Directories& operator=(const Directories&) = delete;

  /// Stays where it is for as long as an entry is held there.
  struct Directory : Link<Directory> {
    uint64_t hash = 0;
    uint32_t site = 0;
    uint32_t entries = 0;
    uint64_t empty_since_ms = 0;
    uint64_t asked_ms = 0;
    bool asked = false;
    std::string path;
  };

  /// nullptr: not known. For tests.
  [[nodiscard]] Directory* find(uint32_t site, std::string_view directory);
  /// One more entry is held there, one fewer.
  Directory& enter(uint32_t site, std::string_view directory);
  /// `soon`: nothing will be held there again, so its watch goes with the next sweeps.
  void leave(Directory& directory, uint64_t now_ms, bool soon = false);
  /// The same for what is empty already of sites that `leaves`.
  void hasten(const std::function<bool(uint32_t site)>& leaves, uint64_t now_ms);
  /// An entry that is held there is worth a watch; asks once.
  void watch(Directory& directory, uint64_t now_ms);
  /// Whether a watch was asked for long enough ago to stand by now, where one is to be had.
  [[nodiscard]] static bool watched(const Directory& directory, uint64_t now_ms);
  /// Takes back the watches of directories that have been empty for long, 256 at most.
  void sweep(uint64_t now_ms);
  /// sweep() has something to do.
  [[nodiscard]] bool due(uint64_t now_ms);
  [[nodiscard]] size_t count() const { return directories_.size(); }

 private:
  [[nodiscard]] uint64_t hash_of(uint32_t site, std::string_view directory) const {
    return cache::make_key(site, directory, hash_seed_).hash;
  }
  void forget(Directory& directory);

  HelperDoor* helper_;
  uint64_t hash_seed_;
  SlotCounts& held_;
  std::unordered_map<uint64_t, Directory> directories_;
  List<Directory> empty_;  // longest first
  size_t empty_count_ = 0;
};

}  // namespace uringd::disk
