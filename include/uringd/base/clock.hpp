// Clock: one look at the time per turn of a worker, for everything that happens in it. Plain values; the worker writes,
// its objects read.
#pragma once

#include <cstdint>

namespace uringd {

struct Clock {
  uint64_t monotonic_ns = 0;
  uint64_t monotonic_ms = 0;
  int64_t wall_ns = 0;  // up to 1 ms old
  int64_t wall_s = 0;
};

}  // namespace uringd
