// RootLooks: is each tree's root still the directory that its path leads to? The path is opened on the helper's ring,
// at once when inotify tells of a change on the way, else by the clock; device and inode decide. One open at a time for
// each device, so that a dead mount with many trees takes one kernel thread.
//
//   idle ──► (wanted) ──► opening ──► idle; what is wanted while opening is looked at once more after it
//
// A tree that goes is forgotten at once; an open that is under way for it ends for nobody, and holds its configuration
// until then. Completions name opens, not slots: a slot may be another tree's by then.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "site_keeper.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

class RootLooks {
 public:
  RootLooks(uring::Ring& ring, disk::Sites& sites, SiteKeeper& keeper, log::Logger& logger, HelperCounters& counters)
      : ring_(ring), sites_(sites), keeper_(keeper), logger_(logger), counters_(counters) {}

  /// The tree's root is looked at at once, and by the clock from then on.
  void add_tree(uint32_t site);
  void remove_tree(uint32_t site);
  /// Opens from now on are `owner`'s, and so are those under way for trees that are still here.
  void set_owner(const std::shared_ptr<const void>& owner);
  void set_clock(uint64_t every_ms, uint64_t now_ms);

  void look_now(uint32_t site) { looks_.at(site).wanted = true; }
  /// Starts what is wanted or due.
  void on_time(uint64_t now_ms);
  /// When on_time() is due, or UINT64_MAX: only completions bring more to do. 0: something can be started now, be it
  /// that it was wanted after on_time() or that its device is free again.
  [[nodiscard]] uint64_t next_ms() const;
  /// A completion of Kind::root. The tree whose root is another directory now.
  std::optional<uint32_t> on_completion(const uring::Completion& completion, uint64_t now_ms);
  /// The same at the end, when nobody wants to know any more.
  void abandon(const uring::Completion& completion);
  [[nodiscard]] uint32_t opening() const { return static_cast<uint32_t>(opens_.size()); }

 private:
  struct Look {
    bool wanted = false;
    bool opening = false;
    bool unreachable = false;  // said
    uint64_t due_ms = 0;
  };
  struct Open {
    uint32_t site;
    bool forgotten;    // its tree is
    uint64_t device;   // counted in devices_
    std::string path;  // lent
    std::shared_ptr<const void> owner;
  };
  void begin(uint32_t site, uint64_t device);
  Open end(const uring::Completion& completion);
  void say_unreachable(uint32_t site, int error);
  bool compare(uint32_t site, Fd directory, uint64_t now_ms);
  [[nodiscard]] std::string name_of(uint32_t site) const;

  uring::Ring& ring_;
  disk::Sites& sites_;
  SiteKeeper& keeper_;
  log::Logger& logger_;
  HelperCounters& counters_;
  std::shared_ptr<const void> owner_;
  uint64_t every_ms_ = 0;
  std::map<uint32_t, Look> looks_;  // by slot
  std::map<uint32_t, Open> opens_;  // by the slot of their tags
  uint32_t next_open_ = 0;
  std::set<uint64_t> devices_;  // on which an open is under way
};

}  // namespace uringd::server
