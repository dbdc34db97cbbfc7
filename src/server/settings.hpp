// Settings: one configuration as one worker uses it. A request keeps the settings that it began with; those that a
// reload replaced are let go when no talk refers to them and nothing of the trees that only they had is left.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "uringd/server/snapshot.hpp"
#include "uringd/site/router.hpp"

namespace uringd::server {

struct Settings {
  Settings(std::shared_ptr<const Snapshot> its_snapshot, uint32_t worker)
      : snapshot(std::move(its_snapshot)), router(snapshot->router(worker)) {}

  std::shared_ptr<const Snapshot> snapshot;
  site::Router& router;           // this worker's own
  std::vector<uint32_t> leaving;  // slots that the settings after these do not have
  uint32_t talks = 0;             // that refer to these
  uint64_t replaced_ms = 0;       // when the next ones took their place
};

}  // namespace uringd::server
