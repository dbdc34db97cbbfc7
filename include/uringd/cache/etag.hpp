// The text of an entity tag: a quoted 128-bit hash. One form for files held in memory (hash of the bytes) and streamed
// files (hash of the attributes).
#pragma once

#include <cstddef>
#include <span>

namespace uringd::cache {

inline constexpr size_t etag_bytes = 34;

/// Writes `"` + 32 hexadecimal digits of XXH3-128 of `bytes` + `"`.
void write_etag(std::span<const char> bytes, std::span<char, etag_bytes> out);

}  // namespace uringd::cache
