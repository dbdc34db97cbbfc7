// The section of README.md that is generated: what stands between two marker lines. Shared by config_docs, which
// writes it, and the test that compares it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "uringd/config/print.hpp"

inline constexpr std::string_view reference_begin = "<!-- config reference: generated -->";
inline constexpr std::string_view reference_end = "<!-- end of config reference -->";

/// Start and size in `readme` of what stands between the two markers.
inline std::optional<std::pair<std::size_t, std::size_t>> find_reference_section(std::string_view readme) {
  const std::size_t first = readme.find(reference_begin);
  if (first == readme.npos) return std::nullopt;
  const std::size_t start = first + reference_begin.size();
  const std::size_t end = readme.find(reference_end, start);
  if (end == readme.npos) return std::nullopt;
  return std::pair{start, end - start};
}

/// What belongs between the markers; blank lines, because Markdown wants them around a table.
inline std::string reference_section_text() { return "\n\n" + uringd::config::reference_markdown() + "\n"; }
