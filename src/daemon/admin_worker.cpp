// The admin thread's life.
#include "admin_worker.hpp"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace uringd::daemon {
namespace {

constexpr uint32_t most_connections = 128;
constexpr int niceness = 5;  // a third of a serving thread's share, where they compete
constexpr auto abort_patience = std::chrono::milliseconds(300);

}  // namespace

config::Config admin_listening(const config::Config& config) {
  config::Config same = config;
  same.server.listen.clear();
  if (config.admin.listen) same.server.listen.push_back(*config.admin.listen);
  return same;
}

server::WorkerOptions admin_options(const config::Config& config) {
  server::WorkerOptions options;
  options.ring = {.submission_entries = 64,
                  .completion_entries = 512,
                  .direct_slots = 2 * most_connections,
                  .receive_buffers = 32,
                  .bounded_workers = 1,
                  .unbounded_workers = 1,
                  .restricted = config.server.sandbox};
  options.connection_slots = most_connections;
  options.parked_limit = most_connections;  // single accepts: none is closed because many came at once
  options.cache_bytes = 0;
  options.kept_files = 0;
  options.stream_memory_bytes = size_t{64} << 10;  // never touched
  options.output_blocks = 4;
  options.input_bytes = std::max<size_t>(size_t{4} << 20, 4 * config.limits.header_size_bytes);
  options.disk_queue_size = 1;
  options.populate = false;
  return options;
}

Result<void> AdminWorker::start(const Snapshot& snapshot, admin::Served served, uint64_t seed) {
  seed_ = seed;
  shared_.connection_limit = most_connections;
  shared_.dispose = [this](std::shared_ptr<const void> thing) { steering_.dispose(std::move(thing)); };
  admin_ = admin::Admin::make(steering_, std::move(served), mailbox_, snapshot, logger_);
  std::promise<Result<void>> ready;
  std::promise<bool> ended;
  auto is_ready = ready.get_future();
  ended_ = ended.get_future();
  try {
    thread_ = std::thread([this, snapshot, ready = std::move(ready), ended = std::move(ended)]() mutable {
      live(snapshot, std::move(ready), std::move(ended));
    });
  } catch (const std::system_error& refused) {
    admin_.reset();
    return failure(std::string("no thread for the admin interface: ") + refused.what() +
                   "; raise the limit of tasks (ulimit -u, TasksMax=)");
  }
  Result<void> started = is_ready.get();
  if (!started) {
    thread_.join();
    admin_.reset();
  }
  return started;
}

void AdminWorker::live(const Snapshot& snapshot, std::promise<Result<void>> ready, std::promise<bool> ended) {
  pthread_setname_np(pthread_self(), "uringd/admin");
  setpriority(PRIO_PROCESS, 0, niceness);  // of this thread alone (setpriority(2), C library/kernel differences)
  server::WorkerOptions options = admin_options(snapshot->config());
  options.hash_seed = seed_;
  auto worker = server::Worker::create(options, snapshot, shared_, mailbox_, nullptr, logger_, admin_.get());
  if (!worker) {
    ready.set_value(std::unexpected(worker.error()));
    return ended.set_value(true);
  }
  ready.set_value({});
  (*worker)->run();
  const bool clean = (*worker)->idle();
  if (!clean) [[maybe_unused]]
    const server::Worker* leaked = worker->release();
  ended.set_value(clean);
}

void AdminWorker::post(std::vector<server::ListenerChange> changes) {
  if (!running()) return;
  for (server::ListenerChange& change : changes) mailbox_.post(std::move(change));
}

void AdminWorker::post(server::Command command) {
  if (running()) mailbox_.post(command);
}

void AdminWorker::configure(const Snapshot& snapshot) {
  if (!running()) return;
  mailbox_.post(server::Reconfigure{snapshot, admin_options(snapshot->config())});
  admin_->configure(snapshot);
}

void AdminWorker::tell(admin::Standing standing) {
  if (running()) admin_->tell(std::move(standing));
}

void AdminWorker::set_state(admin::State state) {
  if (running()) admin_->set_state(state);
}

void AdminWorker::reloaded(uint64_t last, admin::ReloadOutcome outcome) {
  if (running()) admin_->reloaded(last, std::move(outcome));
}

bool AdminWorker::stop(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return true;
  mailbox_.post(server::Command::drain);
  if (ended_.wait_for(patience) != std::future_status::ready) mailbox_.post(server::Command::abort);
  if (ended_.wait_for(abort_patience) != std::future_status::ready) {
    thread_.detach();
    [[maybe_unused]] const auto* in_use_still = admin_.release();
    return false;
  }
  thread_.join();
  return ended_.get();
}

}  // namespace uringd::daemon
