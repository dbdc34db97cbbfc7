// SiteKeeper: publishes new states of sites, tells the workers that the old ones are retired, and frees those when all
// have let go, be the site still there or not. Lives on the helper thread, the only writer of disk::Sites.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/server/helper.hpp"
#include "uringd/server/mailbox.hpp"

namespace uringd::server {

class SiteKeeper {
 public:
  /// Beyond so many notices waiting, a worker gets no more about single paths.
  static constexpr size_t notice_limit = 4096;
  /// Generations that a full mailbox asked for come no quicker than this: each is a notice too.
  static constexpr uint64_t overflow_pause_ms = 20;

  SiteKeeper(disk::Sites& sites, std::span<Mailbox* const> mailboxes, HelperCounters& counters,
             std::atomic<uint64_t>& retired_gauge)
      : sites_(sites), mailboxes_(mailboxes), counters_(counters), retired_gauge_(retired_gauge) {}

  /// A slot is a tree's from now on, or no longer one's: what doubt_all() and the clock are about.
  void add_tree(uint32_t site);
  void remove_tree(uint32_t site);

  /// Paths of the site lead elsewhere now: all that is held of it is to be looked at again.
  void release(uint32_t site);
  /// Something may have changed somewhere: the same, but a look that does not come back holds nobody.
  void doubt(uint32_t site);
  void doubt_all();
  /// The site's root is another directory from now on.
  void move_root(uint32_t site, std::shared_ptr<const disk::Root> root, uint64_t now_ms);
  /// The same state with other error pages: nothing that is held is doubted.
  void publish_pages(uint32_t site, std::shared_ptr<const disk::ErrorPages> pages);
  /// Tells every worker; one that is far behind gets new generations of all sites instead, by on_time().
  void invalidate(const disk::Invalidated& notice);
  void done_with(const disk::SiteState* state);

  /// Ends what is to end by now: previous roots, the wait for a generation that a full mailbox asked for.
  void on_time(uint64_t now_ms);
  /// When on_time() is due, or UINT64_MAX.
  [[nodiscard]] uint64_t next_ms() const;

 private:
  struct RetiredState {
    std::unique_ptr<const disk::SiteState> state;
    size_t workers;  // that have not let go
  };
  void bump(uint32_t site, bool release);
  void end_previous(uint32_t site);
  void publish(uint32_t site, std::unique_ptr<const disk::SiteState> next);

  disk::Sites& sites_;
  std::span<Mailbox* const> mailboxes_;
  HelperCounters& counters_;
  std::atomic<uint64_t>& retired_gauge_;
  std::unordered_map<const disk::SiteState*, RetiredState> retired_;
  std::set<uint32_t> trees_;  // slots
  bool mailbox_was_full_ = false;
  uint64_t pause_until_ms_ = 0;
};

}  // namespace uringd::server
