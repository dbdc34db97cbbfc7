// Random: the numbers with which a `rnd` map picks. One for each worker, so that no two share a cache line; not for
// secrets. xorshift64*: a multiplication and three shifts, all bits but the lowest good enough to pick among a few.
#pragma once

#include <cstdint>

namespace uringd::site {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed | 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dULL;
  }
  /// From [0, bound); bound > 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }

 private:
  uint64_t state_;
};

}  // namespace uringd::site
