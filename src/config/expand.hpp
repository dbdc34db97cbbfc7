// expand: ${NAME} and ${NAME:-default} inside string values. Pure but for the lookup it is given.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "uringd/base/result.hpp"

namespace uringd::config {

using Lookup = std::function<const char*(const char* name)>;

struct Expanded {
  std::string text;
  bool changed = false;  // at least one ${…} was replaced
};

/// `text` with every ${NAME} replaced once (a value that holds ${ stays as it is) and `$${` as `${`. NAME: A-Z, 0-9, _.
Result<Expanded> expand(std::string_view text, const Lookup& lookup);

/// The text that expand() turns back into `text`.
std::string protect(std::string_view text);

}  // namespace uringd::config
