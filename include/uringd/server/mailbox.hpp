// Mailbox: how other threads speak to a worker: a set of commands (each at most once until taken), a queue of notices
// from the disk's helper, and an eventfd whose read is an operation on the worker's ring, so that the worker waits for
// one thing only. Any thread posts, without locks; one worker takes. The daemon owns it: it is there before the worker
// and dies after every thread that posts.
// Bounds: whoever posts much looks at pending() before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/post_queue.hpp"
#include "uringd/disk/notice.hpp"

namespace uringd::server {

/// `abort`: every connection is closed, whatever it waits for.
enum class Command : uint32_t { drain = 1, abort = 2 };

class Mailbox {
 public:
  Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Thread-safe; never waits.
  void post(Command command);
  /// Thread-safe; never waits. Notices of one poster are taken in the order in which it posted them.
  void post(disk::Notice notice);
  /// Notices posted and not yet taken.
  [[nodiscard]] size_t pending() const { return notices_.pending(); }

  /// The worker. All commands posted since the last call, as a set of Command bits.
  [[nodiscard]] uint32_t take() { return commands_.exchange(0, std::memory_order_acquire); }
  /// The worker. All notices posted before the call, oldest first; allocates nothing while there are none.
  [[nodiscard]] std::vector<disk::Notice> take_notices() { return notices_.take(); }
  /// Readable (8 bytes) when something was posted since it was last read: read first, then take.
  [[nodiscard]] int descriptor() const { return event_.number(); }

 private:
  Fd event_;
  std::atomic<uint32_t> commands_{0};
  PostQueue<disk::Notice> notices_;
};

}  // namespace uringd::server
