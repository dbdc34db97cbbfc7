// Lines that stand are pointers in an array by name; what a rule does to them was worked out when it was built.
#include "uringd/site/header_rules.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "uringd/base/check.hpp"
#include "uringd/base/glob.hpp"

namespace uringd::site {
namespace {

// The shortest line is "X: v\r\n": more names than this do not fit what config/ lets through.
constexpr size_t most_names = HeaderRules::most_bytes / 6;
// Numbers of the two names that have defaults.
constexpr uint16_t cache_control = 0;
constexpr uint16_t nosniff = 1;

constexpr char lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& byte : out) byte = lower(byte);
  return out;
}

std::string line(std::string_view name, std::string_view value) {
  return std::string(name) + ": " + std::string(value) + "\r\n";
}

bool says_how_long(std::string_view name) {
  constexpr std::string_view names[] = {"cache-control", "expires", "etag",
                                        "last-modified", "age",     "surrogate-control"};
  return std::ranges::find(names, name) != std::end(names) || name.ends_with("-cache-control");
}

uint8_t omitted_bit(std::string_view name) {
  if (name == "server") return omit_server;
  if (name == "etag") return omit_etag;
  if (name == "last-modified") return omit_last_modified;
  if (name == "accept-ranges") return omit_accept_ranges;
  return 0;
}

// What base/glob reads as more than itself. A slash beside it is left out: "/**" matches "", the path of a request that
// could not be read.
constexpr std::string_view special = "*?[]{}\\";

std::string_view literal_start(std::string_view pattern) {
  std::string_view start = pattern.substr(0, pattern.find_first_of(special));
  if (start.ends_with('/')) start.remove_suffix(1);
  return start;
}

std::string_view literal_end(std::string_view pattern) {
  std::string_view end = pattern.substr(pattern.find_last_of(special) + 1);  // npos + 1: all of it
  if (end.starts_with('/')) end.remove_prefix(1);
  return end;
}

/// Whether `lower_case` and `text` are equal but for the case of letters.
bool same(std::string_view lower_case, std::string_view text) {
  return std::ranges::equal(lower_case, text, {}, {}, [](char byte) { return lower(byte); });
}

}  // namespace

HeaderRules::HeaderRules(const config::Site& site) : default_line_(config::default_field_line) {
  size_t bytes = 0;
  for (const auto& [type, value] : site.cache_control) {
    by_type_.emplace_back(lower(type), line("Cache-Control", value));
    bytes = std::max(bytes, by_type_.back().second.size());
  }
  bytes += default_line_.size();
  std::map<std::string, uint16_t> numbers = {{"cache-control", cache_control},
                                             {lower(default_line_.substr(0, default_line_.find(':'))), nosniff}};
  for (const config::HeaderRule& rule : site.headers) {
    Rule& built = rules_.emplace_back();
    for (std::string& pattern : glob_written_out(rule.match)) built.match.emplace_back(std::move(pattern));
    for (const auto& [name, value] : rule.set) {
      const auto number = numbers.try_emplace(lower(name), static_cast<uint16_t>(numbers.size())).first->second;
      built.set.push_back({number, line(name, value)});
      bytes += built.set.back().text.size();
      built.omitted |= omitted_bit(lower(name));
      CHECK(bytes <= most_bytes);
    }
  }
  CHECK(bytes <= most_bytes);
  CHECK(numbers.size() <= most_names);
  for (size_t index = 0; index < rules_.size(); ++index) {
    for (const std::string& name : site.headers[index].remove) {
      const auto known = numbers.find(lower(name));
      if (known != numbers.end()) rules_[index].remove.push_back(known->second);
      rules_[index].omitted |= omitted_bit(lower(name));
    }
  }
  caching_.resize(numbers.size());
  for (const auto& [name, number] : numbers) caching_[number] = says_how_long(name);
}

HeaderRules::Pattern::Pattern(std::string glob)
    : text(std::move(glob)),
      literal_start(uringd::site::literal_start(text).size()),
      literal_end(uringd::site::literal_end(text).size()) {}

bool HeaderRules::Pattern::matches(std::string_view path) const {
  const std::string_view pattern = text;
  return path.starts_with(pattern.substr(0, literal_start)) &&
         path.ends_with(pattern.substr(pattern.size() - literal_end)) && glob_match(pattern, path);
}

bool HeaderRules::Rule::matches(std::string_view path) const {
  return std::ranges::any_of(match, [&](const Pattern& pattern) { return pattern.matches(path); });
}

const std::string* HeaderRules::default_cache_control(std::string_view media_type) const {
  std::string_view type = media_type.substr(0, media_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  const std::string* of_group = nullptr;
  const std::string* of_any = nullptr;
  for (const auto& [range, text] : by_type_) {
    if (range == "*") {
      of_any = &text;
    } else if (same(range, type)) {
      return &text;
    } else if (range.ends_with("/*") &&
               same(std::string_view(range).substr(0, range.size() - 1), type.substr(0, range.size() - 1))) {
      of_group = &text;
    }
  }
  return of_group ? of_group : of_any;
}

HeaderLines HeaderRules::lines(std::span<const std::string_view> paths, std::string_view media_type, Answer answer,
                               std::span<char, most_bytes> out) const {
  std::array<const std::string*, most_names> standing;  // only the first caching_.size() are used, and set here
  std::fill_n(standing.begin(), caching_.size(), nullptr);
  if (answer == Answer::representation) standing[cache_control] = default_cache_control(media_type);
  standing[nosniff] = &default_line_;
  HeaderLines result;
  for (const Rule& rule : rules_) {
    if (std::ranges::none_of(paths, [&](std::string_view path) { return rule.matches(path); })) continue;
    for (const uint16_t name : rule.remove) standing[name] = nullptr;
    for (const Line& line : rule.set) standing[line.name] = &line.text;
    result.omitted |= rule.omitted;
  }
  for (size_t name = 0; name < caching_.size(); ++name) {
    if (standing[name] == nullptr || (answer == Answer::error && caching_[name])) continue;
    CHECK(standing[name]->size() <= out.size() - result.bytes);
    result.bytes += standing[name]->copy(out.data() + result.bytes, standing[name]->size());
  }
  return result;
}

}  // namespace uringd::site
