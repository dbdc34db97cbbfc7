// Errand: work that another thread asks of a worker because only the worker may look at what it owns: a list of its
// cache's entries, dropping some. Posted to the worker's mailbox by any thread, worked on in slices, one at the end of
// a turn, the errands one after the other; then it goes home. The worker keeps serving meanwhile: entries come and go
// between two slices.
//
//   posted ──► work() … work() ──► go_home()          a worker that ends drops what it did not come to
//
// Bounds: a slice is at most some 100 us; whoever posts keeps few of them under way at a worker.
#pragma once

#include <cstdint>
#include <memory>

#include "uringd/cache/cache.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::server {

/// What a worker lets an errand see.
struct Workplace {
  cache::Cache& cache;
  disk::Disk& disk;
  uint64_t now_ms;  // monotonic
};

class Errand {
 public:
  virtual ~Errand() = default;
  /// One slice. True: it is done.
  [[nodiscard]] virtual bool work(const Workplace& place) = 0;
  /// Done: `self`, the worker's reference, goes to whoever waits, so that it is not destroyed on the worker's time.
  /// The worker's thread; never waits.
  virtual void go_home(std::shared_ptr<Errand> self) = 0;
};

}  // namespace uringd::server
