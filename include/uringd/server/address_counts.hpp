// AddressCounts: how many connections each client address has open, over all workers (limits.connections_per_ip).
// Touched when a connection opens and when it ends, never by a request; sharded by address, a mutex a shard, held for
// one look-up. An IPv6 client counts by its /64: that is what one customer is given. Bounds: one entry an address with
// open connections, so at most limits.connections; an entry goes with its last one. What an address counts as is exact:
// no two share a count, and the seed decides where it lies, so that nobody can choose addresses that fall into one
// bucket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "uringd/base/ip_address.hpp"

namespace uringd::server {

class AddressCounts {
 public:
  explicit AddressCounts(uint64_t seed) : seed_(seed) {}
  AddressCounts(const AddressCounts&) = delete;
  AddressCounts& operator=(const AddressCounts&) = delete;

  /// One more of `address`, unless it has `most` or more already: then false, and nothing is counted. 0: no limit, but
  /// counted, so that a limit that a reload brings knows them. Thread-safe. Addresses that are no IP address are never
  /// refused and not counted. Where there is no memory for an entry: false, as every connection is then too many.
  [[nodiscard]] bool add(const IpAddress& address, uint32_t most);
  /// Gives back what an add() that said true took; each once. Thread-safe.
  void remove(const IpAddress& address);
  /// Addresses that have connections open: IPv4 addresses and IPv6 /64s. For figures: the shards are read one by one.
  [[nodiscard]] size_t size() const;

 private:
  static constexpr unsigned shard_bits = 6;
  using Counts = std::unordered_map<uint64_t, uint32_t>;  // by place_of
  struct alignas(64) Shard {                              // a cache line of its own: two workers need not meet
    mutable std::mutex mutex;
    Counts four, six;  // 2^64 places are all taken by /64s
  };
  [[nodiscard]] uint64_t place_of(const IpAddress& address) const;
  static size_t shard_of(uint64_t place) { return place >> (64 - shard_bits); }
  static Counts& counts_of(Shard& shard, const IpAddress& address) { return address.is_v4() ? shard.four : shard.six; }

  uint64_t seed_;
  std::array<Shard, size_t{1} << shard_bits> shards_;
};

}  // namespace uringd::server
