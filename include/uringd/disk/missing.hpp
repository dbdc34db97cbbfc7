// Missing: in which directories names that are not there are asked for often, so that a list of their names would pay.
// A small direct-mapped table, of one worker; a collision forgets the older directory.
#pragma once

#include <array>
#include <cstdint>

namespace uringd::disk {

class Missing {
 public:
  static constexpr uint32_t enough = 16;           // misses
  static constexpr uint64_t within_ms = 2000;      // in this time make a list worth its while
  static constexpr uint64_t declined_ms = 30'000;  // before a directory that could not be listed is tried again

  /// True when one more miss makes it enough; counting begins anew then.
  [[nodiscard]] bool note(uint64_t directory_hash, uint64_t now_ms);
  void decline(uint64_t directory_hash, uint64_t now_ms, uint64_t for_ms);

 private:
  struct Slot {
    uint64_t hash = 0;
    uint64_t since_ms = 0;
    uint64_t declined_until_ms = 0;
    uint32_t count = 0;
  };
  Slot& slot_of(uint64_t hash) { return slots_[(hash >> 32) % slots_.size()]; }
  std::array<Slot, 256> slots_{};
};

}  // namespace uringd::disk
