// A map's file as the helper knows it: what the configuration says of it, and which state of the file the table was
// made of that was loaded last. Plain values: made at start, the helper's from then on.
#pragma once

#include <cstdint>

#include "uringd/config/config.hpp"

namespace uringd::server {

/// Equal: the same file with the same bytes. All zeros: no file's.
struct MapStamp {
  uint64_t device = 0, inode = 0, size_bytes = 0;
  int64_t modified_s = 0, changed_s = 0;  // changed: ctime
  uint32_t modified_ns = 0, changed_ns = 0;
  bool operator==(const MapStamp&) const = default;
};

struct MapFile {
  config::Map map;
  MapStamp loaded{};  // all zeros: the file is read once more at the first look
};

}  // namespace uringd::server
