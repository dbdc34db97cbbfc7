// What stands behind Worker: its objects, in the order in which they are made, and what it does with them. Used by its
// thread only. worker.cpp has the loop, worker_orders.cpp what comes from outside: clients, commands, orders, errands,
// worker_handler.cpp what a handler says.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "acceptor.hpp"
#include "access_log.hpp"
#include "connection.hpp"
#include "context.hpp"
#include "settings.hpp"
#include "uringd/base/slab.hpp"
#include "uringd/server/errand.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::server {

struct Worker::Implementation final : AcceptSink, Replies {
  Implementation(const WorkerOptions& worker_options, const std::shared_ptr<const Snapshot>& shared_snapshot,
                 Shared& shared_state, Mailbox& own_mailbox, disk::HelperDoor* helper, log::Logger& shared_logger,
                 Handler* handler, uring::Ring opened, std::unique_ptr<disk::PieceMemory> pieces);

  // A multishot accepts as long as there are clients: beyond the limit it needs slots to park them in, or the kernel
  // drops what it accepted. A small table keeps its slots for connections and gets single accepts.
  [[nodiscard]] bool scarce() const { return ring.setup().direct_slots < 8 * options.parked_limit; }
  [[nodiscard]] uint32_t connection_slots() const;
  [[nodiscard]] uint32_t single_accepts(size_t listeners) const;

  static_assert(static_cast<int>(disk::ZeroCopy::always) == static_cast<int>(config::ZeroCopy::always));
  static_assert(static_cast<int>(disk::ZeroCopy::never) == static_cast<int>(config::ZeroCopy::never));
  [[nodiscard]] disk::DiskOptions disk_options(const config::Config& config) const;
  [[nodiscard]] std::span<char> mail_bytes() { return {reinterpret_cast<char*>(&mail), sizeof mail}; }

  // the loop
  void look_at_clock();
  void turn(bool wait);
  void dispatch(const uring::Completion& completion);
  void end_of_turn();
  void send_pages();
  void count_connections();
  void trim_when_idle();
  void arm_timer();

  // worker_orders.cpp
  void on_accepted(uring::Direct socket, const uring::PeerAddress& peer, bool known, bool proxied) override;
  [[nodiscard]] uint32_t connection_limit() const { return shared.connection_limit.load(std::memory_order_relaxed); }

  void admit_parked();
  void on_mail();
  void carry_out(std::vector<Order> orders);
  void change_listener(ListenerChange change);
  void add_listener(Listener listener, size_t beside);
  [[nodiscard]] bool served_out() const;
  void end_log();
  void reconfigure(std::shared_ptr<const Snapshot> next, const WorkerOptions& changed);
  void let_go_of_settings();
  void end_the_oldest();
  void hand_over();
  void begin_drain();
  void abort();
  [[nodiscard]] bool drained() const;
  void work_on_errands();
  [[nodiscard]] bool work_on(std::shared_ptr<Errand>& errand);

  // worker_handler.cpp: a handler's answers on their way to its clients
  [[nodiscard]] Connection* client_of(const Ticket& ticket);
  bool answer(const Ticket& ticket, const Answer& answer) override;
  Pushed push(const Ticket& ticket, std::span<const char> bytes, std::shared_ptr<const void> owner) override;
  void end(const Ticket& ticket) override;

  struct Parked {
    uring::Direct socket;
    uring::PeerAddress peer;
    bool known;
    bool proxied;
  };

  WorkerOptions options;
  Shared& shared;
  Mailbox& mailbox;
  log::Logger& logger;
  uring::Ring ring;
  AccessLog access_log;
  Clock clock;
  TimerWheel wheel;
  std::unique_ptr<disk::PieceMemory> piece_memory;
  std::unique_ptr<PageMemory> page_memory;  // nullptr: there is none
  cache::Cache cache;
  disk::Disk disk;
  Slab<Connection> slab;
  BlockPool blocks;
  std::vector<char> scratch;
  std::list<Settings> settings;  // the last: with which requests begin now; nodes never move
  Context context;
  std::deque<Acceptor> acceptors;  // a deque: their addresses are lent
  std::deque<Parked> parked;
  std::vector<uring::Tag> referrers;            // empty between two turns
  std::deque<std::shared_ptr<Errand>> errands;  // the next slice is the first one's
  uint64_t mail = 0;
  uint64_t sent_seen = 0;      // bytes
  uint64_t trimmed_at = 0;     // entries that had been dropped for idleness at the last malloc_trim
  uint64_t served_out_ms = 0;  // nothing but the log's last lines was left; 0: not yet
  bool log_given_up = false;
  uint64_t armed_until_ms = 0;  // 0: no timeout is armed
};

}  // namespace uringd::server
