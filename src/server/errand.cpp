// What keys mean, for those who may not ask the disk.
#include "uringd/server/errand.hpp"

#include "uringd/disk/special_key.hpp"

namespace uringd::server {

HeldPath Workplace::held_path(const cache::Entry& entry) {
  const disk::SpecialKey key = disk::special_key(entry.key().path);
  using enum disk::SpecialKey::Kind;
  switch (key.kind) {
    case file: return {HeldPath::Kind::file, key.path};
    case sibling: return {HeldPath::Kind::sibling, key.path};
    case names:
    case listing: break;
  }
  return {HeldPath::Kind::other, key.path};
}

}  // namespace uringd::server
