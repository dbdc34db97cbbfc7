// Reading a worker's counters from outside, and adding them up.
#include "uringd/server/figures.hpp"

#include <algorithm>
#include <numeric>

#include "uringd/server/figures_source.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::server {
namespace {

uint64_t less(uint64_t from, uint64_t what) { return from - std::min(from, what); }

// Counted at the end of a turn, opened and closed in the midst of one: the states may be off by a few, but they add up
// to what is open.
Figures::Connections connections_of(const WorkerCounters& counters, uint64_t open) {
  uint64_t rest = open;
  const auto among_the_rest = [&rest](uint64_t count) {
    const uint64_t found = std::min(count, rest);
    rest -= found;
    return found;
  };
  const uint64_t waiting = counters.waiting, sending = counters.sending;
  Figures::Connections found{.open = open};
  found.waiting = among_the_rest(waiting);
  found.sending = among_the_rest(sending);
  found.closing = among_the_rest(counters.closing);
  found.reading = among_the_rest(less(counters.talks, waiting + sending + counters.closing_talks));
  found.idle = rest;
  return found;
}

Figures::Cache cache_of(const Worker& worker) {
  const cache::Cache& cache = worker.cache();
  const WorkerCounters& counters = worker.counters();
  Figures::Cache found{.entries = cache.count(),
                       .compressed_bytes = cache.copies_bytes(),
                       .negative_bytes = cache.bytes(cache::Kind::verdict),
                       .files_bytes = cache.bytes(cache::Kind::file),
                       .names_bytes = cache.bytes(cache::Kind::names),
                       .capacity_bytes = cache.capacity_bytes(),
                       .hits = counters.looked_up_as(CacheResult::hit) + counters.looked_up_as(CacheResult::overlay),
                       .stale = counters.looked_up_as(CacheResult::stale),
                       .cold = counters.looked_up_as(CacheResult::miss),
                       .expired = counters.looked_up_as(CacheResult::expired)};
  found.content_bytes = less(cache.bytes(cache::Kind::content), found.compressed_bytes);
  std::ranges::copy(cache.counters().gone, found.evictions.begin());
  return found;
}

Figures::Cache& operator+=(Figures::Cache& sum, const Figures::Cache& more) {
  sum.entries += more.entries;
  sum.content_bytes += more.content_bytes;
  sum.compressed_bytes += more.compressed_bytes;
  sum.overlay_bytes += more.overlay_bytes;
  sum.negative_bytes += more.negative_bytes;
  sum.files_bytes += more.files_bytes;
  sum.names_bytes += more.names_bytes;
  sum.capacity_bytes += more.capacity_bytes;
  sum.hits += more.hits;
  sum.stale += more.stale;
  sum.cold += more.cold;
  sum.expired += more.expired;
  for (size_t reason = 0; reason < sum.evictions.size(); ++reason) sum.evictions[reason] += more.evictions[reason];
  return sum;
}

Figures::Connections& operator+=(Figures::Connections& sum, const Figures::Connections& more) {
  sum.open += more.open;
  sum.idle += more.idle;
  sum.reading += more.reading;
  sum.waiting += more.waiting;
  sum.sending += more.sending;
  sum.closing += more.closing;
  return sum;
}

}  // namespace

Figures gather(const Worker& worker) {
  const WorkerCounters& counters = worker.counters();
  Figures found;
  for (size_t method = 0; method < found.answers.size(); ++method) {
    std::ranges::copy(counters.answers[method], found.answers[method].begin());
  }
  found.response_bytes = counters.sent_bytes;
  found.closed = counters.closed;  // before those that were accepted: none is closed that was not
  found.accepted = counters.accepted;
  found.refused = counters.refused;
  found.timeouts = counters.timeouts;
  found.aborted = counters.aborted;
  found.connections = connections_of(counters, less(found.accepted, found.closed));
  found.cache = cache_of(worker);
  found.disk = {.queue_depth = worker.disk().in_flight(),
                .queue_size = worker.disk().queue_size(),
                .rejected = worker.disk().counters().rejected,
                .timeouts = counters.disk_timeouts};
  const uring::RingCounters& ring = worker.ring().counters();
  found.ring = {
      .enters = ring.enters, .sqes = ring.submissions, .cqes = ring.completions, .cq_overflows = ring.overflows};
  const Worker::LogCounters log = worker.log_counters();
  found.log = {.lines = log.written, .dropped = log.dropped};
  for (size_t phase = 0; phase < found.latency.size(); ++phase) {
    found.latency[phase] = worker.latencies().read(static_cast<Phase>(phase));
  }
  return found;
}

void FiguresSource::begin(const Worker& worker) {
  const std::lock_guard lock(mutex_);
  worker_ = &worker;
}

void FiguresSource::end() {
  const std::lock_guard lock(mutex_);
  if (worker_) last_ = std::make_unique<const Figures>(gather(*worker_));
  worker_ = nullptr;
}

Figures FiguresSource::read() const {
  const std::lock_guard lock(mutex_);
  if (worker_) return gather(*worker_);
  return last_ ? *last_ : Figures{};
}

uint64_t Figures::by_method(size_t method) const {
  return std::accumulate(answers[method].begin(), answers[method].end(), uint64_t{0});
}

uint64_t Figures::by_status(size_t status) const {
  return std::accumulate(answers.begin(), answers.end(), uint64_t{0},
                         [status](uint64_t sum, const auto& of_method) { return sum + of_method[status]; });
}

uint64_t Figures::requests() const {
  uint64_t sum = 0;
  for (size_t method = 0; method < answers.size(); ++method) sum += by_method(method);
  return sum;
}

Figures& Figures::operator+=(const Figures& other) {
  for (size_t method = 0; method < answers.size(); ++method) {
    for (size_t status = 0; status < answers[method].size(); ++status) {
      answers[method][status] += other.answers[method][status];
    }
  }
  response_bytes += other.response_bytes;
  accepted += other.accepted;
  closed += other.closed;
  refused += other.refused;
  timeouts += other.timeouts;
  aborted += other.aborted;
  connections += other.connections;
  cache += other.cache;
  disk.queue_depth += other.disk.queue_depth;
  disk.queue_size += other.disk.queue_size;
  disk.rejected += other.disk.rejected;
  disk.timeouts += other.disk.timeouts;
  ring.enters += other.ring.enters;
  ring.sqes += other.ring.sqes;
  ring.cqes += other.ring.cqes;
  ring.cq_overflows += other.ring.cq_overflows;
  log.lines += other.log.lines;
  log.dropped += other.log.dropped;
  for (size_t phase = 0; phase < latency.size(); ++phase) latency[phase] += other.latency[phase];
  return *this;
}

}  // namespace uringd::server
