// Field names and values out of a configuration. RFC 9110 §5.1 and §5.5 say what they may be; the table below says
// which names are not the configuration's to give. A value that could end its line would let a configuration (or a
// variable that it expands) write a second field or a body: response splitting.
#include "read_fields.hpp"

#include <algorithm>
#include <string_view>

#include "spelling.hpp"
#include "uringd/config/nearest.hpp"

namespace uringd::config {
namespace {

struct Reserved {
  std::string_view name;
  bool in_set;
  bool in_remove;
  std::string_view reason;
};

constexpr std::string_view of_connection = "it belongs to the connection, not to the file";
constexpr std::string_view of_body = "it must agree with the bytes that are sent";
constexpr std::string_view of_file = "it must agree with the file; remove may take it away";

constexpr Reserved reserved[] = {
    {"connection", true, true, of_connection},
    {"keep-alive", true, true, of_connection},
    {"te", true, true, of_connection},
    {"trailer", true, true, of_connection},
    {"transfer-encoding", true, true, of_connection},
    {"upgrade", true, true, of_connection},
    {"content-length", true, true, of_body},
    {"content-encoding", true, true, of_body},
    {"content-range", true, true, of_body},
    {"content-type", true, true, "media types come from [types]"},
    {"date", true, true, "it is the moment of the answer"},
    {"location", true, true, "it says where a redirect goes"},
    {"allow", true, true, "it lists the methods that are served"},
    {"etag", true, false, of_file},
    {"last-modified", true, false, of_file},
    {"accept-ranges", true, false, of_file},
    {"vary", false, true, "without it caches mix up representations; set adds to it"},
};

/// Whether `name` may stand in `list` ("set" or "remove"); adds a finding where not.
bool accept_name(Position at, const std::string& name, std::string_view list, Findings& findings) {
  const std::string found = describe(std::string_view(name)) + " in " + std::string(list);
  if (!is_token(name)) {
    const std::string_view start = std::string_view(name).substr(0, name.find(':'));
    wrong(findings, at, found, R"(a field name of letters, digits and "-", such as "Referrer-Policy")",
          start.size() < name.size() && is_token(start) ? did_you_mean(describe(start)) : "");
    return false;
  }
  const auto* row = std::ranges::find(reserved, lower(name), &Reserved::name);
  if (row == std::end(reserved) || !(list == "set" ? row->in_set : row->in_remove)) return true;
  wrong(findings, at, found, "another field: " + std::string(row->reason));
  return false;
}

/// Whether `value` may stand in a field line (RFC 9110 §5.5); adds a finding where not. `found` names it for the
/// message, `instead` says what to do for no value at all.
bool accept_value(Position at, std::string_view value, const std::string& found, const std::string& instead,
                  Findings& findings) {
  const auto is_space = [](char byte) { return byte == ' ' || byte == '\t'; };
  const auto is_control = [](char byte) {
    return (static_cast<unsigned char>(byte) < 0x20 && byte != '\t') || byte == 0x7f;
  };
  if (value.empty()) {
    wrong(findings, at, found, "a value", instead);
  } else if (std::ranges::any_of(value, is_control)) {
    wrong(findings, at, found, "one line without control characters");
  } else if (is_space(value.front()) || is_space(value.back())) {
    wrong(findings, at, found, "no white space at its ends");
  } else {
    return true;
  }
  return false;
}

std::string assignment(const Entry& entry) {
  return describe(std::string_view(entry.key)) + " = " + describe(entry.value);
}

class RuleReader {
 public:
  explicit RuleReader(Findings& findings) : findings_(findings) {}

  HeaderRule read(const Value& block) {
    const auto* table = block.as<Table>();
    if (!table) {
      wrong(findings_, block.at, describe(block), "a table: [[site.headers]]");
      return {};
    }
    const std::size_t before = findings_.size();
    bool has_match = false;
    for (const Entry& entry : *table) {
      has_match = has_match || entry.key == "match";
      read(entry);
    }
    if (!has_match) wrong(findings_, block.at, "a block without match", R"(match = "/assets/**", or "/**" for all)");
    if (findings_.size() == before && rule_.set.empty() && rule_.remove.empty()) {
      wrong(findings_, block.at, "a block that changes no field", R"(set = { Name = "value" } or remove = ["Name"])");
    }
    return std::move(rule_);
  }

 private:
  void read(const Entry& entry) {
    if (entry.key == "match") return match(entry.value);
    if (entry.key == "remove") return remove(entry.value);
    if (entry.key == "set") return set(entry.value);
    constexpr std::string_view known[] = {"match", "remove", "set"};
    const std::string hint = did_you_mean(nearest(entry.key, known));
    findings_.push_back({entry.at, describe(std::string_view(entry.key)) + ": unknown key; " +
                                       (hint.empty() ? "expected match, remove or set" : hint)});
  }

  void match(const Value& value) {
    const auto* text = value.as<std::string>();
    if (text && text->starts_with('/') && !text->contains('\0')) {
      const std::string_view problem = brace_problem(*text);
      if (problem.empty()) {
        rule_.match = *text;
      } else {
        findings_.push_back({value.at, "found match = " + describe(value) + "; " + std::string(problem)});
      }
      return;
    }
    const bool near = text && !text->empty() && !text->contains('\0');
    wrong(findings_, value.at, "match = " + describe(value), R"(a pattern that begins with "/", such as "/assets/**")",
          near ? did_you_mean(describe("/" + *text)) : "");
  }

  void remove(const Value& value) {
    elements(value, [&](const Value& element) {
      const auto* name = element.as<std::string>();
      if (!name) return wrong(findings_, element.at, "remove = " + describe(element), "an array of field names");
      if (!accept_name(element.at, *name, "remove", findings_)) return;
      if (std::ranges::find(rule_.remove, lower(*name)) != rule_.remove.end()) {
        return wrong(findings_, element.at, describe(element) + " twice in remove", "each field once");
      }
      rule_.remove.push_back(lower(*name));
    });
  }

  void set(const Value& value) {
    const auto* table = value.as<Table>();
    if (!table) {
      return wrong(findings_, value.at, "set = " + describe(value), R"(a table { Name = "value" })");
    }
    std::vector<std::string> seen;  // wrong values too: a second line for the same field is told all the same
    entries(*table, findings_, [&](const Entry& entry, const std::string& text) {
      if (!accept_name(entry.at, entry.key, "set", findings_)) return;
      if (std::ranges::find(seen, lower(entry.key)) != seen.end()) {
        return wrong(findings_, entry.at, describe(std::string_view(entry.key)) + " twice in set", "each field once",
                     "case does not count in field names");
      }
      seen.push_back(lower(entry.key));
      if (!accept_value(entry.value.at, text, assignment(entry), "to take the field away, use remove", findings_)) {
        return;
      }
      rule_.set.emplace_back(entry.key, text);
    });
  }

  Findings& findings_;
  HeaderRule rule_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> read_cache_control(const Value& value, Findings& findings) {
  std::vector<std::pair<std::string, std::string>> fields;
  if (const auto* text = value.as<std::string>()) {
    const std::string instead = "{} sends none";
    if (accept_value(value.at, *text, describe(value), instead, findings)) fields.emplace_back("*", *text);
    return fields;
  }
  const auto* table = value.as<Table>();
  if (!table) return fields;
  entries(*table, findings, [&](const Entry& entry, const std::string& text) {
    const std::string type = lower(entry.key);
    if (!is_media_range(type)) {
      return wrong(findings, entry.at, describe(std::string_view(entry.key)),
                   R"(a media type such as "text/css", "text/*", or "*")",
                   type == "*/*"           ? did_you_mean(R"("*")")
                   : type.contains(';')    ? "without parameters"
                   : type.starts_with('.') ? "[types] gives extensions their media type"
                                           : "");
    }
    if (std::ranges::find(fields, type, &std::pair<std::string, std::string>::first) != fields.end()) {
      return wrong(findings, entry.at, describe(std::string_view(entry.key)) + " twice", "each media type once");
    }
    const std::string instead = "leave the entry out, or take the field away by a rule of [[site.headers]]";
    if (accept_value(entry.value.at, text, assignment(entry), instead, findings)) fields.emplace_back(type, text);
  });
  return fields;
}

std::vector<HeaderRule> read_header_rules(const Array& blocks, Findings& findings) {
  std::vector<HeaderRule> rules;
  rules.reserve(blocks.size());
  for (const Value& block : blocks) rules.push_back(RuleReader(findings).read(block));
  return rules;
}

}  // namespace uringd::config
