// Helper: the one thread for the disk work that has no ring form: adding inotify watches, listing directories, walking
// trees for preload. It is also the only writer of disk::Sites: it looks whether a site's root is another directory
// now, and tells every worker. It has a small ring of its own, on which it waits for its jobs, for inotify and for the
// opens of roots, so that a root on a dead mount does not hold it up. It reads no served file: what needs that (copies,
// listings that people see, error pages) is done by a second thread at idle priority, which it owns.
//
//   made ──► started ──► stopped (or left behind, stuck in a system call on a dead disk)
//
// Bounds: 4,096 jobs that ask for something (then the door says no), 4,096 notices waiting at one worker (then new
// generations instead of single paths), one open of a root at a time for each device.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "uringd/base/result.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/mailbox.hpp"
#include "uringd/stats/counter.hpp"

namespace uringd::server {

struct HelperOptions {
  bool watch = true;                 // cache.watch
  uint64_t stale_after_ms = 2000;    // cache.stale_after: how often roots are looked at without an event
  std::vector<std::string> preload;  // cache.preload
  uint32_t watch_limit = 0;          // inotify watches; 0: see disk::Watch
};

/// Written by the helper thread.
struct HelperCounters {
  stats::Counter events;         // reads of the inotify descriptor
  stats::Counter invalidations;  // notices about one path, each counted once for all workers
  stats::Counter generations;    // new generations of a site, for whatever reason
  stats::Counter switches;       // ... because its root is another directory
  stats::Counter overflows;      // inotify lost events, or a worker had too many notices waiting
  stats::Counter listings;
  stats::Counter preloaded;  // paths
};

class Helper {
 public:
  /// `sites` and `logger` outlive it; it outlives the workers, who may read retired states until they end.
  Helper(disk::Sites& sites, HelperOptions options, log::Logger& logger, uint32_t workers);
  /// Stops it, with a patience of one second.
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  /// For that worker's disk; usable at once, what is asked before start() waits.
  [[nodiscard]] disk::HelperDoor& door(uint32_t worker);
  /// One mailbox a worker, which outlive the helper. Starts the thread, which makes its ring; an error names the cause.
  Result<void> start(std::span<Mailbox* const> mailboxes);
  /// Ends both threads. False: one is stuck in a system call, or deep in a copy on a busy machine, and was left behind;
  /// the process is to end by _exit(). It posts and publishes nothing any more.
  bool stop(std::chrono::milliseconds patience);

  [[nodiscard]] const HelperCounters& counters() const;
  /// inotify watches in use, and states that wait for done_with(): gauges, any thread.
  [[nodiscard]] uint64_t watches() const;
  [[nodiscard]] uint64_t retired_states() const;

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;  // shared with the thread: one left behind still has it
};

}  // namespace uringd::server
