// A worker thread's life, and the meeting of all at start.
#include "worker_threads.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "account.hpp"
#include "uringd/base/check.hpp"

namespace uringd::daemon {

WorkerThreads::WorkerThreads(uint32_t count, server::Shared& shared, log::Logger& logger)
    : shared_(shared), logger_(logger), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), workers_(count) {
  CHECK(event_.open());
  shared_.wake = [this] { eventfd_write(event_.number(), 1); };
}

WorkerThreads::~WorkerThreads() { join(); }

std::vector<server::Mailbox*> WorkerThreads::mailboxes() {
  std::vector<server::Mailbox*> mailboxes;
  for (One& worker : workers_) mailboxes.push_back(worker.mailbox.get());
  return mailboxes;
}

std::vector<std::shared_ptr<const server::FiguresSource>> WorkerThreads::figures() const {
  std::vector<std::shared_ptr<const server::FiguresSource>> all;
  for (const One& worker : workers_) all.push_back(worker.figures);
  return all;
}

Result<void> WorkerThreads::start(const config::Config& config, const Resources& resources, uint64_t hash_seed,
                                  const std::shared_ptr<const server::Snapshot>& snapshot, server::Helper& helper) {
  alive_ = count();
  for (uint32_t index = 0; index < count(); ++index) {
    One& worker = workers_[index];
    worker.options = worker_options(config, resources, index);
    worker.options.hash_seed = hash_seed;
    worker.cpu = cpu_for(config, resources, index);
    try {
      worker.thread = std::thread([this, &worker, snapshot, &helper] { live(worker, snapshot, helper); });
    } catch (const std::system_error& refused) {
      const std::lock_guard lock(mutex_);
      error_ = std::string("no thread for a worker: ") + refused.what() +
               "; raise the limit of tasks (ulimit -u, TasksMax=)";
      break;
    }
  }
  changed_.notify_all();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ == count() || !error_.empty(); });
  if (error_.empty()) return {};
  const std::string error = error_;
  lock.unlock();
  changed_.notify_all();
  join();
  return failure(error);
}

void WorkerThreads::go(std::vector<std::vector<server::Listener>> listeners) {
  {
    const std::lock_guard lock(mutex_);
    for (uint32_t index = 0; index < count(); ++index) workers_[index].listeners = std::move(listeners[index]);
    go_ = true;
  }
  changed_.notify_all();
}

void WorkerThreads::give_up() {
  {
    const std::lock_guard lock(mutex_);
    error_ = "given up";
  }
  changed_.notify_all();
  join();
}

void WorkerThreads::live(One& self, const std::shared_ptr<const server::Snapshot>& snapshot, server::Helper& helper) {
  if (self.cpu >= 0) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(self.cpu, &mask);
    pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
  }
  pthread_setname_np(pthread_self(), ("uringd/" + std::to_string(self.options.index)).c_str());
  auto worker =
      server::Worker::create(self.options, snapshot, shared_, *self.mailbox, &helper.door(self.options.index), logger_);
  std::vector<server::Listener> listeners;
  {
    std::unique_lock lock(mutex_);
    if (!worker) {
      error_ = worker.error().message;
      changed_.notify_all();
      return;
    }
    ++ready_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return go_ || !error_.empty(); });
    if (!go_) return;
    listeners = std::move(self.listeners);
  }
  const uring::RingSetup& ring = (*worker)->ring().setup();
  if (self.options.index == 0 && ring.restriction_errno != 0) {
    logger_.warn("sandbox: the kernel refuses ring restrictions: " + errno_text(ring.restriction_errno));
  }
  self.figures->begin(**worker);
  (*worker)->listen(std::move(listeners));
  (*worker)->run();
  self.figures->end();
  for (const std::string& line : account_of(**worker, self.options.index)) logger_.info(line);
  if (!(*worker)->idle()) {
    stuck_ = true;  // the kernel still holds memory of ours
    [[maybe_unused]] const server::Worker* leaked = worker->release();
  }
  self.ended = true;
  alive_.fetch_sub(1);
  eventfd_write(event_.number(), 1);
}

void WorkerThreads::post(server::Command command) {
  for (One& worker : workers_) worker.mailbox->post(command);
}

void WorkerThreads::post(uint32_t worker, server::Order order) {
  ++workers_[worker].orders;
  workers_[worker].mailbox->post(std::move(order));
}

bool WorkerThreads::orders_done() const {
  return std::ranges::all_of(workers_, [](const One& one) { return one.mailbox->orders_done() == one.orders; });
}

bool WorkerThreads::all_came_round() {
  const auto came = [](const One& one) { return one.ended || one.mailbox->beats() == one.beats; };
  if (!std::ranges::all_of(workers_, came)) return false;
  for (One& worker : workers_) ++worker.beats;
  post(server::Command::beat);
  return true;
}

void WorkerThreads::heard() {
  eventfd_t count = 0;
  eventfd_read(event_.number(), &count);
}

void WorkerThreads::join() {
  for (One& worker : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
}

}  // namespace uringd::daemon
