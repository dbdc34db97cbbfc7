// Distribution: what a histogram has counted up to some moment, as plain numbers: those of several workers add up, and
// the earlier of two readings taken from the later one is what happened between them. Belongs to whoever made it. What
// it says of values is as true as the histogram's buckets: within 1/32.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "uringd/stats/histogram.hpp"

namespace uringd::stats {

class Distribution {
 public:
  Distribution() = default;
  /// On any thread, while the histogram is being written to: what is recorded meanwhile is in it or not, and may be in
  /// the sum and not in the count.
  explicit Distribution(const Histogram& histogram);

  Distribution& operator+=(const Distribution& other);
  /// `earlier` is a former reading of the same histograms.
  Distribution& operator-=(const Distribution& earlier);

  [[nodiscard]] uint64_t count() const;
  [[nodiscard]] uint64_t sum_ns() const { return sum_ns_; }
  /// The value that the part `quantile` (0 to 1) of all values does not exceed, in between the bounds of its bucket as
  /// if values lay evenly in there. 0 where there is none.
  [[nodiscard]] double quantile_ns(double quantile) const;
  /// The bound that no value exceeds, but those beyond Histogram::most_ns.
  [[nodiscard]] uint64_t most_ns() const;
  /// How many are at most `ns`; grows with `ns` and with time.
  [[nodiscard]] uint64_t count_up_to(uint64_t ns) const;

 private:
  std::array<uint64_t, Histogram::bucket_count> counts_{};
  uint64_t sum_ns_ = 0;
};

}  // namespace uringd::stats
