// Fuzzes templates: whatever `to` says, and whatever a client sends, a location is one line of URL characters that
// leads where the owner's text says, a path begins with a slash, and no byte is touched beyond what is said.
// Input: a byte (1: the map has the key, 2: there is a query), then lines: `to`, path, three captures, host, query; the
// rest is the value in the map.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz.hpp"
#include "uringd/http/host.hpp"
#include "uringd/site/template.hpp"

namespace {

using namespace uringd::site;

/// Every key has the one value, or none has.
class OneValue : public MapTable {
 public:
  OneValue(bool found, std::string value) : found_(found), value_(std::move(value)) {}
  std::optional<std::string_view> find(std::string_view, Random&) const override {
    if (!found_) return std::nullopt;
    return value_;
  }
  uint64_t entries() const override { return 1; }
  size_t bytes() const override { return value_.size(); }

 private:
  bool found_;
  std::string value_;
};

struct Given {
  std::string to, path, query, host, value;
  std::array<std::string, 3> captures;
  bool has_query = false, found = false;
};

bool is_url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
}

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
}

bool leads_away(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://") || text.starts_with("//");
}

/// The host that nothing of a client's may change: literal text that a '/' ends, or a part that is no host's.
std::string fixed_host(std::string_view to) {
  if (!to.starts_with("https://")) return "";
  const std::string_view rest = to.substr(8);
  const size_t end = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-");
  if (end == std::string_view::npos || end == 0) return "";
  const std::string_view behind = rest.substr(end);
  const bool ends_so = behind.starts_with('/') || behind.starts_with("${path}") || behind.starts_with("${query}") ||
                       (behind.size() > 1 && behind[0] == '$' && behind[1] >= '0' && behind[1] <= '9' &&
                        rest[end - 1] != '.' && rest[end - 1] != '-');
  const bool joins = rest[end - 1] == '.' || rest[end - 1] == '-';
  return ends_so && (behind[0] == '/' || !joins) ? std::string(rest.substr(0, end)) : "";
}

void check_location(const Given& given, std::string_view location) {
  REQUIRE_THAT(!location.empty() && is_url(location));
  const std::string_view to = given.to;
  const bool from_map = to.starts_with("${") && to.find(':') != std::string_view::npos && to.find(':') < to.find('}');
  const bool may_lead_away =
      leads_away(to) || (from_map && (leads_away(given.value) || to.find("//") != std::string_view::npos));
  if (!may_lead_away) REQUIRE_THAT(location.starts_with('/') && !location.starts_with("//"));
  REQUIRE_THAT(location.starts_with('/') || leads_away(location));
  for (std::string_view empty : {"http:///", "https:///", "///"}) REQUIRE_THAT(!location.starts_with(empty));
  const std::string host = fixed_host(to);
  if (host.empty()) return;
  REQUIRE_THAT(location.starts_with("https://" + host));
  const std::string_view behind = location.substr(8 + host.size());
  REQUIRE_THAT(behind.empty() || behind[0] == '/' || behind[0] == '?' || behind[0] == '#');
}

void check_path(const Given& given, const Expansion& expansion) {
  REQUIRE_THAT(expansion.path.starts_with('/'));
  REQUIRE_THAT(expansion.has_query || expansion.query.empty());
  REQUIRE_THAT(is_url(expansion.query) && expansion.query.find('#') == std::string_view::npos);
  if (given.to.find('?') == std::string::npos) REQUIRE_THAT(!expansion.has_query);
}

/// Expands into more than enough, and into just enough, and into less; says the whole length.
template <typename Expand, typename Check>
void expand_and_check(Expand expand, Check check) {
  constexpr char mark = '\x55';
  std::array<char, 6000> roomy;
  roomy.fill(mark);
  const Expansion expansion = expand(std::span<char>(roomy));
  if (!expansion.fits) return;
  check(expansion);
  REQUIRE_THAT(expansion.path.data() == roomy.data());
  const size_t size = expansion.path.size() + expansion.query.size();
  const auto beyond = roomy.begin() + static_cast<std::ptrdiff_t>(size);
  REQUIRE_THAT(std::all_of(beyond, roomy.end(), [](char c) { return c == mark; }));
  const std::unique_ptr<char[]> exact(new char[size]), less(new char[size - 1]);  // for the sanitizer
  const Expansion again = expand(std::span<char>(exact.get(), size));
  REQUIRE_THAT(again.fits && again.path == expansion.path && again.query == expansion.query);
  REQUIRE_THAT(!expand(std::span<char>(less.get(), size - 1)).fits);
}

void fuzz_template(const Given& given) {
  const std::string names[] = {"m", "hosts"};
  const auto parsed = Template::parse(given.to, names);
  if (!parsed) return REQUIRE_THAT(!parsed.error().empty() && is_one_line(parsed.error()));
  REQUIRE_THAT(parsed->highest_capture() <= 9 && parsed->absolute() == leads_away(given.to));
  std::vector<std::unique_ptr<const MapTable>> tables;
  for (int i = 0; i < 2; ++i) tables.push_back(std::make_unique<OneValue>(given.found, given.value));
  const Maps maps(std::move(tables));
  const std::string_view captures[] = {given.captures[0], given.captures[1], given.captures[2]};
  std::array<char, 256> memory;
  const auto host = uringd::http::canonical_host(given.host, memory);
  const TemplateInputs inputs{
      .captures = captures, .host = host.value_or(""), .path = given.path, .query = given.query, .scheme = "http"};
  Random random(1);
  expand_and_check(
      [&](std::span<char> out) { return parsed->expand_location(inputs, given.has_query, maps, random, out); },
      [&](const Expansion& expansion) { check_location(given, expansion.path); });
  expand_and_check([&](std::span<char> out) { return parsed->expand_path(inputs, maps, random, out); },
                   [&](const Expansion& expansion) { check_path(given, expansion); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  uringd::fuzz::Input input(data, size);
  Given given;
  const uint8_t flags = input.byte();
  given.found = (flags & 1) != 0;
  given.has_query = (flags & 2) != 0;
  given.to = input.line();
  given.path = input.line();
  for (std::string& capture : given.captures) capture = input.line();
  given.host = input.line();
  given.query = input.line();
  given.value = input.rest();
  fuzz_template(given);
  return 0;
}
