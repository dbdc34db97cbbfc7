// What the builders of map_text.cpp and map_cdb.cpp have in common: steps of bounded work, and what they found. A
// builder belongs to the thread that steps it and dies with its MapBuilder; the table it leaves behind never changes.
// States: more to do → done, with an error or without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "uringd/site/map_table.hpp"

namespace uringd::site {

/// Warnings in the order of their lines, the first that came word for word.
class MapWarnings {
 public:
  [[nodiscard]] bool full() const { return kept_.size() >= MapBuilder::most_warnings; }
  void add(uint32_t line, std::string message);
  /// As add(), where the words are not worth making once full().
  void count_one() { ++more_; }
  /// No more will come.
  void close();
  [[nodiscard]] const std::vector<MapFinding>& kept() const { return kept_; }

 private:
  std::vector<MapFinding> kept_;
  uint64_t more_ = 0;
};

class TableBuild {
 public:
  virtual ~TableBuild() = default;
  /// True: there is more. False, too, once there is an error.
  virtual bool step() = 0;
  /// Once step() has said false and there is no error.
  virtual std::unique_ptr<const MapTable> table() = 0;

  [[nodiscard]] const std::optional<MapFinding>& error() const { return error_; }
  [[nodiscard]] const MapWarnings& warnings() const { return warnings_; }
  [[nodiscard]] MapWork work() const { return work_; }

 protected:
  /// Of the work of a step that began at `begin`: is there room for one item more, a record with the longest key and
  /// value at most?
  [[nodiscard]] bool step_goes_on(const MapWork& begin) const {
    return work_.bytes - begin.bytes < MapBuilder::most_step_bytes - 3 * (MapBuilder::most_line_bytes + 1) &&
           work_.items - begin.items < MapBuilder::most_step_items;
  }

  std::optional<MapFinding> error_;
  MapWarnings warnings_;
  MapWork work_;
};

/// `alternatives`: rnd.
std::unique_ptr<TableBuild> build_text(std::unique_ptr<char[]> bytes, size_t size, bool alternatives);
std::unique_ptr<TableBuild> build_cdb(std::unique_ptr<char[]> bytes, size_t size);

}  // namespace uringd::site
