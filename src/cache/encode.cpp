// Encode: the three libraries, each asked once for the whole body. The output buffer has each library's worst case, not
// `most_bytes`: with less room zstd takes other decisions, and equal bodies would no longer give equal copies.
#include "uringd/cache/encode.hpp"

#include <brotli/encode.h>
#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>

#include "brotli.hpp"
#include "uringd/base/check.hpp"

namespace uringd::cache {
namespace {

// CPU time in ms and size in % of 64 KiB of HTML, CSS, JavaScript, JSON (2.6 GHz; 16 KiB takes a quarter, br 11 too):
//   quick  gzip 6: 0.9, 20.8   br 6: 1.4, 20.0    zstd 9: 1.2, 20.3     (br 9 takes 15 ms for 19.8, zstd 15 9 for 19.3)
//   best   gzip 12: 13, 19.6   br 11: 84, 18.0    zstd 19: 23, 19.2     (zstd 22 takes 30 ms and is no smaller)
struct Levels {
  int gzip, br, zstd;
};
constexpr Levels quick_levels = {.gzip = 6, .br = 6, .zstd = 9};
constexpr Levels best_levels = {.gzip = 12, .br = 11, .zstd = 19};

constexpr size_t best_up_to_bytes = size_t{1} << 20;
constexpr size_t most_br_memory_bytes = size_t{64} << 20;
constexpr int most_zstd_window_bits = 23;  // RFC 9659: a client need not decode more than 8 MiB

struct Closer {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
template <typename Resource>
using Owned = std::unique_ptr<Resource, Closer>;

/// `room` bytes of memory, of which `write` fills what it answers. 0: it failed; no coding has an empty form.
template <typename Write>
std::optional<std::string> filled(size_t room, Write write) {
  std::string result;
  result.resize_and_overwrite(room, [&write](char* memory, size_t size) { return write(memory, size); });
  if (result.empty()) return std::nullopt;
  return result;
}

std::optional<std::string> gzip(std::span<const char> bytes, int level) {
  const Owned<libdeflate_compressor> compressor{libdeflate_alloc_compressor(level)};
  if (!compressor) return std::nullopt;
  const size_t room = libdeflate_gzip_compress_bound(compressor.get(), bytes.size());
  return filled(room, [&](char* memory, size_t size) {
    return libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(), memory, size);
  });
}

std::optional<std::string> br(std::span<const char> bytes, int level, bool text) {
  BrotliRun run{most_br_memory_bytes};
  return filled(BrotliEncoderMaxCompressedSize(bytes.size()),
                [&](char* memory, size_t size) { return run.encode(bytes, level, text, {memory, size}); });
}

std::optional<std::string> zstd(std::span<const char> bytes, int level) {
  const Owned<ZSTD_CCtx> context{ZSTD_createCCtx()};
  if (!context) return std::nullopt;
  // One call says the size, so the window shrinks to the body, and the frame has the size (RFC 8878 §3.1.1.1).
  for (const auto& [parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, level}, std::pair{ZSTD_c_windowLog, most_zstd_window_bits},
        std::pair{ZSTD_c_contentSizeFlag, 1}, std::pair{ZSTD_c_checksumFlag, 0}}) {
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), parameter, value)));
  }
  return filled(ZSTD_compressBound(bytes.size()), [&](char* memory, size_t size) -> size_t {
    const size_t written = ZSTD_compress2(context.get(), memory, size, bytes.data(), bytes.size());
    return ZSTD_isError(written) ? 0 : written;
  });
}

std::optional<std::string> encode_whole(std::span<const char> bytes, http::Coding coding, const Levels& levels,
                                        bool text) {
  switch (coding) {
    case http::Coding::gzip: return gzip(bytes, levels.gzip);
    case http::Coding::br: return br(bytes, levels.br, text);
    case http::Coding::zstd: return zstd(bytes, levels.zstd);
    case http::Coding::identity: break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> encode(std::span<const char> bytes, http::Coding coding, Effort effort, bool text,
                                  size_t most_bytes) {
  CHECK(coding != http::Coding::identity);
  const bool best = effort == Effort::best && bytes.size() <= best_up_to_bytes;
  try {
    std::optional<std::string> result = encode_whole(bytes, coding, best ? best_levels : quick_levels, text);
    if (!result || result->size() > most_bytes) return std::nullopt;
    result->shrink_to_fit();  // four fifths of the room were not needed
    return result;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace uringd::cache
