// Who may go on: places in the queue, the kernel's threads, and the line of running downloads.
#include <algorithm>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {
namespace {

constexpr uint32_t most_unasked = 16;  // reads a turn that are tried without knowing
// How long a client may hold a piece while others wait for memory: the more wait, the shorter.
constexpr uint64_t patience_ms(uint32_t waiting) { return std::max<uint64_t>(200 / (1 + waiting / 8), 10); }

// A turn's own work, a megabyte of copies and what else there is, is shorter.
constexpr uint64_t slow_ns = 500'000;

}  // namespace

// --- places ---

bool Disk::take_place() {
  if (in_flight_ == options_.queue_size) return false;
  ++in_flight_;
  if (in_flight_ > counters_.deepest) ++counters_.deepest;
  return true;
}

void Disk::give_place() {
  CHECK(in_flight_ > 0);
  --in_flight_;
  serve_streams();
}

bool Disk::take_place(Fetch& fetch) {
  const bool looks = fetch.known_ || fetch.lists();
  if (looks && looks_in_flight_ < look_limit_) {
    fetch.counts_as_look_ = true;
    ++looks_in_flight_;
    return true;
  }
  if (!may_fetch(fetch.site_)) return false;
  ++uses_[fetch.site_].places;
  return take_place();
}

void Disk::give_place(Fetch& fetch) {
  if (fetch.counts_as_look_) {
    --looks_in_flight_;
    return;
  }
  --uses_[fetch.site_].places;
  give_place();
}

// --- the kernel's threads ---

// Asking (cachestat) costs 1 us, a sixteenth of a miss. A read that was cold after all begins its read-ahead inside the
// ring's call, which the device's queue has room for sixteen times.
bool Disk::probably_cached(int file, uint64_t first, size_t bytes) {
  constexpr uint64_t suspicious_ms = 1000;
  if (clock_.monotonic_ms - cold_ms_ >= suspicious_ms && unasked_ < most_unasked) {
    ++unasked_;
    return true;
  }
  return by_evidence_cached(file, first, bytes);
}

// Where the kernel does not tell, trying is the only way, as long as there are threads for those that were cold.
bool Disk::by_evidence_cached(int file, uint64_t first, size_t bytes) {
  switch (ring_.in_page_cache(file, first, bytes)) {
    case uring::Cached::yes: return true;
    case uring::Cached::no: return false;
    case uring::Cached::unknown: break;
  }
  if (threads_[static_cast<size_t>(Work::read)] >= options_.kernel_threads || unasked_ >= most_unasked) return false;
  ++unasked_;
  return true;
}

bool Disk::take_thread(uint32_t site, Work work) {
  const auto kind = static_cast<size_t>(work);
  if (threads_[kind] >= options_.kernel_threads || uses_[site].threads[kind] >= thread_limit_) return false;
  ++threads_[kind];
  ++uses_[site].threads[kind];
  return true;
}

void Disk::put_back_thread(uint32_t site, Work work) {
  --threads_[static_cast<size_t>(work)];
  --uses_[site].threads[static_cast<size_t>(work)];
}

// The others go first, so that none waits for ever; looks before the rest, since somebody may wait for a hot entry.
void Disk::give_thread(uint32_t site, Work work) {
  const auto kind = static_cast<size_t>(work);
  CHECK(threads_[kind] > 0 && uses_[site].threads[kind] > 0);
  --threads_[kind];
  --uses_[site].threads[kind];
  for (size_t step = 1; step <= uses_.size(); ++step) {
    Use& use = uses_[(site + step) % uses_.size()];
    if (use.threads[kind] >= thread_limit_) continue;
    Use::Line& line = use.lines[kind];
    const bool may_close = work == Work::open && !use.closing.empty();
    const auto close_one = [&] {
      const int descriptor = use.closing.back();
      use.closing.pop_back();
      --closing_;  // close() counts it anew
      close(descriptor, static_cast<uint32_t>(&use - uses_.data()), true);
    };
    constexpr size_t most_closing = 4;  // before who opens waits for who closes: descriptors must not pile up
    if (may_close && use.closing.size() > most_closing) return close_one();
    const auto serve_a_stream = [&] {
      while (Stream* stream = line.streams.pop_front()) {
        if (stream->on_thread()) return true;
      }
      return false;
    };
    constexpr uint32_t for_streams = 4;  // one grant of so many goes to a download first: small files never end
    if (++line.granted % for_streams == 0 && serve_a_stream()) return;
    Fetch* next = line.looks.pop_front();
    if (!next) next = line.fetches.pop_front();
    if (next) return next->on_thread();
    if (serve_a_stream()) return;
    if (may_close) return close_one();
  }
}

// A slow close takes a kernel thread, and would keep it from all others for as long as a file system's server is dead.
void Disk::close(int descriptor, uint32_t site, bool slow) {
  if (!slow) return ring_.close_file(descriptor);
  ++closing_;
  if (!take_thread(site, Work::open)) return uses_[site].closing.push_back(descriptor);
  ring_.close_file(descriptor, {.kind = uring::Kind::closing, .slot = site, .generation = ++closes_ & 0xffffff});
}

// --- streams ---

Stream* Disk::stream(OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client, uring::Direct socket) {
  const bool still = file->unchanging();
  const bool refer = options_.zero_copy == ZeroCopy::always || (options_.zero_copy == ZeroCopy::safe && still);
  Stream* stream = streams_.acquire(*this, std::move(file), first, length, client);
  if (stream && refer && socket.valid() && ring_.setup().install) stream->install(socket);
  return stream;
}

// Reads and sends in turn, so that neither starves the other; whoever frees memory or a place calls this.
void Disk::serve_streams() {
  line_stuck_ = false;
  if (serving_) return;
  serving_ = true;
  while (spent_bytes_ < options_.turn_bytes) {
    Stream* reader = line_stuck_ ? nullptr : line_.front();
    if (reader && !reader->try_read()) {
      if (memory_.free_bytes() == 0 && !ahead_.empty()) {
        ahead_.front()->drop_read_ahead();
      } else {
        line_stuck_ = true;
      }
    }
    Stream* due = due_.pop_front();
    if (due) due->act();
    if (!reader && !due) break;
  }
  serving_ = false;
}

bool Disk::may_read_ahead() {
  return line_.empty() && memory_.free_bytes() >= memory_.area().size() / 4 && in_flight_ < options_.queue_size / 2;
}

// A read of pages in memory ends inside the call that submits it, so its completion is there in the next turn.
bool Disk::was_slow(uint64_t begun_turn) const {
  return turns_ > begun_turn + 1 || clock_.monotonic_ns > turn_ended_ns_ + slow_ns;
}

void Disk::end_turn_of_streams() {
  streams_waiting_reclaim();
  serve_streams();
  spent_bytes_ = 0;
  ++turns_;
  turn_ended_ns_ = ring_.monotonic_ns();
}

void Disk::streams_waiting_reclaim() {
  if (line_.empty() || memory_.free_bytes() > 0) return;
  serving_ = true;  // what is given back here is given out below
  Stream* next = nullptr;
  for (Stream* stream = with_clients_.front(); stream; stream = next) {
    next = with_clients_.after(*stream);
    if (clock_.monotonic_ms - stream->handed_over_ms_ < patience_ms(in_line_)) break;
    if (std::exchange(stream->memory_wanted_, true)) continue;
    stream->client_->on_memory_wanted();
  }
  serving_ = false;
}

}  // namespace uringd::disk
