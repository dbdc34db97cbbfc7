// What lies around the pieces of a chunked body (RFC 9112 section 7.1): their sizes, read byte by byte, because it may
// be cut anywhere. Owned by the reader of the answer, which takes the data itself.
//
// Extensions and trailers are skipped; whatever else is not as it must be is broken. Bounds: 16 digits in a size, 64
// KiB of extensions and trailers.
#pragma once
#include <cstdint>
#include <string_view>

namespace uringd::load {

class Chunks {
 public:
  enum class Next { more, data, end, broken };

  /// Reads, and removes from `bytes`, what comes before the next data, whose size it gives, or up to the end of all.
  Next take(std::string_view& bytes, uint64_t& size);

 private:
  enum class Part { size, skipped, size_end, data_end, data_end_lf, trailer, trailer_rest, trailer_end, last_end };

  Next on(char c);
  Next on_size(char c);

  Part part_ = Part::size;
  unsigned digits_ = 0;
  uint64_t size_ = 0;
  uint64_t skipped_ = 0;
};

}  // namespace uringd::load
