// Copies: has compressed copies of held entries made by another thread, and gives them to their entries when they come.
// Belongs to one worker's Disk. What was asked for may be answered late or never: an order without its answer keeps the
// entry alive, and nothing else; let_go() forgets them all.
//
//   none ──► asked ──► quick ──► best asked ──► best          an entry's CopyState in one coding
//              └─► useless (it would not be smaller)          a best copy that is not smaller leaves the quick one
//
// Bounds: 64 orders under way. The better copy is made of bodies of up to 1 MiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "uringd/base/clock.hpp"
#include "uringd/base/list.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/cache/cache.hpp"
#include "uringd/disk/fetch.hpp"
#include "uringd/disk/notice.hpp"
#include "uringd/disk/slot_counts.hpp"

namespace uringd::disk {

struct DiskCounters;

class Copies {
 public:
  static constexpr uint32_t most_orders = 64;
  static constexpr size_t most_best_bytes = size_t{1} << 20;

  /// All arguments outlive it; `helper` may be nullptr: nothing is made then.
  Copies(cache::Cache& cache, HelperDoor* helper, const Clock& clock, DiskCounters& counters, SlotCounts& held)
      : cache_(cache), helper_(helper), clock_(clock), counters_(counters), held_(held), orders_(most_orders) {}
  ~Copies() { let_go(); }
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  /// Disk::make_copy().
  [[nodiscard]] bool make(cache::Entry& base, http::Coding coding, Waiter* waiter);
  /// An answer that nobody waits for any more is dropped.
  void on_encoded(const Encoded& notice);
  /// Wakes whoever waits with 503.
  void let_go();
  /// Forgets orders for entries of sites that `leaves` where nobody waits.
  void leave(const std::function<bool(uint32_t site)>& leaves);

 private:
  struct Order : Link<Order> {
    Order(cache::Entry& entry, http::Coding to, cache::Effort with) : base(&entry), coding(to), effort(with) {
      entry.keep();
    }
    ~Order() { base->unkeep(); }
    cache::EntryRef base;
    http::Coding coding;
    cache::Effort effort;
    List<Waiter> waiters;
  };

  [[nodiscard]] bool join(const cache::Entry& base, http::Coding coding, Waiter& waiter);
  [[nodiscard]] bool order(cache::Entry& base, http::Coding coding, cache::Effort effort, Waiter* waiter);
  [[nodiscard]] uint64_t ticket_of(const Order& order) const {
    return uint64_t{orders_.slot_of(order)} << 32 | orders_.generation_of(order);
  }
  /// Its record goes, then its waiters hear of it.
  static void take_back(const Order& order);
  void end(Order& order, int status);
  /// Status 503: there was no room for the copy.
  [[nodiscard]] int give_quick(cache::Entry& base, http::Coding coding, const std::string* bytes);
  void give_best(cache::Entry& base, http::Coding coding, const std::string* bytes);
  [[nodiscard]] cache::EntryRef copy_of(const cache::Entry& base, http::Coding coding, const std::string& bytes);

  cache::Cache& cache_;
  HelperDoor* helper_;
  const Clock& clock_;
  DiskCounters& counters_;
  SlotCounts& held_;
  Slab<Order> orders_;
  List<Order> all_;
};

}  // namespace uringd::disk
