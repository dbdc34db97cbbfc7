// cachestat(2), by number: older headers do not know it.
#include "uringd/uring/page_cache.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace uringd::uring {
namespace {

constexpr long cachestat_number = 451;  // on every architecture

struct CacheRange {
  uint64_t offset, length;
};
struct CacheCounts {
  uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

}  // namespace

Cached pages_cached(int file, uint64_t offset, size_t bytes) {
  static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  CacheRange range{offset, bytes};
  CacheCounts counts{};
  if (syscall(cachestat_number, file, &range, &counts, 0) != 0) return Cached::unknown;
  return counts.cached == (offset + bytes - 1) / page - offset / page + 1 ? Cached::yes : Cached::no;
}

}  // namespace uringd::uring
