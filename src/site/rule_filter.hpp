// Which of many rules may match a path: told without trying all of them. Two filters, both sound (a rule that they pass
// over cannot match), neither complete.
//
// RuleKeys compares literal text that every match of a pattern has: what it begins and ends with ("^/old/", "\.php$"),
// and pairs of neighbouring bytes anywhere, as bits of a small Bloom filter. A nanosecond or two for a rule. Never
// changes; shared by all workers.
// RuleTree is for the paths that several patterns could not be told from so cheaply: a binary tree of RE2::Sets over
// ranges of the rules, descended to the first range that may match. Of one worker: a Set's cache has a lock, and what
// a client's paths make of it should be only that worker's.
#pragma once

#include <re2/set.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace uringd::site {

/// What each text that has a match of `pattern` begins with, ends with, and has in it. Nothing, where that is not plain
/// to see. RE2 accepts the pattern.
struct Literals {
  std::string prefix, suffix;
  std::vector<std::string> inside;  // in lower case, as parts of the text in lower case; those two among them
};
Literals literals_of(std::string_view pattern);

/// What RuleKeys compares of a path.
class PathKey {
 public:
  explicit PathKey(std::string_view path);

 private:
  friend class RuleKeys;
  static constexpr size_t begin_bytes = 16, end_bytes = 8, end_words = (begin_bytes + end_bytes) / sizeof(uint64_t);
  using Ends = std::array<uint64_t, end_words>;
  using Pairs = std::array<uint64_t, 4>;

  static void add_pairs(std::string_view text, Pairs& pairs);

  Ends ends_{};
  Pairs pairs_{};
};

class RuleKeys {
 public:
  void add(const Literals& literals);
  [[nodiscard]] bool may_match(uint32_t rule, const PathKey& path) const {
    uint64_t missing = 0;
    for (size_t i = 0; i < path.pairs_.size(); ++i) missing |= pairs_[rule][i] & ~path.pairs_[i];
    return missing == 0 && ends_match(ends_[rule], path);
  }
  [[nodiscard]] uint32_t count() const { return static_cast<uint32_t>(pairs_.size()); }

 private:
  struct Ends {
    PathKey::Ends value{}, mask{};
  };
  static bool ends_match(const Ends& ends, const PathKey& path) {
    uint64_t difference = 0;
    for (size_t i = 0; i < PathKey::end_words; ++i) difference |= (path.ends_[i] ^ ends.value[i]) & ends.mask[i];
    return difference == 0;
  }

  std::vector<PathKey::Pairs> pairs_;  // by rule: which it needs. Apart, as they alone tell most rules
  std::vector<Ends> ends_;
};

class RuleTree {
 public:
  static constexpr uint32_t leaf = 4;
  static constexpr int64_t most_memory = 1 << 20, more_for_each_rule = 16 << 10;

  /// No sets where the rules are fewer than that pays for: has() is false.
  explicit RuleTree(std::span<const std::string_view> patterns);

  struct Range {
    uint32_t first = 0, end = 0;  // empty: none
  };
  [[nodiscard]] bool has() const { return !nodes_.empty(); }
  /// The first few rules from `from` on among which may be the first that matches.
  [[nodiscard]] Range next(std::string_view path, uint32_t from) const;

 private:
  struct Node {
    uint32_t first = 0, end = 0;
    uint32_t right = 0;                   // index; the left one is the next. 0: a leaf
    std::unique_ptr<const RE2::Set> set;  // nullptr: too large
  };
  uint32_t add(std::span<const std::string_view> patterns, uint32_t first, uint32_t end);
  Range next(uint32_t node, std::string_view path, uint32_t from, bool one_matches) const;

  std::vector<Node> nodes_;
};

/// The rules that may match one path, in order. Lives on the stack.
class RuleSearch {
 public:
  static constexpr uint32_t none = UINT32_MAX;

  RuleSearch(const RuleKeys& keys, const RuleTree* tree, std::string_view path)
      : keys_(keys), tree_(tree), path_(path), key_(path), end_(keys.count()) {}
  uint32_t next();
  /// The last one did not match. A few of those, and the tree is asked.
  void missed() {
    if (++misses_ == patience && tree_ && tree_->has()) end_ = at_;
  }

 private:
  static constexpr uint32_t patience = 4;

  const RuleKeys& keys_;
  const RuleTree* tree_;
  std::string_view path_;
  PathKey key_;
  uint32_t at_ = 0, end_;
  uint32_t misses_ = 0;
};

}  // namespace uringd::site
