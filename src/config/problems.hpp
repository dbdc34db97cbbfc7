// Problems: what is wrong, collected from many places and told in reading order. Owned by one load.
// Bound: 100 told one by one, the rest counted, so that a hostile file costs lines, not memory or time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "document.hpp"
#include "uringd/config/load.hpp"

namespace uringd::config {

/// One text that configuration comes from: a file, or a flag.
struct Source {
  std::size_t number = 0;  // order of reading
  std::string name;        // "config.toml", "--set server.workers"
  bool is_flag = false;
  std::string base_directory;  // where its relative paths start
};

/// A position in a source, ready for messages.
struct Place {
  std::size_t source = 0;
  Position at;
  std::string where;  // "config.toml:12:5", "--set server.workers"
};

Place place_in(const Source& source, Position at);

class Problems {
 public:
  void add(const Place& place, std::string message);
  [[nodiscard]] bool empty() const { return noted_.empty(); }
  /// Further ones are only counted: suggestions need not be looked for.
  [[nodiscard]] bool full() const;
  /// All, sorted by source and position; the last one says how many were left out.
  [[nodiscard]] std::vector<Problem> list() const;

 private:
  struct Noted {
    Place place;
    std::string message;
  };
  std::vector<Noted> noted_;
  std::size_t left_out_ = 0;
};

}  // namespace uringd::config
