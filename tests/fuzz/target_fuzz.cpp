// Fuzzes the pure readers of single values: target, host, Range, entity tags and dates all get the same bytes.
// Properties: a path has no way out of the root and is a fixed point of encode and parse; a range lies in its body; a
// date that was read is written back as one that reads the same.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/http/conditional.hpp"
#include "uringd/http/date.hpp"
#include "uringd/http/host.hpp"
#include "uringd/http/range.hpp"
#include "uringd/http/target.hpp"

namespace {

using namespace uringd::http;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_path(std::string_view path) {
  require(path.starts_with('/') && path.find('\0') == std::string_view::npos && path.data()[path.size()] == '\0');
  if (path == "/") return;
  std::string_view rest = path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view name = rest.substr(0, rest.find('/'));
    require(!name.empty() && name != "." && name != "..");
    rest.remove_prefix(name.size());
  }
}

void fuzz_target(std::string_view text) {
  std::vector<char> out(text.size() + 2);
  const auto target = parse_target(text, out);
  if (!target) return require(target.error() == 400);
  check_path(target->path);
  std::vector<char> encoded(target->path.size() * 3);
  const size_t size = encode_path(target->path, encoded);
  require(size > 0);
  const std::string_view location{encoded.data(), size};
  require(!location.starts_with("//"));
  for (char c : location) require(c > ' ' && c < 0x7f && c != '\\' && c != '?' && c != '#' && c != '"');
  std::vector<char> again(size + 2);
  const auto second = parse_target(location, again);
  require(second && second->path == target->path && second->hidden == target->hidden);
}

void fuzz_host(std::string_view text) {
  std::array<char, 256> out, again;
  const auto host = canonical_host(text, out);
  if (!host) return;
  require(valid_host(text) && !host->empty());
  for (char c : *host) require(c > ' ' && c < 0x7f && c != '/' && c != '@' && !(c >= 'A' && c <= 'Z'));
  if (!host->ends_with('.')) require(canonical_host(*host, again) == *host);
}

void fuzz_range(std::string_view text) {
  for (uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, ~uint64_t{0}}) {
    const ByteRange range = parse_range(text, size);
    if (range.kind != ByteRange::Kind::satisfiable) continue;
    require(range.length > 0 && range.first < size && range.length <= size - range.first);
  }
}

void fuzz_date(std::string_view text) {
  const auto time = parse_date(text, 1'700'000'000);
  if (!time) return;
  std::array<char, date_size> written;
  format_date(*time, written);
  require(parse_date({written.data(), written.size()}, 0) == std::min<int64_t>(*time, 253402300799));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2048) return 0;
  const std::string text{reinterpret_cast<const char*>(data), size};  // its own memory, for the sanitizer
  fuzz_target(text);
  fuzz_host(text);
  fuzz_range(text);
  fuzz_date(text);
  if (etag_list_matches(text, "\"a\"", true)) require(etag_list_matches(text, "\"a\"", false));
  return 0;
}
