// Content codings (RFC 9110 §8.4.1): those that uringd serves, under the names that fields and file names have for
// them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace uringd::http {

/// gzip: RFC 1952. zstd: RFC 8878, with a window of at most 8 MiB (RFC 9659). br: RFC 7932.
enum class Coding : uint8_t { identity, gzip, zstd, br };

inline constexpr size_t coding_count = 4;
/// Those that change the bytes.
inline constexpr std::array<Coding, 3> real_codings = {Coding::br, Coding::zstd, Coding::gzip};

/// As Content-Encoding has it; "" for identity.
constexpr std::string_view coding_name(Coding coding) {
  constexpr std::array<std::string_view, coding_count> names = {"", "gzip", "zstd", "br"};
  return names[static_cast<size_t>(coding)];
}

/// What a file name ends in when the file is a copy of its neighbour in that coding: ".gz"; "" for identity.
constexpr std::string_view coding_suffix(Coding coding) {
  constexpr std::array<std::string_view, coding_count> suffixes = {"", ".gz", ".zst", ".br"};
  return suffixes[static_cast<size_t>(coding)];
}

/// A set of codings, identity too.
struct CodingSet {
  uint8_t bits = 0;
  [[nodiscard]] constexpr bool has(Coding coding) const { return (bits >> static_cast<unsigned>(coding) & 1U) != 0; }
  constexpr void add(Coding coding) { bits = static_cast<uint8_t>(bits | 1U << static_cast<unsigned>(coding)); }
  [[nodiscard]] constexpr bool empty() const { return bits == 0; }
};

}  // namespace uringd::http
