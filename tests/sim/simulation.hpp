// Simulation: plays one scenario from the first connection to the last descriptor closed, and looks after every turn
// whether all is as it should be. Stops the process on the first thing that is not.
#pragma once

#include <cstdint>
#include <functional>

#include "scenario.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/log/logger.hpp"

namespace uringd::sim {

struct Played {
  uint64_t turns = 0;
  uint64_t answers = 0;
  uint64_t simulated_ns = 0;
  server::WorkerCounters counters;
  disk::DiskCounters disk;
  cache::CacheCounters cache;
  uint32_t switches = 0;
  uint32_t reloads = 0;
  uint64_t overlays = 0;
};

/// What a test does besides: called before each turn with its number.
using Meddle = std::function<void(uint64_t turn, uring::World& world, Files& files)>;

Played play(const Scenario& scenario, log::Logger& quiet, log::Logger& chatty, const Meddle& meddle = {});

}  // namespace uringd::sim
