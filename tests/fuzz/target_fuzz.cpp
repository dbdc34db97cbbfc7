// Fuzzes targets and hosts: both readers get the same bytes. Properties: a path has no way out of the root, is what a
// slow reader makes of the target, and is a fixed point of encode and parse; a host has one spelling, and no byte that
// could mean something elsewhere.
#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "uringd/http/host.hpp"
#include "uringd/http/target.hpp"

namespace {

using namespace uringd::http;

void check_path(std::string_view path) {
  REQUIRE_THAT(path.starts_with('/') && path.find('\0') == std::string_view::npos && path.data()[path.size()] == '\0');
  if (path == "/") return;
  std::string_view rest = path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view name = rest.substr(0, rest.find('/'));
    REQUIRE_THAT(!name.empty() && name != "." && name != "..");
    rest.remove_prefix(name.size());
  }
}

/// The path of an origin-form target by lists of strings: cut the query off, decode all, split, resolve.
std::optional<std::string> slow_path(std::string_view raw) {
  for (char c : raw) {
    if (c <= ' ' || c == 0x7f || c == '#') return std::nullopt;
  }
  raw = raw.substr(0, raw.find('?'));
  std::string decoded;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      decoded += raw[i];
      continue;
    }
    if (i + 2 >= raw.size() || !std::isxdigit(static_cast<unsigned char>(raw[i + 1])) ||
        !std::isxdigit(static_cast<unsigned char>(raw[i + 2]))) {
      return std::nullopt;
    }
    const int value = std::stoi(std::string{raw.substr(i + 1, 2)}, nullptr, 16);
    if (value == 0 || value == '/') return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  std::vector<std::string> names;
  std::string name;
  for (char c : decoded.substr(1) + "/") {
    if (c != '/') {
      name += c;
      continue;
    }
    if (name == ".." && !names.empty()) names.pop_back();
    if (!name.empty() && name != "." && name != "..") names.push_back(name);
    name.clear();
  }
  std::string path;
  for (const std::string& each : names) path += "/" + each;
  return path.empty() ? "/" : path;
}

void fuzz_target(std::string_view text) {
  std::vector<char> out(text.size() + 2);
  const auto target = parse_target(text, out);
  if (text.starts_with('/')) {
    const std::optional<std::string> expected = slow_path(text);
    REQUIRE_THAT(target.has_value() == expected.has_value());
    if (expected) REQUIRE_THAT(target->path == *expected && target->authority.empty() && !target->asterisk);
  }
  if (!target) return REQUIRE_THAT(target.error() == 400);
  check_path(target->path);
  std::vector<char> encoded(target->path.size() * 3);
  const size_t size = encode_path(target->path, encoded);
  REQUIRE_THAT(size > 0);
  const std::string_view location{encoded.data(), size};
  REQUIRE_THAT(!location.starts_with("//"));
  for (char c : location) REQUIRE_THAT(c > ' ' && c < 0x7f && c != '\\' && c != '?' && c != '#' && c != '"');
  std::vector<char> again(size + 2);
  const auto second = parse_target(location, again);
  REQUIRE_THAT(second && second->path == target->path && second->hidden == target->hidden);
  REQUIRE_THAT(second->name_too_long == target->name_too_long);
}

void fuzz_host(std::string_view text) {
  std::array<char, 256> out, again;
  const auto host = canonical_host(text, out);
  if (!host) return;
  REQUIRE_THAT(valid_host(text) && !host->empty());
  for (char c : *host) REQUIRE_THAT(c > ' ' && c < 0x7f && c != '/' && c != '@' && !(c >= 'A' && c <= 'Z'));
  if (!host->ends_with('.')) REQUIRE_THAT(canonical_host(*host, again) == *host);
  REQUIRE_THAT(!host->starts_with('[') || host->ends_with(']'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2048) return 0;
  const std::string text{reinterpret_cast<const char*>(data), size};  // its own memory, for the sanitizer
  fuzz_target(text);
  fuzz_host(text);
  return 0;
}
