// Ring's life: made whole or not at all, moved, and taken down. A ring that dies with operations under way asks the
// kernel to cancel them and waits a moment: what they borrowed is about to be freed.
#include "uringd/uring/ring.hpp"

#include <utility>

#include "implementation.hpp"

namespace uringd::uring {

Ring::Ring(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Ring::Ring(Ring&&) noexcept = default;
Ring::~Ring() = default;

Result<Ring> Ring::create(const RingOptions& options) {
  auto implementation = std::make_unique<Implementation>();
  if (auto made = implementation->set_up(options); !made) return std::unexpected(made.error());
  return Ring(std::move(implementation));
}

Ring::Implementation::~Implementation() {
  if (!running) return;
  io_uring_sync_cancel_reg everything{};
  everything.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
  everything.timeout.tv_nsec = 100'000'000;  // a hung disk cannot be cancelled, and must not keep us
  io_uring_register_sync_cancel(&ring, &everything);
  buffers.take_down();
  io_uring_queue_exit(&ring);
}

const RingSetup& Ring::setup() const { return implementation_->setup; }
const RingCounters& Ring::counters() const { return implementation_->counters; }

// Refused only for what make_ring() would have been refused for.
void Ring::set_workers(uint32_t bounded, uint32_t unbounded) {
  unsigned workers[2] = {bounded, unbounded};
  io_uring_register_iowq_max_workers(&implementation_->ring, workers);
}

std::span<const char> Ring::bytes_of(const Completion& completion) const {
  CHECK(completion.has_buffer);
  CHECK(completion.result >= 0);
  return implementation_->buffers.bytes(completion.buffer, static_cast<uint32_t>(completion.result));
}

void Ring::give_back(uint16_t buffer) { implementation_->buffers.give_back(buffer); }

}  // namespace uringd::uring
