// account: what a worker did in its life, for the log when it ends. Reads its counters; on the worker's thread.
#pragma once

#include <string>
#include <vector>

#include "uringd/server/worker.hpp"

namespace uringd::daemon {

/// Lines that fit the log's bound.
std::vector<std::string> account_of(const server::Worker& worker, uint32_t index);

}  // namespace uringd::daemon
