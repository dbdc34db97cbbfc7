// serve: the process from a checked configuration to its exit code; what happens while it serves is in server.hpp.
//
//   sockets bound ──► user, sandbox ──► roots, maps and logs open ──► workers ready (rings made, pools touched) ──►
//   listening ──► … ──► exit
#pragma once

#include "uringd/config/load.hpp"
#include "uringd/daemon/upgrade.hpp"

namespace uringd::daemon {

/// `sources`: where the configuration came from, for reloads. Exit code: 0 after a clean stop, 1 where it could not
/// start or run, 2 where the configuration is no good for what it names (patterns, maps, roots); the reason is on
/// stderr then.
int serve(const config::Loaded& loaded, const config::Sources& sources, Invocation invocation);

/// What serve() would find wrong before it opens a port, on stderr; exit code 0 or 2.
int check(const config::Loaded& loaded);

}  // namespace uringd::daemon
