// A worker's counters as words.
#include "account.hpp"

#include <array>

namespace uringd::daemon {

std::vector<std::string> account_of(const server::Worker& worker, uint32_t index) {
  const server::WorkerCounters& served = worker.counters();
  const disk::DiskCounters& disk = worker.disk().counters();
  const cache::CacheCounters& cache = worker.cache().counters();
  const uring::RingCounters& ring = worker.ring().counters();
  std::vector<std::string> lines;
  const auto begin = [&] { lines.push_back("worker " + std::to_string(index) + ":"); };
  const auto add = [&](const char* name, uint64_t value) {
    lines.back().append(" ").append(name).append("=").append(std::to_string(value));
  };
  begin();
  add("connections", served.accepted);
  add("requests", served.requests());
  add("hits", served.hits());
  add("misses", served.misses());
  add("sent_bytes", served.sent_bytes);
  add("timeouts", served.timeouts);
  add("aborted", served.aborted);
  add("closed", served.closed);
  add("refused", served.refused);
  add("pieces", disk.stream_pieces);
  add("failed_streams", disk.stream_failures);
  add("enters", ring.enters);
  add("submissions", ring.submissions);
  add("completions", ring.completions);
  add("overflows", ring.overflows);
  begin();
  add("absent", disk.absent);
  add("aged", disk.aged);
  add("other_release", disk.other_release);
  add("fetches", disk.fetches);
  add("joined", disk.joined);
  add("rejected", disk.rejected);
  add("deepest", disk.deepest);
  add("cold_opens", disk.cold_opens);
  add("cold_reads", disk.cold_reads);
  add("borrowed", disk.borrowed);
  add("read_bytes", disk.read_bytes);
  add("changed_while_read", disk.moved);
  add("too_young", disk.not_kept);
  add("looks", disk.looks);
  add("looks_ahead", disk.looks_ahead);
  add("unchanged", disk.unchanged);
  add("stale", disk.stale);
  add("preloaded", disk.preloaded);
  begin();
  add("cached", disk.published);
  static constexpr std::array<const char*, cache::gone_count> reasons = {"evicted",      "gone_idle",  "gone_changed",
                                                                         "gone_missing", "gone_watch", "gone_replaced",
                                                                         "gone_closing", "gone_admin"};
  for (size_t reason = 0; reason < reasons.size(); ++reason) add(reasons[reason], cache.gone[reason]);
  add("invalidated", disk.invalidated);
  add("missing_by_name", disk.missing_by_name);
  add("listings", disk.listings);
  add("logged", worker.log_counters().written);
  add("log_dropped", worker.log_counters().dropped);
  return lines;
}

}  // namespace uringd::daemon
