// Attributes of one open file: what decides type, length and validators. Always taken from a descriptor, never by
// name, so that length and bytes come from the same file (hazards: path escape by race).
#pragma once

#include <cstdint>

namespace uringd::uring {

enum class FileType : uint8_t { regular, directory, other };

struct Attributes {
  FileType type = FileType::other;
  uint64_t size_bytes = 0;
  int64_t modified_s = 0;
  uint32_t modified_ns = 0;
  int64_t changed_s = 0;  // ctime
  uint32_t changed_ns = 0;
  uint64_t inode = 0;
  uint64_t link_count = 0;
  uint64_t device = 0;
  bool immutable = false;  // its bytes cannot change: the immutable flag or fs-verity

  /// Equal before and after a read: the file held still meanwhile.
  bool operator==(const Attributes&) const = default;
};

}  // namespace uringd::uring
