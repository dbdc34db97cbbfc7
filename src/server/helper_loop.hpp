// HelperLoop: the helper thread's life. Its ring waits for jobs, inotify events, opened roots and the clock; what may
// wait for a disk is done in slices between two turns, so that an event is seen soon whatever else there is to do:
//
//   turn: completions ─ jobs (64) ─ walks for watches (32) ─ 32 KiB of a listing ─ 32 KiB of a preload walk
//
// A listing waits until all watches stand: what changes after it is then told.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "background.hpp"
#include "helper_jobs.hpp"
#include "helper_pages.hpp"
#include "root_looks.hpp"
#include "site_keeper.hpp"
#include "uringd/disk/names.hpp"
#include "uringd/disk/walk.hpp"
#include "uringd/disk/watch.hpp"
#include "uringd/server/helper.hpp"

namespace uringd::server {

class HelperLoop {
 public:
  /// On the helper thread, whose ring this is. All arguments but the ring outlive it: what the loop lent to the ring's
  /// operations is safe only when the ring has gone before.
  HelperLoop(uring::Ring& ring, disk::Sites& sites, SiteKeeper& keeper, const HelperOptions& options,
             log::Logger& logger, HelperJobs& jobs, Background& background, std::span<Mailbox* const> mailboxes,
             HelperCounters& counters, std::atomic<uint64_t>& watches);

  /// Until the jobs say that it is to end; opens under way are waited for, a moment.
  void run();
  /// An open that cannot be cancelled may be under way: the thread's end could wait for it.
  [[nodiscard]] bool may_be_stuck() const { return looks_.opening() > 0; }

 private:
  void turn();
  void finish();
  void dispatch(const uring::Completion& completion);
  void arm_timer();
  void look_when_watched();
  [[nodiscard]] bool busy() const;
  [[nodiscard]] uint64_t now_ms() const { return ring_.monotonic_ns() / 1'000'000; }

  void on_events(int32_t result);
  void do_jobs();
  void do_job(const Job& job);
  void do_listing();

  void start_preload(uint32_t site);
  void do_preload();
  void post_preload(bool all);
  [[nodiscard]] bool preload_may_post() const;

  uring::Ring& ring_;
  disk::Sites& sites_;
  const HelperOptions& options_;
  log::Logger& logger_;
  HelperJobs& jobs_;
  std::span<Mailbox* const> mailboxes_;
  HelperCounters& counters_;
  std::atomic<uint64_t>& watches_;
  SiteKeeper& keeper_;
  RootLooks looks_;
  PageLooks pages_;

  std::optional<disk::Watch> watch_;  // nothing: cache.watch = false, or no inotify here
  std::unique_ptr<std::array<char, size_t{64} << 10>> events_;
  bool overflow_said_ = false;
  bool looked_when_watched_ = false;
  bool waking_armed_ = false;
  uint64_t waking_ = 0;  // what the read of the jobs' eventfd brings

  uint64_t armed_ms_ = UINT64_MAX;  // the timer's time
  bool cancelling_ = false;         // the timer, for an earlier one

  std::deque<Job> waiting_;                    // taken, not done
  std::deque<Job> listings_;                   // done when no walk waits
  std::optional<disk::NamesListing> listing_;  // of the first of them

  struct PreloadWalk {
    uint32_t site;
    std::shared_ptr<const disk::Root> root;  // keeps the descriptor that the walk uses
    disk::TreeWalk walk;
    std::vector<std::string> found;
    bool ended = false;
  };
  std::deque<uint32_t> preload_sites_;
  std::unique_ptr<PreloadWalk> preload_;
  bool preload_paused_ = false;
};

}  // namespace uringd::server
