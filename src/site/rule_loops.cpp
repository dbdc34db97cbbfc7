// Redirects to themselves. What a rule leads to is followed through all rules, with made-up captures; where ten
// redirects have not come to an end none will. Any path that a client may be led to it may also ask for, so what is
// found is a loop even where the first capture was not one that the first pattern allows. Runs when a configuration is
// loaded, before any map is read.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "rule.hpp"
#include "rule_text.hpp"
#include "uringd/http/target.hpp"

namespace uringd::site {
namespace {

constexpr size_t most_steps = 10;
constexpr std::string_view samples[] = {"x", "a/b", "1", "index.html", ""};

/// Of a map nothing is known but its defaults.
class UnknownTable : public MapTable {
 public:
  std::optional<std::string_view> find(std::string_view, Random&) const override { return std::nullopt; }
  uint64_t entries() const override { return 0; }
  size_t bytes() const override { return 0; }
};

std::vector<std::unique_ptr<const MapTable>> unknown_tables(size_t count) {
  std::vector<std::unique_ptr<const MapTable>> tables;
  for (size_t i = 0; i < count; ++i) tables.push_back(std::make_unique<const UnknownTable>());
  return tables;
}

/// Does the rule lead whatever it matches to itself? Told where that is plain: "^/x/(.*)$" and "/x/$1". Others may
/// only put in order what is written otherwise ("(?i)^/about$" and "/about"), and come to an end.
class SelfRewrite {
 public:
  explicit SelfRewrite(std::string_view pattern) : pattern_(pattern) {}

  [[nodiscard]] bool is(std::string_view to) {
    if (to == "${path}") return true;
    if (!pattern_.starts_with('^') || !pattern_.ends_with('$')) return false;
    if (to == "$0") return true;
    pattern_ = pattern_.substr(1, pattern_.size() - 2);
    while (!pattern_.empty()) {
      if (!take()) return false;
    }
    return made_ == to;
  }

 private:
  bool take() {
    if (pattern_.starts_with('(')) return take_group();
    const bool escaped = pattern_.starts_with('\\');
    if (escaped) pattern_.remove_prefix(1);
    if (pattern_.empty()) return false;
    const char c = pattern_[0];
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (escaped ? letter : special.contains(c)) return false;
    made_ += c;
    pattern_.remove_prefix(1);
    return !repeated();
  }

  bool take_group() {
    if (pattern_.starts_with("(?")) return false;
    made_ += '$' + std::to_string(++groups_);
    int depth = 0;
    size_t at = 0;
    do {
      if (at == pattern_.size() || pattern_[at] == '\\' || pattern_[at] == '[') return false;  // not plain any more
      if (pattern_[at] == '(' && ++depth > 1) ++groups_;
      if (pattern_[at] == ')') --depth;
      ++at;
    } while (depth > 0);
    pattern_.remove_prefix(at);
    return !repeated();
  }

  [[nodiscard]] bool repeated() const { return !pattern_.empty() && std::string_view("*+?{").contains(pattern_[0]); }

  static constexpr std::string_view special = ".[]|)?*+{}^$";
  std::string_view pattern_;
  std::string made_;
  int groups_ = 0;
};

class LoopFinder {
 public:
  LoopFinder(const CompiledRules& compiled, std::span<const config::Rewrite> written, size_t maps,
             RuleFindings findings)
      : compiled_(compiled),
        rules_(compiled.rules),
        written_(written),
        maps_(unknown_tables(maps)),
        findings_(findings) {
    for (const config::Rewrite& each : written) prefixes_.push_back(literals_of(each.match).prefix);
  }

  void find(bool assume) {
    assume_ = assume;
    for (uint32_t rule = 0; rule < rules_.size(); ++rule) {
      if (!rules_[rule].redirects() || rules_[rule].to->absolute()) continue;
      if (!assume && rules_[rule].to->uses_maps()) continue;
      for (std::string_view sample : samples) {
        std::array<re2::StringPiece, Rule::most_captures> captures;
        captures.fill(piece(sample));
        follow(rule, "/" + std::string(sample), captures);
        // One that the pattern may have made itself, where it begins with text.
        const std::string own = prefixes_[rule] + std::string(sample);
        if (prefixes_[rule].empty() || !rules_[rule].matches(own, captures.data(), rules_[rule].captures_needed()))
          continue;
        follow(rule, own, captures);
      }
    }
  }

 private:
  struct Step {
    std::string path;  // where a redirect led
    uint32_t rule;     // that redirects from there; none: it has not been looked for
  };

  /// Where `rule` leads from `path`, as a path that rules see; nullopt: away, or nowhere. "": further than fits.
  std::optional<std::string> lead(const Rule& rule, std::string_view path, std::span<const re2::StringPiece> captures) {
    std::array<std::string_view, Rule::most_captures> views;
    for (size_t i = 0; i < captures.size(); ++i) views[i] = view(captures[i]);
    const TemplateInputs inputs{.captures = views, .host = "x", .path = path, .query = {}, .scheme = "http"};
    std::array<char, Rewrites::expansion_bytes> location;
    const Expansion expansion = rule.to->expand_location(inputs, false, maps_, random_, location);
    if (!expansion.fits) return "";
    std::array<char, Rewrites::expansion_bytes + 2> memory;
    const auto landing = landing_of(expansion.path, memory);
    if (!landing) return std::nullopt;
    return std::string(landing->path);
  }

  /// The rule that decides for `path`; nullptr: none, or one of which it is not sure.
  const Rule* decide(std::string_view path, std::array<re2::StringPiece, Rule::most_captures>& captures) {
    RuleSearch search(compiled_.keys, compiled_.tree.get(), path);
    for (uint32_t index = search.next(); index != RuleSearch::none; index = search.next()) {
      const Rule& rule = rules_[index];
      if (!assume_ && !rule.when.empty()) continue;
      if (!rule.matches(path, captures.data(), rule.captures_needed())) {
        search.missed();
        continue;
      }
      return rule.redirects() && (assume_ || !rule.to->uses_maps()) ? &rule : nullptr;
    }
    return nullptr;
  }

  void follow(uint32_t first, const std::string& path, std::array<re2::StringPiece, Rule::most_captures> captures) {
    std::vector<Step> steps;
    auto led = lead(rules_[first], path, captures);
    while (led && !led->empty() && steps.size() < most_steps) {
      steps.push_back({*led, RuleSearch::none});
      const Rule* rule = decide(steps.back().path, captures);
      if (!rule) return;
      steps.back().rule = static_cast<uint32_t>(rule - rules_.data());
      led = lead(*rule, steps.back().path, captures);
    }
    if (led && !steps.empty()) say(steps, *led);
  }

  /// The last steps, from where `end` was met before; else the last one.
  void say(const std::vector<Step>& steps, const std::string& end) {
    size_t from = steps.size() - 1;
    while (from > 0 && steps[from].path != end) --from;
    if (steps[from].path != end) from = steps.size() - 1;
    uint32_t guilty = RuleSearch::none;
    std::string way;
    for (size_t i = from; i < steps.size(); ++i) {
      guilty = std::min(guilty, steps[i].rule);
      way += (i > from ? ", " : "") + printable(steps[i].path) + " leads to " +
             (i + 1 < steps.size() ? printable(steps[i + 1].path)
              : end.empty()        ? "ever longer ones"
                                   : printable(end));
    }
    const bool self = from + 1 == steps.size() && steps[from].path == end;
    const bool in_order = self && !SelfRewrite(written_[guilty].match).is(written_[guilty].to);
    auto& said = in_order ? said_in_order_ : said_;
    if (!said.insert(guilty).second) return;
    const std::string& where = written_[guilty].to_where;
    if (in_order && !assume_) {
      findings_.warnings.push_back(
          {where, "site.rewrites.to: " + way + ": a request for that is not redirected, and goes on to the next rule"});
    } else if (assume_) {
      findings_.warnings.push_back({where, "site.rewrites.to: may redirect to itself: " + way});
    } else {
      findings_.problems.push_back({where, "site.rewrites.to: redirects to itself: " + way});
    }
  }

  const CompiledRules& compiled_;
  std::span<const Rule> rules_;
  std::span<const config::Rewrite> written_;
  Maps maps_;
  RuleFindings findings_;
  std::vector<std::string> prefixes_;
  Random random_{1};
  bool assume_ = false;                      // conditions hold, and maps have nothing
  std::set<uint32_t> said_, said_in_order_;  // rules
};

}  // namespace

std::optional<Landing> landing_of(std::string_view location, std::span<char> memory) {
  if (location.starts_with("//")) return std::nullopt;
  const auto target = http::parse_target(location.substr(0, location.find('#')), memory);
  if (!target || !target->authority.empty()) return std::nullopt;
  Landing landing{.path = target->path, .query = target->query, .has_query = target->has_query};
  if (target->trailing_slash && target->path.size() > 1) {
    char* const begin = memory.data() + (target->path.data() - memory.data());
    begin[target->path.size()] = '/';  // in place of the NUL
    landing.path = {begin, target->path.size() + 1};
  }
  return landing;
}

void find_loops(const CompiledRules& compiled, std::span<const config::Rewrite> written, size_t maps,
                RuleFindings findings) {
  LoopFinder finder(compiled, written, maps, findings);
  finder.find(false);
  finder.find(true);
}

}  // namespace uringd::site
