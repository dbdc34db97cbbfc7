// Whether bytes or names that were read just now can be kept: a file written to this recently may be written to again
// without its times moving (their clock ticks every 4 ms or so). Such bytes are served, not kept.
#pragma once

#include <cstdint>

#include "uringd/uring/attributes.hpp"

namespace uringd::disk {

inline bool racily_young(const uring::Attributes& attributes, int64_t wall_ns) {
  constexpr int64_t racy_ns = 20'000'000;
  const int64_t age_ns = wall_ns - (attributes.changed_s * 1'000'000'000 + attributes.changed_ns);
  return -racy_ns < age_ns && age_ns < racy_ns;
}

}  // namespace uringd::disk
