// AdminWorker: the thread of the admin interface: a server::Worker whose requests go to admin::Admin, with a ring of
// its own and little memory, on no CPU of its own and a little less important than those that serve. The main thread
// owns it and speaks to it by its mailbox. It ends after the serving workers, so that a drain can be watched.
//
//   (off) ──► start() ──► running ──► stop() ──► ended          a reload may start it; none ends it
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "uringd/admin/admin.hpp"
#include "uringd/daemon/resources.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::daemon {

/// The same configuration with admin.listen in the place of server.listen: for the Listeners of the admin interface.
config::Config admin_listening(const config::Config& config);
/// Little: some connections, no files.
server::WorkerOptions admin_options(const config::Config& config);

class AdminWorker {
 public:
  using Snapshot = std::shared_ptr<const server::Snapshot>;

  AdminWorker(admin::Steering& steering, log::Logger& logger) : steering_(steering), logger_(logger) {}
  AdminWorker(const AdminWorker&) = delete;
  AdminWorker& operator=(const AdminWorker&) = delete;
  ~AdminWorker() { static_cast<void>(stop(std::chrono::milliseconds(0))); }

  /// Returns when its ring is there, or why there is none. The workers served end before it.
  Result<void> start(const Snapshot& snapshot, admin::Served served, uint64_t seed);
  [[nodiscard]] bool running() const { return admin_ != nullptr; }

  // Nothing where it is not running.
  void post(std::vector<server::ListenerChange> changes);
  void post(server::Command command);
  void configure(const Snapshot& snapshot);
  void tell(admin::Standing standing);
  void set_state(admin::State state);
  [[nodiscard]] uint64_t reloads_wanted() const { return admin_ ? admin_->reloads_wanted() : 0; }
  void reloaded(uint64_t last, admin::ReloadOutcome outcome);

  /// Answers under way have `patience`. False: its ring still holds memory of ours, and only _exit() is left.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

 private:
  void live(const Snapshot& snapshot, std::promise<Result<void>> ready, std::promise<bool> ended);

  admin::Steering& steering_;
  log::Logger& logger_;
  server::Mailbox mailbox_;
  server::Shared shared_;
  std::unique_ptr<admin::Admin> admin_;  // dies after the thread
  uint64_t seed_ = 0;
  std::thread thread_;
  std::future<bool> ended_;  // true: cleanly
};

}  // namespace uringd::daemon
