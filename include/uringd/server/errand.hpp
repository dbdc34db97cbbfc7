// Errand: work that another thread asks of a worker because only the worker may look at what it owns: a list of its
// cache's entries, dropping some. Posted to the worker's mailbox by any thread, worked on in slices, one at the end of
// a turn, the errands by turns; then it goes home. The worker keeps serving meanwhile: entries come and go between two
// slices. A quick one waits for no others: it is carried out as soon as the worker takes it, in the order of posting.
//
//   posted ──► work() … work() ──► go_home()          a worker that ends drops what it did not come to
//
// Bounds: a slice is at most some 100 us; whoever posts keeps few of them under way at a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "uringd/cache/cache.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/server/overlays.hpp"

namespace uringd::server {

/// What an entry is held for.
struct HeldPath {
  enum class Kind : uint8_t { file, sibling, other };  // other: a listing, a directory's names
  Kind kind;
  std::string_view path;  // below its tree's root, as clients ask for it: of a sibling that of the file
};

/// What a worker lets an errand see and do.
class Workplace {
 public:
  using Forgetting = disk::Disk::Forgetting;

  Workplace(cache::Cache& its_cache, disk::Disk& its_disk, uint64_t at_ms, Overlays::Shared* overlays = nullptr)
      : cache(its_cache), now_ms(at_ms), disk_(its_disk), overlays_(overlays) {}

  cache::Cache& cache;
  const uint64_t now_ms;  // monotonic

  [[nodiscard]] static HeldPath held_path(const cache::Entry& entry);
  /// disk::Disk's.
  size_t forget(uint32_t slot, std::string_view path) const { return disk_.forget(slot, path); }
  [[nodiscard]] bool forget_below(uint32_t slot, std::string_view path, Forgetting& so_far) const {
    return disk_.forget_below(slot, path, so_far);
  }
  /// Requests are answered by these overlays from now on, and `table` is the one before; nullptr: none.
  void serve(Overlays::Shared& table) const { std::swap(*overlays_, table); }

 private:
  disk::Disk& disk_;
  Overlays::Shared* overlays_;
};

class Errand {
 public:
  virtual ~Errand() = default;
  /// One slice. True: it is done.
  [[nodiscard]] virtual bool work(const Workplace& place) = 0;
  /// One slice of next to no work is all that there is.
  [[nodiscard]] virtual bool quick() const { return false; }
  /// Done: `self`, the worker's reference, goes to whoever waits, so that it is not destroyed on the worker's time.
  /// The worker's thread; never waits.
  virtual void go_home(std::shared_ptr<Errand> self) = 0;
};

}  // namespace uringd::server
