// Disk: the only room that opens served files, and the one that says what of the cache may be believed. One per worker,
// on its ring. It turns a key into an Outcome (a Fetch: one per key however many wait), looks again at entries that
// grow old (a Fetch that knows an entry), and turns an open large file into pieces (a Stream). Nothing here blocks;
// the system calls on served files that a worker makes itself do not wait for a disk: statx with DONT_SYNC, cachestat,
// sendfile of pages in memory.
//
// Bounds: at most `queue_size` chains in flight, of one site at most half where there are several; a fetch beyond
// them is refused (503). Looks at held entries have places of their own, an eighth of that; 64 listings may be under
// way in another thread. The next piece of a running download waits in line instead. Of the kernel's threads (io-wq) no
// site takes more than half, so that one dead mount leaves the others theirs; what waits for a thread waits here, looks
// first.
//
// A site is a slot of Sites, and slots come and go with configurations. One that went is leaving: requests that began
// before are served, nothing is kept any more, and what was kept goes in slices, until uses() is false:
//
//   (unknown) ──► active ──► leaving ──► unused ──► active: another tree's      unused ──► leaving: a late request's
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/base/clock.hpp"
#include "uringd/base/list.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/disk/copies.hpp"
#include "uringd/disk/directories.hpp"
#include "uringd/disk/fetch.hpp"
#include "uringd/disk/installed_sockets.hpp"
#include "uringd/disk/kept_share.hpp"
#include "uringd/disk/missing.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/piece_memory.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/disk/slot_counts.hpp"
#include "uringd/disk/special_key.hpp"
#include "uringd/disk/stream.hpp"
#include "uringd/disk/transfer.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/stats/counter.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

struct DiskOptions {
  uint32_t queue_size = 512;     // this worker's share
  uint32_t kernel_threads = 16;  // that this ring may use, for each kind of work
  size_t max_cached_file_bytes = size_t{64} << 10;
  size_t stream_piece_bytes = size_t{512} << 10;
  size_t turn_bytes = size_t{1} << 20;                  // of all downloads, that a turn reads and sends
  uint64_t worth_referring_bytes = uint64_t{64} << 10;  // fewer are copied: 32 KiB took 18.5 us, by reference 20.9
  ZeroCopy zero_copy = ZeroCopy::safe;
  Transfer* transfer = nullptr;  // nullptr: the kernel's
  uint64_t stale_after_ms = 2000;
  uint64_t missing_ttl_ms = 2000;    // 0: until evicted
  uint64_t idle_after_ms = 600'000;  // 0: never
  uint64_t hash_seed = 0;            // of the keys
  size_t kept_descriptors = 0;       // of small files whose bytes the cache has no room for
};

struct DiskCounters {
  stats::Counter absent, aged, other_release;  // misses: nothing was held; held, but a look was due; of another tree
  stats::Counter fetches, joined, rejected, published, moved, not_kept, read_bytes;
  stats::Counter looks, looks_ahead, unchanged, stale;  // stale: answers from an entry whose look has not come back
  stats::Counter borrowed;                              // fetches that found their file open
  stats::Counter invalidated, missing_by_name, listings, preloaded, cold_opens, cold_reads;
  stats::Counter siblings, listed;  // fetches of siblings; listings made for people
  stats::Counter copies_made, copies_useless, copies_refused;
  stats::Counter stream_pieces, stream_failures, read_ahead, referred_bytes;  // referred: sent by reference
  stats::Counter deepest;  // the most chains that were ever in flight
};

/// What is known of a key without asking the disk. Neither: it is to be fetched.
struct Found {
  cache::Entry* entry = nullptr;  // valid until the disk or the cache is used again, unless pinned
  int status = 0;                 // 404: the directory is known and has no such name
  bool stale = false;
  bool aged = false;            // nothing may be answered, but something is held
  uint64_t fresh_until_ms = 0;  // when the next look will be due, half of its time before it would no longer count
};

class Disk final : cache::CacheObserver, FileCloser {
 public:
  static constexpr uint32_t most_places = 65536;  // queue_size at most

  /// All trees of `sites` are active. All arguments outlive the Disk. `memory` is this worker's share of
  /// disk.stream_memory. `helper` may be nullptr: nothing is watched or listed then.
  Disk(uring::Ring& ring, cache::Cache& cache, PieceMemory& memory, const Clock& clock, log::Logger& logger,
       const Sites& sites, HelperDoor* helper, const DiskOptions& options);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  /// What may be answered at once. Entries in use are looked at ahead, from half of their time on.
  [[nodiscard]] Found find(const cache::Key& key);
  /// Starts the fetch of `key`, or joins the one under way; `waiter` hears of its end exactly once, later, unless it
  /// unlinks itself. False: the queue is full. The path is shorter than Fetch::path_limit.
  [[nodiscard]] bool fetch(const cache::Key& key, Waiter& waiter);
  /// Has a copy of `base` (content, compressible, not a copy itself) made in that coding, the better one where it has
  /// the quick one. True: it is being made, and `waiter`, if any, hears of its end, with an outcome whose entry is the
  /// base, or status 503. False: it is there, useless, or cannot be made now.
  [[nodiscard]] bool make_copy(cache::Entry& base, http::Coding coding, Waiter* waiter = nullptr);
  /// A stream of the bytes [first, first + length) of `file` for `client`, or nullptr when there are too many. With
  /// the client's `socket` its pages may go by reference.
  [[nodiscard]] Stream* stream(OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client,
                               uring::Direct socket = {});
  /// That socket is about to be closed; no stream uses it any more.
  void let_go_of_socket(uring::Direct socket);
  /// For who sends pages that are no file's: the socket's descriptor, or -1; whether one more may be made; the one that
  /// was made, whose owner the disk becomes. It does not block.
  [[nodiscard]] int descriptor_of(uring::Direct socket) const { return sockets_.find(socket); }
  [[nodiscard]] bool may_install() const { return ring_.setup().install && !sockets_.full(); }
  void keep_descriptor(uring::Direct socket, int descriptor);
  [[nodiscard]] Transfer& transfer() { return options_.transfer ? *options_.transfer : kernel_transfer_; }

  /// Between two turns: another configuration. `trees`: its slots; those that were not known yet must be unused.
  /// What is of slots that stay is not touched. Bounds are for what begins from now on; what is over a lowered one ends
  /// by itself. hash_seed, transfer, kept_descriptors stay as they were.
  void reconfigure(const DiskOptions& options, std::span<const uint32_t> trees);
  /// Anything at all of that slot is still here, but for entries that somebody has pinned. Of a leaving one it becomes
  /// false once those who asked for it are gone, as soon as the kernel has answered what it was asked.
  [[nodiscard]] bool uses(uint32_t slot) const { return held_.any(slot); }

  /// Drops all that is held of a path (its file, siblings, listings, verdicts, and what is known of names that are not
  /// there), and what is being read of it is kept by nobody. Returns how many entries. The next request asks the disk.
  size_t forget(uint32_t site, std::string_view path);
  /// The same of the directory `path` ("", "/dir") and all that lies below it, a slice at a time. True: done.
  struct Forgetting {
    bool begun = false;
    size_t cache_at = 0, kept_at = 0;  // buckets
    size_t dropped = 0;
  };
  [[nodiscard]] bool forget_below(uint32_t site, std::string_view path, Forgetting& so_far);

  /// A completion tagged Kind::fetch, Kind::stream or Kind::closing.
  void on_completion(const uring::Completion& completion);
  void on_notice(Notice notice);
  /// Once a turn: looks that nobody waits for any longer, entries that nobody asks for, downloads whose clients take
  /// nothing while others wait for their memory.
  void on_tick();
  /// When on_tick() has something to do at the latest (monotonic ms), or UINT64_MAX.
  [[nodiscard]] uint64_t next_ms();

  /// The worker stops and nobody is served any more: nothing is kept from now on.
  void let_go();
  [[nodiscard]] bool gone() const { return gone_; }
  /// Downloads wait for nothing but the next turn, which must not sleep.
  [[nodiscard]] bool eager() { return !due_.empty() || (!line_.empty() && !line_stuck_); }
  /// Downloads wait for a place or for memory.
  [[nodiscard]] bool streams_wait() { return !line_.empty(); }
  [[nodiscard]] const DiskCounters& counters() const { return counters_; }
  /// Places taken and how many there are: any thread may ask, as it may the counters.
  [[nodiscard]] uint32_t in_flight() const { return static_cast<uint32_t>(in_flight_); }
  [[nodiscard]] uint32_t queue_size() const { return static_cast<uint32_t>(queue_size_); }
  /// Files whose slow close waits for a kernel thread or is under way.
  [[nodiscard]] uint32_t closing() const { return closing_; }
  [[nodiscard]] bool idle() const {
    return in_flight_ == 0 && fetches_.live() == 0 && streams_.live() == 0 && closing_ == 0;
  }

 private:
  friend class Fetch;
  friend class Stream;
  static constexpr size_t bucket_count = 256;
  static constexpr uint32_t most_rendering = 64;   // listings that another thread makes; they hold no place
  static constexpr size_t sweep_buckets = 4096;    // a turn's slice of the cache
  static constexpr uint64_t suspicious_ms = 1000;  // after a read that was cold

  /// One site's part of what is bounded.
  struct Use {
    /// What waits for a thread of one kind. In the list of those lines in which somebody may be waiting.
    struct Line : Link<Line> {
      List<Fetch, WaitingForThread> looks, fetches;
      List<Stream, WaitingForThread> streams;
      uint32_t site = 0;
      uint32_t threads = 0;  // that the site has
      uint32_t granted = 0;
    };
    uint32_t places = 0;
    bool active = false;        // a site of the configuration
    bool leaving = false;       // in leaving_
    std::array<Line, 2> lines;  // by Work
    std::vector<int> closing;   // foreign files that wait for a thread to be closed
    List<Fetch, OfSite> fetches;
  };
  /// Open small files are no cache's business but this one's.
  struct KeptObserver final : cache::CacheObserver {
    explicit KeptObserver(SlotCounts& counts) : held(counts) {}
    void on_linked(cache::Entry& entry) override { held.add(entry.key().site); }
    void on_unlinked(cache::Entry& entry) override { held.remove(entry.key().site); }
    SlotCounts& held;
  };

  // fetches
  [[nodiscard]] Fetch* under_way(const cache::Key& key);
  /// nullptr: no place is free.
  Fetch* start(const cache::Key& key, cache::Entry* known, Fetch::Purpose purpose);
  void look_ahead(const cache::Key& key, cache::Entry& entry);
  [[nodiscard]] uint64_t lasting_ms(const cache::Entry& entry) const;
  [[nodiscard]] uint64_t fresh_until_ms(const cache::Entry& entry) const;
  [[nodiscard]] bool may_look(uint32_t site) const { return looks_in_flight_ < look_limit_ || may_fetch(site); }
  [[nodiscard]] bool may_fetch(uint32_t site) const {
    return in_flight_ < options_.queue_size && uses_[site].places < place_limit_;
  }
  void on_settled(Fetch& fetch);
  void start_preloads();
  void clear_preloads();

  // sites that come and go
  [[nodiscard]] static constexpr uint32_t looks_for(uint32_t places) { return std::max(places / 8, 4U); }
  [[nodiscard]] bool active(uint32_t site) const { return site < uses_.size() && uses_[site].active; }
  void become_active(uint32_t site);
  void begin_to_leave(uint32_t site);
  void drop_all_that_left();
  /// A slice of what is left to do after a reconfiguration.
  void go_on_leaving();
  [[nodiscard]] bool dropping() const;
  [[nodiscard]] uint64_t next_slice_ms();

  // what is missing
  /// Status 404, or nothing.
  [[nodiscard]] Found missing_by_name(const cache::Key& key);
  [[nodiscard]] bool lacks(const Names& names, std::string_view name, const SiteRules& rules,
                           const SpecialKey& asked) const;
  [[nodiscard]] Names* names_of(uint32_t site, std::string_view directory);
  void note_missing(uint32_t site, std::string_view path);

  // notices
  void on_invalidated(const Invalidated& notice);
  void drop_name(uint32_t site, std::string_view path, cache::Gone why);
  void drop_listings(uint32_t site, std::string_view directory, cache::Gone why);
  void drop_and_doubt(const cache::Key& key, cache::Gone why);
  void drop_names_above(uint32_t site, std::string_view path);
  void on_listed(Listed notice);
  void on_rendered(const Rendered& notice);
  void acknowledge();

  // places and threads
  [[nodiscard]] bool take_place(Fetch& fetch);
  void give_place(Fetch& fetch);
  /// While no read has been cold for a while, a few reads a turn are not asked about first.
  [[nodiscard]] bool probably_cached(int file, uint64_t first, size_t bytes);
  [[nodiscard]] bool by_evidence_cached(int file, uint64_t first, size_t bytes);
  /// What was read a moment ago needs no asking, as long as memory is not short.
  [[nodiscard]] bool borrowed_unasked();
  [[nodiscard]] bool lately_cached() const { return clock_.monotonic_ms - cold_ms_ >= suspicious_ms; }
  void was_cold() { cold_ms_ = clock_.monotonic_ms; }
  [[nodiscard]] bool take_thread(uint32_t site, Work work);
  void give_thread(uint32_t site, Work work);
  /// To the first who waits and may have one. False: nobody.
  bool grant_thread(Work work);
  [[nodiscard]] bool serve_line(Use::Line& line, Work work);
  [[nodiscard]] bool serve_a_stream(Use::Line& line);
  void close_one(uint32_t site);
  void close_in_thread(int descriptor, uint32_t site);
  /// One that was taken a moment ago and not used: nobody waits for it.
  void put_back_thread(uint32_t site, Work work);
  /// To wait in.
  [[nodiscard]] Use::Line& line_for(uint32_t site, Work work);
  [[nodiscard]] bool waits(const Use::Line& line, Work work);

  // streams
  [[nodiscard]] bool take_place();
  void give_place();
  /// Lets streams go on as far as places, memory and what is left of this turn's bytes reach.
  void serve_streams();
  [[nodiscard]] bool may_read_ahead();
  [[nodiscard]] bool was_slow(uint64_t begun_turn) const;
  void end_turn_of_streams();
  void streams_waiting_reclaim();

  void close(int descriptor, uint32_t site, bool slow);
  void close_last(int descriptor, uint32_t site, bool slow) override;
  void on_linked(cache::Entry& entry) override;
  void on_unlinked(cache::Entry& entry) override;
  void watch(const cache::Entry& entry);
  [[nodiscard]] bool keeps_descriptors() const;
  void sweep();
  [[nodiscard]] uint64_t sweep_every_ms() const;
  /// One line a second at most; the next one says how many there were.
  void warn(std::string_view what, int error_number);
  [[nodiscard]] List<Fetch>& bucket_of(uint64_t hash) { return under_way_[hash % bucket_count]; }
  [[nodiscard]] cache::Key key_of(uint32_t site, std::string_view path) const {
    return cache::make_key(site, path, options_.hash_seed);
  }

  uring::Ring& ring_;
  cache::Cache& cache_;
  PieceMemory& memory_;
  const Clock& clock_;
  log::Logger& logger_;
  const Sites& sites_;
  HelperDoor* helper_;
  DiskOptions options_;
  uint32_t place_limit_ = 0;   // of one site
  uint32_t thread_limit_ = 0;  // of one site
  uint32_t look_limit_ = 0;
  Slab<Fetch> fetches_;
  Slab<Stream> streams_;
  std::array<List<Fetch>, bucket_count> under_way_;
  List<Fetch, ByAge> by_age_;   // all of them, the oldest first
  List<Fetch, Looking> looks_;  // for which somebody may be waiting, the oldest first
  SlotCounts held_;
  std::deque<Use> uses_;                    // by site; their addresses stay
  std::array<List<Use::Line>, 2> waiting_;  // by Work, who is served next first
  std::vector<uint32_t> leaving_;           // of which something may still be here
  KeptObserver kept_observer_{held_};
  cache::Cache kept_;  // open small files
  KeptShare kept_share_;
  Directories directories_;
  Copies copies_;
  Missing missing_;
  struct Retiring {
    const SiteState* state;
    uint64_t sequence;  // fetches that began before this one may use it
  };
  std::vector<Retiring> retiring_;
  std::deque<std::pair<uint32_t, std::string>> preloads_;  // without a path: of a site that left
  List<Stream, WaitingInLine> line_;       // streams that wait for a place or for memory, first come first
  List<Stream, WithClient> with_clients_;  // streams whose piece a client is sending, longest first
  List<Stream, Due> due_;                  // streams that have bytes to move as soon as a turn has room for them
  List<Stream, ReadAhead> ahead_;          // streams that hold a piece read ahead, longest first
  KernelTransfer kernel_transfer_;
  InstalledSockets sockets_;
  size_t spent_bytes_ = 0;  // of this turn's
  uint64_t turns_ = 0;
  uint64_t turn_ended_ns_ = 0;
  bool serving_ = false;
  bool line_stuck_ = false;   // the first in line lacks a place or memory
  stats::Counter in_flight_;  // places taken, looks not counted
  stats::Counter queue_size_;
  uint32_t looks_in_flight_ = 0;
  uint32_t preloads_in_flight_ = 0;
  uint32_t rendering_ = 0;
  std::array<uint32_t, 2> threads_{};  // taken, all sites, by Work
  uint32_t in_line_ = 0;
  uint32_t closes_ = 0;
  uint32_t closing_ = 0;  // foreign files whose close waits or is under way
  uint64_t next_sequence_ = 0;
  uint64_t swept_ms_ = 0;
  uint64_t kept_swept_ms_ = 0;
  uint64_t sliced_ms_ = 0;           // when there was a slice of go_on_leaving()
  size_t dropped_cache_ = SIZE_MAX;  // buckets looked through for what left
  size_t dropped_kept_ = SIZE_MAX;
  uint64_t cold_ms_ = 0;  // when a read last had to ask the disk
  uint32_t unasked_ = 0;  // reads in this turn that were taken to be cached
  uint32_t borrowed_unasked_ = 0;
  uint64_t verdict_watched_ms_ = 0;
  bool gone_ = false;
  DiskCounters counters_;
  uint64_t warned_ms_ = 0;
  uint64_t unsaid_ = 0;  // warnings since
};

}  // namespace uringd::disk
