// PageLooks: are a tree's error pages still what their files are? The background thread looks and reads, for it may
// wait for a disk; this orders it by the clock and at once when the root is another one, publishes what comes back and
// says what is wrong with it. On the helper thread.
//
//   idle ──► (wanted) ──► ordered ──► idle; what is wanted while ordered is ordered once more after it
//
// A tree that goes is forgotten at once; what was ordered for it comes back to nobody, and holds its configuration
// until then.
// Bounds: one order for each tree at a time; trees without error pages cost nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "background.hpp"
#include "helper_jobs.hpp"
#include "site_keeper.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/log/logger.hpp"

namespace uringd::server {

class PageLooks {
 public:
  static constexpr uint64_t most_often_ms = 250;
  static constexpr uint64_t least_often_ms = 2000;

  PageLooks(disk::Sites& sites, SiteKeeper& keeper, Background& background, log::Logger& logger)
      : sites_(sites), keeper_(keeper), background_(background), logger_(logger) {}

  /// The tree is looked at at once, and by the clock from then on.
  void add_tree(uint32_t site);
  void remove_tree(uint32_t site);
  /// Orders from now on are `owner`'s, and so are those under way for trees that are still here.
  void set_owner(const std::shared_ptr<const void>& owner);
  void set_clock(uint64_t stale_after_ms, uint64_t now_ms);

  void look_now(uint32_t site);
  /// Orders what is due.
  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const;
  /// A job of Kind::pages: the end of an order.
  void on_pages(const Job& job);

 private:
  struct Look {
    uint64_t due_ms = 0;
    uint64_t order = 0;             // under way; 0: none
    std::vector<std::string> said;  // of what is wrong with the pages that are published
  };
  struct Order {
    uint32_t site;
    bool forgotten;                          // its tree is
    std::shared_ptr<const disk::Root> root;  // that is looked at
    std::shared_ptr<const void> owner;
  };

  disk::Sites& sites_;
  SiteKeeper& keeper_;
  Background& background_;
  log::Logger& logger_;
  std::shared_ptr<const void> owner_;
  uint64_t every_ms_ = least_often_ms;
  std::map<uint32_t, Look> looks_;  // by slot, of trees with error pages
  std::map<uint64_t, Order> orders_;
  uint64_t last_order_ = 0;
};

}  // namespace uringd::server
