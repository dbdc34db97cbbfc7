// What is asked of a worker's counters, and the names of rare methods.
#include "uringd/server/worker_counters.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace uringd::server {

uint8_t rare_method_place(std::string_view name) {
  const auto* const found = std::find(counted_methods.begin(), counted_methods.end() - 1, name);
  return static_cast<uint8_t>(found - counted_methods.begin());
}

stats::Distribution Latencies::read(Phase phase) const {
  stats::Distribution found(by_phase[static_cast<size_t>(phase)]);
  if (phase == Phase::request || phase == Phase::send) found += stats::Distribution(at_once);
  return found;
}

uint64_t WorkerCounters::requests() const {
  return std::accumulate(std::begin(looked_up), std::end(looked_up), uint64_t{0});
}

}  // namespace uringd::server
