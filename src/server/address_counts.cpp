// The place of an address is its 64 bits moved by a permutation that the seed chooses: different ones stay different,
// so that the place alone is the key, and its low bits (the bucket) and high bits (the shard) are nobody's choice.
#include "uringd/server/address_counts.hpp"

#include <cstring>
#include <new>

#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

/// SplitMix64's last step: each line can be undone, so no two values become one.
constexpr uint64_t mixed(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

}  // namespace

uint64_t AddressCounts::place_of(const IpAddress& address) const {
  uint64_t bits = 0;
  if (address.is_v4()) {
    uint32_t four = 0;
    std::memcpy(&four, address.bytes().data() + 12, sizeof four);
    bits = four;
  } else {
    std::memcpy(&bits, address.bytes().data(), sizeof bits);  // the /64
  }
  // Twice, with the seed before each: undoing the outer one takes the seed.
  return mixed(mixed(bits ^ seed_) + seed_);
}

bool AddressCounts::add(const IpAddress& address, uint32_t most) {
  if (!address.is_ip()) return true;
  const uint64_t place = place_of(address);
  Shard& shard = shards_[shard_of(place)];
  const std::lock_guard lock{shard.mutex};
  try {
    uint32_t& count = counts_of(shard, address)[place];
    // An entry that is there has one at least: a refusal leaves none behind.
    if (most > 0 && count >= most) return false;
    ++count;
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void AddressCounts::remove(const IpAddress& address) {
  if (!address.is_ip()) return;
  const uint64_t place = place_of(address);
  Shard& shard = shards_[shard_of(place)];
  const std::lock_guard lock{shard.mutex};
  Counts& counts = counts_of(shard, address);
  const auto found = counts.find(place);
  CHECK(found != counts.end());
  if (--found->second == 0) counts.erase(found);
}

size_t AddressCounts::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock{shard.mutex};
    size += shard.four.size() + shard.six.size();
  }
  return size;
}

}  // namespace uringd::server
