// Values as text: what a key takes, for messages and the reference, and what a slot holds, as TOML.
#include <functional>
#include <type_traits>

#include "document.hpp"
#include "expand.hpp"
#include "read_process.hpp"
#include "read_value.hpp"
#include "uringd/base/check.hpp"
#include "uringd/config/listen.hpp"
#include "uringd/config/quantity.hpp"

namespace uringd::config {
namespace {

using Kind = Form::Kind;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string bound_text(Kind kind, std::uint64_t bound) {
  if (kind == Kind::size) {
    const std::string text = format_size(bound);
    return text.ends_with('B') ? in_quotes(text) : text;
  }
  if (kind == Kind::duration) return in_quotes(format_duration(Duration(static_cast<Duration::rep>(bound))));
  return std::to_string(bound);
}

std::string range_text(const Form& form) {
  return " from " + bound_text(form.kind, form.least) + " to " + bound_text(form.kind, form.most);
}

/// `"a", "b" or "c"`
std::string alternatives(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t index = 0; index < words.size(); ++index) {
    if (index > 0) out += index + 1 == words.size() ? " or " : ", ";
    out += words[index];
  }
  return out;
}

std::string string_text(std::string_view text) { return in_quotes(protect(text)); }

template <typename Range, typename Text>
std::string joined(const Range& range, Text text) {
  std::string out;
  for (const auto& element : range) out += (out.empty() ? "" : ", ") + text(element);
  return out;
}

/// Octal, four digits: what chmod(1) takes.
std::string mode_text(std::uint32_t mode) {
  std::string digits;
  for (const int shift : {9, 6, 3, 0}) digits += static_cast<char>('0' + (mode >> shift & 7));
  return in_quotes(digits);
}

std::string address_text(const ListenAddress& address) {
  std::string more;
  if (address.proxy_protocol) more += ", proxy_protocol = true";
  if (address.backlog != default_backlog) more += ", backlog = " + std::to_string(address.backlog);
  if (address.mode) more += ", mode = " + mode_text(*address.mode);
  const std::string text = string_text(address.text);
  return more.empty() ? text : "{ address = " + text + more + " }";
}

std::string pair_text(const Pairs::value_type& pair) {
  return (is_bare_key(pair.first) ? pair.first : in_quotes(pair.first)) + " = " + string_text(pair.second);
}

std::string table_text(const Pairs& pairs) { return pairs.empty() ? "{}" : "{ " + joined(pairs, pair_text) + " }"; }

std::vector<std::string> lines_of(const HeaderRule& rule) {
  return {"match = " + string_text(rule.match), "remove = [" + joined(rule.remove, string_text) + "]",
          "set = " + table_text(rule.set)};
}

std::string when_text(const Rewrite::When& when) {
  std::vector<std::string> conditions;
  const auto add = [&](const char* key, const std::string& pattern) {
    if (!pattern.empty()) conditions.push_back(key + (" = " + string_text(pattern)));
  };
  add("host", when.host);
  add("query", when.query);
  add("scheme", when.scheme);
  if (!when.headers.empty()) conditions.push_back("header = " + table_text(when.headers));
  return conditions.empty() ? "{}" : "{ " + joined(conditions, std::identity{}) + " }";
}

/// match and to are read as they stand, so no ${ in them is protected.
std::vector<std::string> lines_of(const Rewrite& rule) {
  std::vector<std::string> lines = {"match = " + in_quotes(rule.match)};
  if (!rule.to.empty()) lines.push_back("to = " + in_quotes(rule.to));
  lines.push_back("status = " + std::to_string(rule.status));
  lines.push_back("when = " + when_text(rule.when));
  return lines;
}

template <typename Rule>
std::string inline_text(const Rule& rule) {
  return "{ " + joined(lines_of(rule), std::identity{}) + " }";
}

template <typename Rule>
std::string blocks_text(std::string_view path, const std::vector<Rule>& rules) {
  std::string out;
  for (const Rule& rule : rules) {
    out += "\n[[" + std::string(path) + "]]  # " + rule.where + "\n";
    for (const std::string& line : lines_of(rule)) out += line + "\n";
  }
  return out;
}

}  // namespace

std::string expected(const Form& form) {
  switch (form.kind) {
    case Kind::count: return "a whole number" + range_text(form);
    case Kind::size: return (form.words.empty() ? "" : alternatives(form.words) + " or ") + "a size" + range_text(form);
    case Kind::duration: return "a duration" + range_text(form);
    case Kind::flag: return "true or false";
    case Kind::word: return alternatives(form.words);
    case Kind::listen: return "an array of addresses";
    case Kind::one_listen: return R"(an address such as "127.0.0.1:9090", or "")";
    case Kind::user: return R"(a user such as "www-data", "33" or "www-data:adm", or "")";
    case Kind::address_blocks: return R"(an array of addresses and blocks such as "10.0.0.0/8")";
    case Kind::hosts: return "an array of host names";
    case Kind::path: return "a path";
    case Kind::optional_path: return R"(a file's path, or "")";
    case Kind::log_target: return R"("off", "stdout" or a file's path)";
    case Kind::file_names: return "an array of file names";
    case Kind::globs: return R"(an array of patterns such as "/assets/**")";
    case Kind::media_types: return R"(a table { ".extension" = "media/type" })";
    case Kind::error_pages: return R"(a table { status = "/page" })";
    case Kind::extensions: return "an array of extensions";
    case Kind::page: return R"(a file's path below root, such as "/index.html", or "")";
    case Kind::codings: return "an array of " + alternatives(form.words);
    case Kind::cache_control: return R"(a table { "media/type" = "value" } or a string)";
    case Kind::mounts: return R"(a table { "/prefix" = "directory" })";
    case Kind::header_rules: return "an array of tables: [[site.headers]]";
    case Kind::rewrites: return "an array of tables: [[site.rewrites]]";
  }
  CHECK(!"a kind without words");
  return {};
}

std::string text_of(const Form& form, const Slot& slot) {
  return std::visit(
      [&](const auto* place) -> std::string {
        using T = std::remove_cvref_t<decltype(*place)>;
        if constexpr (std::is_enum_v<T>) {
          return std::string(form.words[static_cast<std::size_t>(*place)]);
        } else if constexpr (std::is_same_v<T, bool>) {
          return *place ? "true" : "false";
        } else if constexpr (std::is_integral_v<T>) {
          return bound_text(form.kind, *place);
        } else if constexpr (std::is_same_v<T, std::optional<std::uint64_t>>) {
          return *place ? bound_text(form.kind, **place) : std::string(form.words.front());
        } else if constexpr (std::is_same_v<T, Duration>) {
          return in_quotes(format_duration(*place));
        } else if constexpr (std::is_same_v<T, std::string>) {
          return string_text(form.kind == Kind::log_target && place->empty() ? std::string(log_off) : *place);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return "[" + joined(*place, string_text) + "]";
        } else if constexpr (std::is_same_v<T, std::vector<ListenAddress>>) {
          return "[" + joined(*place, address_text) + "]";
        } else if constexpr (std::is_same_v<T, std::optional<ListenAddress>>) {
          return *place ? address_text(**place) : in_quotes("");
        } else if constexpr (std::is_same_v<T, CidrSet>) {
          return "[" + joined(place->blocks(), [](const Cidr& block) { return string_text(block.text()); }) + "]";
        } else if constexpr (std::is_same_v<T, std::vector<Coding>>) {
          const auto word = [&](Coding coding) { return std::string(form.words[static_cast<std::size_t>(coding)]); };
          return "[" + joined(*place, word) + "]";
        } else if constexpr (std::is_same_v<T, std::vector<HeaderRule>> || std::is_same_v<T, std::vector<Rewrite>>) {
          return "[" + joined(*place, [](const auto& rule) { return inline_text(rule); }) + "]";
        } else {
          return table_text(*place);
        }
      },
      slot);
}

std::string blocks_of(const Key& key, const Slot& slot) {
  if (auto* const* rules = std::get_if<std::vector<HeaderRule>*>(&slot)) return blocks_text(key.path, **rules);
  auto* const* rules = std::get_if<std::vector<Rewrite>*>(&slot);
  CHECK(rules != nullptr);
  return blocks_text(key.path, **rules);
}

}  // namespace uringd::config
