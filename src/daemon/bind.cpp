// Binding. SO_REUSEPORT would let a second process of the same user bind silently, so each address is bound once
// without it first: that bind tells a port in use. A port whose last user's ring is still being torn down stays in use
// some 4-12 ms.
#include "bind.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace uringd::daemon {
namespace {

using config::ListenAddress;

constexpr int bind_attempts = 10;
constexpr auto bind_pause = std::chrono::milliseconds(10);

void set_option(int socket, int level, int name, int value) { setsockopt(socket, level, name, &value, sizeof value); }

const sockaddr* raw(const ListenAddress& address) { return reinterpret_cast<const sockaddr*>(&address.address); }

// A socket file that a killed process left behind refuses connections: it may go. One that answers is in use. A file
// that is no socket refuses them too (ECONNREFUSED): it is somebody's data.
void remove_stale(const ListenAddress& address) {
  const char* path = path_of(address);
  struct stat status{};
  if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.open()) return;
  if (connect(probe.number(), raw(address), address.address_size) != 0 && errno == ECONNREFUSED) unlink(path);
}

std::expected<Fd, int> open_socket(const ListenAddress& address, bool share_port, int orphan_ms) {
  const int family = address.address.ss_family;
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return std::unexpected(errno);
  if (family != AF_UNIX) {
    set_option(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (share_port) set_option(socket.number(), SOL_SOCKET, SO_REUSEPORT, 1);
    set_inherited_options(socket.number(), orphan_ms);
  }
  if (family == AF_INET6) set_option(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, address.dual_stack ? 0 : 1);
  for (int attempt = 0; ::bind(socket.number(), raw(address), address.address_size) != 0; ++attempt) {
    if (errno != EADDRINUSE || attempt == bind_attempts) return std::unexpected(errno);
    std::this_thread::sleep_for(bind_pause);
    // A killed process' ring answers for some ms yet: more than one look, but few, each takes a place in a live
    // backlog.
    if (family == AF_UNIX && attempt % 4 == 0) remove_stale(address);
  }
  return socket;
}

// The mode is set before anybody can connect: a socket that does not listen refuses. Through no symlink: whoever may
// write to the directory could have exchanged the name meanwhile.
std::expected<std::vector<Fd>, int> bind_unix(const ListenAddress& address) {
  auto socket = open_socket(address, false, 0);
  if (!socket) return std::unexpected(socket.error());
  if (address.mode && fchmodat(AT_FDCWD, path_of(address), *address.mode, AT_SYMLINK_NOFOLLOW) != 0) {
    const int error_number = errno;
    unlink(path_of(address));
    return std::unexpected(error_number);
  }
  std::vector<Fd> one;
  one.push_back(std::move(*socket));
  return one;
}

}  // namespace

ListenAddress for_this_machine(const ListenAddress& address) {
  if (!address.dual_stack) return address;
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe.open() || errno != EAFNOSUPPORT) return address;
  ListenAddress without = address;
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = reinterpret_cast<const sockaddr_in6*>(&address.address)->sin6_port;
  without.address = {};
  std::memcpy(&without.address, &any, sizeof any);
  without.address_size = sizeof any;
  without.dual_stack = false;
  return without;
}

const char* path_of(const ListenAddress& address) {
  return reinterpret_cast<const sockaddr_un*>(&address.address)->sun_path;
}

// A client that is cut off while it takes nothing leaves its send queue to the kernel, which would hold it for as long
// as the client answers window probes. Twice the send timeout later the kernel lets go too (tcp(7) TCP_USER_TIMEOUT).
int orphan_timeout_ms(const config::Config& config) {
  return static_cast<int>(std::min<int64_t>(2 * config.limits.send_timeout.count(), INT32_MAX));
}

void set_inherited_options(int socket, int orphan_ms) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, orphan_ms);
}

std::expected<std::vector<Fd>, int> bind_address(const ListenAddress& address, uint32_t count, int orphan_ms) {
  if (address.kind == ListenAddress::Kind::unix_path) return bind_unix(address);
  if (auto alone = open_socket(address, false, orphan_ms); !alone) return std::unexpected(alone.error());
  std::vector<Fd> sockets;
  while (sockets.size() < count) {
    auto socket = open_socket(address, true, orphan_ms);
    if (!socket) return std::unexpected(socket.error());
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

std::vector<Fd> bind_beside(const ListenAddress& address, size_t count, int orphan_ms) {
  std::vector<Fd> sockets;
  while (sockets.size() < count) {
    auto socket = open_socket(address, true, orphan_ms);
    if (!socket) break;
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

Error bind_error(const std::string& key, const ListenAddress& address, int error_number) {
  const bool tcp = address.kind == ListenAddress::Kind::tcp;
  std::string message = key + " " + address.text + ": " + errno_text(error_number);
  if (error_number == EADDRINUSE) message += "; another process listens there: stop it or choose another port";
  if (error_number == EACCES && tcp) message += "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
  if (error_number == EACCES && !tcp) message += "; this user may not make a socket in that directory";
  if (error_number == EADDRNOTAVAIL) message += "; no interface of this machine has that address";
  return {message};
}

}  // namespace uringd::daemon
