// Reading a template: one pass over `to`, with the first thing that is wrong named by its byte. Runs when a
// configuration is loaded. A map's key and default hold no further map, so parts nest one deep.
#include "uringd/site/template.hpp"

#include <array>
#include <optional>
#include <utility>

#include "rule_text.hpp"
#include "uringd/config/nearest.hpp"

namespace uringd::site {
namespace {

constexpr std::string_view variables[] = {"host", "path", "query", "scheme"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string did_you_mean(std::string_view name) {
  return name.empty() ? "" : "; did you mean " + printable(name) + "?";
}

/// What of `text` says that a host follows, or nothing.
std::string_view scheme_of(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://", "//"}) {
    if (text.starts_with(scheme)) return scheme;
  }
  return {};
}

}  // namespace

struct Template::Parser {
  std::string_view to;
  std::span<const std::string> maps;
  Template result;
  std::string error = {};  // empty: none so far
  size_t at = 0;

  /// False, for the callers to hand on.
  bool wrong(size_t byte, const std::string& message) {
    if (error.empty()) error = "byte " + std::to_string(byte + 1) + ": " + message;
    return false;
  }

  static void add_text(std::vector<Part>& parts, char c) {
    if (parts.empty() || parts.back().kind != Part::Kind::literal) parts.push_back({});
    parts.back().text += c;
  }

  void add_capture(std::vector<Part>& parts, char digit) {
    const int number = digit - '0';
    parts.push_back({.kind = Part::Kind::capture, .number = static_cast<uint32_t>(number)});
    if (number > result.highest_capture_) result.highest_capture_ = number;
  }

  bool add_variable(std::vector<Part>& parts, std::string_view name, size_t begin) {
    constexpr Part::Kind kinds[] = {Part::Kind::host, Part::Kind::path, Part::Kind::query, Part::Kind::scheme};
    static_assert(std::size(kinds) == std::size(variables));
    for (size_t i = 0; i < std::size(variables); ++i) {
      if (name != variables[i]) continue;
      parts.push_back({.kind = kinds[i]});
      return true;
    }
    for (const std::string& map : maps) {
      if (name == map) return wrong(begin, in_quotes(name) + " is a map; expected ${" + printable(map) + ":key}");
    }
    if (!name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos) {
      return wrong(begin, "found ${" + printable(name) + "}; expected a capture from ${0} to ${9}");
    }
    return wrong(begin, "found ${" + printable(name) + "}; expected a capture, ${host}, ${path}, ${query}, " +
                            "${scheme} or ${map:key|default}" + did_you_mean(config::nearest(name, variables)));
  }

  /// Behind "${name:".
  bool add_map(std::vector<Part>& parts, std::string_view name, size_t begin) {
    Part part{.kind = Part::Kind::map};
    while (part.number < maps.size() && maps[part.number] != name) ++part.number;
    if (part.number == maps.size()) {
      const std::vector<std::string_view> names(maps.begin(), maps.end());
      return wrong(begin, in_quotes(name) + " is not a map" + did_you_mean(config::nearest(name, names)));
    }
    if (!read(part.key, begin, "|}")) return false;
    if (to[at] == '|' && (++at, !read(part.fallback, begin, "}"))) return false;
    ++at;
    parts.push_back(std::move(part));
    result.uses_maps_ = true;
    return true;
  }

  /// At a '$'; `in_map` inside a key or default.
  bool add_dollar(std::vector<Part>& parts, bool in_map) {
    const size_t begin = at++;
    const char next = at < to.size() ? to[at] : '\0';
    if (next == '$' || is_digit(next)) {
      ++at;
      next == '$' ? add_text(parts, '$') : add_capture(parts, next);
      return true;
    }
    if (next != '{') return wrong(begin, "found a single '$'; expected $0 to $9, ${…}, or $$ for a dollar sign");
    const size_t end = to.find_first_of(":|}$", ++at);
    if (end == std::string_view::npos) return wrong(begin, "\"${\" without its '}'");
    const std::string_view name = to.substr(at, end - at);
    at = end + 1;
    if (to[end] == ':') {
      return in_map ? wrong(begin, "a map inside a map; expected text, captures and variables there")
                    : add_map(parts, name, begin);
    }
    if (to[end] != '}') return wrong(begin, "found \"${" + printable(name) + to[end] + "\"; expected '}' or ':'");
    if (name.size() != 1 || !is_digit(name[0])) return add_variable(parts, name, begin);
    add_capture(parts, name[0]);
    return true;
  }

  /// A map's key or default, to the first of `ends`, where `at` stays.
  bool read(std::vector<Part>& parts, size_t begin, std::string_view ends) {
    while (at < to.size() && ends.find(to[at]) == std::string_view::npos) {
      if (to[at] != '$') {
        add_text(parts, to[at++]);
      } else if (!add_dollar(parts, true)) {
        return false;
      }
    }
    return at < to.size() || wrong(begin, "\"${\" without its '}'");
  }

  bool read_all() {
    while (at < to.size()) {
      if (to[at] == '$') {
        if (!add_dollar(result.parts_, false)) return false;
      } else if (to[at] == '}') {
        return wrong(at, "'}' without its \"${\"; expected %7D for the character");
      } else {
        add_text(result.parts_, to[at++]);
      }
    }
    return true;
  }

  /// Nothing of a client's decides how it begins: that would be the way to another host, or to "javascript:".
  bool check_begin() {
    if (result.parts_.empty()) return wrong(0, "nothing; expected a path or a URL");
    const Part& first = result.parts_.front();
    switch (first.kind) {
      case Part::Kind::capture:
      case Part::Kind::path:
      case Part::Kind::map: return true;
      case Part::Kind::literal: break;
      case Part::Kind::scheme:
        return wrong(0, "begins with ${scheme}; expected \"//\", which keeps the scheme, \"http://\" or \"https://\"");
      case Part::Kind::host:
      case Part::Kind::query:
        return wrong(0, "begins with ${host} or ${query}; expected \"/\", \"http://\", \"https://\", \"//\", a " +
                            std::string("capture, ${path} or a map"));
    }
    const std::string_view scheme = scheme_of(first.text);
    result.absolute_ = !scheme.empty();
    if (result.absolute_) return check_host(std::string_view(first.text).substr(scheme.size()), scheme);
    return first.text.starts_with('/') ||
           wrong(0, "begins with " + in_quotes(first.text) +
                        "; expected \"/\", \"http://\", \"https://\", \"//\", a capture, ${path} or a map");
  }

  /// `rest`: of the first part, behind `scheme`.
  bool check_host(std::string_view rest, std::string_view scheme) {
    const bool more = result.parts_.size() > 1 && result.parts_[1].kind != Part::Kind::path &&
                      result.parts_[1].kind != Part::Kind::query;
    if (rest.empty() ? more : std::string_view("/?#:@").find(rest[0]) == std::string_view::npos) return true;
    return wrong(scheme.size(), "no host behind " + in_quotes(scheme));
  }
};

std::expected<Template, std::string> Template::parse(std::string_view to, std::span<const std::string> map_names) {
  Parser parser{.to = to, .maps = map_names, .result = {}};
  const size_t nul = to.find('\0');
  if (nul != std::string_view::npos) parser.wrong(nul, "a NUL, which no path has");
  if (!parser.error.empty() || !parser.read_all() || !parser.check_begin()) return std::unexpected(parser.error);
  return std::move(parser.result);
}

}  // namespace uringd::site
