// The main thread's loop: one poll, then what it brought, then what is due.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "server.hpp"

namespace uringd::daemon {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds abort_patience{500};
constexpr int longest_wait_ms = 60'000;

}  // namespace

void Server::loop(int signals) {
  while (!workers_.ended()) {
    // While stderr takes nothing, it is what we wait for, not the lines behind it.
    const bool blocked = logger_.blocked();
    pollfd events[] = {
        {signals, POLLIN, 0},
        {workers_.descriptor(), POLLIN, 0},
        {chores_.descriptor(), POLLIN, 0},
        {upgrade_ ? upgrade_->descriptor() : -1, POLLIN, 0},
        {blocked ? logger_.output() : logger_.wake_descriptor(), static_cast<int16_t>(blocked ? POLLOUT : POLLIN), 0}};
    poll(events, std::size(events), wait_ms());
    workers_.heard();
    hear_admin();
    logger_.drain();
    if (const Chores::Rest rest = chores_.finished()) rest();
    if (upgrade_ && events[3].revents != 0) on_upgrade();
    hear_signals(signals);
    check_reload_done();
    on_time();
    if (state_ == State::serving) start_chores();
    if (state_ == State::aborting && Clock::now() >= deadline_) return;
  }
  hear_signals(signals);  // for a successor
}

int Server::wait_ms() const {
  auto until = std::min(deadline_, watchdog_at_);
  if (upgrade_) until = std::min(until, upgrade_->deadline());
  int64_t wait = longest_wait_ms;
  if (until != Clock::time_point::max()) {
    wait = std::chrono::duration_cast<Milliseconds>(until - Clock::now()).count() + 1;
  }
  if (const auto due = logger_.due()) wait = std::min<int64_t>(wait, due->count() + 1);
  return static_cast<int>(std::clamp<int64_t>(wait, 0, longest_wait_ms));
}

void Server::on_time() {
  const auto now = Clock::now();
  if (upgrade_ && now >= upgrade_->deadline()) on_upgrade();
  if (now >= watchdog_at_) {
    if (workers_.all_came_round()) notifier_.alive();
    watchdog_at_ = now + *notifier_.watchdog_interval();
  }
  if (now < deadline_) return;
  if (state_ == State::leaving) {
    drain(server::Command::drain);
  } else if (state_ == State::draining) {
    logger_.warn("drain_timeout: closing what is still open");
    abort();
  }
}

void Server::hear_signals(int signals) {
  signalfd_siginfo info{};
  while (read(signals, &info, sizeof info) == sizeof info) on_signal(static_cast<int>(info.ssi_signo));
}

void Server::on_signal(int number) {
  if (number == SIGTERM || number == SIGINT) {
    if (state_ == State::serving) return leave();
    if (successor_ != 0 && !std::exchange(stop_heard_, true)) {  // the first that asks this process to end
      return logger_.info("draining already, for the process that serves now; another signal ends it at once");
    }
    if (state_ != State::aborting) abort();
    return;
  }
  if (successor_ != 0) {  // who sent it did not know yet that another process serves
    kill(successor_, number);
    return;
  }
  if (stopping()) {
    return logger_.warn(std::string("signal ") + sigabbrev_np(number) + ": the server is stopping; nothing is done");
  }
  switch (number) {
    case SIGHUP:
      if (reload_wanted_ || chores_.at_work() || upgrade_) logger_.info("reload: follows what is under way");
      reload_wanted_ = true;
      return;
    case SIGUSR1:
      if (chores_.at_work()) logger_.info("reopen: follows what is under way");
      reopen_wanted_ = true;
      return;
    case SIGUSR2:
      if (upgrade_) return logger_.warn("upgrade: one is under way already");
      upgrade_wanted_ = true;
      return;
    default: return;
  }
}

// Not ready any more, but still serving, for shutdown_delay.
void Server::leave() {
  upgrade_.reset();
  notifier_.stopping("stopping");
  admin_.set_state(admin::State::leaving);
  dismiss_admin("the server is stopping");
  const config::Duration delay = config().server.shutdown_delay;
  if (delay.count() == 0) return drain(server::Command::drain);
  logger_.info("stopping: serving for shutdown_delay, " + std::to_string(delay.count()) + " ms");
  state_ = State::leaving;
  deadline_ = Clock::now() + delay;
}

void Server::drain(server::Command how) {
  logger_.info("draining");
  if (how == server::Command::drain) listeners_.let_go();
  state_ = State::draining;
  admin_.set_state(admin::State::draining);
  deadline_ = Clock::now() + config().server.drain_timeout;
  workers_.post(how);
}

void Server::abort() {
  if (state_ == State::leaving) listeners_.let_go();
  state_ = State::aborting;
  admin_.set_state(admin::State::draining);
  deadline_ = Clock::now() + abort_patience;
  workers_.post(server::Command::abort);
}

}  // namespace uringd::daemon
