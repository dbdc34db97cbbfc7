// Worker: one thread, one ring, and everything that is served on it: listeners, connections, cache, disk. It owns what
// it touches; what it shares with others is immutable (Snapshot) or counted (Shared). run() is the thread's life;
// turn() is one round of it, so that the simulator can look between two.
//
//   create ──► listen ──► turn … ──► begin_drain ──► turn … ──► drained
//
// A turn: submit what the last one produced, reap all, handle each, flush. Nothing in it blocks but the one wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "uringd/base/result.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/address_counts.hpp"
#include "uringd/server/handler.hpp"
#include "uringd/server/mailbox.hpp"
#include "uringd/server/order.hpp"
#include "uringd/server/overlays.hpp"
#include "uringd/server/snapshot.hpp"
#include "uringd/server/worker_counters.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

/// What all workers share and change: touched when a connection opens or closes, never per request.
struct Shared {
  explicit Shared(uint64_t seed = 0) : addresses(seed) {}

  std::atomic<uint32_t> connection_limit{65536};
  std::atomic<uint32_t> connections{0};
  std::atomic<uint64_t> active_ms{0};  // when a worker last answered something, to 100 ms
  AddressCounts addresses;             // limits.connections_per_ip
  /// Where configurations end that a worker has let go of: freeing one can take long, and close directories.
  std::function<void(std::shared_ptr<const void>)> dispose = [](const std::shared_ptr<const void>&) {};
  /// A worker has carried out orders: wakes who waits for that.
  std::function<void()> wake = [] {};
};

class Worker {
 public:
  /// On the thread that will run it (the ring belongs to it). `shared`, `mailbox`, `helper` (nullptr: none) and
  /// `logger` outlive the worker. With a `handler`, which outlives it too, it serves no files: its limits are the
  /// configuration's, but connections_per_ip is not.
  static Result<std::unique_ptr<Worker>> create(const WorkerOptions& options,
                                                const std::shared_ptr<const Snapshot>& snapshot, Shared& shared,
                                                Mailbox& mailbox, disk::HelperDoor* helper, log::Logger& logger,
                                                Handler* handler = nullptr);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  using Listener = server::Listener;
  using ListenerChange = server::ListenerChange;
  /// Starts to accept.
  void listen(std::vector<Listener> listeners);
  /// One round. `wait`: for at least one completion.
  void turn(bool wait);
  /// Until drained.
  void run();

  /// Stops accepting (what is queued is still accepted), answers what has arrived, closes connections as they fall
  /// idle.
  void begin_drain();
  /// Nothing is open any more.
  [[nodiscard]] bool drained() const;
  /// The kernel holds no memory of ours for files any more; else the worker must not be destroyed.
  [[nodiscard]] bool idle() const;
  /// Between two turns: requests begin with this configuration from now on; those under way keep theirs.
  void reconfigure(std::shared_ptr<const Snapshot> snapshot, const WorkerOptions& options);
  /// Configurations before this one of which something is still under way.
  [[nodiscard]] size_t held_snapshots() const;

  /// What the mailbox brings, between two turns: for the simulator.
  void notify(disk::Notice notice);
  void serve(std::shared_ptr<const Overlays> overlays);
  // What it counts, and what its parts count: any thread may look (figures.hpp), while the worker lives.
  [[nodiscard]] const WorkerCounters& counters() const;
  [[nodiscard]] const Latencies& latencies() const;
  /// Lines of the access log.
  struct LogCounters {
    uint64_t written, dropped;
  };
  [[nodiscard]] LogCounters log_counters() const;
  [[nodiscard]] const uring::Ring& ring() const;
  [[nodiscard]] const disk::Disk& disk() const;
  [[nodiscard]] const cache::Cache& cache() const;
  /// Open connections of this worker.
  [[nodiscard]] uint32_t connections() const;

 private:
  struct Implementation;
  explicit Worker(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace uringd::server
