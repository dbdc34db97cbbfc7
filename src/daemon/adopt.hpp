// adopt: which of the sockets that were passed stand for an address of the configuration. For the main thread, at
// start; what is taken moves out of `passed`.
#pragma once

#include <optional>
#include <vector>

#include "uringd/config/config.hpp"
#include "uringd/daemon/listeners.hpp"
#include "uringd/daemon/passed_sockets.hpp"

namespace uringd::daemon {

/// The same for bind(2), and the same families: [::]:80 of both families is not [::]:80 of IPv6 alone.
bool same_address(const config::ListenAddress& a, const config::ListenAddress& b);

/// "fd:NAME": all sockets of that name; another address: those that are bound to it. Nothing: there is none.
std::optional<Listeners::Socket> adopt(const config::ListenAddress& address, PassedSockets& passed);

/// Those of one address, taken from the others.
PassedSockets take_for(const config::ListenAddress& address, PassedSockets& passed);

/// "fd:NAME" for each name of a manager's sockets.
std::vector<config::ListenAddress> names_of_manager(const PassedSockets& passed);
config::ListenAddress passed_address(const std::string& name);

/// "127.0.0.1:8080 (web)", for a message.
std::string text_of(const PassedSocket& socket);

}  // namespace uringd::daemon
