// Map tables for tests of what asks them: a few pairs in memory.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/site/maps.hpp"

using Pairs = std::map<std::string, std::string, std::less<>>;

class PairTable : public uringd::site::MapTable {
 public:
  explicit PairTable(Pairs pairs) : pairs_(std::move(pairs)) {}
  std::optional<std::string_view> find(std::string_view key, uringd::site::Random&) const override {
    const auto found = pairs_.find(key);
    if (found == pairs_.end()) return std::nullopt;
    return found->second;
  }
  uint64_t entries() const override { return pairs_.size(); }
  size_t bytes() const override { return 0; }

 private:
  Pairs pairs_;
};

inline std::unique_ptr<const uringd::site::Maps> maps_of(const std::vector<Pairs>& tables) {
  std::vector<std::unique_ptr<const uringd::site::MapTable>> made;
  for (const Pairs& pairs : tables) made.push_back(std::make_unique<PairTable>(pairs));
  return std::make_unique<const uringd::site::Maps>(std::move(made));
}
