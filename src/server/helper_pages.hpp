// PageLooks: are a site's error pages still what their files are? The background thread looks and reads, for it may
// wait for a disk; this orders it by the clock and at once when the root is another one, publishes what comes back and
// says what is wrong with it. On the helper thread.
//
//   idle ──► (wanted) ──► ordered ──► idle; what is wanted while ordered is ordered once more after it
//
// Bounds: one order for each site at a time; sites without error pages cost nothing.
#pragma once

#include <algorithm>
#include <cstdint>
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

  PageLooks(disk::Sites& sites, SiteKeeper& keeper, Background& background, log::Logger& logger,
            uint64_t stale_after_ms)
      : sites_(sites),
        keeper_(keeper),
        background_(background),
        logger_(logger),
        every_ms_(std::clamp(stale_after_ms / 2, most_often_ms, least_often_ms)),
        looks_(sites.count()) {}

  void look_now(uint32_t site) { looks_[site].due_ms = 0; }
  /// Orders what is due.
  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const;
  /// A job of Kind::pages: the end of an order.
  void on_pages(const Job& job);

 private:
  struct Look {
    uint64_t due_ms = 0;
    std::shared_ptr<const disk::Root> ordered;  // the root that is looked at now
    std::vector<std::string> said;              // of what is wrong with the pages that are published
  };
  [[nodiscard]] bool wants(uint32_t site) const { return !sites_.rules(site).error_pages.empty(); }

  disk::Sites& sites_;
  SiteKeeper& keeper_;
  Background& background_;
  log::Logger& logger_;
  uint64_t every_ms_;
  std::vector<Look> looks_;
};

}  // namespace uringd::server
