// XXH3-128, compiled with -mavx2.
#include "etag_avx2.hpp"

#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>

namespace uringd::cache {

void hash_avx2(const char* bytes, size_t size, unsigned char (&digest)[16]) {
  XXH128_canonical_t hash;
  XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, size));
  for (size_t index = 0; index < sizeof digest; ++index) digest[index] = hash.digest[index];
}

}  // namespace uringd::cache
