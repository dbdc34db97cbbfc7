// Applying a site's rules to one request: search, match, conditions, expansion. The answer's views are in the caller's
// memory; what else is needed is on the stack.
#include "uringd/site/rewrites.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "rule.hpp"
#include "uringd/base/check.hpp"

namespace uringd::site {
namespace {

using Pieces = std::array<re2::StringPiece, Rule::most_captures>;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The first byte of URL text, decoded, taken off.
char take(std::string_view& text) {
  char byte = text[0];
  size_t size = 1;
  if (byte == '%' && text.size() > 2 && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
    byte = static_cast<char>(hex_value(text[1]) * 16 + hex_value(text[2]));
    size = 3;
  }
  text.remove_prefix(size);
  return byte;
}

bool equal_decoded(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (take(a) != take(b)) return false;
  }
  return a.empty() && b.empty();
}

/// Would a client that follows ask for the same again?
bool leads_to_itself(std::string_view location, const RewriteInput& input) {
  if (location.starts_with("//") || !location.starts_with('/')) return false;
  char memory[Rewrites::expansion_bytes + 2];
  const auto landing = landing_of(location, memory);
  return landing && landing->path == input.path && landing->has_query == input.has_query &&
         equal_decoded(landing->query, input.query);
}

/// The fields that conditions have asked for: however many rules ask, the head is walked once for each name.
class AskedFields {
 public:
  std::optional<std::string_view> find(const http::Request& request, const Condition& condition) {
    const uint64_t bit = uint64_t{1} << condition.bit;
    if (!(looked_ & bit)) {
      looked_ |= bit;
      if (const auto line = request.find(condition.field)) {
        present_ |= bit;
        first_[condition.bit] = {line->data(), line->size()};
      }
    }
    if (!(present_ & bit)) return std::nullopt;
    return std::string_view(first_[condition.bit].data, first_[condition.bit].size);
  }

 private:
  uint64_t looked_ = 0, present_ = 0;
  struct Line {
    const char* data;
    size_t size;
  };
  std::array<Line, RuleSet::most_fields> first_;  // of those that are present; a string_view would be zeroed each time
};

bool holds(const Condition& condition, const RewriteInput& input, AskedFields& fields) {
  auto matches = [&](std::string_view text) {
    return condition.pattern->Match(piece(text), 0, text.size(), RE2::UNANCHORED, nullptr, 0);
  };
  switch (condition.of) {
    case Condition::Of::host: return matches(input.host);
    case Condition::Of::query: return matches(input.query);
    case Condition::Of::scheme: return matches(input.scheme);
    case Condition::Of::field: break;
  }
  CHECK(input.request);
  auto line = fields.find(*input.request, condition);
  if (!line) return matches("");
  for (; line; line = input.request->find_next(condition.field, *line)) {
    if (matches(*line)) return true;
  }
  return false;
}

/// Those whose texts are short, so that they are asked before the pattern is: 500 rules for other hosts and a path of
/// 4 KiB would be a millisecond.
bool may_hold(const Rule& rule, const RewriteInput& input, AskedFields& asked) {
  return std::ranges::all_of(rule.when, [&](const Condition& condition) {
    return (condition.of != Condition::Of::host && condition.of != Condition::Of::scheme) ||
           holds(condition, input, asked);
  });
}

/// Finding out captures takes several times as long as whether there are any: only for who is likely to need them.
bool matches(const Rule& rule, std::string_view path, Pieces& pieces, int count) {
  constexpr size_t short_path = 256;
  const bool at_once = count == 0 || (rule.when.empty() && path.size() <= short_path);
  return rule.matches(path, pieces.data(), at_once ? count : 0);
}

/// The condition that does not hold, or nullptr.
const Condition* missed(const Rule& rule, const RewriteInput& input, AskedFields& asked, uint64_t& fields) {
  auto is_field = [](const Condition& condition) { return condition.of == Condition::Of::field; };
  const auto first_field = std::find_if(rule.when.begin(), rule.when.end(), is_field);
  for (auto condition = rule.when.begin(); condition != rule.when.end(); ++condition) {
    // All of them, whichever misses: one URL's answers should not differ in what they say they depend on.
    if (condition == first_field) {
      for (auto each = condition; each != rule.when.end(); ++each) fields |= uint64_t{1} << each->bit;
    }
    if (!holds(*condition, input, asked)) return &*condition;
  }
  return nullptr;
}

}  // namespace

struct Rewrites::Implementation {
  std::shared_ptr<const RuleSet> set;
  const RuleSet::Implementation& all;
  std::shared_ptr<const RuleTree> tree;

  /// False: a redirect to where the client is, so that others shall decide.
  bool decide(const Rule& rule, const RewriteInput& input, const Pieces& pieces, const Maps& maps, Random& random,
              std::span<char, expansion_bytes> out, std::vector<MapLookup>* lookups, Rewritten& result) const;
};

Rewrites::Rewrites(std::shared_ptr<const RuleSet> rules) {
  const RuleSet::Implementation& all = *rules->implementation_;
  std::shared_ptr<const RuleTree> tree = all.tree;
  if (!tree) {
    std::vector<std::string_view> patterns;
    for (const Rule& rule : all.rules) patterns.push_back(rule.match->pattern());
    tree = std::make_shared<const RuleTree>(patterns);
  }
  implementation_.reset(new Implementation{.set = std::move(rules), .all = all, .tree = std::move(tree)});
}
Rewrites::Rewrites(Rewrites&&) noexcept = default;
Rewrites::~Rewrites() = default;

const RuleSet& Rewrites::rules() const { return *implementation_->set; }

bool Rewrites::Implementation::decide(const Rule& rule, const RewriteInput& input, const Pieces& pieces,
                                      const Maps& maps, Random& random, std::span<char, expansion_bytes> out,
                                      std::vector<MapLookup>* lookups, Rewritten& result) const {
  if (!rule.to) return true;
  std::array<std::string_view, Rule::most_captures> captures;
  const auto count = static_cast<size_t>(rule.captures_needed());
  for (size_t i = 0; i < count; ++i) captures[i] = view(pieces[i]);
  const TemplateInputs inputs{.captures = std::span(captures).first(count),
                              .host = input.host,
                              .path = input.path,
                              .query = input.query,
                              .scheme = input.scheme};
  const Expansion expansion = rule.redirects()
                                  ? rule.to->expand_location(inputs, input.has_query, maps, random, out, lookups)
                                  : rule.to->expand_path(inputs, maps, random, out, lookups);
  if (!expansion.fits) {
    result.status = 414;
  } else if (rule.redirects()) {
    if (leads_to_itself(expansion.path, input)) return false;
    result.location = expansion.path;
  } else {
    result.path = expansion.path;
    result.query = expansion.has_query ? expansion.query : input.query;
    result.has_query = expansion.has_query || input.has_query;
  }
  return true;
}

Rewritten Rewrites::apply(const RewriteInput& input, const Maps& maps, Random& random,
                          std::span<char, expansion_bytes> out, RewriteTrace* trace) {
  const Implementation& own = *implementation_;
  Rewritten result;
  AskedFields asked;
  RuleSearch search(own.all.keys, own.tree.get(), input.path);
  for (uint32_t index = search.next(); index != RuleSearch::none; index = search.next()) {
    const Rule& rule = own.all.rules[index];
    if (!trace && !may_hold(rule, input, asked)) continue;
    Pieces pieces;
    const int count = trace ? std::min(rule.match->NumberOfCapturingGroups() + 1, static_cast<int>(pieces.size()))
                            : rule.captures_needed();
    if (!matches(rule, input.path, pieces, count)) {
      search.missed();
      continue;
    }
    if (trace) trace->tried.push_back({index, ""});
    if (const Condition* condition = missed(rule, input, asked, result.fields)) {
      if (trace) trace->tried.back().missed = condition->spoken;
      continue;
    }
    if (count > 0 && !pieces[0].data()) CHECK(rule.matches(input.path, pieces.data(), count));
    result.rule = index;
    result.status = rule.status;
    std::vector<MapLookup> lookups;  // of this rule alone; empty, it allocates nothing
    if (own.decide(rule, input, pieces, maps, random, out, trace ? &lookups : nullptr, result)) {
      if (!trace) return result;
      for (int i = 0; i < count; ++i) trace->captures.emplace_back(view(pieces[static_cast<size_t>(i)]));
      trace->lookups = std::move(lookups);
      return result;
    }
    if (trace) trace->tried.back().missed = "to";
    result = {.rule = Rewritten::none, .fields = result.fields};
  }
  return result;
}

}  // namespace uringd::site
