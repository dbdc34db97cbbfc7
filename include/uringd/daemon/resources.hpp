// What this process may use (CPUs, memory, descriptors) and how the workers share it. Read once at start, on the main
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::daemon {

struct Resources {
  std::vector<int> cpus;               // that the affinity mask allows, ascending; at least one
  double cpu_quota = 0;                // CPUs' worth of time by cgroup; 0: no quota
  uint64_t memory_bytes = 0;           // the machine's, or the cgroup's limit where that is lower
  uint64_t descriptors = 0;            // RLIMIT_NOFILE after raising soft to hard
  bool address_space_bounded = false;  // RLIMIT_AS
  uint64_t memory_lock_bytes = 0;      // RLIMIT_MEMLOCK, or UINT64_MAX where it does not bind (CAP_IPC_LOCK: root)
};

/// `root` is where /proc and /sys lie ("" for the real ones): tests give a tree of their own.
Resources look_at_resources(const std::string& root = "");

/// server.workers, or one per usable CPU: a quota of 1.5 means 2.
uint32_t worker_count(const config::Config& config, const Resources& resources);
/// limits.connections, or the smallest of descriptors - 64, 65536 and memory / 16 KiB.
uint32_t connection_limit(const config::Config& config, const Resources& resources);
/// One worker's share of memory and bounds. All pools of all workers together stay within half of the memory, unless
/// the configuration asks for more.
server::WorkerOptions worker_options(const config::Config& config, const Resources& resources, uint32_t index);
/// The CPU that worker `index` is pinned to, or -1.
int cpu_for(const config::Config& config, const Resources& resources, uint32_t index);

}  // namespace uringd::daemon
