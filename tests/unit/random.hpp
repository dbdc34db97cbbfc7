// Random: a seed's sequence for property tests, the same on every machine (std's distributions are not).
#pragma once

#include <cstdint>
#include <random>

namespace uringd::testing {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  /// Evenly enough from [0, bound).
  uint64_t below(uint64_t bound) { return engine_() % bound; }
  /// From [0, 2^bits), small numbers as often as large ones.
  uint64_t of_any_size(uint64_t bits) { return engine_() & ((uint64_t{1} << below(bits + 1)) - 1); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace uringd::testing
