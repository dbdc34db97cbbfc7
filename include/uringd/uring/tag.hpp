// Tag: what a completion says about whom it is for. It travels through the kernel as user_data:
// kind 8 · step 8 · slot 24 · generation 24 bits. One switch in server/worker routes by kind; the owner in that slot
// routes by step. The generation is an alarm, not the lock: a slot is never reused while something is lent.
#pragma once

#include <cstdint>

namespace uringd::uring {

// `closing`: a file whose close may take long. `overflow`: a socket that is closed as soon as it is accepted, because
// too many are waiting already. `watch`, `root`, `map`: the helper thread's own ring. `log`: the access log's file.
enum class Kind : uint8_t {
  nobody,
  acceptor,
  connection,
  fetch,
  stream,
  timer,
  mailbox,
  overflow,
  watch,
  root,
  closing,
  map,
  log
};

struct Tag {
  static constexpr uint32_t slot_limit = 1U << 24;

  Kind kind = Kind::nobody;
  uint8_t step = 0;
  uint32_t slot = 0;        // < slot_limit
  uint32_t generation = 0;  // < 2^24, wraps

  [[nodiscard]] constexpr uint64_t pack() const {
    return uint64_t{static_cast<uint8_t>(kind)} << 56 | uint64_t{step} << 48 | uint64_t{slot & 0xffffff} << 24 |
           (generation & 0xffffff);
  }
  [[nodiscard]] static constexpr Tag unpack(uint64_t user_data) {
    return {static_cast<Kind>(user_data >> 56), static_cast<uint8_t>(user_data >> 48),
            static_cast<uint32_t>(user_data >> 24) & 0xffffff, static_cast<uint32_t>(user_data) & 0xffffff};
  }
  constexpr bool operator==(const Tag&) const = default;
};

}  // namespace uringd::uring
