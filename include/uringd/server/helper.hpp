// Helper: the one thread for the disk work that has no ring form: adding inotify watches, listing directories, walking
// trees for preload. It is also the only writer of disk::Sites: it looks whether a site's root is another directory
// now, and tells every worker. It has a small ring of its own, on which it waits for its jobs, for inotify and for the
// opens of roots, so that a root on a dead mount does not hold it up. It reads no served file: what needs that (copies,
// listings that people see, error pages) is done by a second thread at a low priority, which it owns. Maps' files
// it reads itself, by operations on its ring, and builds their tables in slices: it is the only writer of site::Maps
// too.
//
//   made ──► started ──► stopped (or left behind, stuck in a system call on a dead disk)
//
// Bounds: 4,096 jobs that ask for something (then the door says no), 4,096 notices waiting at one worker (then new
// generations instead of single paths), one open of a root at a time for each device.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "uringd/base/result.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/mailbox.hpp"
#include "uringd/server/map_file.hpp"
#include "uringd/site/maps.hpp"
#include "uringd/stats/counter.hpp"

namespace uringd::server {

/// What one configuration asks of the helper.
struct HelperOptions {
  bool watch = true;                 // cache.watch
  uint64_t stale_after_ms = 2000;    // cache.stale_after: how often roots and maps are looked at without an event
  std::vector<std::string> preload;  // cache.preload
  uint32_t watch_limit = 0;          // inotify watches; 0: see disk::Watch
  bool restricted_ring = false;      // server.sandbox; of the first configuration
};

/// A configuration as the helper needs it. The trees are slots of its disk::Sites.
struct HelperWork {
  HelperOptions options;
  std::vector<uint32_t> trees;
  site::Maps* maps = nullptr;      // to be refreshed; nullptr: none
  std::vector<MapFile> map_files;  // theirs, in their order
  /// Keeps the trees' slots and the maps. The helper lets go of it when another configuration has taken its place,
  /// nothing of it is under way any more and every worker has passed (Mailbox::ask_to_pass) the last notice about it.
  std::shared_ptr<const void> owner;
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
  stats::Counter map_reloads;
  stats::Counter map_reload_failures;  // files that were found changed and are no table: broken, gone, too large
};

class Helper {
 public:
  /// `sites` and `logger` outlive it; it outlives the workers, who may read retired states until they end. `work`: of
  /// the first configuration.
  Helper(disk::Sites& sites, HelperWork work, log::Logger& logger, uint32_t workers);
  /// Stops it, with a patience of one second.
  ~Helper();
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  /// For that worker's disk; usable at once, what is asked before start() waits.
  [[nodiscard]] disk::HelperDoor& door(uint32_t worker);
  /// One mailbox a worker, which outlive the helper. Starts the thread, which makes its ring; an error names the cause.
  Result<void> start(std::span<Mailbox* const> mailboxes);
  /// Any thread, after start(): another configuration. Trees that both have stay watched and are not looked at anew;
  /// new ones are watched and preloaded; those that went are forgotten.
  void configure(HelperWork work);
  /// Any thread: `thing` is destroyed by the helper thread, which may wait for a disk. Destroyed at once where the
  /// thread does not run.
  void dispose(std::shared_ptr<const void> thing);
  /// Any thread: a compressed copy, made by the thread of low priority, which calls `done` with it (nullptr: not
  /// worth it), or never, where the process ends before. False: too many wait.
  [[nodiscard]] bool encode(disk::EncodeOrder order, std::function<void(std::shared_ptr<const std::string>)> done);
  /// Ends both threads. False: one is stuck in a system call, or deep in a copy on a busy machine, and was left behind;
  /// the process is to end by _exit(). It posts and publishes nothing any more.
  bool stop(std::chrono::milliseconds patience);

  [[nodiscard]] const HelperCounters& counters() const;
  /// Gauges, any thread: inotify watches in use; states that wait for done_with(); maps' tables that wait for workers
  /// to pass.
  [[nodiscard]] uint64_t watches() const;
  [[nodiscard]] uint64_t retired_states() const;
  [[nodiscard]] uint64_t retired_maps() const;

 private:
  struct Implementation;
  std::shared_ptr<Implementation> implementation_;  // shared with the thread: one left behind still has it
};

}  // namespace uringd::server
