// What comes to a worker from outside: clients to be accepted, commands and orders from the mailbox, another
// configuration, the end.
#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "worker_implementation.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t longest_last_lines_ms = 500;
constexpr size_t most_held_settings = 8;  // that were replaced

}  // namespace

void Worker::Implementation::on_accepted(uring::Direct socket, const uring::PeerAddress& peer, bool known,
                                         bool proxied) {
  ++context.counters.accepted;
  if (shared.connections.fetch_add(1, std::memory_order_relaxed) < connection_limit()) {
    if (Connection* connection = slab.acquire(context, socket)) return connection->start(peer, known, proxied);
  }
  shared.connections.fetch_sub(1, std::memory_order_relaxed);
  for (Acceptor& acceptor : acceptors) acceptor.pause();
  if (parked.size() < options.parked_limit) {
    parked.push_back({socket, peer, known, proxied});
  } else {
    ++context.counters.closed;
    ring.close(socket, {.kind = uring::Kind::overflow, .slot = socket.slot});
  }
}

// Connections beyond the limit wait here, unread, as they would in the backlog.
void Worker::Implementation::admit_parked() {
  while (!parked.empty()) {
    if (shared.connections.fetch_add(1, std::memory_order_relaxed) >= connection_limit()) {
      shared.connections.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    Connection* connection = slab.acquire(context, parked.front().socket);
    if (!connection) {
      shared.connections.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    const Parked next = parked.front();
    parked.pop_front();
    connection->start(next.peer, next.known, next.proxied);
  }
  if (shared.connections.load(std::memory_order_relaxed) >= connection_limit()) return;
  for (Acceptor& acceptor : acceptors) {
    if (acceptor.paused()) acceptor.resume(clock.monotonic_ms);
  }
}

void Worker::Implementation::on_mail() {
  const uint32_t commands = mailbox.take();
  carry_out(mailbox.take_orders());
  if (commands & static_cast<uint32_t>(Command::beat)) mailbox.beat();
  if (commands & static_cast<uint32_t>(Command::hand_over)) hand_over();
  if (commands & static_cast<uint32_t>(Command::drain)) begin_drain();
  if (commands & static_cast<uint32_t>(Command::abort)) abort();
  if (context.handler && commands & static_cast<uint32_t>(Command::call)) context.handler->on_call();
  for (std::shared_ptr<Errand>& errand : mailbox.take_errands()) {
    if (!errand->quick() || !work_on(errand)) errands.push_back(std::move(errand));
  }
  for (disk::Notice& notice : mailbox.take_notices()) disk.on_notice(std::move(notice));
  if (commands & static_cast<uint32_t>(Command::pass)) mailbox.pass();  // what was posted before it is carried out
  ring.read(mailbox.descriptor(), mail_bytes(), 0, {.kind = uring::Kind::mailbox});
}

void Worker::Implementation::carry_out(std::vector<Order> orders) {
  for (Order& order : orders) {
    if (auto* next = std::get_if<Reconfigure>(&order)) reconfigure(std::move(next->snapshot), next->options);
    if (auto* change = std::get_if<ListenerChange>(&order)) change_listener(std::move(*change));
    if (auto* log = std::get_if<LogTo>(&order)) {
      if (log->file.open()) {
        access_log.open(std::move(log->file), log->format);
      } else {
        access_log.close();
      }
    }
  }
  if (orders.empty()) return;
  mailbox.done_with_orders(orders.size());
  shared.wake();
}

void Worker::Implementation::change_listener(ListenerChange change) {
  if (change.kind == ListenerChange::Kind::add) {
    if (!context.draining) add_listener(std::move(change.listener), 1);
    return;
  }
  for (Acceptor& acceptor : acceptors) {
    if (acceptor.id() != change.listener.id || acceptor.stopping()) continue;
    if (change.kind == ListenerChange::Kind::remove) {
      acceptor.stop(clock.monotonic_ms);
    } else {
      acceptor.change(change.listener);
    }
  }
}

void Worker::Implementation::add_listener(Listener listener, size_t beside) {
  const auto free = std::ranges::find_if(acceptors, &Acceptor::stopped);
  if (free != acceptors.end()) return free->begin_anew(std::move(listener), clock.monotonic_ms);
  const auto index = static_cast<uint32_t>(acceptors.size());
  acceptors.emplace_back(ring, *this, std::move(listener), index, single_accepts(beside));
  acceptors.back().arm(clock.monotonic_ms);
}

// A slice of the first one, which then is the last: a short one does not wait for the whole of a long one.
void Worker::Implementation::work_on_errands() {
  std::shared_ptr<Errand> first = std::move(errands.front());
  errands.pop_front();
  if (!work_on(first)) errands.push_back(std::move(first));
}

// True: it is done, and has gone home.
bool Worker::Implementation::work_on(std::shared_ptr<Errand>& errand) {
  if (!errand->work(Workplace(cache, disk, clock.monotonic_ms, &context.overlays))) return false;
  Errand& done = *errand;
  done.go_home(std::move(errand));
  return true;
}

bool Worker::Implementation::served_out() const {
  return context.draining && slab.live() == 0 && disk.gone() && parked.empty() &&
         std::ranges::all_of(acceptors, &Acceptor::stopped);
}

// The last lines have a moment: a pipe that nobody reads must not hold the end up.
void Worker::Implementation::end_log() {
  if (served_out_ms == 0) {
    served_out_ms = clock.monotonic_ms;
    access_log.flush();
  }
  if (log_given_up || clock.monotonic_ms - served_out_ms < longest_last_lines_ms) return;
  log_given_up = true;
  access_log.abandon();
}

// Requests under way keep the settings that they began with; what the cache holds of trees that stay, stays.
void Worker::Implementation::reconfigure(std::shared_ptr<const Snapshot> next, const WorkerOptions& changed) {
  const std::vector<uint32_t>& slots = next->slots();
  for (const uint32_t slot : settings.back().snapshot->slots()) {
    if (std::ranges::find(slots, slot) == slots.end()) settings.back().leaving.push_back(slot);
  }
  settings.back().replaced_ms = clock.monotonic_ms;
  Settings& now = settings.emplace_back(std::move(next), options.index);
  context.settings = &now;
  context.config = &now.snapshot->config();
  context.routed = nullptr;  // its views are of the scratch memory
  const size_t needed = site::Router::scratch_bytes(context.config->limits.header_size_bytes);
  if (scratch.size() < needed) scratch.resize(needed);
  context.scratch = scratch;
  if (context.handler) {  // its clients may stay for days, and use nothing of what was
    for (Connection* one = context.connections.front(); one; one = context.connections.after(*one)) one->use(now);
  }
  options.cache_bytes = changed.cache_bytes;
  options.input_bytes = changed.input_bytes;
  options.disk_queue_size = changed.disk_queue_size;
  if (options.ring.bounded_workers != changed.ring.bounded_workers) {
    options.ring.bounded_workers = options.ring.unbounded_workers = changed.ring.bounded_workers;
    ring.set_workers(changed.ring.bounded_workers, changed.ring.unbounded_workers);
  }
  context.input_budget.limit_bytes = options.input_bytes;
  cache.set_capacity(options.cache_bytes);
  disk.reconfigure(disk_options(*context.config), now.snapshot->slots());
  let_go_of_settings();
}

// Those that a reload replaced and nothing is left of.
void Worker::Implementation::let_go_of_settings() {
  if (settings.size() > most_held_settings + 1) end_the_oldest();
  for (auto old = settings.begin(); std::next(old) != settings.end();) {
    const bool used =
        old->talks > 0 || std::ranges::any_of(old->leaving, [this](uint32_t slot) { return disk.uses(slot); });
    if (used) {
      ++old;
      continue;
    }
    shared.dispose(std::move(old->snapshot));
    old = settings.erase(old);
  }
}

// Downloads run on across reloads; but clients that take very long must not keep every configuration there ever was.
// Those of the oldest one end, when they have had drain_timeout.
void Worker::Implementation::end_the_oldest() {
  const Settings& oldest = settings.front();
  const auto patience_ms = static_cast<uint64_t>(context.config->server.drain_timeout.count());
  if (clock.monotonic_ms - oldest.replaced_ms < patience_ms) return;
  for (Connection* next = context.connections.front(); next; next = context.connections.after(*next)) {
    if (next->uses(oldest)) next->end();
  }
}

// A successor has the same sockets: what is queued there is its.
void Worker::Implementation::hand_over() {
  for (Acceptor& acceptor : acceptors) acceptor.hand_over(clock.monotonic_ms);
  begin_drain();
}

void Worker::Implementation::begin_drain() {
  if (context.draining) return;
  context.draining = true;
  for (Acceptor& acceptor : acceptors) acceptor.stop(clock.monotonic_ms);
  for (Connection* next = context.connections.front(); next; next = context.connections.after(*next)) next->drain();
}

// The kernel keeps a process, and its clients' sockets with it, until a disk that hangs lets go: they are closed
// before.
void Worker::Implementation::abort() {
  begin_drain();
  for (Connection* next = context.connections.front(); next; next = context.connections.after(*next)) next->end();
  context.counters.closed += parked.size();
  for (const Parked& waiting : parked) {
    ring.close(waiting.socket, {.kind = uring::Kind::overflow, .slot = waiting.socket.slot});
  }
  parked.clear();
}

bool Worker::Implementation::drained() const { return served_out() && (access_log.idle() || log_given_up); }

}  // namespace uringd::server
