// MapTable: one lookup table of a rewrite, read in full, never changed. Made by a MapBuilder out of a map file's bytes,
// which it keeps: keys and values are slices of them. Shared by all workers; a look-up allocates nothing and takes no
// lock. The kinds (as users of Apache's RewriteMap know them):
//
//   txt   a line each: key, white space, value; # comments; "quoted ones" with \" and \\; the first of equal keys wins
//   rnd   the same, the value being alternatives: a|b|c; one is picked at random, repeat one for more weight
//   cdb   D. J. Bernstein's constant database (tinycdb), looked up where it lies in memory; the first of equal keys
//
// Of a line that cannot be understood (a key without a value, a quote that is not closed) there is a warning, and the
// map lacks it; a NUL or a line that is too long means that the file is no text, and is an error.
// Bounds: files below 4 GiB, lines, keys and values below 64 KiB. No value has a NUL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/site/random.hpp"

namespace uringd::site {

class MapTable {
 public:
  virtual ~MapTable() = default;
  /// The value; valid as long as the table. `random` picks, for rnd.
  [[nodiscard]] virtual std::optional<std::string_view> find(std::string_view key, Random& random) const = 0;
  [[nodiscard]] virtual uint64_t entries() const = 0;
  /// Memory held.
  [[nodiscard]] virtual size_t bytes() const = 0;
};

/// `line` from 1; 0: of the file as a whole.
struct MapFinding {
  uint32_t line = 0;
  std::string message;
};

/// What a builder has done so far, all passes over the file together.
struct MapWork {
  uint64_t bytes = 0;  // looked at
  uint64_t items = 0;  // lines, or slots of a cdb
};

/// Turns a map file's bytes into a table, in steps short enough for a thread that has other things to do.
class MapBuilder {
 public:
  static constexpr size_t most_line_bytes = 65535;
  static constexpr size_t most_warnings = 10;  // the rest is a count, one more warning of line 0
  static constexpr size_t most_step_bytes = size_t{320} << 10;
  static constexpr size_t most_step_items = 4096;

  /// A file of `size` bytes, which are the builder's from now on.
  MapBuilder(config::MapKind kind, std::unique_ptr<char[]> bytes, size_t size);
  ~MapBuilder();
  MapBuilder(const MapBuilder&) = delete;
  MapBuilder& operator=(const MapBuilder&) = delete;

  /// About a millisecond's work: at most most_step_bytes and most_step_items of it. True: there is more.
  [[nodiscard]] bool step();
  [[nodiscard]] MapWork work() const;
  /// Once, when step() has said false. The error: what makes the file no map (a NUL, a line that is too long, no cdb).
  [[nodiscard]] std::expected<std::unique_ptr<const MapTable>, MapFinding> finish();
  /// What is odd in it and did not stop it (duplicate keys, keys without a value, text behind a value, invalid UTF-8),
  /// in the order of lines. Whole when step() has said false.
  [[nodiscard]] const std::vector<MapFinding>& warnings() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace uringd::site
