// The worker's loop and its one switch. Per turn: reap, dispatch, re-arm what ran out of buffers, advance the timer
// wheel.
#include "uringd/server/worker.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "uringd/base/check.hpp"
#include "uringd/http/date.hpp"
#include "worker_implementation.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t longest_sleep_ms =
    250;                                   // a deadline may be this much late; an idle worker wakes four times a second
constexpr uint64_t timer_slack_ms = 20;    // a timeout that is armed for a little later will do
constexpr uint64_t waiting_sleep_ms = 50;  // while something waits that only a look can tell: limits, back-offs, drain
constexpr uint64_t idle_before_trim_ms = 1000;
constexpr uint64_t worth_trimming = 256;  // entries
constexpr uint64_t last_moment_ms = 100;
constexpr size_t referred_bytes_a_turn = size_t{4} << 20;  // some milliseconds
constexpr uint32_t first_connections = 256;                // whose memory is touched at start
constexpr size_t first_blocks = 32;

// Address space only, and room for a capacity that grows. What does not fit lies where small bodies do.
size_t page_memory_bytes(size_t cache_bytes) { return std::max(4 * cache_bytes, size_t{1} << 30); }

void touch(std::span<char> memory) {
  for (size_t offset = 0; offset < memory.size(); offset += 4096) {
    static_cast<volatile char*>(memory.data())[offset] = 0;
  }
}

}  // namespace

Worker::Implementation::Implementation(const WorkerOptions& worker_options,
                                       const std::shared_ptr<const Snapshot>& shared_snapshot, Shared& shared_state,
                                       Mailbox& own_mailbox, disk::HelperDoor* helper, log::Logger& shared_logger,
                                       Handler* handler, uring::Ring opened, std::unique_ptr<disk::PieceMemory> pieces)
    : options(worker_options),
      shared(shared_state),
      mailbox(own_mailbox),
      logger(shared_logger),
      ring(std::move(opened)),
      access_log(ring, shared_logger),
      wheel(ring.monotonic_ns() / 1'000'000),
      piece_memory(std::move(pieces)),
      page_memory(options.cache_pages ? PageMemory::create(page_memory_bytes(options.cache_bytes)) : nullptr),
      cache({.capacity_bytes = options.cache_bytes, .file_limit = options.kept_files, .pages = page_memory.get()}),
      disk(ring, cache, *piece_memory, clock, logger, shared_snapshot->sites(), helper,
           disk_options(shared_snapshot->config())),
      slab(connection_slots()),
      blocks(options.output_blocks),
      scratch(site::Router::scratch_bytes(shared_snapshot->config().limits.header_size_bytes)),
      context{.ring = ring,
              .cache = cache,
              .disk = disk,
              .logger = logger,
              .clock = clock,
              .wheel = wheel,
              .blocks = blocks,
              .slab = slab,
              .shared = shared,
              .access_log = access_log,
              .hash_seed = options.hash_seed,
              .worker = options.index,
              .handler = handler,
              .settings = &settings.emplace_back(shared_snapshot, options.index),
              .config = &shared_snapshot->config(),
              .scratch = scratch,
              .pages = page_memory.get()} {
  disk.reconfigure(disk_options(*context.config), shared_snapshot->slots());
  context.input_budget.limit_bytes = options.input_bytes;
  if (options.populate) {
    slab.populate(first_connections);
    context.talks.populate(first_connections);
    touch(blocks.area().first(std::min(blocks.area().size(), first_blocks * BlockPool::block_bytes)));
  }
  look_at_clock();
  if (handler) handler->attach(*this);
  ring.read(mailbox.descriptor(), mail_bytes(), 0, {.kind = uring::Kind::mailbox});
}

uint32_t Worker::Implementation::connection_slots() const {
  const uint32_t slots = ring.setup().direct_slots;
  const uint32_t spare = scarce() ? std::min(slots / 4, Acceptor::most_single_accepts) : options.parked_limit;
  return std::min(options.connection_slots, slots - spare);
}

uint32_t Worker::Implementation::single_accepts(size_t listeners) const {
  if (scarce()) {
    const uint32_t spare = ring.setup().direct_slots - connection_slots();
    return std::clamp(spare / static_cast<uint32_t>(listeners), 1U, Acceptor::most_single_accepts);
  }
  return ring.setup().peer_name ? 0 : Acceptor::most_single_accepts;
}

disk::DiskOptions Worker::Implementation::disk_options(const config::Config& config) const {
  const auto in_ms = [](config::Duration duration) { return static_cast<uint64_t>(duration.count()); };
  return {.queue_size = options.disk_queue_size,
          .kernel_threads = options.ring.unbounded_workers,
          .max_cached_file_bytes = config.cache.max_file_size_bytes,
          .stream_piece_bytes = config.disk.stream_size_bytes,
          .zero_copy = static_cast<disk::ZeroCopy>(config.disk.zero_copy),
          .stale_after_ms = in_ms(config.cache.stale_after),
          .missing_ttl_ms = in_ms(config.cache.missing_ttl),
          .idle_after_ms = in_ms(config.cache.idle_after),
          .hash_seed = options.hash_seed,
          .kept_descriptors = options.kept_descriptors};
}

void Worker::Implementation::look_at_clock() {
  const uint64_t before_ms = clock.monotonic_ms;
  clock.monotonic_ns = ring.monotonic_ns();
  clock.monotonic_ms = clock.monotonic_ns / 1'000'000;
  if (clock.monotonic_ms == before_ms && clock.wall_ns != 0) return;
  clock.wall_ns = ring.wall_ns();
  const int64_t second = clock.wall_ns / 1'000'000'000;
  if (second == clock.wall_s) return;
  clock.wall_s = second;
  http::format_date(second, context.date);
}

void Worker::Implementation::turn(bool wait) {
  const bool idle = !disk.eager() && context.referrers.empty() && errands.empty();
  const std::span<const uring::Completion> completions = ring.turn(wait && idle);
  look_at_clock();
  for (const uring::Completion& completion : completions) dispatch(completion);
  end_of_turn();
}

void Worker::Implementation::dispatch(const uring::Completion& completion) {
  const uring::Tag tag = completion.tag;
  switch (tag.kind) {
    case uring::Kind::connection: {
      Connection* connection = slab.find(tag.slot, tag.generation);
      CHECK(connection);  // a slot is freed by its last completion, so none can come after
      return connection->on_completion(completion);
    }
    case uring::Kind::fetch:
    case uring::Kind::stream:
    case uring::Kind::closing: return disk.on_completion(completion);
    case uring::Kind::acceptor: return acceptors[tag.slot].on_completion(completion, clock.monotonic_ms);
    case uring::Kind::timer:
      if (tag.step == 0) armed_until_ms = 0;
      return;
    case uring::Kind::mailbox: return on_mail();
    case uring::Kind::log: return access_log.on_completion(completion);
    case uring::Kind::overflow: return;
    case uring::Kind::watch:  // the helper thread's
    case uring::Kind::root:
    case uring::Kind::map:
    case uring::Kind::nobody: CHECK(false);
  }
}

// Each once: what sends more, or answers another request by it, is among those of the next turn; so are those whom this
// one has no bytes left for, before the others.
void Worker::Implementation::send_pages() {
  referrers.swap(context.referrers);
  size_t spent = 0;
  size_t reached = 0;
  for (; reached < referrers.size() && spent < referred_bytes_a_turn; ++reached) {
    const uring::Tag& tag = referrers[reached];
    if (Connection* connection = slab.find(tag.slot, tag.generation)) spent += connection->send_pages();
  }
  referrers.erase(referrers.begin(), referrers.begin() + static_cast<std::ptrdiff_t>(reached));
  referrers.insert(referrers.end(), context.referrers.begin(), context.referrers.end());
  context.referrers.clear();
  referrers.swap(context.referrers);
}

void Worker::Implementation::end_of_turn() {
  if (!context.referrers.empty()) send_pages();
  while (Connection* connection = context.await_buffers.pop_front()) connection->arm_receive();
  wheel.advance(clock.monotonic_ms, [](Timer& timer) { static_cast<Connection&>(timer).on_deadline(); });
  disk.on_tick();
  for (Acceptor& acceptor : acceptors) acceptor.on_turn(clock.monotonic_ms);
  admit_parked();
  if (settings.size() > 1) let_go_of_settings();
  access_log.on_turn(clock.monotonic_ms);
  if (context.draining && slab.live() == 0) disk.let_go();
  if (served_out()) end_log();
  count_connections();
  if (!errands.empty()) [[unlikely]]
    work_on_errands();
  if (context.handler) context.handler->on_turn(clock.monotonic_ms);
  trim_when_idle();
  arm_timer();
}

void Worker::Implementation::count_connections() {
  const auto in = [this](ConnectionState state) { return context.in_state[static_cast<size_t>(state)]; };
  context.counters.waiting.set(in(ConnectionState::waiting));
  context.counters.sending.set(in(ConnectionState::sending));
  context.counters.closing.set(in(ConnectionState::lingering) + in(ConnectionState::closing));
  context.counters.talks.set(context.talks.live());
}

// Entries that nobody asked for were freed, but the allocator keeps what lies below the last one that stays. Giving
// it back takes up to 100 ms and holds the other workers' allocators: done when none has anything to do.
void Worker::Implementation::trim_when_idle() {
  if (context.counters.sent_bytes != sent_seen) {
    sent_seen = context.counters.sent_bytes;
    if (clock.monotonic_ms - shared.active_ms.load(std::memory_order_relaxed) >= 100) {
      shared.active_ms.store(clock.monotonic_ms, std::memory_order_relaxed);
    }
  }
  const uint64_t dropped = cache.counters().gone[static_cast<size_t>(cache::Gone::idle)];
  if (dropped - trimmed_at < worth_trimming) return;
  if (clock.monotonic_ms < shared.active_ms.load(std::memory_order_relaxed) + idle_before_trim_ms) return;
  trimmed_at = dropped;
  malloc_trim(0);
}

void Worker::Implementation::arm_timer() {
  const bool acceptors_wait = std::ranges::any_of(acceptors, [this](const Acceptor& acceptor) {
    return !acceptor.stopped() && (acceptor.paused() || acceptor.backing_off() || acceptor.stopping());
  });
  uint64_t due_ms = std::min({wheel.next_ms(), disk.next_ms(), access_log.next_ms()});
  if (acceptors_wait || !parked.empty() || disk.streams_wait() || settings.size() > 1) {
    due_ms = std::min(due_ms, clock.monotonic_ms + waiting_sleep_ms);
  }
  if (context.handler) due_ms = std::min(due_ms, context.handler->next_ms());
  if (due_ms == TimerWheel::never) return;
  due_ms = std::clamp(due_ms, clock.monotonic_ms + 1, clock.monotonic_ms + longest_sleep_ms);
  if (armed_until_ms == 0) {
    armed_until_ms = due_ms;
    return ring.timeout_at(due_ms * 1'000'000, {.kind = uring::Kind::timer});
  }
  if (due_ms + timer_slack_ms >= armed_until_ms) return;
  armed_until_ms = due_ms;  // asked once: its end arms it anew
  ring.cancel({.kind = uring::Kind::timer}, {.kind = uring::Kind::timer, .step = 1});
}

Worker::Worker(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::create(const WorkerOptions& options,
                                               const std::shared_ptr<const Snapshot>& snapshot, Shared& shared,
                                               Mailbox& mailbox, disk::HelperDoor* helper, log::Logger& logger,
                                               Handler* handler) {
  auto pieces = std::make_unique<disk::PieceMemory>(options.stream_memory_bytes);
  const std::span<char> registered = pieces->area().first(std::min(options.registered_bytes, pieces->area().size()));
  if (options.populate) touch(registered);
  uring::RingOptions ring_options = options.ring;
  ring_options.registered_memory = registered;
  auto ring = uring::Ring::create(ring_options);
  if (!ring) return std::unexpected(ring.error());
  return std::unique_ptr<Worker>(new Worker(std::make_unique<Implementation>(
      options, snapshot, shared, mailbox, helper, logger, handler, std::move(*ring), std::move(pieces))));
}

void Worker::listen(std::vector<Listener> listeners) {
  for (Listener& listener : listeners) implementation_->add_listener(std::move(listener), listeners.size());
}

void Worker::turn(bool wait) { implementation_->turn(wait); }
void Worker::run() {
  while (!drained()) turn(true);
  // What was begun for the cache alone (looks, lists) ends in a moment; a disk that hangs is not waited for.
  const uint64_t until_ms = implementation_->clock.monotonic_ms + last_moment_ms;
  do {
    turn(false);
  } while (!idle() && implementation_->clock.monotonic_ms < until_ms);
}
void Worker::begin_drain() {
  implementation_->begin_drain();
  implementation_->arm_timer();  // between two turns nothing else would wake an idle worker
}
void Worker::reconfigure(std::shared_ptr<const Snapshot> snapshot, const WorkerOptions& options) {
  implementation_->reconfigure(std::move(snapshot), options);
}
size_t Worker::held_snapshots() const { return implementation_->settings.size() - 1; }
bool Worker::drained() const { return implementation_->drained(); }
void Worker::serve(std::shared_ptr<const Overlays> overlays) {
  implementation_->context.overlays = std::move(overlays);
}
void Worker::notify(disk::Notice notice) { implementation_->disk.on_notice(std::move(notice)); }
const WorkerCounters& Worker::counters() const { return implementation_->context.counters; }
const Latencies& Worker::latencies() const { return implementation_->context.latencies; }
const uring::Ring& Worker::ring() const { return implementation_->ring; }
Worker::LogCounters Worker::log_counters() const {
  const AccessLogCounters& counters = implementation_->access_log.counters();
  return {counters.lines, counters.dropped};
}
bool Worker::idle() const { return disk().idle() && implementation_->access_log.idle(); }
const disk::Disk& Worker::disk() const { return implementation_->disk; }
const cache::Cache& Worker::cache() const { return implementation_->cache; }
uint32_t Worker::connections() const { return implementation_->slab.live(); }

}  // namespace uringd::server
