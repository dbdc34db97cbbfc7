// Start, wait, stop. What can go wrong at start goes wrong before a port listens; what is stuck at the end is left to
// the kernel.
#include "uringd/daemon/serve.hpp"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

#include "uringd/base/check.hpp"
#include "uringd/daemon/listeners.hpp"
#include "uringd/daemon/resources.hpp"
#include "uringd/log/logger.hpp"
#include "uringd/server/helper.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::daemon {
namespace {

using Milliseconds = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

int complain(const std::string& message) {
  std::fprintf(stderr, "uringd: %s\n", message.c_str());
  return 1;
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  return set;
}

// What a worker did in its life, for the log when it ends; a line has its bound.
std::vector<std::string> account_of(const server::Worker& worker, uint32_t index) {
  const server::WorkerCounters& served = worker.counters();
  const disk::DiskCounters& disk = worker.disk().counters();
  const cache::CacheCounters& cache = worker.cache().counters();
  const uring::RingCounters& ring = worker.ring().counters();
  std::vector<std::string> lines;
  const auto begin = [&] { lines.push_back("worker " + std::to_string(index) + ":"); };
  const auto add = [&](const char* name, uint64_t value) {
    lines.back().append(" ").append(name).append("=").append(std::to_string(value));
  };
  begin();
  add("connections", served.accepted);
  add("requests", served.requests);
  add("hits", served.hits);
  add("misses", served.misses);
  add("sent_bytes", served.sent_bytes);
  add("timeouts", served.timeouts);
  add("aborted", served.aborted);
  add("pieces", disk.stream_pieces);
  add("failed_streams", disk.stream_failures);
  add("enters", ring.enters);
  add("submissions", ring.submissions);
  add("completions", ring.completions);
  add("overflows", ring.overflows);
  begin();
  add("absent", disk.absent);
  add("aged", disk.aged);
  add("other_release", disk.other_release);
  add("fetches", disk.fetches);
  add("joined", disk.joined);
  add("rejected", disk.rejected);
  add("deepest", disk.deepest);
  add("cold_opens", disk.cold_opens);
  add("cold_reads", disk.cold_reads);
  add("borrowed", disk.borrowed);
  add("read_bytes", disk.read_bytes);
  add("changed_while_read", disk.moved);
  add("too_young", disk.not_kept);
  add("looks", disk.looks);
  add("looks_ahead", disk.looks_ahead);
  add("unchanged", disk.unchanged);
  add("stale", disk.stale);
  add("preloaded", disk.preloaded);
  begin();
  add("cached", disk.published);
  static constexpr std::array<const char*, cache::gone_count> reasons = {
      "evicted", "gone_idle", "gone_changed", "gone_missing", "gone_watch", "gone_replaced", "gone_closing"};
  for (size_t reason = 0; reason < reasons.size(); ++reason) add(reasons[reason], cache.gone[reason]);
  add("invalidated", disk.invalidated);
  add("missing_by_name", disk.missing_by_name);
  add("listings", disk.listings);
  return lines;
}

// The meeting of the main thread and the workers at start: all ready, or one error.
struct Start {
  std::mutex mutex;
  std::condition_variable changed;
  uint32_t ready = 0;
  std::string error;
  bool go = false;
};

struct WorkerThread {
  std::thread thread;
  server::WorkerOptions options;
  int cpu = -1;
  std::vector<server::Worker::Listener> listeners;
  std::unique_ptr<server::Mailbox> mailbox = std::make_unique<server::Mailbox>();
};

class Server {
 public:
  Server(const config::Config& config, std::shared_ptr<const server::Snapshot> snapshot, log::Logger& logger,
         const Resources& resources, Listeners listeners)
      : config_(config),
        snapshot_(std::move(snapshot)),
        logger_(logger),
        listeners_(std::move(listeners)),
        ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        threads_(worker_count(config, resources)),
        helper_(snapshot_->sites(), helper_options(config), logger, static_cast<uint32_t>(threads_.size())) {
    shared_.connection_limit = connection_limit(config, resources);
    uint64_t seed = 0;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    for (uint32_t index = 0; index < threads_.size(); ++index) {
      threads_[index].options = worker_options(config, resources, index);
      threads_[index].options.hash_seed = seed;
      threads_[index].cpu = cpu_for(config, resources, index);
      threads_[index].listeners = listeners_.of_worker(index);
    }
  }

  int run(const sigset_t& signals) {
    for (WorkerThread& worker : threads_) worker.thread = std::thread([this, &worker] { live(worker); });
    if (auto started = wait_for_workers(); !started) return give_up(started.error().message);
    if (auto helping = start_helper(); !helping) return give_up(helping.error().message);
    if (auto listening = listeners_.listen(); !listening) return give_up(listening.error().message);
    {
      const std::lock_guard lock(start_.mutex);
      start_.go = true;
    }
    start_.changed.notify_all();
    logger_.info("listening on " + listeners_.text() + " with " + std::to_string(threads_.size()) +
                 (threads_.size() == 1 ? " worker" : " workers"));
    const bool clean = watch(signals);
    const bool helped = helper_.stop(Milliseconds(500));
    logger_.info("stopped");
    flush_log();
    if (!clean || !helped) {
      _exit(0);  // no waiting for what a disk still holds
    }
    for (WorkerThread& worker : threads_) worker.thread.join();
    return 0;
  }

 private:
  // A worker thread's life.
  void live(WorkerThread& self) {
    if (self.cpu >= 0) {
      cpu_set_t mask;
      CPU_ZERO(&mask);
      CPU_SET(self.cpu, &mask);
      pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
    }
    pthread_setname_np(pthread_self(), ("uringd/" + std::to_string(self.options.index)).c_str());
    auto worker = server::Worker::create(self.options, snapshot_, shared_, *self.mailbox,
                                         &helper_.door(self.options.index), logger_);
    {
      std::unique_lock lock(start_.mutex);
      if (!worker) {
        start_.error = worker.error().message;
        start_.changed.notify_all();
        return;
      }
      ++start_.ready;
      start_.changed.notify_all();
      start_.changed.wait(lock, [this] { return start_.go || !start_.error.empty(); });
      if (!start_.go) return;
    }
    (*worker)->listen(self.listeners);
    (*worker)->run();
    for (const std::string& line : account_of(**worker, self.options.index)) logger_.info(line);
    if (!(*worker)->disk().idle()) {
      stuck_ = true;  // the kernel still holds memory of ours
      [[maybe_unused]] const server::Worker* leaked = worker->release();
    }
    alive_.fetch_sub(1);
    eventfd_write(ended_.number(), 1);
  }

  static server::HelperOptions helper_options(const config::Config& config) {
    return {.watch = config.cache.watch,
            .stale_after_ms = static_cast<uint64_t>(config.cache.stale_after.count()),
            .preload = config.cache.preload};
  }

  Result<void> start_helper() {
    std::vector<server::Mailbox*> mailboxes;
    for (WorkerThread& worker : threads_) mailboxes.push_back(worker.mailbox.get());
    return helper_.start(mailboxes);
  }

  Result<void> wait_for_workers() {
    alive_ = static_cast<uint32_t>(threads_.size());
    std::unique_lock lock(start_.mutex);
    start_.changed.wait(lock, [this] { return start_.ready == threads_.size() || !start_.error.empty(); });
    if (!start_.error.empty()) return failure(start_.error);
    return {};
  }

  int give_up(const std::string& message) {
    {
      const std::lock_guard lock(start_.mutex);
      if (start_.error.empty()) start_.error = message;
    }
    start_.changed.notify_all();
    for (WorkerThread& worker : threads_) worker.thread.join();
    flush_log();
    return complain(message);
  }

  // The last lines, for a reader who reads: a moment, no more.
  void flush_log() {
    logger_.drain();
    for (int attempt = 0; logger_.blocked() && attempt < 10; ++attempt) {
      pollfd ready{logger_.output(), POLLOUT, 0};
      poll(&ready, 1, 50);
      logger_.drain();
    }
  }

  // Until all workers have ended: true where they could let go of everything. A second signal or the end of the drain
  // closes what is open.
  bool watch(const sigset_t& signals) {
    Fd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    CHECK(signal_fd.open());
    auto deadline = SteadyClock::time_point::max();
    bool aborting = false;
    const auto abort = [&] {
      aborting = true;
      deadline = SteadyClock::now() + Milliseconds(500);
      for (WorkerThread& worker : threads_) worker.mailbox->post(server::Command::abort);
    };
    while (alive_.load() > 0) {
      // While stderr takes nothing, it is what we wait for, not the lines behind it.
      const bool blocked = logger_.blocked();
      pollfd events[] = {{signal_fd.number(), POLLIN, 0},
                         {ended_.number(), POLLIN, 0},
                         {blocked ? logger_.output() : logger_.wake_descriptor(),
                          static_cast<int16_t>(blocked ? POLLOUT : POLLIN), 0}};
      int timeout_ms = -1;
      if (deadline != SteadyClock::time_point::max()) {
        const auto left = std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()).count();
        if (left <= 0 && aborting) return false;
        if (left <= 0) {
          logger_.warn("drain_timeout: closing what is still open");
          abort();
          continue;
        }
        timeout_ms = static_cast<int>(std::min<int64_t>(left + 1, 60'000));
      }
      poll(events, 3, timeout_ms);
      eventfd_t count = 0;
      eventfd_read(ended_.number(), &count);
      logger_.drain();
      signalfd_siginfo info{};
      while (read(signal_fd.number(), &info, sizeof info) == sizeof info) {
        const int number = static_cast<int>(info.ssi_signo);
        if (number != SIGTERM && number != SIGINT) {
          logger_.warn("signal " + std::to_string(number) + " has no meaning yet: restart to change anything");
          continue;
        }
        if (deadline != SteadyClock::time_point::max()) {
          if (!aborting) abort();
          continue;
        }
        logger_.info("draining");
        listeners_.remove_names();
        deadline = SteadyClock::now() + config_.server.drain_timeout;
        for (WorkerThread& worker : threads_) worker.mailbox->post(server::Command::drain);
      }
    }
    return !stuck_;
  }

  const config::Config& config_;
  std::shared_ptr<const server::Snapshot> snapshot_;
  log::Logger& logger_;
  Listeners listeners_;
  server::Shared shared_;
  Fd ended_;
  Start start_;
  std::atomic<uint32_t> alive_{0};
  std::atomic<bool> stuck_{false};
  std::vector<WorkerThread> threads_;
  server::Helper helper_;  // after the threads' mailboxes, which it posts to
};

}  // namespace

int serve(const config::Loaded& loaded) {
  const config::Config& config = *loaded.config;
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  log::Logger logger(static_cast<log::Level>(config.log.level), STDERR_FILENO);
  for (const config::Problem& warning : loaded.warnings) logger.warn(config::to_line(warning));
  const Resources resources = look_at_resources();
  std::vector<std::string> warnings;
  auto snapshot = server::Snapshot::build(loaded.config, warnings);
  if (!snapshot) return complain(snapshot.error().message);
  for (const std::string& warning : warnings) logger.warn(warning);
  auto listeners = Listeners::bind(config, worker_count(config, resources));
  if (!listeners) return complain(listeners.error().message);
  Server server(config, std::move(*snapshot), logger, resources, std::move(*listeners));
  return server.run(signals);
}

}  // namespace uringd::daemon
