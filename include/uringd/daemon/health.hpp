// health: `uringd --health`: asks a running server's /healthz, for images that have neither a shell nor curl. A process
// of its own, which blocks for five seconds at most.
#pragma once

#include <string>

#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/config/load.hpp"

namespace uringd::daemon {

/// Where to ask, and for what.
struct HealthTarget {
  config::ListenAddress address;
  std::string host;  // for the Host field
  std::string path = "/healthz";
};

/// Of "http://127.0.0.1:9090/healthz", "http://[::1]:9090", "http://localhost:9090", "unix:/run/admin.sock".
Result<HealthTarget> health_target(const std::string& url);
/// Of admin.listen: an address of every host is asked on loopback.
Result<HealthTarget> health_target(const config::ListenAddress& listen);

/// 0: it said 200. Else 1, and a line on stderr says why. `url` empty: admin.listen of `sources`, or
/// http://127.0.0.1:9090/healthz where they name no configuration.
int ask_health(const config::Sources& sources, const std::string& url);

}  // namespace uringd::daemon
