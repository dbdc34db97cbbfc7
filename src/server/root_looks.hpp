// RootLooks: is each site's root still the directory that its path leads to? The path is opened on the helper's ring,
// at once when inotify tells of a change on the way, else by the clock; device and inode decide. One open at a time for
// each device, so that a dead mount with many sites takes one kernel thread.
//
//   idle ──► (wanted) ──► opening ──► idle; what is wanted while opening is looked at once more after it
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "site_keeper.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class RootLooks {
 public:
  RootLooks(uring::Ring& ring, disk::Sites& sites, SiteKeeper& keeper, log::Logger& logger, HelperCounters& counters,
            uint64_t every_ms);

  void look_now(uint32_t site) { looks_[site].wanted = true; }
  /// Starts what is wanted or due.
  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const;
  /// A completion of Kind::root. True: the site's root is another directory now.
  bool on_completion(uint32_t site, int32_t result, uint64_t now_ms);
  /// The same at the end, when nobody wants to know any more.
  void abandon(uint32_t site, int32_t result);
  [[nodiscard]] uint32_t opening() const { return static_cast<uint32_t>(devices_.size()); }

 private:
  struct Look {
    bool wanted = false;
    bool opening = false;
    bool unreachable = false;  // said
    uint64_t device = 0;       // counted in devices_ while opening
    uint64_t due_ms = 0;
  };
  void say_unreachable(uint32_t site, int error);
  bool compare(uint32_t site, Fd directory, uint64_t now_ms);
  [[nodiscard]] std::string name_of(uint32_t site) const;

  uring::Ring& ring_;
  disk::Sites& sites_;
  SiteKeeper& keeper_;
  log::Logger& logger_;
  HelperCounters& counters_;
  uint64_t every_ms_;
  std::vector<Look> looks_;
  std::set<uint64_t> devices_;  // on which an open is under way
};

}  // namespace uringd::server
