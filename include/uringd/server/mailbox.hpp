// Mailbox: how another thread speaks to a worker. A set of commands (each at most once until read) and an eventfd whose
// read is an operation on the worker's ring, so that the worker waits for one thing only. Any thread posts; the worker
// takes.
#pragma once

#include <atomic>
#include <cstdint>

#include "uringd/base/fd.hpp"

namespace uringd::server {

enum class Command : uint32_t { drain = 1 };

class Mailbox {
 public:
  Mailbox();
  /// Thread-safe; never waits.
  void post(Command command);
  /// All commands posted since the last call, as a set of Command bits.
  [[nodiscard]] uint32_t take() { return commands_.exchange(0, std::memory_order_acquire); }
  [[nodiscard]] int descriptor() const { return event_.number(); }

 private:
  Fd event_;
  std::atomic<uint32_t> commands_{0};
};

}  // namespace uringd::server
