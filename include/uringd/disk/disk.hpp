// Disk: the only room that opens served files. One per worker, on its ring. It turns a key into an Outcome (a Fetch:
// one per key however many wait) and an open large file into pieces (a Stream). Nothing here blocks; statx of an open
// descriptor with DONT_SYNC is the one system call on a served file that a worker makes itself.
//
// Bounds: at most `queue_size` operations chains in flight. A fetch beyond them is refused (503); the next piece of a
// running download waits in line instead, and also waits there for memory.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/clock.hpp"
#include "uringd/base/list.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/disk/fetch.hpp"
#include "uringd/disk/piece_memory.hpp"
#include "uringd/disk/stream.hpp"
#include "uringd/http/media_type.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

/// What fetching needs of a site. Immutable, shared by all workers.
struct SiteFiles {
  int root = -1;  // a directory descriptor that outlives the workers
  uring::Resolve resolve = uring::Resolve::symlinks_inside;
  std::vector<std::string> index;
};

struct DiskOptions {
  uint32_t queue_size = 512;  // this worker's share
  size_t max_cached_file_bytes = size_t{64} << 10;
  size_t stream_piece_bytes = size_t{512} << 10;
};

struct DiskCounters {
  uint64_t fetches = 0, joined = 0, rejected = 0, published = 0, moved = 0, stream_pieces = 0, stream_failures = 0;
};

class Disk {
 public:
  /// All arguments outlive the Disk. `memory` is this worker's share of disk.stream_memory.
  Disk(uring::Ring& ring, cache::Cache& cache, PieceMemory& memory, const Clock& clock, log::Logger& logger,
       std::span<const SiteFiles> sites, const http::MediaTypes& types, const DiskOptions& options);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  /// Starts the fetch of `key`, or joins the one under way; `waiter` hears of its end exactly once, later, unless it
  /// unlinks itself. False: the queue is full. The path is shorter than Fetch::path_limit.
  [[nodiscard]] bool fetch(const cache::Key& key, Waiter& waiter);
  /// A stream of the bytes [first, first + length) of `file` for `client`, or nullptr when there are too many.
  [[nodiscard]] Stream* stream(OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client);

  /// A completion tagged Kind::fetch or Kind::stream.
  void on_completion(const uring::Completion& completion);
  /// Once a turn: asks downloads whose clients take nothing to give their memory back while others wait for it.
  void on_tick() { streams_waiting_reclaim(); }

  /// Downloads wait for a place or for memory.
  [[nodiscard]] bool streams_wait() { return !line_.empty(); }
  [[nodiscard]] const DiskCounters& counters() const { return counters_; }
  [[nodiscard]] uint32_t in_flight() const { return in_flight_; }
  [[nodiscard]] bool idle() const { return in_flight_ == 0 && fetches_.live() == 0 && streams_.live() == 0; }

 private:
  friend class Fetch;
  friend class Stream;
  static constexpr size_t bucket_count = 256;

  [[nodiscard]] bool take_place();
  void give_place();
  /// Lets streams that wait in line go on as far as places and memory reach.
  void resume_streams();
  void streams_waiting_reclaim();
  /// One line a second at most; the next one says how many there were.
  void warn(std::string_view what, int error_number);
  [[nodiscard]] List<Fetch>& bucket_of(uint64_t hash) { return under_way_[hash % bucket_count]; }

  uring::Ring& ring_;
  cache::Cache& cache_;
  PieceMemory& memory_;
  const Clock& clock_;
  log::Logger& logger_;
  std::span<const SiteFiles> sites_;
  const http::MediaTypes& types_;
  DiskOptions options_;
  Slab<Fetch> fetches_;
  Slab<Stream> streams_;
  std::array<List<Fetch>, bucket_count> under_way_;
  List<Stream, WaitingInLine> line_;       // streams that wait for a place or for memory, first come first
  List<Stream, WithClient> with_clients_;  // streams whose piece a client is sending, longest first
  uint32_t in_flight_ = 0;
  uint32_t in_line_ = 0;
  DiskCounters counters_;
  uint64_t warned_ms_ = 0;
  uint64_t unsaid_ = 0;  // warnings since
};

}  // namespace uringd::disk
