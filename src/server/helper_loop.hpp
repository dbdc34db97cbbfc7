// HelperLoop: the helper thread's life. Its ring waits for jobs, inotify events, opened roots and the clock; what may
// wait for a disk is done in slices between two turns, so that an event is seen soon whatever else there is to do:
//
//   turn: completions ─ jobs (64) ─ walks for watches (32) ─ 32 KiB of a listing ─ 32 KiB of a preload walk ─
//         1 ms of building a map's table
//
// A listing waits until all watches stand: what changes after it is then told. Another configuration is a job too
// (helper_configure.cpp). What is under way for trees or maps of the one before keeps that one's owner until it ends;
// the owner itself is let go of when every worker has taken the last notices about those trees besides.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "background.hpp"
#include "helper_jobs.hpp"
#include "helper_pages.hpp"
#include "map_keeper.hpp"
#include "retired_maps.hpp"
#include "root_looks.hpp"
#include "site_keeper.hpp"
#include "uringd/disk/names.hpp"
#include "uringd/disk/walk.hpp"
#include "uringd/disk/watch.hpp"
#include "uringd/server/helper.hpp"

namespace uringd::server {

class HelperLoop {
 public:
  /// What stays when the thread has ended.
  struct Around {
    disk::Sites& sites;
    SiteKeeper& keeper;
    RetiredMaps& retired;
    log::Logger& logger;
    HelperJobs& jobs;
    Background& background;
    std::span<Mailbox* const> mailboxes;
    HelperCounters& counters;
    std::atomic<uint64_t>& watches;
  };

  /// On the helper thread, whose ring this is. The ring is destroyed before the loop: what was lent to its operations
  /// is safe only then.
  HelperLoop(uring::Ring& ring, const Around& around, HelperWork first);

  /// Until the jobs say that it is to end; what is under way on disks is waited for, a moment.
  void run();
  /// An open or a read that cannot be cancelled may be under way: the thread's end could wait for it.
  [[nodiscard]] bool may_be_stuck() const;

 private:
  // helper_loop.cpp: turns, jobs, listings
  void turn();
  void finish();
  void dispatch(const uring::Completion& completion);
  void arm_timer();
  [[nodiscard]] bool busy() const;
  [[nodiscard]] uint64_t now_ms() const { return ring_.monotonic_ns() / 1'000'000; }
  void on_root(const uring::Completion& completion);
  void do_jobs();
  void do_job(Job& job);
  void do_listing();

  // helper_configure.cpp: from one configuration to the next
  void configure(HelperWork next);
  void add_tree(uint32_t site);
  void remove_tree(uint32_t site);
  void change_maps();
  MapKeeper* keeper_of(const uring::Completion& completion);
  void on_map(const uring::Completion& completion);

  // helper_watch.cpp: what inotify tells, and whether it is asked
  void start_watching();
  void stop_watching();
  void on_events(int32_t result);
  void take_news(const disk::WatchNews& news);
  void on_overflow();
  void do_walks();

  // helper_preload.cpp
  void start_preload(uint32_t site);
  void end_preload(uint32_t site);
  void do_preload();
  void post_preload(bool all);
  [[nodiscard]] bool preload_may_post() const;

  uring::Ring& ring_;
  disk::Sites& sites_;
  log::Logger& logger_;
  HelperJobs& jobs_;
  std::span<Mailbox* const> mailboxes_;
  HelperCounters& counters_;
  std::atomic<uint64_t>& watches_;
  SiteKeeper& keeper_;
  RetiredMaps& retired_;
  RootLooks looks_;
  PageLooks pages_;

  HelperWork work_;            // the present configuration
  std::set<uint32_t> trees_;   // its trees
  MapKeeper* maps_ = nullptr;  // its keeper, the last of those here; nullptr: it has no maps
  std::vector<std::unique_ptr<MapKeeper>> map_keepers_;
  uint32_t map_generation_ = 0;

  // closed ──► reading ──► ending (a read is being taken back) ──► closed; `closed` with cache.watch = false, or where
  // there is no inotify
  enum class Watching : uint8_t { closed, reading, ending };
  Watching watching_ = Watching::closed;
  disk::Watch watch_;
  std::unique_ptr<std::array<char, size_t{64} << 10>> events_;
  bool overflow_said_ = false;
  // Once all walks that wait are done: trees whose roots are looked at, trees that are doubted.
  std::set<uint32_t> look_when_watched_, doubt_when_watched_;
  bool waking_armed_ = false;
  uint64_t waking_ = 0;  // what the read of the jobs' eventfd brings

  uint64_t armed_ms_ = UINT64_MAX;  // the timer's time
  bool cancelling_ = false;         // the timer, for an earlier one

  struct Listing {
    Job job;
    std::shared_ptr<const void> owner;
  };
  std::deque<Job> waiting_;                    // taken, not done
  std::deque<Listing> listings_;               // done when no walk waits
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
