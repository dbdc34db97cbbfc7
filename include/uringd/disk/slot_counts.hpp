// SlotCounts: how many things of each slot (disk::Sites) a worker holds: fetches, streams, open files, closes, entries,
// directories, preloads, orders of copies. Belongs to that worker's Disk. A slot of which there are none is nobody's
// here, and may be given back.
#pragma once

#include <cstdint>
#include <vector>

#include "uringd/base/check.hpp"

namespace uringd::disk {

class SlotCounts {
 public:
  explicit SlotCounts(uint32_t slots) : counts_(slots) {}
  /// There are so many slots from now on, or more.
  void reach(uint32_t slots) {
    if (slots > counts_.size()) counts_.resize(slots);
  }
  void add(uint32_t slot) {
    CHECK(slot < counts_.size());
    ++counts_[slot];
  }
  void remove(uint32_t slot) {
    CHECK(slot < counts_.size());
    CHECK(counts_[slot] > 0);
    --counts_[slot];
  }
  [[nodiscard]] bool any(uint32_t slot) const { return slot < counts_.size() && counts_[slot] > 0; }

 private:
  std::vector<uint32_t> counts_;
};

}  // namespace uringd::disk
