// read_map_line and is_utf8: each byte is looked at once. Unescaping writes behind the byte that it reads, never
// before.
#include "map_line.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

namespace uringd::site {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }

/// Takes what is in the quotes from `at`, which stands on the first of them, and moves behind the second.
std::optional<std::string_view> take_quoted(char*& at, char* last) {
  char* const begin = at + 1;
  char* to = begin;
  for (char* from = begin; from != last; ++from) {
    if (*from == '"') {
      at = from + 1;
      return std::string_view{begin, to};
    }
    if (*from == '\\' && from + 1 != last && (from[1] == '"' || from[1] == '\\')) ++from;
    *to++ = *from;
  }
  return std::nullopt;
}

std::string_view take_word(char*& at, char* last) {
  char* const begin = at;
  while (at != last && !is_space(*at)) ++at;
  return {begin, at};
}

void skip_space(char*& at, char* last) {
  while (at != last && is_space(*at)) ++at;
}

/// The bytes of the sequence that begins `text`; 0: none does.
size_t sequence_size(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned lead = byte(0), second = byte(1);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4 || !tail(1)) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) {
    const bool overlong = lead == 0xe0 && second < 0xa0, surrogate = lead == 0xed && second > 0x9f;
    return tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  const bool overlong = lead == 0xf0 && second < 0x90, beyond = lead == 0xf4 && second > 0x8f;
  return tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
}

}  // namespace

MapLine read_map_line(char* first, char* last) {
  if (first != last && last[-1] == '\r') --last;
  char* at = first;
  skip_space(at, last);
  if (at == last || *at == '#') return {};

  MapLine line{.kind = MapLine::Kind::entry};
  if (*at == '"') {
    const auto key = take_quoted(at, last);
    if (!key) return {.kind = MapLine::Kind::unclosed};
    if (at != last && !is_space(*at)) return {.kind = MapLine::Kind::glued};
    line.key = *key;
  } else {
    line.key = take_word(at, last);
  }
  skip_space(at, last);
  if (at == last) return {.kind = MapLine::Kind::no_value};
  if (*at == '"') {
    const auto value = take_quoted(at, last);
    if (!value) return {.kind = MapLine::Kind::unclosed};
    line.value = *value;
  } else {
    line.value = take_word(at, last);
  }
  skip_space(at, last);
  line.ignored_text = at != last && *at != '#';
  return line;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    uint64_t eight = 0;
    while (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080ULL) != 0) break;
      text.remove_prefix(sizeof eight);
    }
    if (text.empty()) return true;
    const size_t size = sequence_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace uringd::site
