// Server: the process while it serves. The main thread waits here for signals, log lines, workers, chores and a
// successor, and decides; it serves nothing itself and waits for no disk.
//
//   serving ──► leaving (shutdown_delay) ──► draining ──► aborting ──► ended      SIGTERM, SIGINT; a second one: at
//   once
//      └─ upgrading ──► draining (the successor has the listeners)                SIGUSR2
//
// Beside serving: one chore at a time (a reload, log files reopened); what is asked for meanwhile follows it.
#pragma once

#include <signal.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "admin_worker.hpp"
#include "chores.hpp"
#include "reload.hpp"
#include "uringd/config/load.hpp"
#include "uringd/daemon/listeners.hpp"
#include "uringd/daemon/notifier.hpp"
#include "uringd/daemon/privileges.hpp"
#include "uringd/daemon/resources.hpp"
#include "uringd/daemon/upgrade.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/helper.hpp"
#include "worker_threads.hpp"

namespace uringd::daemon {

/// What a server is made of; all ready but its threads.
struct ServerParts {
  config::Sources sources;
  Invocation invocation;
  Resources resources;
  std::shared_ptr<disk::Sites> sites;
  std::shared_ptr<const server::Snapshot> snapshot;
  Listeners listeners;
  Listeners admin_listeners;  // none where the admin interface is off
  std::vector<server::LogTo> logs;
  std::optional<Predecessor> predecessor;
  SandboxState sandbox;
  std::string config_text;  // in force, as --print-config has it
};

class Server final : admin::Steering {
 public:
  Server(ServerParts parts, log::Logger& logger);
  /// Until the end. Exit code 0 or 1; an error that kept it from starting is the log's last line.
  int run(const sigset_t& signals);

 private:
  using Clock = std::chrono::steady_clock;
  enum class State : uint8_t { serving, leaving, draining, aborting };

  // server.cpp: start and end
  Result<void> start();
  [[noreturn]] void give_up(const Error& error);
  [[nodiscard]] static server::HelperWork work_of(const std::shared_ptr<const server::Snapshot>& snapshot);
  void announce();
  void tell_connection_limit();
  int end(int signals);
  void flush_log();

  // server_loop.cpp: what happens meanwhile
  void loop(int signals);
  [[nodiscard]] int wait_ms() const;
  void on_time();
  void hear_signals(int signals);
  void on_signal(int number);
  void leave();
  void drain(server::Command how);
  void abort();

  // server_admin.cpp: the admin interface
  void want_reload() override;
  void dispose(std::shared_ptr<const void> thing) override { helper_.dispose(std::move(thing)); }
  bool encode(const server::Overlay& overlay, http::Coding coding, cache::Effort effort, OnEncoded done) override;
  void hear_admin();
  [[nodiscard]] Result<void> start_admin();
  void change_admin(Listeners::Plan plan);
  void hand_admin_over();
  [[nodiscard]] admin::Standing first_standing(std::string config_text) const;
  void tell_admin(bool good, std::vector<std::string> problems);
  void dismiss_admin(const char* why);

  // server_changes.cpp: reload, reopen, upgrade
  void start_chores();
  void begin_reload();
  void reload_failed(const std::vector<std::string>& problems);
  void swap_in(Prepared prepared);
  void begin_reopening();
  void begin_upgrade();
  void on_upgrade();
  void post(std::vector<server::ListenerChange> changes);
  void check_reload_done();
  [[nodiscard]] const config::Config& config() const { return snapshot_->config(); }
  [[nodiscard]] bool stopping() const { return state_ != State::serving; }

  log::Logger& logger_;
  config::Sources sources_;
  Invocation invocation_;
  Resources resources_;
  std::shared_ptr<disk::Sites> sites_;
  std::shared_ptr<const server::Snapshot> snapshot_;
  Listeners listeners_;
  Listeners admin_listeners_;
  std::vector<server::LogTo> logs_;
  std::optional<Predecessor> predecessor_;
  SandboxState sandbox_;

  Notifier notifier_ = Notifier::from_environment();
  uint64_t seed_;
  server::Shared shared_;
  uint32_t most_connections_;  // that the workers have slots for
  server::Helper helper_;
  AdminWorker admin_;  // dies after the serving workers, whose errands go home to it
  WorkerThreads workers_;
  Chores chores_;
  std::optional<Upgrade> upgrade_;
  pid_t successor_ = 0;  // our child: its number is nobody else's while we live

  admin::Standing standing_;
  State state_ = State::serving;
  Clock::time_point deadline_ = Clock::time_point::max();  // of leaving, draining, aborting
  Clock::time_point watchdog_at_ = Clock::time_point::max();
  bool reload_wanted_ = false, reopen_wanted_ = false, upgrade_wanted_ = false;
  uint64_t reloads_ = 0;
  std::atomic<bool> admin_calls_{false};  // want_reload(), from the admin worker's thread
  uint64_t wanted_by_admin_ = 0;          // reloads that the one under way stands for
  bool stop_heard_ = false;               // while draining for a successor
  bool reload_told_ = true;               // no reload waits for the workers to carry it out
};

}  // namespace uringd::daemon
