// Rewrites: the [[site.rewrites]] of one site, compiled. The first rule whose pattern matches the decoded, normalised
// path and whose further conditions hold decides; once. RE2 is seen only behind this door: its time is linear in the
// path, whatever path and pattern are. Patterns work on bytes: '.' is any byte, a newline and invalid UTF-8 too, so
// that no encoding slips past a rule that refuses. RuleSet is immutable and shared; each worker has a Rewrites of its
// own over it, because what tells quickly which of many rules may match (sets of patterns, in a tree over the rules'
// order) has caches behind a lock.
// A redirect that would lead a client to where it is (through a map, say) does not decide: the next rules are tried, so
// that none can send a client in a circle of one. Longer circles that need no map are found by compile().
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/config/load.hpp"
#include "uringd/http/request.hpp"
#include "uringd/site/maps.hpp"
#include "uringd/site/random.hpp"
#include "uringd/site/template.hpp"

namespace uringd::site {

/// What rules ask of a request. Views outlive the call.
struct RewriteInput {
  const http::Request* request = nullptr;  // its fields, where a rule asks for them
  std::string_view path;                   // decoded and normalised, with its slash at the end where it has one
  std::string_view host;                   // canonical; "" where it is none
  std::string_view query;
  bool has_query = false;
  std::string_view scheme = "http";
};

/// Of `--explain`.
struct RewriteTrace {
  struct Tried {
    uint32_t rule;       // index in Site::rewrites
    std::string missed;  // the condition that did not hold: "when.host", "when.header.Accept"; "to": it redirects to
                         // the very request; empty: it decides
  };
  std::vector<Tried> tried;  // of the rules whose pattern matches
  std::vector<std::string> captures;
  std::vector<MapLookup> lookups;
};

struct Rewritten {
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t rule = none;    // that decided
  int status = 0;          // of that rule; 0: internal. 414: what it expands to is too long
  std::string_view path;   // internal: decoded, not normalised, begins with '/'; in the caller's memory, as are
  std::string_view query;  // internal: what it has now, with
  bool has_query = false;
  std::string_view location;  // redirects
  /// Field names (bit by bit, see RuleSet::field()) that were asked whatever came of it: the answer depends on them.
  /// Those of each rule that got as far as its first `header` condition, which is asked after the others.
  uint64_t fields = 0;
};

class RuleSet {
 public:
  static constexpr size_t most_fields = 64;         // different field names in a site's conditions,
  static constexpr size_t most_field_bytes = 1024;  // together: they are said in Vary

  /// Or everything that is wrong with them: patterns, captures and maps that do not exist, redirects to themselves.
  /// `warnings` gets what may be wrong.
  [[nodiscard]] static std::expected<std::shared_ptr<const RuleSet>, std::vector<config::Problem>> compile(
      const config::Site& site, std::span<const config::Map> maps, std::vector<config::Problem>& warnings);
  ~RuleSet();

  [[nodiscard]] size_t size() const;
  /// The name of a bit of Rewritten::fields, as first written.
  [[nodiscard]] std::string_view field(unsigned bit) const;

 private:
  friend class Rewrites;
  RuleSet();
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

class Rewrites {
 public:
  /// The memory that apply() needs, for paths and locations alike: what is longer is 414.
  static constexpr size_t expansion_bytes = 8192;

  explicit Rewrites(std::shared_ptr<const RuleSet> rules);
  Rewrites(Rewrites&&) noexcept;
  ~Rewrites();

  /// Allocates nothing, once RE2's caches have seen such paths, where the pattern is one-pass (RE2's word) and has at
  /// most four groups.
  [[nodiscard]] Rewritten apply(const RewriteInput& input, const Maps& maps, Random& random,
                                std::span<char, expansion_bytes> out, RewriteTrace* trace = nullptr);
  [[nodiscard]] const RuleSet& rules() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace uringd::site
