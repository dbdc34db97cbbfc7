// Encode: a body in a content coding. Pure: bytes in, bytes out, any thread; the one place where libdeflate, brotli and
// zstd are seen. Equal bytes give equal copies, on every replica of the same build: no name, no date, no randomness.
// Bounds, whatever the body: brotli is refused more than 64 MiB while it works (seen: 40 for 1 MiB at its best, 6 for
// 64 KiB), gzip takes 9, zstd 18; a buffer of the body's size comes beside it. `best` takes 0.1 s for 64 KiB and 2 s
// for 1 MiB; above that it is `quick`, because nothing can interrupt it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "uringd/http/content_coding.hpp"

namespace uringd::cache {

/// quick: a first copy, some milliseconds for 64 KiB. best: made when nothing else waits.
enum class Effort : uint8_t { quick, best };

/// `bytes` in that coding (not identity), or nothing where it would be larger than `most_bytes` (then the copy is not
/// worth its place) or memory is short. `text`: a hint. gzip: RFC 1952, one member. br: RFC 7932, a window that fits
/// the body. zstd: RFC 8878, one frame with its content size and without a checksum, its window within the 8 MiB of RFC
/// 9659.
std::optional<std::string> encode(std::span<const char> bytes, http::Coding coding, Effort effort, bool text,
                                  size_t most_bytes);

}  // namespace uringd::cache
