// What is known of the values from the buckets that they fell into.
#include "uringd/stats/distribution.hpp"

#include <algorithm>
#include <numeric>

namespace uringd::stats {

Distribution::Distribution(const Histogram& histogram) {
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) counts_[bucket] = histogram.count_in(bucket);
  sum_ns_ = histogram.sum_ns();
}

Distribution& Distribution::operator+=(const Distribution& other) {
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) counts_[bucket] += other.counts_[bucket];
  sum_ns_ += other.sum_ns_;
  return *this;
}

Distribution& Distribution::operator-=(const Distribution& earlier) {
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) counts_[bucket] -= earlier.counts_[bucket];
  sum_ns_ -= earlier.sum_ns_;
  return *this;
}

uint64_t Distribution::count() const { return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}); }

double Distribution::quantile_ns(double quantile) const {
  const double rank = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count());
  uint64_t before = 0;
  double last = 0;  // where rounding leads beyond all values
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    if (counts_[bucket] == 0) continue;
    const auto begin = static_cast<double>(Histogram::begin_of(bucket));
    const auto end = static_cast<double>(Histogram::begin_of(bucket + 1) - 1);
    const double within = (rank - static_cast<double>(before)) / static_cast<double>(counts_[bucket]);
    if (within <= 1) return begin + within * (end - begin);
    before += counts_[bucket];
    last = end;
  }
  return last;
}

uint64_t Distribution::most_ns() const {
  for (size_t bucket = counts_.size(); bucket > 0; --bucket) {
    if (counts_[bucket - 1] > 0) return Histogram::begin_of(bucket) - 1;
  }
  return 0;
}

uint64_t Distribution::count_up_to(uint64_t ns) const {
  if (ns >= Histogram::most_ns) return count();
  const size_t bucket = Histogram::bucket_of(ns);
  const uint64_t before =
      std::accumulate(counts_.begin(), counts_.begin() + static_cast<ptrdiff_t>(bucket), uint64_t{0});
  const uint64_t begin = Histogram::begin_of(bucket);
  const uint64_t width = Histogram::begin_of(bucket + 1) - begin;
  const auto part = static_cast<double>(ns + 1 - begin) / static_cast<double>(width);
  return before + static_cast<uint64_t>(static_cast<double>(counts_[bucket]) * part);
}

}  // namespace uringd::stats
