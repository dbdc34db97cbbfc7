// From files to a snapshot, sockets and log files; what fails leaves nothing behind.
#include "reload.hpp"

#include <utility>

#include "log_files.hpp"
#include "uringd/config/compare.hpp"

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

}  // namespace

std::expected<Prepared, std::vector<std::string>> prepare_reload(const Present& present) {
  const auto loaded = config::load(present.sources);
  if (!loaded) return std::unexpected(lines_of(loaded.error()));
  Prepared prepared;
  prepared.warnings = lines_of(loaded->warnings);
  const config::Config& before = present.snapshot->config();
  for (const std::string& key : config::need_restart(before, *loaded->config)) {
    prepared.warnings.push_back(key + ": the new value needs a restart; the old one stays until then");
  }
  auto config = std::make_shared<config::Config>(*loaded->config);
  keep_what_needs_a_restart(*config, before);
  std::vector<config::Problem> warnings;
  auto snapshot = server::Snapshot::build(config, present.workers, warnings, present.sites, present.snapshot.get());
  for (std::string& line : lines_of(warnings)) prepared.warnings.push_back(std::move(line));
  if (!snapshot) return std::unexpected(lines_of(snapshot.error()));
  prepared.snapshot = std::move(*snapshot);
  auto plan = present.listeners->plan(*config, !loaded->origins.contains("server.listen"));
  if (!plan) return std::unexpected(std::vector{plan.error().message});
  prepared.plan = std::move(*plan);
  auto logs = open_access_log(*config, present.workers);
  if (!logs) return std::unexpected(std::vector{logs.error().message});
  prepared.logs = std::move(*logs);
  return prepared;
}

}  // namespace uringd::daemon
