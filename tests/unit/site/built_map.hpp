// For the tests of map tables: a file's bytes through a MapBuilder, and what came of it. Owned by the test that made
// it.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "uringd/site/map_table.hpp"

namespace uringd::testing {

inline site::MapBuilder builder_of(config::MapKind kind, const std::string& file) {
  auto bytes = std::make_unique<char[]>(file.size());
  if (!file.empty()) std::memcpy(bytes.get(), file.data(), file.size());
  return {kind, std::move(bytes), file.size()};
}

struct Built {
  std::unique_ptr<const site::MapTable> table;
  site::MapFinding error;
  std::vector<site::MapFinding> warnings;

  explicit Built(const std::string& file, config::MapKind kind = config::MapKind::txt) {
    site::MapBuilder builder = builder_of(kind, file);
    while (builder.step()) continue;
    auto result = builder.finish();
    if (result)
      table = std::move(*result);
    else
      error = result.error();
    warnings = builder.warnings();
  }
  /// "(none)" where the key is not in it.
  [[nodiscard]] std::string operator[](std::string_view key) const {
    site::Random random(1);
    return std::string{table->find(key, random).value_or("(none)")};
  }
  /// "line: message" of the only warning.
  [[nodiscard]] std::string warning() const {
    if (warnings.size() != 1) return std::to_string(warnings.size()) + " warnings";
    return std::to_string(warnings[0].line) + ": " + warnings[0].message;
  }
  [[nodiscard]] std::string error_text() const {
    return table ? "no error" : std::to_string(error.line) + ": " + error.message;
  }
};

/// That many entries.
inline std::string lines(size_t count) {
  std::string file;
  for (size_t i = 0; i < count; ++i) {
    file += "/old/page-" + std::to_string(i) + " /new/section/" + std::to_string(i) + "\n";
  }
  return file;
}

}  // namespace uringd::testing
