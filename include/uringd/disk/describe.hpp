// Describer: what the configuration says about a file, beside its bytes: media type and field lines. The disk asks once
// for each file that it brings, and the answer is kept with it. Immutable, shared by all workers; one a tree, kept with
// its slot (disk::Sites).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "uringd/http/media_type.hpp"

namespace uringd::disk {

struct Description {
  http::MediaType type;  // its value outlives whatever the disk keeps
  bool server = true;    // the fields Server, ETag, Last-Modified, Accept-Ranges are sent
  bool tagged = true;
  bool modified = true;
  bool ranged = true;
  bool siblings = false;   // coded copies may lie beside it
  size_t lines_bytes = 0;  // written
};

class Describer {
 public:
  static constexpr size_t most_lines_bytes = 10240;

  virtual ~Describer() = default;
  /// Of the file `name` below the tree's root ("/docs/index.html"): its media type, and the field lines of its answers,
  /// Vary among them.
  [[nodiscard]] virtual Description describe(std::string_view name, std::span<char, most_lines_bytes> lines) const = 0;
};

}  // namespace uringd::disk
