// Reading a map's file at start, for --check and --explain: whole, into memory, by calls that wait. The file may change
// meanwhile: its attributes before and after the reading are to be equal. What the helper says of a file that it reads
// later comes from here too.
// Bounds: Map::max_size_bytes, at most 4 GiB - 1; five attempts at a file that changes.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/config/load.hpp"
#include "uringd/server/map_file.hpp"
#include "uringd/site/map_table.hpp"

namespace uringd::server {

/// The table, or what is wrong: with the file as a whole (its place is the configuration's) or inside it (its place is
/// the map file's line). `warnings` gets what is odd and did not stop it; `stamp` which state of the file it was,
/// all zeros where that cannot be told: it was being written to.
[[nodiscard]] std::expected<std::unique_ptr<const site::MapTable>, config::Problem> load_map(
    const config::Map& map, std::vector<config::Problem>& warnings, MapStamp* stamp = nullptr);

/// The most bytes that a table can be made of.
[[nodiscard]] uint64_t most_map_bytes(const config::Map& map);
/// The same for a reader: `maps.NAME.max_size, "1KiB"`.
[[nodiscard]] std::string most_map_bytes_text(const config::Map& map);
/// "maps/legacy.txt:12: …", without the line where the finding has none.
[[nodiscard]] config::Problem inside_map(const config::Map& map, const site::MapFinding& finding);
/// "maps.legacy: 1000 entries from maps/legacy.txt"
[[nodiscard]] std::string map_account(const config::Map& map, const site::MapTable& table);

}  // namespace uringd::server
