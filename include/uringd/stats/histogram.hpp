// Histogram: how long things took, in nanoseconds. One writer (the thread that owns it), any readers (Distribution).
// Fixed memory, 9 KiB, of which only what is used is touched. Each power of two is divided into 32 buckets, so that a
// value is known to 1/32 of itself; below 64 ns to the nanosecond. record() is a bit scan and two additions.
//
//   bucket   0 … 63   64 … 95         96 … 127         …   1120 … 1151
//   holds    itself   64 … 127 by 2   128 … 255 by 4   …   2^39 … 2^40 (18 minutes), and all that is longer
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "uringd/stats/counter.hpp"

namespace uringd::stats {

class Histogram {
 public:
  static constexpr unsigned step_bits = 5;    // 32 buckets for each power of two
  static constexpr unsigned value_bits = 40;  // values from 2^40 on are in the last one
  static constexpr size_t bucket_count = (value_bits - step_bits + 1) << step_bits;
  static constexpr uint64_t most_ns = (uint64_t{1} << value_bits) - 1;

  /// That happened `times` times, each of `ns`.
  void record(uint64_t ns, uint64_t times = 1) { record(bucket_of(ns), ns, times); }
  /// The same where its bucket is known already: one value may go into several histograms.
  void record(size_t bucket, uint64_t ns, uint64_t times) {
    counts_[bucket] += times;
    sum_ns_ += ns * times;
  }

  [[nodiscard]] static constexpr size_t bucket_of(uint64_t ns) {
    constexpr uint64_t least = (uint64_t{2} << step_bits) - 1;  // up to here a value is its own bucket
    const unsigned shift = 63 - static_cast<unsigned>(std::countl_zero(ns | least)) - step_bits;
    return std::min((size_t{shift} << step_bits) + (ns >> shift), bucket_count - 1);
  }
  /// The least value of that bucket, and of the one behind the last: most_ns + 1.
  [[nodiscard]] static constexpr uint64_t begin_of(size_t bucket) {
    if (bucket < (size_t{2} << step_bits)) return bucket;
    const size_t shift = (bucket >> step_bits) - 1;
    return static_cast<uint64_t>(bucket - (shift << step_bits)) << shift;
  }

  [[nodiscard]] uint64_t count_in(size_t bucket) const { return counts_[bucket]; }
  [[nodiscard]] uint64_t sum_ns() const { return sum_ns_; }

 private:
  Counter counts_[bucket_count];  // no std::array: a bucket is within, and need not be looked at again
  Counter sum_ns_;
};

}  // namespace uringd::stats
