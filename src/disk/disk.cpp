// The tables and the bounds: which fetches are under way, who waits in line, how many operations are in flight.
#include "uringd/disk/disk.hpp"

#include <algorithm>

#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/base/result.hpp"

namespace uringd::disk {
namespace {

constexpr uint32_t stream_limit = 1U << 16;  // one per connection at most

// How long a client may hold a piece while others wait for memory: the more wait, the shorter.
constexpr uint64_t patience_ms(uint32_t waiting) { return std::max<uint64_t>(200 / (1 + waiting / 8), 10); }

}  // namespace

Disk::Disk(uring::Ring& ring, cache::Cache& cache, PieceMemory& memory, const Clock& clock, log::Logger& logger,
           std::span<const SiteFiles> sites, const http::MediaTypes& types, const DiskOptions& options)
    : ring_(ring),
      cache_(cache),
      memory_(memory),
      clock_(clock),
      logger_(logger),
      sites_(sites),
      types_(types),
      options_(options),
      fetches_(options.queue_size + 1),  // one may be waking its waiters, its place given back already
      streams_(stream_limit) {}

Disk::~Disk() {
  CHECK(in_flight_ == 0);
  CHECK(line_.empty());
}

bool Disk::fetch(const cache::Key& key, Waiter& waiter) {
  List<Fetch>& bucket = bucket_of(key.hash);
  for (Fetch* fetch = bucket.front(); fetch; fetch = bucket.after(*fetch)) {
    const cache::Key other = fetch->key();
    if (other.hash != key.hash || other.site != key.site || other.path != key.path) continue;
    ++counters_.joined;
    fetch->wait(waiter);
    return true;
  }
  if (!take_place()) {
    ++counters_.rejected;
    return false;
  }
  Fetch* fetch = fetches_.acquire(*this, key);
  CHECK(fetch);  // there are more slots than places
  bucket.push_back(*fetch);
  fetch->wait(waiter);
  ++counters_.fetches;
  fetch->start();
  return true;
}

Stream* Disk::stream(OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client) {
  return streams_.acquire(*this, std::move(file), first, length, client);
}

void Disk::on_completion(const uring::Completion& completion) {
  const uring::Tag tag = completion.tag;
  if (tag.kind == uring::Kind::fetch) {
    Fetch* fetch = fetches_.find(tag.slot, tag.generation);
    CHECK(fetch);
    return fetch->on_completion(completion);
  }
  Stream* stream = streams_.find(tag.slot, tag.generation);
  CHECK(stream);
  stream->on_completion(completion);
}

bool Disk::take_place() {
  if (in_flight_ == options_.queue_size) return false;
  ++in_flight_;
  return true;
}

void Disk::give_place() {
  CHECK(in_flight_ > 0);
  --in_flight_;
  resume_streams();
}

void Disk::warn(std::string_view what, int error_number) {
  if (warned_ms_ != 0 && clock_.monotonic_ms - warned_ms_ < 1000) {
    ++unsaid_;
    return;
  }
  warned_ms_ = clock_.monotonic_ms;
  std::string line = std::string(what.substr(0, 256)) + ": " + errno_text(error_number);
  if (unsaid_ > 0) line += " (and " + std::to_string(std::exchange(unsaid_, 0)) + " more failures of the disk before)";
  logger_.warn(line);
}

void Disk::resume_streams() {
  while (Stream* stream = line_.front()) {
    if (!stream->try_read()) return;
  }
}

void Disk::streams_waiting_reclaim() {
  if (line_.empty() || memory_.free_bytes() > 0) return;
  for (Stream* stream = with_clients_.front(); stream; stream = with_clients_.after(*stream)) {
    if (clock_.monotonic_ms - stream->handed_over_ms_ < patience_ms(in_line_)) return;
    if (std::exchange(stream->memory_wanted_, true)) continue;
    stream->client_->on_memory_wanted();
  }
}

}  // namespace uringd::disk
