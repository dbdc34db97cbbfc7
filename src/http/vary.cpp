// add_vary: one pass over the lines, in place.
#include "uringd/http/vary.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "characters.hpp"

namespace uringd::http {
namespace {

constexpr std::string_view field = "vary:";
constexpr std::string_view line_end = "\r\n";

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool names(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view element = take_element(list);
    if (element == "*" || same_name(element, name)) return true;
  }
  return false;
}

/// Puts `text` in at `at`; false: no room.
bool insert(std::span<char> lines, size_t& size, size_t at, std::string_view before, std::string_view name,
            std::string_view behind) {
  const size_t more = before.size() + name.size() + behind.size();
  if (more > lines.size() - size) return false;
  std::memmove(lines.data() + at + more, lines.data() + at, size - at);
  for (const std::string_view text : {before, name, behind}) {
    std::memcpy(lines.data() + at, text.data(), text.size());
    at += text.size();
  }
  size += more;
  return true;
}

}  // namespace

size_t add_vary(std::span<char> lines, size_t size, std::string_view name) {
  const std::string_view text{lines.data(), size};
  for (size_t at = 0; at < size;) {
    const size_t end = std::min(text.find(line_end, at), size);
    const std::string_view line = text.substr(at, end - at);
    if (line.size() >= field.size() && equals_folded(line.substr(0, field.size()), field)) {
      if (!names(line.substr(field.size()), name)) static_cast<void>(insert(lines, size, end, ", ", name, ""));
      return size;
    }
    at = end + line_end.size();
  }
  static_cast<void>(insert(lines, size, size, "Vary: ", name, line_end));
  return size;
}

}  // namespace uringd::http
