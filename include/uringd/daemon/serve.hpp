// serve: the life of the process from a checked configuration to its exit code. The main thread starts the workers,
// then waits for signals, log lines and workers that end; it serves nothing itself.
//
//   bound ──► workers ready (rings made, pools touched) ──► listening ──► draining (SIGTERM, SIGINT) ──► exit
#pragma once

#include "uringd/config/load.hpp"

namespace uringd::daemon {

/// Exit code: 0 after a clean stop, 1 where it could not start or run; the reason is on stderr then.
int serve(const config::Loaded& loaded);

}  // namespace uringd::daemon
