// Key: what an entry is found by: the site's index in the configuration and the decoded, normalised path. Borrows the
// path. The hash is seeded per process, so that nobody outside can choose paths that collide.
#pragma once

#include <cstdint>
#include <string_view>

namespace uringd::cache {

struct Key {
  uint32_t site = 0;
  std::string_view path;
  uint64_t hash = 0;
};

/// XXH3-64 of path and site under `seed`.
Key make_key(uint32_t site, std::string_view path, uint64_t seed);

}  // namespace uringd::cache
