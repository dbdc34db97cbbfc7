// Background: the thread for what takes long and nobody's freshness hangs on: compressing, listing directories, reading
// error pages again. It may wait for a disk for ever, and it runs at a low priority (nice 10), which an ordinary
// user cannot leave again: so it is not the helper thread, on which a release must be seen within 100 ms. Any thread
// orders, without locks (one that an idle thread holds would hold up a worker); results go to the workers' mailboxes,
// error pages to the helper. What is ordered for people waiting comes first:
//
//   listings ── error pages ── quick copies ── best copies
//
// Bounds: 256 listings, 256 copies and 16 MiB of their bytes waiting; beyond, the order is refused. Equal copies asked
// for by several workers are made once: results of up to 8 MiB are remembered for that.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "uringd/disk/notice.hpp"
#include "uringd/disk/sites.hpp"
#include "uringd/server/mailbox.hpp"

namespace uringd::server {

/// Whether a site's error pages are others now.
/// It owns all that is used: the site may be gone before a disk answers.
struct PagesOrder {
  uint64_t number = 0;  // who ordered it knows it by this
  std::shared_ptr<const disk::Root> root;
  std::vector<disk::ErrorPageRule> rules;
  std::vector<http::Coding> compress;
  std::shared_ptr<const disk::ErrorPages> current;
};

class Background {
 public:
  static constexpr uint32_t most_listings = 256;
  static constexpr uint32_t most_copies = 256;
  static constexpr size_t most_copy_bytes = size_t{16} << 20;
  static constexpr size_t most_remembered_bytes = size_t{8} << 20;

  /// Called on the background thread once for each order of pages. nullptr: they are as they were.
  using OnPages = std::function<void(uint64_t order, std::shared_ptr<const disk::ErrorPages> pages,
                                     std::vector<std::string> problems)>;

  explicit Background(OnPages on_pages);
  /// Stops it, with a patience of one second.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Any thread, before start() too. False: too many wait.
  [[nodiscard]] bool list(uint32_t worker, disk::ListingOrder order, uint64_t ticket);
  [[nodiscard]] bool encode(uint32_t worker, disk::EncodeOrder order, uint64_t ticket);
  /// The same for somebody else: `done` is called on the background thread with the copy (nullptr: not worth it), or
  /// never, where the process ends before; it does not wait.
  using OnEncoded = std::function<void(std::shared_ptr<const std::string> bytes)>;
  [[nodiscard]] bool encode(disk::EncodeOrder order, OnEncoded done);
  /// The helper thread; one order for each site at a time.
  void read_pages(PagesOrder order);

  /// One mailbox a worker, which outlive it.
  [[nodiscard]] Result<void> start(std::span<Mailbox* const> mailboxes);
  /// Waits for that. False: it is stuck in a system call or deep in a copy, and was left behind. Once this has returned
  /// it posts nothing any more and takes no order, whichever it is.
  bool stop(std::chrono::milliseconds patience);

  /// Copies made, those that came from memory not counted.
  [[nodiscard]] uint64_t copies_made() const;

 private:
  void end();

  struct Implementation;
  std::shared_ptr<Implementation> implementation_;  // shared with the thread: one left behind still has it
};

}  // namespace uringd::server
