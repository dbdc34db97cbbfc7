// Hashing attributes: 128 bits, so that two versions never look alike by chance.
#include "stamp.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace uringd::disk {

cache::Stamp stamp_of(const uring::Attributes& attributes) {
  const uint64_t facts[] = {attributes.size_bytes,
                            static_cast<uint64_t>(attributes.modified_s),
                            static_cast<uint64_t>(attributes.changed_s),
                            uint64_t{attributes.modified_ns} << 32 | attributes.changed_ns,
                            attributes.inode,
                            attributes.link_count,
                            attributes.device};
  const XXH128_hash_t hash = XXH3_128bits(facts, sizeof facts);
  return {hash.low64, hash.high64};
}

}  // namespace uringd::disk
