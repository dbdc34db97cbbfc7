// What changes while the server runs: its configuration, its log files, its successor.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "log_files.hpp"
#include "server.hpp"

namespace uringd::daemon {
namespace {

log::Form form_of(const config::Config& config) {
  return config.log.format == config::LogFormat::json ? log::Form::json : log::Form::text;
}

}  // namespace

// A reload opens the log files anew too.
void Server::start_chores() {
  if (chores_.at_work() || upgrade_ || !reload_told_) return;
  if (std::exchange(reload_wanted_, false)) {
    reopen_wanted_ = false;
    begin_reload();
  } else if (std::exchange(reopen_wanted_, false)) {
    begin_reopening();
  } else if (std::exchange(upgrade_wanted_, false)) {
    begin_upgrade();
  }
}

void Server::begin_reload() {
  // Numbered, because the log holds equal lines back.
  logger_.info("reload: reading the configuration (reload " + std::to_string(++reloads_) + ")");
  notifier_.reloading();
  wanted_by_admin_ = admin_.reloads_wanted();
  const Present present{.sources = sources_,
                        .snapshot = snapshot_,
                        .sites = sites_,
                        .listeners = &listeners_,
                        .admin_listeners = &admin_listeners_,
                        .workers = workers_.count()};
  chores_.start(
      [this, present]() -> Chores::Rest {
        auto prepared = std::make_shared<std::expected<Prepared, std::vector<std::string>>>(prepare_reload(present));
        return [this, prepared] {
          if (stopping()) return;
          if (*prepared) return swap_in(std::move(**prepared));
          reload_failed(prepared->error());
        };
      },
      [this](const std::string& why) { reload_failed({why}); });
}

// Numbered, as above: the same mistake is told each time.
void Server::reload_failed(const std::vector<std::string>& problems) {
  if (stopping()) return;
  const std::string number = " (reload " + std::to_string(reloads_) + ")";
  for (const std::string& line : problems) logger_.error("reload: " + line + number);
  tell_admin(false, problems);
  logger_.error("reload: failed" + number + "; the configuration before goes on");
  notifier_.ready("serving on " + listeners_.text() + "; the last reload failed");
}

void Server::swap_in(Prepared prepared) {
  for (const std::string& line : prepared.warnings) logger_.warn("reload: " + line);
  for (const std::string& line : prepared.admin_plan.warnings) logger_.warn("reload: " + line);
  for (const std::string& line : prepared.plan.warnings) logger_.warn("reload: " + line);
  std::shared_ptr<const server::Snapshot> before = std::exchange(snapshot_, std::move(prepared.snapshot));
  const uint32_t wanted = connection_limit(config(), resources_);
  tell_connection_limit();
  if (wanted > most_connections_) {
    logger_.warn("reload: limits.connections: more than " + std::to_string(most_connections_) + " needs a restart");
  }
  standing_.config_text = std::move(prepared.config_text);
  shared_.connection_limit = std::min(wanted, most_connections_);
  logger_.set_level(static_cast<log::Level>(config().log.level));
  logger_.set_form(form_of(config()));
  for (uint32_t worker = 0; worker < workers_.count(); ++worker) {
    workers_.post(worker, server::Reconfigure{snapshot_, worker_options(config(), resources_, worker)});
    workers_.post(worker, std::move(prepared.logs[worker]));
  }
  helper_.configure(work_of(snapshot_));  // after the workers: it tells them of trees that they must know
  post(listeners_.carry_out(std::move(prepared.plan)));
  change_admin(std::move(prepared.admin_plan));
  helper_.dispose(std::move(before));
  reload_told_ = false;
}

void Server::post(std::vector<server::ListenerChange> changes) {
  for (server::ListenerChange& change : changes) {
    const uint32_t worker = change.worker;
    workers_.post(worker, std::move(change));
  }
}

void Server::check_reload_done() {
  if (reload_told_ || !workers_.orders_done()) return;
  reload_told_ = true;
  tell_admin(true, {});
  logger_.info("reload: done (reload " + std::to_string(reloads_) + "); listening on " + listeners_.text());
  if (!stopping()) notifier_.ready("serving on " + listeners_.text());
}

void Server::begin_reopening() {
  chores_.start(
      [this, snapshot = snapshot_, count = workers_.count()]() -> Chores::Rest {
        auto logs = std::make_shared<Result<std::vector<server::LogTo>>>(open_access_log(snapshot->config(), count));
        return [this, logs] {
          if (stopping()) return;
          if (!*logs) return logger_.error("reopen: " + logs->error().message + "; the file before goes on");
          for (uint32_t worker = 0; worker < workers_.count(); ++worker)
            workers_.post(worker, std::move((**logs)[worker]));
          logger_.info(config().log.access.empty() ? "reopen: there is no access log" : "reopened the access log");
        };
      },
      [this](const std::string& why) { logger_.error("reopen: " + why + "; the file before goes on"); });
}

void Server::begin_upgrade() {
  std::vector<HandedSocket> handed = listeners_.descriptors();
  for (HandedSocket& socket : admin_listeners_.descriptors()) handed.push_back(std::move(socket));
  auto started = Upgrade::start(invocation_, handed, sandbox_.active);
  if (!started) return logger_.error("upgrade: " + started.error().message + "; this process goes on");
  upgrade_.emplace(std::move(*started));
  logger_.info("upgrade: process " + std::to_string(upgrade_->pid()) + " is starting");
}

void Server::on_upgrade() {
  upgrade_->on_event();
  switch (upgrade_->state()) {
    case Upgrade::State::starting:
    case Upgrade::State::confirmed: return;
    case Upgrade::State::failed:
      logger_.error("upgrade: " + upgrade_->reason() + "; this process goes on");
      return upgrade_.reset();
    case Upgrade::State::ready: break;
  }
  notifier_.main_process(upgrade_->pid());
  upgrade_->confirm();
  if (upgrade_->state() != Upgrade::State::confirmed) {  // it died at that moment
    logger_.error("upgrade: " + upgrade_->reason() + "; this process goes on");
    notifier_.main_process(getpid());
    return upgrade_.reset();
  }
  watchdog_at_ = Clock::time_point::max();
  post(listeners_.hand_over());
  hand_admin_over();
  logger_.info("upgrade: process " + std::to_string(upgrade_->pid()) + " serves now");
  // It may have read its configuration before what was asked of us since.
  if (reload_wanted_ || reopen_wanted_) kill(upgrade_->pid(), reload_wanted_ ? SIGHUP : SIGUSR1);
  successor_ = upgrade_->pid();
  upgrade_.reset();
  drain(server::Command::hand_over);
}

}  // namespace uringd::daemon
