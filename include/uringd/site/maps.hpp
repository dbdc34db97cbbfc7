// Maps: the lookup tables of a configuration, in its order. Every worker reads a table with one atomic load; one thread
// (the helper) replaces them. A table that was replaced lives until every worker has passed from one turn to the next:
// no view into a table survives the routing of one request.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "uringd/site/map_table.hpp"

namespace uringd::site {

class Maps {
 public:
  Maps() = default;
  /// None is nullptr.
  explicit Maps(std::vector<std::unique_ptr<const MapTable>> tables);
  ~Maps();
  Maps(const Maps&) = delete;
  Maps& operator=(const Maps&) = delete;

  [[nodiscard]] uint32_t count() const { return static_cast<uint32_t>(slots_.size()); }
  [[nodiscard]] const MapTable& table(uint32_t map) const { return *slots_[map].load(std::memory_order_acquire); }
  /// One thread only: from now on everybody reads `next`. Returns the table before, which others may still read.
  [[nodiscard]] std::unique_ptr<const MapTable> publish(uint32_t map, std::unique_ptr<const MapTable> next);

 private:
  std::vector<std::atomic<const MapTable*>> slots_;  // sized once
};

}  // namespace uringd::site
