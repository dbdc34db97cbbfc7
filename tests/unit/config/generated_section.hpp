// The sections of files in the repository that are generated from the schema: what stands between two marker lines.
// Shared by config_docs, which writes them, and the tests that compare them.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "uringd/config/print.hpp"

struct GeneratedSection {
  std::string_view file;   // below the top of the repository
  std::string_view begin;  // lines that stay, comments in the file's own language
  std::string_view end;
  std::string (*text)();  // what belongs between them, both line ends included
};

/// The keys as one string in single quotes, whatever the shell: no key and no value has a quote.
inline std::string quoted_keys(std::string_view before) {
  return "\n" + std::string(before) + "'\n" + uringd::config::completion_keys() + "'\n";
}

inline constexpr std::string_view keys_begin = "# config keys: generated";
inline constexpr std::string_view keys_end = "# end of config keys";

inline constexpr std::array<GeneratedSection, 5> generated_sections = {{
    // Blank lines, because Markdown wants them around a table.
    {"README.md", "<!-- config reference: generated -->", "<!-- end of config reference -->",
     [] { return "\n\n" + uringd::config::reference_markdown() + "\n"; }},
    {"packaging/man/uringd.toml.5.scd", "; config reference: generated", "; end of config reference",
     [] { return "\n\n" + uringd::config::reference_scdoc(); }},
    {"packaging/completions/uringd.bash", keys_begin, keys_end, [] { return quoted_keys("_uringd_keys="); }},
    {"packaging/completions/_uringd", keys_begin, keys_end, [] { return quoted_keys("_uringd_keys="); }},
    {"packaging/completions/uringd.fish", keys_begin, keys_end, [] { return quoted_keys("set -g __uringd_keys "); }},
}};

/// Start and size in `content` of what stands between the markers.
inline std::optional<std::pair<std::size_t, std::size_t>> find_section(const GeneratedSection& section,
                                                                       std::string_view content) {
  const std::size_t first = content.find(section.begin);
  if (first == content.npos) return std::nullopt;
  const std::size_t start = first + section.begin.size();
  const std::size_t end = content.find(section.end, start);
  if (end == content.npos) return std::nullopt;
  return std::pair{start, end - start};
}
