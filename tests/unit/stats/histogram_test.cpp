// Histograms and what they say of the values in them, against a sorted list of the values themselves.
#include "uringd/stats/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "../random.hpp"
#include "uringd/stats/distribution.hpp"

namespace uringd::stats {
namespace {

constexpr double quantiles[] = {0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};

/// The smallest value that the part `quantile` of all does not exceed.
double naive_quantile(const std::vector<uint64_t>& sorted, double quantile) {
  const auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max(rank, size_t{1}) - 1]);
}

/// Within a bucket's width: 1/32 of the value, and 1.
bool near(double found, double expected) { return std::abs(found - expected) <= expected / 32 + 1; }

uint64_t naive_count(const std::vector<uint64_t>& sorted, uint64_t ns) {
  return static_cast<uint64_t>(std::upper_bound(sorted.begin(), sorted.end(), ns) - sorted.begin());
}

}  // namespace

TEST_CASE("buckets lie side by side, each value in the one whose bounds hold it, none wider than 1/32 of it") {
  uint64_t end = 0;
  for (size_t bucket = 0; bucket < Histogram::bucket_count; ++bucket) {
    const uint64_t begin = Histogram::begin_of(bucket);
    CHECK(begin == end);
    end = Histogram::begin_of(bucket + 1);
    CHECK(end > begin);
    CHECK((end - begin == 1 || (end - begin) * 32 <= begin));
    CHECK(Histogram::bucket_of(begin) == bucket);
    CHECK(Histogram::bucket_of(end - 1) == bucket);
  }
  CHECK(end == Histogram::most_ns + 1);
}

TEST_CASE("what is too long for the histogram is in its last bucket, and whole in its sum") {
  auto histogram = std::make_unique<Histogram>();
  histogram->record(UINT64_MAX / 2);
  histogram->record(Histogram::most_ns);
  CHECK(histogram->count_in(Histogram::bucket_count - 1) == 2);
  CHECK(histogram->sum_ns() == UINT64_MAX / 2 + Histogram::most_ns);
  CHECK(Distribution(*histogram).most_ns() == Histogram::most_ns);
}

TEST_CASE("quantiles, sum, count and most are those of the values, to a bucket's width") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    testing::Random random(seed);
    auto histogram = std::make_unique<Histogram>();
    std::vector<uint64_t> values;
    uint64_t sum = 0;
    const uint64_t bits = 1 + random.below(40);
    for (uint64_t count = 1 + random.below(2000); values.size() < count;) {
      const uint64_t ns = random.of_any_size(bits);
      const uint64_t times = random.below(10) == 0 ? 1 + random.below(20) : 1;
      histogram->record(ns, times);
      values.insert(values.end(), times, ns);
      sum += ns * times;
    }
    std::ranges::sort(values);
    const Distribution read(*histogram);
    CHECK(read.count() == values.size());
    CHECK(read.sum_ns() == sum);
    CHECK(near(static_cast<double>(read.most_ns()), static_cast<double>(values.back())));
    CHECK(read.most_ns() >= values.back());
    for (const double quantile : quantiles) {
      CAPTURE(quantile);
      CHECK(near(read.quantile_ns(quantile), naive_quantile(values, quantile)));
    }
  }
}

TEST_CASE("the count up to a bound is that of the values up to it, but for those within 1/32 of it, and never falls") {
  testing::Random random(7);
  auto histogram = std::make_unique<Histogram>();
  std::vector<uint64_t> values;
  for (int i = 0; i < 5000; ++i) values.push_back(random.of_any_size(36));
  for (const uint64_t value : values) histogram->record(value);
  std::ranges::sort(values);
  const Distribution read(*histogram);
  uint64_t before = 0;
  for (uint64_t bound = 1; bound < uint64_t{1} << 41; bound += bound / 7 + 1) {
    CAPTURE(bound);
    const uint64_t counted = read.count_up_to(bound);
    CHECK(counted >= before);
    CHECK(counted >= naive_count(values, bound - bound / 32 - 1));
    CHECK(counted <= naive_count(values, bound + bound / 32 + 1));
    before = counted;
  }
  CHECK(before == values.size());
}

TEST_CASE("an empty histogram has no quantiles, no most and no count") {
  const auto histogram = std::make_unique<Histogram>();
  const Distribution read(*histogram);
  CHECK(read.count() == 0);
  CHECK(read.quantile_ns(0.5) == 0);
  CHECK(read.most_ns() == 0);
  CHECK(read.count_up_to(UINT64_MAX) == 0);
}

TEST_CASE("readings add up, and one taken from a later one is what happened between them") {
  auto one = std::make_unique<Histogram>();
  auto other = std::make_unique<Histogram>();
  one->record(1000, 3);
  other->record(5'000'000);
  Distribution both(*one);
  both += Distribution(*other);
  CHECK(both.count() == 4);
  CHECK(both.sum_ns() == 5'003'000);
  CHECK(near(both.quantile_ns(0.5), 1000));
  CHECK(near(both.quantile_ns(1), 5'000'000));

  const Distribution earlier = both;
  one->record(20'000, 2);
  both = Distribution(*one);
  both += Distribution(*other);
  both -= earlier;
  CHECK(both.count() == 2);
  CHECK(both.sum_ns() == 40'000);
  CHECK(near(both.quantile_ns(0.01), 20'000));
  CHECK(near(static_cast<double>(both.most_ns()), 20'000));
}

TEST_CASE("a reader beside the writer sees counts that only grow and are whole") {
  auto histogram = std::make_unique<Histogram>();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (uint64_t i = 0; i < 200'000; ++i) histogram->record(i % 4096);
    done = true;
  });
  uint64_t before = 0;
  while (!done) {
    const uint64_t now = Distribution(*histogram).count();
    CHECK(now >= before);
    before = now;
  }
  writer.join();
  CHECK(Distribution(*histogram).count() == 200'000);
}

}  // namespace uringd::stats
