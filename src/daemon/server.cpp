// Start, and end: what is stuck then is left to the kernel.
#include "server.hpp"

#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::daemon {
namespace {

using Milliseconds = std::chrono::milliseconds;

uint64_t random_seed() {
  uint64_t seed = 0;
  CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace

server::HelperWork Server::work_of(const std::shared_ptr<const server::Snapshot>& snapshot) {
  const config::Config::Cache& cache = snapshot->config().cache;
  return {.options = {.watch = cache.watch,
                      .stale_after_ms = static_cast<uint64_t>(cache.stale_after.count()),
                      .preload = cache.preload,
                      .restricted_ring = snapshot->config().server.sandbox},
          .trees = snapshot->slots(),
          .maps = &snapshot->maps(),
          .map_files = snapshot->map_files(),
          .owner = snapshot};
}

Server::Server(ServerParts parts, log::Logger& logger)
    : logger_(logger),
      sources_(std::move(parts.sources)),
      invocation_(std::move(parts.invocation)),
      resources_(std::move(parts.resources)),
      sites_(std::move(parts.sites)),
      snapshot_(std::move(parts.snapshot)),
      listeners_(std::move(parts.listeners)),
      admin_listeners_(std::move(parts.admin_listeners)),
      logs_(std::move(parts.logs)),
      predecessor_(std::move(parts.predecessor)),
      sandbox_(std::move(parts.sandbox)),
      seed_(random_seed()),
      shared_(seed_),
      most_connections_(connection_limit(config(), resources_)),
      helper_(*sites_, work_of(snapshot_), logger, worker_count(config(), resources_)),
      admin_(*this, logger),
      workers_(worker_count(config(), resources_), shared_, logger),
      standing_(first_standing(std::move(parts.config_text))) {
  shared_.connection_limit = most_connections_;
  shared_.dispose = [this](std::shared_ptr<const void> thing) { helper_.dispose(std::move(thing)); };
}

Result<void> Server::start() {
  if (auto started = workers_.start(config(), resources_, seed_, snapshot_, helper_); !started) return started;
  auto helped = helper_.start(workers_.mailboxes());
  auto ready = helped ? listeners_.listen() : helped;
  if (ready) ready = start_admin();
  if (!ready) {
    workers_.give_up();
    return ready;
  }
  std::vector<std::vector<server::Listener>> listeners;
  for (uint32_t worker = 0; worker < workers_.count(); ++worker) {
    if (logs_[worker].file.open()) workers_.post(worker, std::move(logs_[worker]));
    auto own = listeners_.of_worker(worker);
    if (!own) {
      const bool stopped = admin_.stop(Milliseconds(0));  // it knows the workers
      if (!stopped) give_up(own.error());
      workers_.give_up();
      return std::unexpected(own.error());
    }
    listeners.push_back(std::move(*own));
  }
  workers_.go(std::move(listeners));
  return {};
}

// The admin thread goes on, and uses what would be freed.
void Server::give_up(const Error& error) {
  admin_listeners_.let_go();
  listeners_.let_go();
  flush_log();
  std::fprintf(stderr, "uringd: %s\n", error.message.c_str());
  _exit(1);
}

// What was asked for is more than the limit of open files leaves room for.
void Server::tell_connection_limit() {
  const uint32_t possible = connection_limit(config(), resources_);
  if (config().limits.connections <= possible) return;
  logger_.warn("limits.connections = " + std::to_string(config().limits.connections) + ": the limit of open files, " +
               std::to_string(resources_.descriptors) + ", leaves room for " + std::to_string(possible) +
               "; raise it (ulimit -n, LimitNOFILE=)");
}

void Server::announce() {
  tell_connection_limit();
  logger_.info("listening on " + listeners_.text() + " with " + std::to_string(workers_.count()) +
               (workers_.count() == 1 ? " worker" : " workers"));
  if (admin_.running()) logger_.info("admin interface on " + admin_listeners_.text());
  if (sandbox_.active) logger_.info("sandbox: " + sandbox_.text);
  if (!sandbox_.active && config().server.sandbox) logger_.warn("sandbox: " + sandbox_.text);
  if (sandbox_.active && !config().server.sandbox) {
    logger_.warn("sandbox: server.sandbox = false needs a restart; until then the predecessor's stays");
  }
  if (predecessor_) {
    if (auto confirmed = predecessor_->ready(std::chrono::seconds(30)); !confirmed) {
      logger_.warn("upgrade: " + confirmed.error().message);
    }
    listeners_.take_names();
    admin_listeners_.take_names();
    predecessor_.reset();
  }
  notifier_.ready("serving on " + listeners_.text());
  if (const auto interval = notifier_.watchdog_interval()) watchdog_at_ = Clock::now() + *interval;
}

int Server::run(const sigset_t& signals) {
  const Fd signal_fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  CHECK(signal_fd.open());
  if (auto started = start(); !started) {
    flush_log();
    std::fprintf(stderr, "uringd: %s\n", started.error().message.c_str());
    return 1;
  }
  announce();
  loop(signal_fd.number());
  return end(signal_fd.number());
}

int Server::end(int signals) {
  bool clean = workers_.ended() && !workers_.stuck();
  admin_listeners_.let_go();
  if (!admin_.stop(Milliseconds(100))) clean = false;
  if (!helper_.stop(Milliseconds(500)) || chores_.at_work()) clean = false;
  logger_.info("stopped");
  flush_log();
  if (clean) workers_.join();
  if (successor_ != 0) hear_signals(signals);  // what came for it meanwhile
  flush_log();
  if (!clean) _exit(0);  // no waiting for what a disk still holds
  return 0;
}

// The last lines, for a reader who reads: a moment, no more.
void Server::flush_log() {
  logger_.finish();
  for (int attempt = 0; logger_.blocked() && attempt < 10; ++attempt) {
    pollfd ready{logger_.output(), POLLOUT, 0};
    poll(&ready, 1, 50);
    logger_.drain();
  }
}

}  // namespace uringd::daemon
