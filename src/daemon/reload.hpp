// Reload: another configuration, read and made ready beside the one that serves. A chore's work: it may wait for disks,
// changes nothing, and either has all that the main thread needs to swap it in, or every problem.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "uringd/config/load.hpp"
#include "uringd/daemon/listeners.hpp"
#include "uringd/daemon/resources.hpp"
#include "uringd/server/snapshot.hpp"

namespace uringd::daemon {

/// What is now, for a chore to work beside.
struct Present {
  config::Sources sources;
  std::shared_ptr<const server::Snapshot> snapshot;
  std::shared_ptr<disk::Sites> sites;
  const Listeners* listeners;  // not changed while the chore works
  const Listeners* admin_listeners;
  uint32_t workers;
};

struct Prepared {
  std::shared_ptr<const server::Snapshot> snapshot;
  Listeners::Plan plan;
  Listeners::Plan admin_plan;
  std::vector<server::LogTo> logs;
  std::vector<std::string> warnings;  // lines for the log
  std::string config_text;            // in force then, as --print-config has it
};

/// Or lines for the log, one a problem. Keys that need a restart keep the values that they have, with a warning.
std::expected<Prepared, std::vector<std::string>> prepare_reload(const Present& present);

}  // namespace uringd::daemon
