// Names that /metrics and /stats have in common, in the order in which both tell them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "uringd/server/figures.hpp"

namespace uringd::admin {

/// By cache::Gone.
inline constexpr std::array<std::string_view, cache::gone_count> eviction_names = {
    "capacity", "idle", "changed", "missing", "watch", "replaced", "closing", "admin"};

using Named = std::pair<std::string_view, uint64_t>;

[[nodiscard]] inline std::array<Named, 5> states_of(const server::Figures::Connections& connections) {
  return {{{"idle", connections.idle},
           {"reading", connections.reading},
           {"waiting", connections.waiting},
           {"sending", connections.sending},
           {"closing", connections.closing}}};
}

[[nodiscard]] inline std::array<Named, 6> kinds_of(const server::Figures::Cache& cache) {
  return {{{"content", cache.content_bytes},
           {"compressed", cache.compressed_bytes},
           {"overlay", cache.overlay_bytes},
           {"negative", cache.negative_bytes},
           {"files", cache.files_bytes},
           {"names", cache.names_bytes}}};
}

/// "200"; "other" for the last place of server::counted_statuses.
[[nodiscard]] inline std::string code_name(size_t status) {
  const uint16_t code = server::counted_statuses[status];
  return code == 0 ? "other" : std::to_string(code);
}

}  // namespace uringd::admin
