// From a configuration to a server: sockets are bound as who we were started as, everything else is opened as who we
// are to be. What can go wrong at start goes wrong before a port listens.
#include "uringd/daemon/serve.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "adopt.hpp"
#include "bind.hpp"
#include "log_files.hpp"
#include "server.hpp"
#include "uringd/config/print.hpp"
#include "uringd/daemon/privileges.hpp"
#include "uringd/log/logger.hpp"

namespace uringd::daemon {
namespace {

int complain(const std::string& message) {
  std::fprintf(stderr, "uringd: %s\n", message.c_str());
  return 1;
}

int refuse(const std::vector<config::Problem>& problems) {
  for (const config::Problem& problem : problems) complain(config::to_line(problem));
  return 2;
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  return set;
}

// Of what `path` leads to: a log may be a link to another place.
std::string directory_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(std::filesystem::absolute(path), error);
  return (error ? std::filesystem::absolute(path) : real).parent_path().string();
}

SandboxPlan sandbox_plan(const config::Config& config, const Invocation& invocation) {
  SandboxPlan plan{.program = invocation.program};
  const std::string& log = config.log.access;
  if (!log.empty() && log != "stdout") plan.log_directories.push_back(directory_of(log));
  constexpr std::string_view unix_prefix = "unix:";
  std::vector<config::ListenAddress> addresses = config.server.listen;
  if (config.admin.listen) addresses.push_back(*config.admin.listen);
  for (const config::ListenAddress& address : addresses) {
    if (address.kind != config::ListenAddress::Kind::unix_path) continue;
    plan.socket_directories.push_back(directory_of(address.text.substr(unix_prefix.size())));
  }
  return plan;
}

Result<PassedSockets> passed_sockets(std::optional<Predecessor>& predecessor) {
  auto found = Predecessor::from_environment();
  if (!found) return std::unexpected(found.error());
  predecessor = std::move(*found);
  auto from_manager = PassedSockets::from_manager_environment();
  return predecessor ? predecessor->take_sockets() : std::move(from_manager);
}

// Who we are from now on, and what we may do.
Result<SandboxState> settle_down(const config::Config& config, const Invocation& invocation, bool sandboxed) {
  if (!config.server.user.empty()) {
    if (auto became = become_user(config.server.user); !became) return std::unexpected(became.error());
  }
  if (sandboxed) return SandboxState{true, "the predecessor's"};
  if (!config.server.sandbox) return SandboxState{false, {}};
  return enter_sandbox(sandbox_plan(config, invocation));
}

}  // namespace

int serve(const config::Loaded& loaded, const config::Sources& sources, Invocation invocation) {
  const config::Config& config = *loaded.config;
  const sigset_t signals = handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (const int number : {SIGPIPE, SIGXFSZ}) signal(number, SIG_IGN);  // EPIPE and EFBIG say the same
  log::Logger logger(static_cast<log::Level>(config.log.level), STDERR_FILENO,
                     config.log.format == config::LogFormat::json ? log::Form::json : log::Form::text);
  const auto stop = [&logger](int code) {
    logger.finish();
    return code;
  };
  for (const config::Problem& warning : loaded.warnings) logger.warn(config::to_line(warning));
  const Resources before = look_at_resources();
  const uint32_t workers = worker_count(config, before);

  std::optional<Predecessor> predecessor;
  auto passed = passed_sockets(predecessor);
  if (!passed) return stop(complain(passed.error().message));
  std::vector<std::string> odd;
  auto for_admin = config.admin.listen ? take_for(for_this_machine(*config.admin.listen), *passed) : PassedSockets{};
  auto admin_listeners = Listeners::open(admin_listening(config), false, 1, std::move(for_admin), odd, "admin.listen");
  if (!admin_listeners) return stop(complain(admin_listeners.error().message));
  const bool listen_by_default = !loaded.origins.contains("server.listen");
  auto listeners = Listeners::open(config, listen_by_default, workers, std::move(*passed), odd);
  for (const std::string& line : odd) logger.warn(line);
  if (!listeners) return stop(complain(listeners.error().message));
  auto sandbox = settle_down(config, invocation, predecessor && predecessor->sandboxed());
  if (!sandbox) return stop(complain(sandbox.error().message));

  std::vector<config::Problem> warnings;
  auto sites = std::make_shared<disk::Sites>();
  auto snapshot = server::Snapshot::build(loaded.config, workers, warnings, sites);
  for (const config::Problem& warning : warnings) logger.warn(config::to_line(warning));
  if (!snapshot) return stop(refuse(snapshot.error()));
  auto logs = open_access_log(config, workers);
  if (!logs) return stop(complain(logs.error().message));
  Server server({.sources = sources,
                 .invocation = std::move(invocation),
                 .resources = look_at_resources(),  // the memory-lock limit binds who is not root
                 .sites = std::move(sites),
                 .snapshot = std::move(*snapshot),
                 .listeners = std::move(*listeners),
                 .admin_listeners = std::move(*admin_listeners),
                 .logs = std::move(*logs),
                 .predecessor = std::move(predecessor),
                 .sandbox = std::move(*sandbox),
                 .config_text = config::print_config(loaded)},
                logger);
  return server.run(signals);
}

int check(const config::Loaded& loaded) {
  std::vector<config::Problem> warnings = loaded.warnings;
  const auto snapshot = server::Snapshot::build(loaded.config, 1, warnings);
  for (const config::Problem& warning : warnings) complain(config::to_line(warning));
  if (!snapshot) return refuse(snapshot.error());
  std::printf("the configuration is good\n");
  return 0;
}

}  // namespace uringd::daemon
