// listen: the text of one listen address to what bind(2) takes. Addresses only, by inet_pton(3): a host name would
// need a resolver that blocks, and a static binary has none.
#pragma once

#include <string>
#include <string_view>

#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"

namespace uringd::config {

/// Backlog where none is written; the kernel cuts it to net.core.somaxconn (4096 by default).
inline constexpr int default_backlog = 4096;

/// From "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses of both families), "unix:/run/uringd.sock" or "fd:NAME"
/// (the socket that systemd passes under that name, LISTEN_FDNAMES); a relative unix path is taken from
/// `base_directory` (empty = working directory). The error says what would be right.
Result<ListenAddress> parse_listen_address(std::string_view text, std::string_view base_directory = {});

/// Only this machine reaches it: a unix socket, 127.0.0.0/8 or ::1. Nobody knows that of a passed socket.
bool is_local(const ListenAddress& address);

}  // namespace uringd::config
