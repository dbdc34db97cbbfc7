// Rules of one site for tests: compiled, with what is wrong or odd with them, and applied.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "one_map.hpp"
#include "uringd/site/rewrites.hpp"

#include <doctest/doctest.h>

namespace uringd::site::test {
using Rules = std::vector<config::Rewrite>;

inline config::Rewrite rule(const std::string& match, const std::string& to, int status = 0,
                            config::Rewrite::When when = {}) {
  return {.match = match,
          .to = to,
          .status = status,
          .when = std::move(when),
          .where = "c:1:1",
          .match_where = "c:2:1",
          .to_where = "c:3:1",
          .when_where = "c:4:1"};
}

struct Compiled {
  std::shared_ptr<const RuleSet> rules;
  std::vector<config::Problem> problems, warnings;

  explicit Compiled(Rules written) {
    config::Site site;
    site.rewrites = std::move(written);
    std::vector<config::Map> maps(1);
    maps[0].name = "legacy";
    auto made = RuleSet::compile(site, maps, warnings);
    if (made) {
      rules = *made;
    } else {
      problems = made.error();
    }
  }
};

inline std::string only_problem(Rules rules) {
  const Compiled compiled(std::move(rules));
  return compiled.problems.size() == 1 ? config::to_line(compiled.problems[0])
                                       : std::to_string(compiled.problems.size()) + " problems";
}
inline std::string only_warning(Rules rules) {
  const Compiled compiled(std::move(rules));
  if (!compiled.rules) return "an error: " + config::to_line(compiled.problems[0]);
  return compiled.warnings.size() == 1 ? config::to_line(compiled.warnings[0])
                                       : std::to_string(compiled.warnings.size()) + " warnings";
}

/// Rules and what they are applied with.
struct Site {
  Rewrites rewrites;
  std::unique_ptr<const Maps> maps;
  Random random{1};
  std::array<char, Rewrites::expansion_bytes> out;
  RewriteTrace trace;

  explicit Site(Rules rules, Pairs pairs = {})
      : rewrites(compiled(std::move(rules))), maps(maps_of({std::move(pairs)})) {}
  static std::shared_ptr<const RuleSet> compiled(Rules rules) {
    const Compiled made(std::move(rules));
    REQUIRE_MESSAGE(made.rules, (made.rules ? "" : config::to_line(made.problems[0])));
    return made.rules;
  }

  Rewritten apply(const RewriteInput& input, bool traced = false) {
    trace = {};
    return rewrites.apply(input, *maps, random, out, traced ? &trace : nullptr);
  }
  uint32_t decides(const std::string& path) { return apply({.path = path}).rule; }
  std::string location(const std::string& path, const std::string& query = "") {
    return std::string(apply({.path = path, .query = query, .has_query = !query.empty()}).location);
  }
};

inline constexpr uint32_t none = Rewritten::none;

}  // namespace uringd::site::test
