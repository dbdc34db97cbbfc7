// WorkerThreads: the threads that serve, one worker each, from their start to their end. The main thread makes them,
// speaks to them through their mailboxes, and hears by an eventfd that one has carried out orders or has ended.
//
//   made ──► start(): rings made, pools touched ──► go(): accepting ──► ended() ──► join()
//               └──► an error: all have ended
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "uringd/base/result.hpp"
#include "uringd/daemon/resources.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/figures_source.hpp"
#include "uringd/server/helper.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::daemon {

class WorkerThreads {
 public:
  /// `shared` and `logger` outlive it.
  WorkerThreads(uint32_t count, server::Shared& shared, log::Logger& logger);
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;
  ~WorkerThreads();

  [[nodiscard]] uint32_t count() const { return static_cast<uint32_t>(workers_.size()); }
  [[nodiscard]] std::vector<server::Mailbox*> mailboxes();
  /// What each counts; good for longer than they are.
  [[nodiscard]] std::vector<std::shared_ptr<const server::FiguresSource>> figures() const;

  /// Returns when all are ready, or with what kept one from it.
  Result<void> start(const config::Config& config, const Resources& resources, uint64_t hash_seed,
                     const std::shared_ptr<const server::Snapshot>& snapshot, server::Helper& helper);
  /// Worker `index` begins to accept on `listeners[index]` and to log.
  void go(std::vector<std::vector<server::Listener>> listeners);
  /// Nobody is to accept: they end. After start(), in the place of go().
  void give_up();

  void post(server::Command command);
  void post(uint32_t worker, server::Order order);
  /// All orders posted so far are carried out.
  [[nodiscard]] bool orders_done() const;
  /// Since the last call that said so, every worker has come round. Asks them to, for the next call.
  [[nodiscard]] bool all_came_round();

  /// Readable when a worker has ended or done something that it was asked for.
  [[nodiscard]] int descriptor() const { return event_.number(); }
  void heard();
  [[nodiscard]] bool ended() const { return alive_.load() == 0; }
  /// Some worker's ring still holds memory of ours: only _exit() is left.
  [[nodiscard]] bool stuck() const { return stuck_.load(); }
  void join();

 private:
  struct One {
    std::thread thread;
    server::WorkerOptions options;
    int cpu = -1;
    std::vector<server::Listener> listeners;
    std::unique_ptr<server::Mailbox> mailbox = std::make_unique<server::Mailbox>();
    std::shared_ptr<server::FiguresSource> figures = std::make_shared<server::FiguresSource>();
    uint64_t orders = 0;  // posted
    uint64_t beats = 0;   // asked for
    std::atomic<bool> ended{false};
  };
  void live(One& self, const std::shared_ptr<const server::Snapshot>& snapshot, server::Helper& helper);

  server::Shared& shared_;
  log::Logger& logger_;
  Fd event_;
  std::vector<One> workers_;
  std::atomic<uint32_t> alive_{0};
  std::atomic<bool> stuck_{false};

  std::mutex mutex_;  // of what follows: the meeting at start
  std::condition_variable changed_;
  uint32_t ready_ = 0;
  std::string error_;
  bool go_ = false;
};

}  // namespace uringd::daemon
