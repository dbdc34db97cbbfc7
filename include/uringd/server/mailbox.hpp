// Mailbox: how other threads speak to a worker: a set of commands (each at most once until taken), a queue of notices
// from the disk's helper, one of orders from the main thread, one of errands from the admin worker, and an eventfd
// whose read is an operation on the worker's ring, so that the worker waits for one thing only. Any thread posts,
// without locks; one worker takes. The daemon owns it: it is there before the worker and dies after every thread that
// posts. Bounds: whoever posts much looks at pending() before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/post_queue.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/server/order.hpp"

namespace uringd::server {

/// `hand_over`: drain, but the listeners are a successor's. `abort`: every connection is closed, whatever it waits for.
/// `pass`: see ask_to_pass(). `beat`: see beats(). `call`: the worker's handler is called (Handler::on_call).
enum class Command : uint32_t { drain = 1, abort = 2, pass = 4, hand_over = 8, beat = 16, call = 32 };

class Errand;

class Mailbox {
 public:
  Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Thread-safe; never waits.
  void post(Command command);
  /// Thread-safe; never waits. Notices of one poster are taken in the order in which it posted them.
  void post(disk::Notice notice);
  /// The main thread; never waits.
  void post(Order order);
  /// Thread-safe; never waits.
  void post(std::shared_ptr<Errand> errand);
  /// Of all orders that were ever posted, how many were carried out.
  [[nodiscard]] uint64_t orders_done() const { return orders_done_.load(std::memory_order_acquire); }
  /// How often Command::beat was carried out: the worker makes progress.
  [[nodiscard]] uint64_t beats() const { return beats_.load(std::memory_order_relaxed); }
  /// One thread only: passed() will be at least `epoch` once the worker has come from one turn to the next; epochs
  /// grow. What it read before that it does not read any more.
  void ask_to_pass(uint64_t epoch) {
    asked_.store(epoch, std::memory_order_release);
    post(Command::pass);
  }
  [[nodiscard]] uint64_t passed() const { return passed_.load(std::memory_order_acquire); }
  /// Notices posted and not yet taken.
  [[nodiscard]] size_t pending() const { return notices_.pending(); }

  /// The worker. All commands posted since the last call, as a set of Command bits.
  [[nodiscard]] uint32_t take() { return commands_.exchange(0, std::memory_order_acquire); }
  /// The worker, between two turns, on Command::pass.
  void pass() { passed_.store(asked_.load(std::memory_order_acquire), std::memory_order_release); }
  /// The worker. All notices posted before the call, oldest first; allocates nothing while there are none.
  [[nodiscard]] std::vector<disk::Notice> take_notices() { return notices_.take(); }
  /// The worker. All orders posted before the call, oldest first; done_with_orders() says that they are carried out.
  [[nodiscard]] std::vector<Order> take_orders() { return orders_.take(); }
  /// The worker. All errands posted before the call, oldest first.
  [[nodiscard]] std::vector<std::shared_ptr<Errand>> take_errands() { return errands_.take(); }
  void done_with_orders(size_t count) { orders_done_.fetch_add(count, std::memory_order_release); }
  void beat() { beats_.fetch_add(1, std::memory_order_relaxed); }
  /// Readable (8 bytes) when something was posted since it was last read: read first, then take.
  [[nodiscard]] int descriptor() const { return event_.number(); }

 private:
  Fd event_;
  std::atomic<uint32_t> commands_{0};
  std::atomic<uint64_t> asked_{0};
  std::atomic<uint64_t> passed_{0};
  PostQueue<disk::Notice> notices_;
  PostQueue<Order> orders_;
  PostQueue<std::shared_ptr<Errand>> errands_;
  std::atomic<uint64_t> orders_done_{0};
  std::atomic<uint64_t> beats_{0};
};

}  // namespace uringd::server
