// A second reading of the map formats, slow and plain, for tests and the fuzzer: lines in strings, a std::map; a cdb
// read with every position checked, and one written. Shares nothing with src/site. No state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace uringd::testing {

struct NaiveMap {
  std::map<std::string, std::string> entries;
  uint64_t warnings = 0;
  std::optional<uint32_t> error_line;
};

/// Decodes and encodes again: only what comes out the same was UTF-8.
inline bool naive_utf8(const std::string& text) {
  std::string again;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    int more = 0;
    uint32_t point = lead;
    if (lead >= 0xf0)
      more = 3, point = lead & 0x07;
    else if (lead >= 0xe0)
      more = 2, point = lead & 0x0f;
    else if (lead >= 0xc0)
      more = 1, point = lead & 0x1f;
    else if (lead >= 0x80)
      return false;
    for (; more > 0; --more, ++i) {
      if (i >= text.size() || (static_cast<unsigned char>(text[i]) >> 6) != 2) return false;
      point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    const auto put = [&](uint32_t byte) { again += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (point < 0x80)
      put(point);
    else if (point < 0x800)
      put(0xc0 | point >> 6), put(0x80 | (point & 0x3f));
    else if (point < 0x10000)
      put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
    else
      put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f)), put(0x80 | (point >> 6 & 0x3f)),
          put(0x80 | (point & 0x3f));
  }
  return again == text;
}

/// Cuts a word or a quoted text off the front of `rest`, and white space before it. False: its quote is open.
inline bool naive_token(std::string& rest, std::string& token, bool& quoted) {
  token.clear();
  rest.erase(0, rest.find_first_not_of(" \t"));
  quoted = !rest.empty() && rest[0] == '"';
  if (!quoted) {
    const size_t end = rest.find_first_of(" \t");
    token = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end);
    return true;
  }
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest = rest.substr(i + 1);
      return true;
    }
    const std::string two = rest.substr(i, 2);
    if (two == "\\\\" || two == "\\\"") ++i;
    token += rest[i];
  }
  return false;
}

inline NaiveMap read_naively(std::string text) {
  NaiveMap map;
  if (text.substr(0, 3) == "\xef\xbb\xbf") text = text.substr(3);
  std::vector<std::string> lines(1);
  for (char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  bool utf8 = true;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find('\0') != std::string::npos || lines[i].size() > 65535) {
      map.error_line = static_cast<uint32_t>(i + 1);
      return map;
    }
    utf8 = utf8 && naive_utf8(lines[i]);
  }
  if (!utf8) ++map.warnings;
  for (std::string rest : lines) {
    if (rest.ends_with('\r')) rest.pop_back();
    const size_t begin = rest.find_first_not_of(" \t");
    if (begin == std::string::npos || rest[begin] == '#') continue;
    std::string key, value;
    bool quoted = false;
    const bool closed = naive_token(rest, key, quoted);
    const bool glued = quoted && !rest.empty() && rest[0] != ' ' && rest[0] != '\t';
    if (!closed || glued || rest.find_first_not_of(" \t") == std::string::npos || !naive_token(rest, value, quoted)) {
      ++map.warnings;
      continue;
    }
    const size_t behind = rest.find_first_not_of(" \t");
    if (behind != std::string::npos && rest[behind] != '#') ++map.warnings;
    if (!map.entries.emplace(key, value).second) ++map.warnings;
  }
  return map;
}

inline uint32_t naive_number(std::string_view file, uint64_t at) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(file.at(at + static_cast<uint64_t>(i)));
  return value;
}

inline uint32_t naive_cdb_hash(std::string_view key) {
  uint32_t hash = 5381;
  for (char c : key) hash = hash * 33 ^ static_cast<unsigned char>(c);
  return hash;
}

/// As cr.yp.to/cdb/cdb.txt says; a position outside of the file throws.
inline std::optional<std::string> naive_cdb_find(std::string_view file, std::string_view key) {
  const uint32_t hash = naive_cdb_hash(key);
  const uint64_t table = naive_number(file, hash % 256 * 8), slots = naive_number(file, hash % 256 * 8 + 4);
  for (uint64_t i = 0; i < slots; ++i) {
    const uint64_t slot = table + ((hash >> 8) + i) % slots * 8;
    const uint64_t record = naive_number(file, slot + 4);
    if (record == 0) return std::nullopt;
    if (naive_number(file, slot) != hash) continue;
    const uint64_t key_size = naive_number(file, record), value_size = naive_number(file, record + 4);
    if (std::string{file.substr(record + 8, key_size)} != key) continue;
    return std::string{file.substr(record + 8 + key_size, value_size)};
  }
  return std::nullopt;
}

/// Writes one, with twice as many slots as records, as the usual makers do.
inline std::string naive_cdb(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file(2048, '\0');
  const auto put = [&](size_t at, uint64_t value) {
    for (size_t i = 0; i < 4; ++i) file[at + i] = static_cast<char>(static_cast<unsigned char>(value >> 8 * i));
  };
  std::vector<std::vector<std::pair<uint32_t, size_t>>> tables(256);
  for (const auto& [key, value] : entries) {
    const size_t record = file.size();
    const uint32_t hash = naive_cdb_hash(key);
    tables[hash % 256].emplace_back(hash, record);
    file.append(8, '\0').append(key).append(value);
    put(record, key.size());
    put(record + 4, value.size());
  }
  for (size_t table = 0; table < 256; ++table) {
    const size_t begin = file.size(), slots = tables[table].size() * 2;
    put(table * 8, begin);
    put(table * 8 + 4, slots);
    file.append(slots * 8, '\0');
    for (const auto& [hash, record] : tables[table]) {
      size_t slot = (hash >> 8) % slots;
      while (naive_number(file, begin + slot * 8 + 4) != 0) slot = (slot + 1) % slots;
      put(begin + slot * 8, hash);
      put(begin + slot * 8 + 4, record);
    }
  }
  return file;
}

}  // namespace uringd::testing
