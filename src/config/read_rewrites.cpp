// One reader per block, one method per key. Field names are counted over all blocks, in lower case. A status that is an
// answer (403, 404, 410) leaves nothing to lead to, all others need a `to`.
#include "read_rewrites.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "spelling.hpp"
#include "uringd/config/nearest.hpp"

namespace uringd::config {
namespace {

constexpr std::size_t most_rewrites = 10'000;
constexpr std::size_t most_text_bytes = 4096;
constexpr std::size_t most_fields = 64;
constexpr int redirects[] = {301, 302, 307, 308};
constexpr int answers[] = {403, 404, 410};
constexpr std::string_view rule_keys[] = {"match", "to", "status", "when"};
constexpr std::string_view condition_keys[] = {"host", "query", "scheme", "header"};
constexpr std::string_view pattern_example = R"(a pattern such as "^/old/(.*)$")";

bool is_control(char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f; }

bool is_answer(int status) { return std::ranges::find(answers, status) != std::end(answers); }

class RewriteReader {
 public:
  /// `fields`: the names that the conditions of the site's rewrites have so far, in lower case.
  RewriteReader(std::set<std::string>& fields, Findings& findings) : fields_(fields), findings_(findings) {}

  Rewrite read(const Value& block) {
    const auto* table = block.as<Table>();
    if (!table) {
      wrong(findings_, block.at, describe(block), "a table: [[site.rewrites]]");
      return {};
    }
    for (const Entry& entry : *table) read(entry);
    if (!has(*table, "match")) wrong(findings_, block.at, "a block without match", R"(match = "^/old/(.*)$")");
    if (status_is_known_) check_to(block, *table);
    return std::move(rule_);
  }

 private:
  static const Entry* has(const Table& table, std::string_view key) {
    const auto entry = std::ranges::find(table, key, &Entry::key);
    return entry == table.end() ? nullptr : &*entry;
  }

  void read(const Entry& entry) {
    if (entry.key == "match") return read_text(entry, pattern_example, rule_.match);
    if (entry.key == "to") return to(entry);
    if (entry.key == "status") return status(entry.value);
    if (entry.key == "when") return when(entry.value);
    std::string hint = did_you_mean(nearest(entry.key, rule_keys));
    if (std::ranges::find(condition_keys, entry.key) != std::end(condition_keys)) {
      hint = did_you_mean("when." + entry.key);
    }
    unknown(entry, "", hint.empty() ? "expected match, to, status or when" : hint);
  }

  void unknown(const Entry& entry, const std::string& where, const std::string& hint) {
    findings_.push_back({entry.at, describe(std::string_view(entry.key)) + where + ": unknown key; " + hint});
  }

  /// Stores the text of `entry`, or says that `what` was expected. `prefix` goes before the key's name in messages.
  void read_text(const Entry& entry, std::string_view what, std::string& out, const std::string& prefix = {}) {
    const auto* text = entry.value.as<std::string>();
    const std::string key = is_bare_key(entry.key) ? entry.key : describe(std::string_view(entry.key));
    const std::string found = prefix + key + " = " + describe(entry.value);
    if (!text || text->empty() || text->contains('\0')) {
      wrong(findings_, entry.value.at, found, std::string(what));
    } else if (text->size() > most_text_bytes) {
      wrong(findings_, entry.value.at, found, "at most " + std::to_string(most_text_bytes) + " bytes");
    } else {
      out = *text;
    }
  }

  void to(const Entry& entry) {
    const auto* text = entry.value.as<std::string>();
    if (text && std::ranges::any_of(*text, is_control)) {
      return wrong(findings_, entry.value.at, "to = " + describe(entry.value), "one line without control characters");
    }
    read_text(entry, R"(a path or an address such as "/new/$1")", rule_.to);
  }

  void status(const Value& value) {
    std::optional<std::int64_t> number;
    if (const auto* integer = value.as<std::int64_t>()) number = *integer;
    const auto* text = value.as<std::string>();
    if (text && value.expanded) {
      std::int64_t parsed = 0;
      const auto [rest, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
      if (error == std::errc{} && rest == text->data() + text->size()) number = parsed;
    }
    status_is_known_ = number && (*number == 0 || std::ranges::find(redirects, *number) != std::end(redirects) ||
                                  std::ranges::find(answers, *number) != std::end(answers));
    if (status_is_known_) {
      rule_.status = static_cast<int>(*number);
      return;
    }
    wrong(findings_, value.at, "status = " + describe(value),
          "0 (internal), 301, 302, 307, 308 (redirects), 403, 404 or 410",
          text && !value.expanded && !text->empty() && only(*text, digits) ? "without quotes" : "");
  }

  void check_to(const Value& block, const Table& table) {
    const Entry* entry = has(table, "to");
    const std::string status = "status = " + std::to_string(rule_.status);
    if (!entry && !is_answer(rule_.status)) {
      wrong(findings_, block.at, "a block without to, " + status,
            R"(to = "/new/$1", or a status that is the answer: 403, 404 or 410)");
    } else if (entry && is_answer(rule_.status)) {
      wrong(findings_, entry->value.at, "to beside " + status, "no to, which that answer has no use for");
    }
  }

  void when(const Value& value) {
    const auto* table = value.as<Table>();
    if (!table) return wrong(findings_, value.at, "when = " + describe(value), R"(a table { host = "…" })");
    const std::string what = R"(a pattern; "^$" is one for nothing)";
    for (const Entry& entry : *table) {
      if (entry.key == "host") {
        read_text(entry, what, rule_.when.host, "when.");
      } else if (entry.key == "query") {
        read_text(entry, what, rule_.when.query, "when.");
      } else if (entry.key == "scheme") {
        read_text(entry, what, rule_.when.scheme, "when.");
      } else if (entry.key == "header") {
        header(entry.value);
      } else {
        const std::string hint = did_you_mean(nearest(entry.key, condition_keys));
        unknown(entry, " in when", hint.empty() ? "expected host, query, scheme or header" : hint);
      }
    }
  }

  void header(const Value& value) {
    const auto* table = value.as<Table>();
    if (!table) {
      return wrong(findings_, value.at, "when.header = " + describe(value), R"(a table { Name = "pattern" })");
    }
    std::set<std::string> seen;
    for (const Entry& entry : *table) {
      if (!accept_name(entry, seen)) continue;
      std::string pattern;
      read_text(entry, R"(a pattern; "^$" is one for nothing)", pattern, "when.header.");
      if (!pattern.empty()) rule_.when.headers.emplace_back(entry.key, std::move(pattern));
    }
  }

  /// Whether `entry` may be a condition: a token (RFC 9110 §5.1), once in its rule, within the bound.
  bool accept_name(const Entry& entry, std::set<std::string>& seen) {
    const std::string found = describe(std::string_view(entry.key));
    if (!is_token(entry.key)) {
      wrong(findings_, entry.at, found + " in when.header",
            R"(a field name of letters, digits and "-", such as "Accept-Language")");
    } else if (!seen.insert(lower(entry.key)).second) {
      wrong(findings_, entry.at, found + " twice in when.header", "each field once",
            "case does not count in field names");
    } else if (!fields_.contains(lower(entry.key)) && fields_.size() == most_fields) {
      wrong(findings_, entry.at, found + " in when.header beside " + std::to_string(most_fields) + " other fields",
            "at most " + std::to_string(most_fields) + " different ones in a site");
    } else {
      fields_.insert(lower(entry.key));
      return true;
    }
    return false;
  }

  std::set<std::string>& fields_;
  Findings& findings_;
  Rewrite rule_;
  bool status_is_known_ = true;  // the default is
};

}  // namespace

std::vector<Rewrite> read_rewrites(const Array& blocks, Findings& findings) {
  std::vector<Rewrite> rules;
  if (blocks.size() > most_rewrites) {
    wrong(findings, blocks[most_rewrites].at, std::to_string(blocks.size()) + " rewrites in one site",
          "at most " + std::to_string(most_rewrites));
    return rules;
  }
  rules.reserve(blocks.size());
  std::set<std::string> fields;
  for (const Value& block : blocks) rules.push_back(RewriteReader(fields, findings).read(block));
  return rules;
}

bool is_verbatim_in_rewrite(std::string_view key) { return key == "match" || key == "to"; }

}  // namespace uringd::config
