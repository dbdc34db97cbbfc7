// Who may go on: places in the queue, the kernel's threads, and the line of running downloads.
#include <algorithm>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {
namespace {

constexpr uint32_t most_unasked = 16;           // reads a turn that are tried without knowing
constexpr uint32_t most_borrowed_unasked = 64;  // of files that were in memory lately
// How long a client may hold a piece while others wait for memory: the more wait, the shorter.
constexpr uint64_t patience_ms(uint32_t waiting) { return std::max<uint64_t>(200 / (1 + waiting / 8), 10); }

// A turn's own work, a megabyte of copies and what else there is, is shorter.
constexpr uint64_t slow_ns = 500'000;

}  // namespace

// --- places ---

bool Disk::take_place() {
  if (in_flight_ >= options_.queue_size) return false;
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
  if (lately_cached() && unasked_ < most_unasked) {
    ++unasked_;
    return true;
  }
  return by_evidence_cached(file, first, bytes);
}

// All memory may have gone at once (a limit of its control group).
bool Disk::borrowed_unasked() {
  if (!lately_cached() || borrowed_unasked_ >= most_borrowed_unasked) return false;
  ++borrowed_unasked_;
  return true;
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
  Use::Line& line = uses_[site].lines[kind];
  if (threads_[kind] >= options_.kernel_threads || line.threads >= thread_limit_) return false;
  ++threads_[kind];
  ++line.threads;
  return true;
}

void Disk::put_back_thread(uint32_t site, Work work) {
  const auto kind = static_cast<size_t>(work);
  Use::Line& line = uses_[site].lines[kind];
  CHECK(threads_[kind] > 0 && line.threads > 0);
  --threads_[kind];
  --line.threads;
}

void Disk::give_thread(uint32_t site, Work work) {
  put_back_thread(site, work);
  grant_thread(work);
}

// Lines take turns, so that none waits for ever. Those that may have no more threads are passed by: they are fewer than
// there are threads.
bool Disk::grant_thread(Work work) {
  const auto kind = static_cast<size_t>(work);
  if (threads_[kind] >= options_.kernel_threads) return false;
  Use::Line* next = nullptr;
  for (Use::Line* line = waiting_[kind].front(); line; line = next) {
    next = waiting_[kind].after(*line);
    if (line->threads >= thread_limit_) continue;
    const bool served = serve_line(*line, work);
    line->unlink();
    if (waits(*line, work)) waiting_[kind].push_back(*line);
    if (served) return true;
  }
  return false;
}

bool Disk::waits(const Use::Line& line, Work work) {
  const Use& use = uses_[line.site];
  return !line.looks.empty() || !line.fetches.empty() || !line.streams.empty() ||
         (work == Work::open && !use.closing.empty());
}

// Looks go before the rest, since somebody may wait for a hot entry.
bool Disk::serve_line(Use::Line& line, Work work) {
  const size_t closing = work == Work::open ? uses_[line.site].closing.size() : 0;
  constexpr size_t most_closing = 4;  // before who opens waits for who closes: descriptors must not pile up
  if (closing > most_closing) {
    close_one(line.site);
    return true;
  }
  constexpr uint32_t for_streams = 4;  // one grant of so many goes to a download first: small files never end
  if (++line.granted % for_streams == 0 && serve_a_stream(line)) return true;
  Fetch* next = line.looks.pop_front();
  if (!next) next = line.fetches.pop_front();
  if (next) {
    next->on_thread();
    return true;
  }
  if (serve_a_stream(line)) return true;
  if (closing > 0) close_one(line.site);
  return closing > 0;
}

bool Disk::serve_a_stream(Use::Line& line) {
  while (Stream* stream = line.streams.pop_front()) {
    if (stream->on_thread()) return true;
  }
  return false;
}

Disk::Use::Line& Disk::line_for(uint32_t site, Work work) {
  const auto kind = static_cast<size_t>(work);
  Use::Line& line = uses_[site].lines[kind];
  if (!line.linked()) waiting_[kind].push_back(line);
  return line;
}

// A slow close takes a kernel thread, and would keep it from all others for as long as a file system's server is dead.
void Disk::close(int descriptor, uint32_t site, bool slow) {
  if (!slow) return ring_.close_file(descriptor);
  ++closing_;
  held_.add(site);
  if (take_thread(site, Work::open)) return close_in_thread(descriptor, site);
  uses_[site].closing.push_back(descriptor);
  static_cast<void>(line_for(site, Work::open));
}

void Disk::close_one(uint32_t site) {
  const int descriptor = uses_[site].closing.back();
  uses_[site].closing.pop_back();
  CHECK(take_thread(site, Work::open));
  close_in_thread(descriptor, site);
}

void Disk::close_in_thread(int descriptor, uint32_t site) {
  ring_.close_file(descriptor, {.kind = uring::Kind::closing, .slot = site, .generation = ++closes_ & 0xffffff});
}

void Disk::close_last(int descriptor, uint32_t site, bool slow) {
  close(descriptor, site, slow);
  held_.remove(site);
}

// --- streams ---

Stream* Disk::stream(OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client, uring::Direct socket) {
  const bool allowed =
      options_.zero_copy == ZeroCopy::always || (options_.zero_copy == ZeroCopy::safe && file->unchanging());
  const bool refer = allowed && length >= options_.worth_referring_bytes;
  const uint32_t site = file->site();
  Stream* stream = streams_.acquire(*this, std::move(file), first, length, client);
  if (stream) held_.add(site);
  if (stream && refer && socket.valid() && ring_.setup().install) stream->install(socket);
  return stream;
}

void Disk::let_go_of_socket(uring::Direct socket) {
  const int descriptor = sockets_.take(socket);
  if (descriptor >= 0) ring_.close_file(descriptor);
}

void Disk::keep_descriptor(uring::Direct socket, int descriptor) {
  if (transfer().prepare(descriptor)) sockets_.keep(socket, descriptor);
  if (sockets_.find(socket) != descriptor) ring_.close_file(descriptor);
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
