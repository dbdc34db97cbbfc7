// Fuzzes map files: the first byte picks the kind, the rest is the file, or what one is made of. Properties: a step's
// work has its bound; a txt or rnd map has what a slow reader finds in the same bytes, and as many warnings; a cdb that
// is accepted answers as a reader does that checks each position, which must find none outside; one that was made well
// is accepted, and the first of equal keys is found.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../unit/site/naive_map.hpp"
#include "fuzz.hpp"
#include "uringd/site/map_table.hpp"

namespace {

using namespace uringd;
using config::MapKind;
using site::MapBuilder;
using site::MapTable;

struct Built {
  std::unique_ptr<const MapTable> table;
  uint32_t error_line = 0;
  uint64_t warnings = 0;
};

Built build(MapKind kind, const std::string& file) {
  auto bytes = std::make_unique<char[]>(file.size());
  if (!file.empty()) std::memcpy(bytes.get(), file.data(), file.size());
  MapBuilder builder(kind, std::move(bytes), file.size());
  site::MapWork before;
  for (bool more = true; more;) {
    more = builder.step();
    const site::MapWork now = builder.work();
    REQUIRE_THAT(now.bytes - before.bytes <= MapBuilder::most_step_bytes);
    REQUIRE_THAT(now.items - before.items <= MapBuilder::most_step_items);
    before = now;
  }
  REQUIRE_THAT(before.bytes <= 2 * file.size() + 4096);
  Built built;
  auto table = builder.finish();
  for (const site::MapFinding& warning : builder.warnings()) {
    built.warnings += warning.line != 0 ? 1 : std::stoull(warning.message);
  }
  if (table)
    built.table = std::move(*table);
  else
    built.error_line = table.error().line;
  return built;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

void check_text(MapKind kind, const std::string& file) {
  const Built built = build(kind, file);
  const testing::NaiveMap expected = testing::read_naively(file);
  REQUIRE_THAT((built.table == nullptr) == expected.error_line.has_value());
  if (!built.table) return REQUIRE_THAT(built.error_line == *expected.error_line);
  REQUIRE_THAT(built.warnings == expected.warnings);
  REQUIRE_THAT(built.table->entries() == expected.entries.size());
  site::Random random(file.size());
  for (const auto& [key, value] : expected.entries) {
    const auto found = built.table->find(key, random);
    REQUIRE_THAT(found.has_value());
    if (kind == MapKind::txt) {
      REQUIRE_THAT(*found == value);
    } else {
      REQUIRE_THAT(std::ranges::count(split(value, '|'), *found) > 0);
    }
  }
  for (const std::string& word : split(file, ' ')) {
    for (const std::string& key : {word, word.substr(0, word.size() / 2), word + 'x'}) {
      REQUIRE_THAT(built.table->find(key, random).has_value() == expected.entries.contains(key));
    }
  }
}

void check_cdb(const std::string& file, std::vector<std::string> keys) {
  const Built built = build(MapKind::cdb, file);
  if (!built.table) return;
  for (uint64_t table = 0; table < 256; ++table) {
    const uint64_t at = testing::naive_number(file, table * 8), slots = testing::naive_number(file, table * 8 + 4);
    for (uint64_t slot = 0; slot < slots; ++slot) {
      const uint64_t record = testing::naive_number(file, at + slot * 8 + 4);
      if (record != 0) keys.push_back(file.substr(record + 8, testing::naive_number(file, record)));
    }
  }
  keys.resize(std::min<size_t>(keys.size(), 1000));
  keys.insert(keys.end(), {"", "a", file.substr(0, 20), std::string(70000, 'a')});
  site::Random random(1);
  for (const std::string& key : keys) {
    const auto found = built.table->find(key, random);
    const auto expected = testing::naive_cdb_find(file, key);
    REQUIRE_THAT(found.has_value() == expected.has_value() && (!found || *found == *expected));
  }
}

/// Lines "key value"; behind an empty line, three bytes each overwrite one of the file.
void check_made_cdb(fuzz::Input& input) {
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<std::string> keys;
  for (std::string line = input.line(); !line.empty(); line = input.line()) {
    const size_t end = std::min(line.find(' '), line.size());
    entries.emplace_back(line.substr(0, end), line.substr(end));
    std::erase(entries.back().second, '\0');
    keys.push_back(entries.back().first);
  }
  std::string file = testing::naive_cdb(entries);
  if (input.empty()) {
    const Built built = build(MapKind::cdb, file);
    REQUIRE_THAT(built.table && built.table->entries() == entries.size());
    site::Random random(1);
    for (const std::string& key : keys) {
      const auto first = std::ranges::find(entries, key, &std::pair<std::string, std::string>::first);
      const auto found = built.table->find(key, random);
      REQUIRE_THAT(found && *found == first->second);
    }
  }
  while (!input.empty()) {
    const size_t at = (static_cast<size_t>(input.byte()) << 8 | input.byte()) % file.size();
    file[at] = static_cast<char>(input.byte());
  }
  check_cdb(file, std::move(keys));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 16384) return 0;
  fuzz::Input input{data, size};
  const uint8_t kind = input.byte();
  // A first line close to the longest, so that lengths of 16 bits are met.
  const std::string longest = (kind & 0xf0) == 0x70 ? std::string(MapBuilder::most_line_bytes - 20, 'k') : "";
  switch (kind % 4) {
    case 0: check_text(MapKind::txt, longest + input.rest()); break;
    case 1: check_text(MapKind::rnd, longest + input.rest()); break;
    case 2: check_cdb(input.rest(), split(input.rest(), '\n')); break;
    default: check_made_cdb(input); break;
  }
  return 0;
}
