// Rule: one of a site's rewrites, compiled. Never changes; all workers share it, its caches (RE2's) lock themselves.
#pragma once

#include <re2/re2.h>
#include <re2/stringpiece.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rule_filter.hpp"
#include "uringd/config/config.hpp"
#include "uringd/config/load.hpp"
#include "uringd/site/rewrites.hpp"
#include "uringd/site/template.hpp"

namespace uringd::site {

/// Bytes, '.' is any of them, and a bounded cache; what needs more is slower then, and still linear.
inline constexpr int64_t most_pattern_memory = 1 << 20;
re2::RE2::Options pattern_options();

inline re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(re2::StringPiece text) {
  return text.data() ? std::string_view(text.data(), text.size()) : std::string_view{};
}

/// One of a rule's `when`.
struct Condition {
  enum class Of : uint8_t { host, query, scheme, field };
  Of of = Of::host;
  unsigned bit = 0;    // of the field
  std::string field;   // its name, as written
  std::string spoken;  // "when.header.Accept"
  std::unique_ptr<const re2::RE2> pattern;
};

struct Rule {
  static constexpr size_t most_captures = 10;  // $0 to $9

  std::unique_ptr<const re2::RE2> match;
  std::optional<Template> to;  // not of 403, 404, 410
  int status = 0;
  std::vector<Condition> when;  // fields last: only who gets so far depends on them

  [[nodiscard]] bool redirects() const { return status >= 300 && status < 400; }
  /// How many of `captures` are to be found out: each costs time.
  [[nodiscard]] int captures_needed() const { return to ? to->highest_capture() + 1 : 0; }
  [[nodiscard]] bool matches(std::string_view path, re2::StringPiece* captures, int count) const {
    return match->Match(piece(path), 0, path.size(), re2::RE2::UNANCHORED, captures, count);
  }
};

/// What is wrong and what is odd with rules that were read so far, of a site.
struct RuleFindings {
  std::vector<config::Problem>& problems;
  std::vector<config::Problem>& warnings;
};

/// The place that a location on this host leads to: its path as rules see it. nullopt: to another one, or none.
struct Landing {
  std::string_view path, query;
  bool has_query = false;
};
std::optional<Landing> landing_of(std::string_view location, std::span<char> memory);

/// Sets of more rules take megabytes for each worker, and seconds to make: those share theirs, and its lock.
inline constexpr size_t most_rules_of_own = 512;

struct CompiledRules {
  std::vector<Rule> rules;
  RuleKeys keys;
  std::vector<std::string> fields;       // by bit
  std::shared_ptr<const RuleTree> tree;  // nullptr: they are so few that each worker makes one of its own
};

/// Redirects that never end: the paths that rules lead to are followed through all of them.
void find_loops(const CompiledRules& compiled, std::span<const config::Rewrite> written, size_t maps,
                RuleFindings findings);

struct RuleSet::Implementation : CompiledRules {};

}  // namespace uringd::site
