// Vary (RFC 9110 §12.5.5): field lines that several people contribute to, the configuration among them, say it once.
// Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace uringd::http {

/// Adds `name` (a field name) to the Vary of the complete lines in [0, size) of `lines`: to the line that is there,
/// unless it has it (or is "*"), or as a line of its own at the end. Returns the new size; the old one, with nothing
/// changed, where there is no room.
size_t add_vary(std::span<char> lines, size_t size, std::string_view name);

}  // namespace uringd::http
