// Sites: what the disk must know of each site: fixed rules, and a state that changes as a whole while requests are
// served: which directory its root is now. One object for all workers. A worker reads a state with one atomic load per
// request, so that all of them move from one tree to the next at the same moment; the helper thread is the only writer.
//
// A state that was replaced lives until every worker has said (Retired, HelperDoor::done_with) that nothing of its own
// uses it any more: an open that is under way names the old root's descriptor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
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

/// What never changes while this configuration is in use.
struct SiteRules {
  std::string root_path;  // as configured: what is opened again to see whether it is another directory now
  uring::Resolve resolve = uring::Resolve::symlinks_inside;
  std::vector<std::string> index;
  std::vector<std::string> extensions;  // with their dot: what a name may lack at its end
  bool listing = false;                 // a directory without an index is listed
  bool hidden = false;                  // with names that begin with a dot
  std::vector<ErrorPageRule> error_pages;
  std::vector<http::Coding> compress;  // error pages too
  uint64_t keep_previous_ms = 0;
};

class Sites {
 public:
  struct Site {
    SiteRules rules;
    std::shared_ptr<const Root> root;
    std::shared_ptr<const ErrorPages> pages = std::make_shared<const ErrorPages>();
  };
  explicit Sites(std::vector<Site> sites);
  ~Sites();
  Sites(const Sites&) = delete;
  Sites& operator=(const Sites&) = delete;

  [[nodiscard]] uint32_t count() const { return static_cast<uint32_t>(slots_.size()); }
  [[nodiscard]] const SiteRules& rules(uint32_t site) const { return slots_[site].rules; }
  /// Valid for a worker until it has acknowledged the state's Retired notice.
  [[nodiscard]] const SiteState& state(uint32_t site) const {
    return *slots_[site].state.load(std::memory_order_acquire);
  }
  /// Helper thread only: from now on everybody reads `next`. Returns the state before, whose owner the caller becomes.
  [[nodiscard]] std::unique_ptr<const SiteState> publish(uint32_t site, std::unique_ptr<const SiteState> next);

 private:
  struct Slot {
    SiteRules rules;
    std::atomic<const SiteState*> state{nullptr};
  };
  std::vector<Slot> slots_;  // sized once
};

}  // namespace uringd::disk
