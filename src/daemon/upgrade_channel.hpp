// upgrade_channel: what the two processes of an upgrade say to each other, on a pair of sockets that keeps messages
// apart (SOCK_SEQPACKET). Down: sockets, up to 200 a message, under a text head; then one byte, confirmed. Up: one
// byte, ready. The end of the channel is the end of the process.
//
//   uringd-upgrade 1 sandboxed=0 total=300
//   ours web            one line a socket of this message: "ours", "shared" or "manager", and its name
#pragma once

#include <cstddef>
#include <string_view>

namespace uringd::daemon::channel {

/// Names the descriptor of the new process' end.
inline constexpr const char* variable = "URINGD_UPGRADE_CHANNEL";
inline constexpr std::string_view version = "uringd-upgrade 1 ";
inline constexpr size_t sockets_per_message = 200;  // the kernel takes 253 (SCM_MAX_FD)
inline constexpr size_t message_bytes = 64 * 1024;  // 200 names of at most 255 bytes (sd_listen_fds(3)), and the head
inline constexpr char ready = 'R';
inline constexpr char confirmed = 'C';

}  // namespace uringd::daemon::channel
