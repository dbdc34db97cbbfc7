// The filters: words of literals, the tree of sets, and the walk that begins with the one and goes on with the other.
#include "rule_filter.hpp"

#include <algorithm>
#include <cstring>

#include "rule.hpp"

namespace uringd::site {

/// A bit for each pair of neighbours. 256 bits: a path of 30 bytes sets a tenth of them, so a rule that needs four
/// pairs which it has not is told by them but for one path in ten thousand.
void PathKey::add_pairs(std::string_view text, Pairs& pairs) {
  auto lower = [](char c) -> uint32_t { return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c); };
  for (size_t i = 1; i < text.size(); ++i) {
    const uint32_t bit = (lower(text[i - 1]) << 8 | lower(text[i])) * 0x9e3779b1u >> 24;
    pairs[bit >> 6] |= uint64_t{1} << (bit & 63);
  }
}

/// Where a path is shorter there are NULs, which no literal has.
PathKey::PathKey(std::string_view path) {
  auto* bytes = reinterpret_cast<char*>(ends_.data());
  std::memcpy(bytes, path.data(), std::min(path.size(), begin_bytes));
  const size_t size = std::min(path.size(), end_bytes);
  std::memcpy(bytes + begin_bytes + end_bytes - size, path.data() + path.size() - size, size);
  add_pairs(path, pairs_);
}

void RuleKeys::add(const Literals& literals) {
  constexpr size_t begin_bytes = PathKey::begin_bytes, end_bytes = PathKey::end_bytes;
  Ends ends;
  auto* value = reinterpret_cast<char*>(ends.value.data());
  auto* mask = reinterpret_cast<char*>(ends.mask.data());
  const size_t begin = std::min(literals.prefix.size(), begin_bytes), end = std::min(literals.suffix.size(), end_bytes);
  literals.prefix.copy(value, begin);
  std::memset(mask, 0xff, begin);
  literals.suffix.copy(value + begin_bytes + end_bytes - end, end, literals.suffix.size() - end);
  std::memset(mask + begin_bytes + end_bytes - end, 0xff, end);
  PathKey::Pairs pairs{};
  for (const std::string& text : literals.inside) PathKey::add_pairs(text, pairs);
  ends_.push_back(ends);
  pairs_.push_back(pairs);
}

RuleTree::RuleTree(std::span<const std::string_view> patterns) {
  if (patterns.size() > 2 * leaf) add(patterns, 0, static_cast<uint32_t>(patterns.size()));
}

uint32_t RuleTree::add(std::span<const std::string_view> patterns, uint32_t first, uint32_t end) {
  const auto index = static_cast<uint32_t>(nodes_.size());
  RE2::Options options = pattern_options();
  options.set_max_mem(most_memory + more_for_each_rule * (end - first));
  auto set = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
  bool all = true;
  for (uint32_t rule = first; rule < end; ++rule) all = all && set->Add(piece(patterns[rule]), nullptr) >= 0;
  if (!all || !set->Compile()) set = nullptr;
  nodes_.push_back({.first = first, .end = end, .right = 0, .set = std::move(set)});
  if (end - first > leaf) {
    const uint32_t middle = first + (end - first) / 2;
    add(patterns, first, middle);
    const uint32_t right = add(patterns, middle, end);
    nodes_[index].right = right;
  }
  return index;
}

RuleTree::Range RuleTree::next(std::string_view path, uint32_t from) const { return next(0, path, from, false); }

/// `one_matches`: it is known that one of the node's rules does.
RuleTree::Range RuleTree::next(uint32_t index, std::string_view path, uint32_t from, bool one_matches) const {
  const Node& node = nodes_[index];
  if (node.end <= from) return {};
  // Of a node that `from` lies within it has been asked before.
  if (from <= node.first && !one_matches && node.set) {
    RE2::Set::ErrorInfo error{RE2::Set::kNoError};
    // Without a vector it allocates nothing, and ends with the first match. An error is a cache that is too small.
    if (!node.set->Match(piece(path), nullptr, &error) && error.kind == RE2::Set::kNoError) return {};
    one_matches = error.kind == RE2::Set::kNoError;
  }
  if (node.right == 0) return {std::max(node.first, from), node.end};
  const Range left = next(index + 1, path, from, false);
  if (left.first != left.end) return left;
  return next(node.right, path, from, one_matches && from <= node.first);
}

uint32_t RuleSearch::next() {
  while (true) {
    while (at_ < end_) {
      const uint32_t rule = at_++;
      if (keys_.may_match(rule, key_)) return rule;
    }
    if (end_ == keys_.count()) return none;
    const RuleTree::Range range = tree_->next(path_, end_);
    if (range.first == range.end) return none;
    at_ = range.first;
    end_ = range.end;
  }
}

}  // namespace uringd::site
