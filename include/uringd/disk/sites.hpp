// Sites: what the disk must know of each tree of files: fixed rules, and a state that changes as a whole while requests
// are served: which directory its root is now. A site of this room is one such tree: a site of the configuration or one
// of its mounts; it is named by its slot. One object for all workers and all configurations of the process. A worker
// reads a state with one atomic load a request, so that all of them move from one tree to the next at the same moment;
// the helper thread is the only writer.
//
// A state that was replaced lives until every worker has said (Retired, HelperDoor::done_with) that nothing of its own
// uses it any more: an open that is under way names the old root's descriptor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/disk/describe.hpp"
#include "uringd/disk/error_pages.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::disk {

/// A directory that is or was a site's root.
struct Root {
  int directory = -1;  // for open_beneath()
  Fd owned;            // the same, where it is ours to close
  uint64_t device = 0;
  uint64_t inode = 0;
  bool remote = false;     // a network or FUSE file system: what the kernel knows of a file may be old, reads need its
                           // threads, and inotify tells only of this machine's changes
  bool read_only = false;  // the file system itself, not only this mount of it: its files cannot change
};

/// What there is to know of an open directory, which becomes the Root's. Never waits for a disk where /proc is there.
Result<Root> describe_root(Fd directory);

/// Immutable; replaced as a whole. An entry that was looked at under another generation is looked at again before use;
/// one from before the release is never answered without that, however long the look takes.
struct SiteState {
  uint32_t generation = 1;
  uint32_t release = 1;  // the generation with which paths began to lead where they lead now
  std::shared_ptr<const Root> root;
  std::shared_ptr<const Root> previous;     // site.keep_previous: asked where the root has no such file
  uint64_t previous_until_ms = 0;           // monotonic
  std::shared_ptr<const ErrorPages> pages;  // never nullptr
};

/// What never changes of a tree: with other rules it is another tree.
struct SiteRules {
  std::string root_path;  // as configured: what is opened again to see whether it is another directory now
  std::string prefix;     // of a mount, "/uploads": what stands before the paths below its root
  uring::Resolve resolve = uring::Resolve::symlinks_inside;
  std::vector<std::string> index;
  std::vector<std::string> extensions;  // with their dot: what a name may lack at its end
  bool listing = false;                 // a directory without an index is listed
  bool hidden = false;                  // with names that begin with a dot
  std::vector<ErrorPageRule> error_pages;
  std::vector<http::Coding> compress;  // error pages too
  uint64_t keep_previous_ms = 0;
  bool operator==(const SiteRules&) const = default;
};

/// Slots of trees. A tree has its slot for as long as a configuration has the tree; a reload gives an unchanged tree
/// the slot that it had, so what is held of it stays. A slot is given back when no configuration names it any more and
/// no worker has anything of it (Disk::uses), and may then become another tree's.
class Sites {
 public:
  /// At once: those of the configuration in use, and of the ones before while requests or workers have something of
  /// them.
  static constexpr uint32_t most_slots = 65536;
  struct Site {
    SiteRules rules;
    std::shared_ptr<const Describer> describer;  // lives as long as the slot is this tree's
    std::shared_ptr<const Root> root;
    std::shared_ptr<const ErrorPages> pages = std::make_shared<const ErrorPages>();
  };
  Sites() = default;
  /// These have the slots 0, 1, 2, …
  explicit Sites(std::vector<Site> sites);
  ~Sites();
  Sites(const Sites&) = delete;
  Sites& operator=(const Sites&) = delete;

  /// Any thread. The slot of a new tree, an empty one or the next; nobody else knows it yet.
  [[nodiscard]] uint32_t add(Site site);
  /// Any thread; nobody reads that slot any more.
  void remove(uint32_t site);
  /// One more than the highest slot that was ever taken: what tables by slot need. Slots below it may be empty.
  [[nodiscard]] uint32_t bound() const { return bound_.load(std::memory_order_acquire); }
  [[nodiscard]] const SiteRules& rules(uint32_t site) const { return slot(site).rules; }
  [[nodiscard]] const Describer& describer(uint32_t site) const { return *slot(site).describer; }
  /// For log lines: "site www" (its root), "mount /uploads".
  [[nodiscard]] std::string name_of(uint32_t site) const;
  /// Valid for a worker until it has acknowledged the state's Retired notice.
  [[nodiscard]] const SiteState& state(uint32_t site) const {
    return *slot(site).state.load(std::memory_order_acquire);
  }
  /// Helper thread only: from now on everybody reads `next`. Returns the state before, whose owner the caller becomes.
  [[nodiscard]] std::unique_ptr<const SiteState> publish(uint32_t site, std::unique_ptr<const SiteState> next);

 private:
  // Chunks are never moved or freed, so that workers read while a reload adds: one more load a look-up.
  struct Slot {
    SiteRules rules;
    std::shared_ptr<const Describer> describer;
    std::atomic<const SiteState*> state{nullptr};  // nullptr: an empty slot
    uint32_t next_generation = 1;                  // of its next tree: none that any tree before had
  };
  static constexpr uint32_t chunk_slots = 64;
  static constexpr uint32_t most_chunks = most_slots / chunk_slots;
  using Chunk = std::array<Slot, chunk_slots>;
  [[nodiscard]] Slot& slot(uint32_t site) const {
    return (*chunks_[site / chunk_slots].load(std::memory_order_acquire))[site % chunk_slots];
  }
  [[nodiscard]] uint32_t take_slot();

  std::mutex mutex_;  // of what follows, among those who add and remove
  std::vector<uint32_t> empty_;
  std::atomic<uint32_t> bound_{0};
  std::array<std::atomic<Chunk*>, most_chunks> chunks_{};
};

}  // namespace uringd::disk
