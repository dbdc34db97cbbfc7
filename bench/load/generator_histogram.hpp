// Times in nanoseconds, counted in log-linear buckets: 128 for each doubling, so that a percentile is within 0.4 % of
// the truth; the largest is kept exactly. One writer; 58 KiB, of which a run touches a few lines.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace uringd::load {

class Histogram {
 public:
  void add(int64_t time_ns) {
    auto value = static_cast<uint64_t>(std::max<int64_t>(time_ns, 0));
    ++buckets_[index_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  [[nodiscard]] double max_us() const { return static_cast<double>(max_) / 1e3; }

  /// The least time in us that at least `part` (0 to 1] of all took no longer than; 0 of none.
  [[nodiscard]] double percentile_us(double part) const {
    auto rank = static_cast<uint64_t>(std::ceil(part * static_cast<double>(count_)));
    uint64_t seen = 0;
    for (size_t index = 0; index != buckets_.size(); ++index) {
      seen += buckets_[index];
      if (seen >= rank && seen > 0) return std::min(middle_of(index), static_cast<double>(max_)) / 1e3;
    }
    return 0;
  }

 private:
  static constexpr unsigned sub_bits = 7;

  /// Below 256 the value itself; above, its exponent and its eight most significant bits.
  static size_t index_of(uint64_t value) {
    unsigned exponent = exponent_of(value);
    return (size_t{exponent} << sub_bits) + (value >> exponent);
  }

  static unsigned exponent_of(uint64_t value) {
    auto width = static_cast<unsigned>(std::bit_width(value));
    return width > sub_bits + 1 ? width - (sub_bits + 1) : 0;
  }

  static double middle_of(size_t index) {
    if (index < size_t{2} << sub_bits) return static_cast<double>(index);
    size_t exponent = (index >> sub_bits) - 1;
    return (static_cast<double>(index - (exponent << sub_bits)) + 0.5) * std::exp2(static_cast<double>(exponent));
  }

  std::array<uint64_t, size_t{64 - sub_bits + 1} << sub_bits> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace uringd::load
