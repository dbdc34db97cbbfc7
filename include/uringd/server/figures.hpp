// Figures: what workers have counted up to some moment, as plain numbers that belong to whoever asked. gather() reads a
// worker while it runs, on any thread, without its noticing; figures of several workers add up. About 50 KiB, most of
// it histograms. What is derived of several counters holds within one reading: requests() is the sum of its answers,
// open connections are those accepted and not closed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "uringd/cache/cache.hpp"
#include "uringd/server/worker_counters.hpp"
#include "uringd/stats/distribution.hpp"

namespace uringd::server {

class Worker;

struct Figures {
  /// By counted_methods, counted_statuses.
  std::array<std::array<uint64_t, counted_statuses.size()>, counted_methods.size()> answers{};
  uint64_t response_bytes = 0;  // heads and bodies that the kernel took
  uint64_t accepted = 0, closed = 0, refused = 0, timeouts = 0, aborted = 0;

  struct Connections {
    uint64_t open = 0;     // all of them:
    uint64_t idle = 0;     // no byte of a request is there
    uint64_t reading = 0;  // a request is being received
    uint64_t waiting = 0;  // for the disk
    uint64_t sending = 0;
    uint64_t closing = 0;  // our end is closed, or the kernel still has something of it
  } connections;

  struct Cache {
    uint64_t entries = 0;
    uint64_t content_bytes = 0;     // without
    uint64_t compressed_bytes = 0;  // copies in content codings
    uint64_t overlay_bytes = 0;     // what all workers share: no worker's own, set by who holds them
    uint64_t negative_bytes = 0;    // verdicts
    uint64_t files_bytes = 0;       // kept open
    uint64_t names_bytes = 0;       // of directories
    uint64_t capacity_bytes = 0;
    uint64_t hits = 0, stale = 0, cold = 0, expired = 0;  // answers; cold and expired are misses
    std::array<uint64_t, cache::gone_count> evictions{};  // by cache::Gone
  } cache;

  struct Disk {
    uint64_t queue_depth = 0, queue_size = 0, rejected = 0, timeouts = 0;
  } disk;

  struct Ring {
    uint64_t enters = 0, sqes = 0, cqes = 0, cq_overflows = 0;
  } ring;

  struct Log {
    uint64_t lines = 0, dropped = 0;
  } log;

  std::array<stats::Distribution, phase_names.size()> latency;  // by Phase

  [[nodiscard]] uint64_t requests() const;
  /// Answers of that place in counted_methods or counted_statuses.
  [[nodiscard]] uint64_t by_method(size_t method) const;
  [[nodiscard]] uint64_t by_status(size_t status) const;
  [[nodiscard]] const stats::Distribution& of(Phase phase) const { return latency[static_cast<size_t>(phase)]; }

  Figures& operator+=(const Figures& other);
};

/// Thread-safe; `worker` lives until it returns.
[[nodiscard]] Figures gather(const Worker& worker);

}  // namespace uringd::server
