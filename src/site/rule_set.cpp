// Compiling the rules of a site: patterns, templates, conditions; and all that is wrong with them, at once. Runs when a
// configuration is loaded.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "rule.hpp"
#include "rule_text.hpp"
#include "uringd/base/check.hpp"

namespace uringd::site {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

/// The rules of one site, one after another.
class Compiler {
 public:
  Compiler(CompiledRules& into, std::span<const std::string> maps, RuleFindings findings)
      : into_(into), maps_(maps), findings_(findings) {}

  void add(const config::Rewrite& written) {
    Rule rule{
        .match = pattern(written.match, "match", written.match_where), .to = {}, .status = written.status, .when = {}};
    if (written.status == 0 || rule.redirects()) add_to(rule, written);
    add_conditions(rule, written);
    note_if_never_reached(written);
    into_.keys.add(rule.match ? literals_of(written.match) : Literals{});
    into_.rules.push_back(std::move(rule));
  }

 private:
  void wrong(const std::string& where, const std::string& key, const std::string& message) {
    findings_.problems.push_back({where, "site.rewrites." + key + ": " + message});
  }

  /// nullptr: it is none, and that has been said.
  std::unique_ptr<const RE2> pattern(std::string_view text, const std::string& key, const std::string& where) {
    auto made = std::make_unique<const RE2>(piece(text), pattern_options());
    if (made->ok()) return made;
    wrong(where, key, "found " + in_quotes(text) + ", which is no pattern: " + printable(made->error()));
    return nullptr;
  }

  void add_to(Rule& rule, const config::Rewrite& written) {
    auto to = Template::parse(written.to, maps_);
    if (!to) return wrong(written.to_where, "to", "found " + in_quotes(written.to) + "; " + to.error());
    if (rule.match && to->highest_capture() > rule.match->NumberOfCapturingGroups()) {
      wrong(written.to_where, "to",
            "found $" + std::to_string(to->highest_capture()) + "; expected no capture above $" +
                std::to_string(rule.match->NumberOfCapturingGroups()) + ", as match has no more groups");
    }
    if (written.status == 0 && to->absolute()) {
      wrong(written.to_where, "to",
            "found " + in_quotes(written.to) +
                "; expected a path, as status is 0; a redirect needs 301, 302, 307 or 308");
    }
    rule.to = std::move(*to);
  }

  /// The bit of a field's name; one more than there may be: said.
  unsigned bit_of(const std::string& field, const std::string& where) {
    unsigned bit = 0;
    while (bit < into_.fields.size() && !same_name(into_.fields[bit], field)) ++bit;
    if (bit < into_.fields.size()) return bit;
    if (bit == RuleSet::most_fields) {
      wrong(where, "when.header",
            "found a field more; expected at most " + std::to_string(bit) + " different ones in a site");
      return 0;
    }
    field_bytes_ += field.size();
    if (field_bytes_ > RuleSet::most_field_bytes) {
      wrong(where, "when.header",
            "found " + in_quotes(field) + "; expected at most " + std::to_string(RuleSet::most_field_bytes) +
                " bytes of names in a site, together");
    }
    into_.fields.push_back(field);
    return bit;
  }

  void add_conditions(Rule& rule, const config::Rewrite& written) {
    const config::Rewrite::When& when = written.when;
    auto add = [&](Condition::Of of, const std::string& text, const std::string& spoken, const std::string& field) {
      Condition condition{.of = of, .bit = 0, .field = field, .spoken = spoken, .pattern = {}};
      condition.pattern = pattern(text, spoken, written.when_where);
      if (of == Condition::Of::field) condition.bit = bit_of(field, written.when_where);
      if (condition.pattern) rule.when.push_back(std::move(condition));
    };
    if (!when.host.empty()) add(Condition::Of::host, when.host, "when.host", "");
    if (!when.query.empty()) add(Condition::Of::query, when.query, "when.query", "");
    if (!when.scheme.empty()) add(Condition::Of::scheme, when.scheme, "when.scheme", "");
    for (const auto& [name, text] : when.headers)
      add(Condition::Of::field, text, "when.header." + printable(name), name);
  }

  void note_if_never_reached(const config::Rewrite& written) {
    const config::Rewrite::When& when = written.when;
    const bool always = when.host.empty() && when.query.empty() && when.scheme.empty() && when.headers.empty();
    if (const auto before = decided_.find(written.match); before != decided_.end()) {
      findings_.warnings.push_back({written.match_where, "site.rewrites.match: found " + in_quotes(written.match) +
                                                             ", which the rule at " + before->second->where +
                                                             " has too; this rule is never reached"});
    } else if (always) {
      decided_.emplace(written.match, &written);
    }
  }

  CompiledRules& into_;
  std::span<const std::string> maps_;
  RuleFindings findings_;
  size_t field_bytes_ = 0;
  std::unordered_map<std::string_view, const config::Rewrite*> decided_;  // patterns of rules without conditions
};

}  // namespace

RE2::Options pattern_options() {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(most_pattern_memory);
  return options;
}

RuleSet::RuleSet() : implementation_(std::make_unique<Implementation>()) {}
RuleSet::~RuleSet() = default;

size_t RuleSet::size() const { return implementation_->rules.size(); }
std::string_view RuleSet::field(unsigned bit) const {
  CHECK(bit < implementation_->fields.size());
  return implementation_->fields[bit];
}

std::expected<std::shared_ptr<const RuleSet>, std::vector<config::Problem>> RuleSet::compile(
    const config::Site& site, std::span<const config::Map> maps, std::vector<config::Problem>& warnings) {
  std::shared_ptr<RuleSet> set(new RuleSet);
  std::vector<std::string> names;
  for (const config::Map& map : maps) names.push_back(map.name);
  std::vector<config::Problem> problems;
  Compiler compiler(*set->implementation_, names, {problems, warnings});
  for (const config::Rewrite& written : site.rewrites) compiler.add(written);
  // Only of rules that are whole can be said where they lead.
  if (problems.empty()) {
    std::vector<std::string_view> patterns;
    for (const config::Rewrite& written : site.rewrites) patterns.emplace_back(written.match);
    set->implementation_->tree = std::make_shared<const RuleTree>(patterns);
    find_loops(*set->implementation_, site.rewrites, names.size(), {problems, warnings});
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  if (set->size() <= most_rules_of_own) set->implementation_->tree = nullptr;
  return set;
}

}  // namespace uringd::site
