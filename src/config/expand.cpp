// One pass from left to right; nothing is expanded twice, so a value from the environment can smuggle nothing in.
#include "expand.hpp"

#include <algorithm>

namespace uringd::config {
namespace {

constexpr std::string_view name_bytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/// The text for what stands between "${" and "}".
Result<std::string> value_of(std::string_view inside, const Lookup& lookup) {
  const std::size_t name_size = std::min(inside.find_first_not_of(name_bytes), inside.size());
  const std::string name(inside.substr(0, name_size));
  const std::string_view rest = inside.substr(name_size);
  const bool has_default = rest.starts_with(":-");
  if (name.empty() || (!rest.empty() && !has_default)) {
    return failure("expected ${NAME} or ${NAME:-default}, NAME of upper case, digits and _; $${ is a literal ${");
  }
  const char* value = lookup(name.c_str());
  // As in a shell, `:-` stands in for an empty value too.
  if (value && !(has_default && *value == '\0')) return std::string(value);
  if (has_default) return std::string(rest.substr(2));
  return failure("${" + name + "} is not set in the environment; set it, or write ${" + name + ":-default}");
}

}  // namespace

Result<Expanded> expand(std::string_view text, const Lookup& lookup) {
  Expanded result;
  while (!text.empty()) {
    if (text.starts_with("$${")) {
      result.text += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const std::size_t close = text.find('}');
      if (close == text.npos) return failure("${ without }; $${ is a literal ${");
      auto value = value_of(text.substr(2, close - 2), lookup);
      if (!value) return std::unexpected(value.error());
      result.text += *value;
      result.changed = true;
      text.remove_prefix(close + 1);
    } else {
      result.text += text.front();
      text.remove_prefix(1);
    }
  }
  return result;
}

std::string protect(std::string_view text) {
  std::string out;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text.substr(index).starts_with("${")) out += '$';
    out += text[index];
  }
  return out;
}

}  // namespace uringd::config
