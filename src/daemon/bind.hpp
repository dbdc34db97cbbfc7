// bind: one address to bound sockets, and what the kernel may say against it. Blocks for some 100 ms at most: for the
// start and for a reload's thread.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"

namespace uringd::daemon {

/// ":8080" on a machine without IPv6: all of IPv4; every other address as it is.
config::ListenAddress for_this_machine(const config::ListenAddress& address);

/// The path of a unix socket's address.
const char* path_of(const config::ListenAddress& address);

/// After how long without an acknowledgement the kernel gives up data that a cut off client does not take.
int orphan_timeout_ms(const config::Config& config);
/// What accepted connections inherit from their listening socket.
void set_inherited_options(int socket, int orphan_ms);

/// A TCP address: `count` sockets with SO_REUSEPORT, after one without it found the port free. A unix address: one,
/// with its mode. The error is an errno.
std::expected<std::vector<Fd>, int> bind_address(const config::ListenAddress& address, uint32_t count, int orphan_ms);
/// Up to `count` further sockets for a TCP address that a set of the same user already has: as many as may be had.
std::vector<Fd> bind_beside(const config::ListenAddress& address, size_t count, int orphan_ms);

/// "server.listen 127.0.0.1:80: Permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE"
/// `key`: what the address was written under.
Error bind_error(const std::string& key, const config::ListenAddress& address, int error_number);

}  // namespace uringd::daemon
