// log_files: opening log.access, so that every worker has a descriptor of its own to append to. May wait for a disk: at
// start, and as a chore.
#pragma once

#include <vector>

#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/server/order.hpp"

namespace uringd::daemon {

/// One for each worker; closed ones where there is no access log. The error names the file and the cause.
Result<std::vector<server::LogTo>> open_access_log(const config::Config& config, uint32_t workers);

}  // namespace uringd::daemon
