// Counting misses by directory.
#include "uringd/disk/missing.hpp"

namespace uringd::disk {

bool Missing::note(uint64_t directory_hash, uint64_t now_ms) {
  Slot& slot = slot_of(directory_hash);
  if (slot.hash != directory_hash || now_ms - slot.since_ms > within_ms) {
    const uint64_t declined_until_ms = slot.hash == directory_hash ? slot.declined_until_ms : 0;
    slot = {.hash = directory_hash, .since_ms = now_ms, .declined_until_ms = declined_until_ms};
  }
  ++slot.count;
  if (slot.count < enough || now_ms < slot.declined_until_ms) return false;
  slot.count = 0;
  return true;
}

void Missing::decline(uint64_t directory_hash, uint64_t now_ms, uint64_t for_ms) {
  slot_of(directory_hash) = {.hash = directory_hash, .since_ms = now_ms, .declined_until_ms = now_ms + for_ms};
}

}  // namespace uringd::disk
