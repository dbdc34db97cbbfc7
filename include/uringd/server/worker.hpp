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
#include <memory>
#include <span>

#include "uringd/base/result.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/mailbox.hpp"
#include "uringd/server/snapshot.hpp"
#include "uringd/stats/counter.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

/// What all workers share and change: touched when a connection opens or closes, never per request.
struct Shared {
  uint32_t connection_limit = 65536;
  std::atomic<uint32_t> connections{0};
  std::atomic<uint64_t> active_ms{0};  // when a worker last answered something, to 100 ms
};

/// This worker's part of the memory and of the bounds.
struct WorkerOptions {
  uint32_t index = 0;
  uring::RingOptions ring;      // registered_memory is filled in by create()
  bool register_memory = true;  // false: the memory-lock limit would be used up by it
  uint32_t connection_slots = 4096;
  uint32_t parked_limit = 1024;  // sockets accepted between reaching the connection limit and pausing
  size_t cache_bytes = size_t{64} << 20;
  size_t kept_files = 256;      // open descriptors of large files,
  size_t kept_descriptors = 0;  // and of small ones that the cache has no room for
  size_t stream_memory_bytes = size_t{32} << 20;
  size_t output_blocks = 128;
  size_t input_bytes = size_t{64} << 20;
  uint32_t disk_queue_size = 512;
  uint64_t hash_seed = 0;
  bool populate = true;  // fault the pools in before listening
};

struct WorkerCounters {
  stats::Counter accepted, requests, hits, misses, closed, timeouts, aborted, sent_bytes;
};

class Worker {
 public:
  /// On the thread that will run it (the ring belongs to it). `shared`, `mailbox`, `helper` (nullptr: none) and
  /// `logger` outlive the worker.
  static Result<std::unique_ptr<Worker>> create(const WorkerOptions& options, std::shared_ptr<const Snapshot> snapshot,
                                                Shared& shared, Mailbox& mailbox, disk::HelperDoor* helper,
                                                log::Logger& logger);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  struct Listener {
    int descriptor;
    bool owned;           // opened by this process for this worker alone: closed by it; else only no longer accepted on
    socklen_t peer_size;  // of its peers' addresses: getsockopt(SO_PEERNAME) refuses to be asked for more (EINVAL)
  };
  /// Starts to accept. The descriptors are listening sockets.
  void listen(std::span<const Listener> listeners);
  /// One round. `wait`: for at least one completion.
  void turn(bool wait);
  /// Until drained.
  void run();

  /// Stops accepting (what is queued is still accepted), answers what has arrived, closes connections as they fall
  /// idle.
  void begin_drain();
  /// Nothing is open any more.
  [[nodiscard]] bool drained() const;

  /// What the mailbox brings, between two turns: for the simulator.
  void notify(disk::Notice notice);
  [[nodiscard]] const WorkerCounters& counters() const;
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
