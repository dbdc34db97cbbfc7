// What stands behind Ring: one io_uring, its buffer ring, and where completions wait between the kernel and the caller.
// Owned by Ring, used by its thread only (SINGLE_ISSUER). Bounds: submission and completion entries, both vectors'
// capacity. Completions go kernel → `backlog` (only when a full submission queue forces a submission between two turns)
// → `reaped`.
#pragma once

#include <liburing.h>

#include <span>
#include <vector>

#include "buffer_ring.hpp"
#include "uringd/base/check.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring {

struct Ring::Implementation {
  Implementation() = default;
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  ~Implementation();

  /// Sets up everything of `options`, smaller where limits ask for it (setup.cpp).
  Result<void> set_up(const RingOptions& options);

  /// A zeroed entry of the submission queue, tagged. Submits first when the queue is full.
  io_uring_sqe* entry(Tag tag);
  /// Makes room for `count` entries that must travel in one submission: a chain ends where a submission ends.
  void reserve(unsigned count);
  /// The next turn's work: enter the kernel, or not when nothing asks for it.
  void enter(unsigned wait_for);
  /// Moves completions into `into` until the queue is empty or `into` is at its capacity.
  void reap(std::vector<Completion>& into);
  [[nodiscard]] uint32_t kernel_flags() const;

  // The steps of set_up(), in the order of hazards that they guard against: ring, workers, slots, buffers, what is left
  // to be done with it.
  Result<void> make_ring(const RingOptions& options);
  Result<void> make_direct_table(const RingOptions& options);
  Result<void> make_buffers(const RingOptions& options);
  void register_memory(const RingOptions& options);
  /// Refused restrictions are no error (RingSetup says it); a ring that cannot be enabled is.
  Result<void> restrict_and_enable();
  /// 0, or a negative errno and no restriction (restrictions.cpp).
  int restrict_operations();
  [[nodiscard]] bool can_ask_sockets();
  [[nodiscard]] bool can_install();
  /// Submits the one entry that was queued and waits for its result; only during set-up.
  int result_of_only_entry();

  io_uring ring{};
  bool running = false;  // `ring` is set up
  RingSetup setup;
  RingCounters counters;
  BufferRing buffers;
  std::span<char> registered;  // empty where the limit did not allow it
  std::vector<Completion> reaped;
  std::vector<Completion> backlog;
  bool interrupted = false;       // the last wait was ended by a signal
  uint64_t armed_timeout = none;  // user_data of the timeout in the kernel
  __kernel_timespec deadline{};   // lent from timeout_at() to its submission
  open_how ways[2][3]{};          // by Resolve, Walk; lent from open_beneath() to its submission; never changes

  static constexpr uint64_t none = UINT64_MAX;  // no Tag packs to this
};

}  // namespace uringd::uring
