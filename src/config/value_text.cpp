// Values as text: what a key takes, for messages and the reference, and what a slot holds, as TOML.
#include <type_traits>

#include "document.hpp"
#include "expand.hpp"
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

std::string address_text(const ListenAddress& address) {
  std::string text = string_text(address.text);
  if (address.backlog == default_backlog) return text;
  return "{ address = " + text + ", backlog = " + std::to_string(address.backlog) + " }";
}

std::string pair_text(const Pairs::value_type& pair) {
  return (is_bare_key(pair.first) ? pair.first : in_quotes(pair.first)) + " = " + string_text(pair.second);
}

std::string table_text(const Pairs& pairs) { return pairs.empty() ? "{}" : "{ " + joined(pairs, pair_text) + " }"; }

std::string rule_text(const HeaderRule& rule) {
  std::string text = "{ match = " + string_text(rule.match);
  if (!rule.remove.empty()) text += ", remove = [" + joined(rule.remove, string_text) + "]";
  if (!rule.set.empty()) text += ", set = " + table_text(rule.set);
  return text + " }";
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
    case Kind::hosts: return "an array of host names";
    case Kind::path: return "a path";
    case Kind::file_names: return "an array of file names";
    case Kind::globs: return R"(an array of patterns such as "/assets/**")";
    case Kind::media_types: return R"(a table { ".extension" = "media/type" })";
    case Kind::error_pages: return R"(a table { status = "/page" })";
    case Kind::extensions: return "an array of extensions";
    case Kind::page: return R"(a file's path below root, such as "/index.html", or "")";
    case Kind::codings: return "an array of " + alternatives(form.words);
    case Kind::cache_control: return R"(a table { "media/type" = "value" } or a string)";
    case Kind::header_rules: return "an array of tables: [[site.headers]]";
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
          return string_text(*place);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return "[" + joined(*place, string_text) + "]";
        } else if constexpr (std::is_same_v<T, std::vector<ListenAddress>>) {
          return "[" + joined(*place, address_text) + "]";
        } else if constexpr (std::is_same_v<T, std::vector<Coding>>) {
          const auto word = [&](Coding coding) { return std::string(form.words[static_cast<std::size_t>(coding)]); };
          return "[" + joined(*place, word) + "]";
        } else if constexpr (std::is_same_v<T, std::vector<HeaderRule>>) {
          return "[" + joined(*place, rule_text) + "]";
        } else {
          return table_text(*place);
        }
      },
      slot);
}

}  // namespace uringd::config
