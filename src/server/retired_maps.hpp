// RetiredMaps: tables that were replaced, until every worker has passed from one turn to the next and reads them no
// more; and what keeps an old configuration, until every worker has passed its last notices about that. The helper
// thread adds and frees; the helper itself owns it, because a worker may read an old table after the thread has ended.
// Bounds: a keeper replaces no table of a map whose last one waits here.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "uringd/server/mailbox.hpp"
#include "uringd/site/map_table.hpp"

namespace uringd::server {

class RetiredMaps {
 public:
  static constexpr uint64_t poll_ms = 10;  // workers pass within a turn, which is most often sooner

  /// Nobody finds `table` from now on; who has it still may read it. `map`: any number that waits() is asked with.
  void add(uint64_t map, std::unique_ptr<const site::MapTable> table, std::span<Mailbox* const> mailboxes) {
    tables_.push_back({map, ask(mailboxes), std::move(table)});
    gauge_.store(tables_.size(), std::memory_order_relaxed);
  }
  void add_owner(std::shared_ptr<const void> owner, std::span<Mailbox* const> mailboxes) {
    owners_.push_back({ask(mailboxes), std::move(owner)});
  }
  /// Frees what no worker reads any more, where it is time to look.
  void on_time(uint64_t now_ms, std::span<Mailbox* const> mailboxes) {
    if (empty() || now_ms < due_ms_) return;
    due_ms_ = now_ms + poll_ms;
    uint64_t passed = epoch_;
    for (const Mailbox* mailbox : mailboxes) passed = std::min(passed, mailbox->passed());
    std::erase_if(tables_, [&](const Retired& one) { return one.epoch <= passed; });
    gauge_.store(tables_.size(), std::memory_order_relaxed);
    std::erase_if(owners_, [&](const Owner& one) { return one.epoch <= passed; });
  }
  /// When on_time() is due, or UINT64_MAX.
  [[nodiscard]] uint64_t next_ms() const { return empty() ? UINT64_MAX : due_ms_; }
  [[nodiscard]] bool waits(uint64_t map) const {
    return std::ranges::any_of(tables_, [&](const Retired& one) { return one.map == map; });
  }
  [[nodiscard]] bool empty() const { return tables_.empty() && owners_.empty(); }
  /// Tables that wait: a gauge, any thread.
  [[nodiscard]] uint64_t count() const { return gauge_.load(std::memory_order_relaxed); }

 private:
  struct Retired {
    uint64_t map;
    uint64_t epoch;
    std::unique_ptr<const site::MapTable> table;
  };
  struct Owner {
    uint64_t epoch;
    std::shared_ptr<const void> owner;
  };
  uint64_t ask(std::span<Mailbox* const> mailboxes) {
    for (Mailbox* mailbox : mailboxes) mailbox->ask_to_pass(epoch_ + 1);
    due_ms_ = 0;
    return ++epoch_;
  }

  std::vector<Retired> tables_;
  std::vector<Owner> owners_;
  uint64_t epoch_ = 0;
  uint64_t due_ms_ = 0;
  std::atomic<uint64_t> gauge_{0};
};

}  // namespace uringd::server
