// From files to a snapshot, sockets and log files; what fails leaves nothing behind.
#include "reload.hpp"

#include <cerrno>
#include <utility>

#include "admin_worker.hpp"
#include "log_files.hpp"
#include "uringd/config/compare.hpp"
#include "uringd/config/print.hpp"

namespace uringd::daemon {
namespace {

std::vector<std::string> lines_of(const std::vector<config::Problem>& problems) {
  std::vector<std::string> lines;
  for (const config::Problem& problem : problems) lines.push_back(config::to_line(problem));
  return lines;
}

// What rings, threads and the process were made with.
void keep_what_needs_a_restart(config::Config& config, const config::Config& present) {
  config.server.workers = present.server.workers;
  config.server.pin = present.server.pin;
  config.server.user = present.server.user;
  config.server.sandbox = present.server.sandbox;
  config.disk.stream_memory_bytes = present.disk.stream_memory_bytes;
}

// A process that has dropped its user may no longer read the token that it read at its start. False: it is another
// file's.
bool keep_token(config::Config& config, const config::Config& present, std::vector<std::string>& warnings) {
  if (config.admin.token_file.empty() || !config.admin.token.empty()) return true;
  if (config.admin.token_file != present.admin.token_file || present.admin.token.empty()) return false;
  config.admin.token = present.admin.token;
  warnings.push_back("admin.token_file: this user may not read it any more: another token needs a restart");
  return true;
}

}  // namespace

std::expected<Prepared, std::vector<std::string>> prepare_reload(const Present& present) {
  config::Sources sources = present.sources;
  sources.without_token = true;
  const auto loaded = config::load(sources);
  if (!loaded) return std::unexpected(lines_of(loaded.error()));
  Prepared prepared;
  prepared.warnings = lines_of(loaded->warnings);
  const config::Config& before = present.snapshot->config();
  for (const std::string& key : config::need_restart(before, *loaded->config)) {
    prepared.warnings.push_back(key + ": the new value needs a restart; the old one stays until then");
  }
  auto config = std::make_shared<config::Config>(*loaded->config);
  keep_what_needs_a_restart(*config, before);
  if (!keep_token(*config, before, prepared.warnings)) {
    return std::unexpected(
        std::vector{"admin.token_file: found \"" + config->admin.token_file + "\": " + errno_text(EACCES) +
                    "; this process has dropped its user: restart it, or let its user read that file"});
  }
  std::vector<config::Problem> warnings;
  auto snapshot = server::Snapshot::build(config, present.workers, warnings, present.sites, present.snapshot.get());
  for (std::string& line : lines_of(warnings)) prepared.warnings.push_back(std::move(line));
  if (!snapshot) return std::unexpected(lines_of(snapshot.error()));
  prepared.snapshot = std::move(*snapshot);
  auto plan = present.listeners->plan(*config, !loaded->origins.contains("server.listen"));
  if (!plan) return std::unexpected(std::vector{plan.error().message});
  prepared.plan = std::move(*plan);
  auto admin_plan = present.admin_listeners->plan(admin_listening(*config), false);
  if (!admin_plan) return std::unexpected(std::vector{admin_plan.error().message});
  prepared.admin_plan = std::move(*admin_plan);
  auto logs = open_access_log(*config, present.workers);
  if (!logs) return std::unexpected(std::vector{logs.error().message});
  prepared.logs = std::move(*logs);
  prepared.config_text = config::print_config({.config = config, .origins = loaded->origins});
  return prepared;
}

}  // namespace uringd::daemon
