// Binding. SO_REUSEPORT would let a second process of the same user bind silently, so each address is bound once
// without it first: that bind tells a port in use. A port whose last user's ring is still being torn down stays in use
// some 4-12 ms.
#include "uringd/daemon/listeners.hpp"

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

Error bind_error(const ListenAddress& address, int error_number) {
  std::string message = "server.listen " + address.text + ": " + errno_text(error_number);
  if (error_number == EADDRINUSE) message += "; another process listens there: stop it or choose another port";
  if (error_number == EACCES) message += "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
  if (error_number == EADDRNOTAVAIL) message += "; no interface of this machine has that address";
  return {message};
}

// A client that is cut off while it takes nothing leaves its send queue to the kernel, which would hold it for as long
// as the client answers window probes. Twice the send timeout later the kernel lets go too (tcp(7) TCP_USER_TIMEOUT).
int orphan_timeout_ms(const config::Config& config) {
  return static_cast<int>(std::min<int64_t>(2 * config.limits.send_timeout.count(), INT32_MAX));
}

// A socket file that a killed process left behind refuses connections: it may go. One that answers is in use. A file
// that is no socket refuses them too (ECONNREFUSED): it is somebody's data.
void remove_stale(const ListenAddress& address) {
  const char* path = reinterpret_cast<const sockaddr_un*>(&address.address)->sun_path;
  struct stat status{};
  if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.open()) return;
  if (connect(probe.number(), raw(address), address.address_size) != 0 && errno == ECONNREFUSED) {
    unlink(path);
  }
}

Result<Fd> open_socket(const ListenAddress& address, bool share_port, int orphan_ms) {
  const int family = address.address.ss_family;
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return std::unexpected(bind_error(address, errno));
  if (family != AF_UNIX) {
    set_option(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(socket.number(), IPPROTO_TCP, TCP_NODELAY, 1);  // accepted sockets inherit it
    set_option(socket.number(), IPPROTO_TCP, TCP_USER_TIMEOUT, orphan_ms);
    if (share_port) set_option(socket.number(), SOL_SOCKET, SO_REUSEPORT, 1);
  }
  if (family == AF_INET6) set_option(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, address.dual_stack ? 0 : 1);
  for (int attempt = 0; ::bind(socket.number(), raw(address), address.address_size) != 0; ++attempt) {
    if (errno != EADDRINUSE || attempt == bind_attempts) return std::unexpected(bind_error(address, errno));
    std::this_thread::sleep_for(bind_pause);
    // A killed process' ring answers for some ms yet: more than one look, but few, each takes a place in a live
    // backlog.
    if (family == AF_UNIX && attempt % 4 == 0) remove_stale(address);
  }
  return socket;
}

// ":8080" on a machine without IPv6: all of IPv4.
ListenAddress for_this_machine(const ListenAddress& address) {
  if (!address.dual_stack) return address;
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe.open() || errno != EAFNOSUPPORT) return address;
  ListenAddress without = address;
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = reinterpret_cast<const sockaddr_in6*>(&address.address)->sin6_port;
  std::memcpy(&without.address, &any, sizeof any);
  without.address_size = sizeof any;
  return without;
}

}  // namespace

Result<Listeners> Listeners::bind(const config::Config& config, uint32_t workers) {
  Listeners listeners;
  for (const ListenAddress& configured : config.server.listen) {
    const ListenAddress address = for_this_machine(configured);
    const bool unix_socket = address.kind == ListenAddress::Kind::unix_path;
    auto alone = open_socket(address, false, orphan_timeout_ms(config));
    if (!alone) return std::unexpected(alone.error());
    Socket socket{address, {}};
    if (unix_socket) {
      socket.descriptors.push_back(std::move(*alone));
    } else {
      alone->close();
      for (uint32_t worker = 0; worker < workers; ++worker) {
        auto shared = open_socket(address, true, orphan_timeout_ms(config));
        if (!shared) return std::unexpected(shared.error());
        socket.descriptors.push_back(std::move(*shared));
      }
    }
    listeners.sockets_.push_back(std::move(socket));
  }
  return listeners;
}

Listeners::~Listeners() { remove_names(); }

void Listeners::remove_names() {
  if (names_removed_) return;
  for (const Socket& socket : sockets_) {
    if (socket.address.kind != ListenAddress::Kind::unix_path) continue;
    unlink(reinterpret_cast<const sockaddr_un*>(&socket.address.address)->sun_path);
  }
  names_removed_ = true;  // a successor may have made new ones
}

Result<void> Listeners::listen() {
  for (const Socket& socket : sockets_) {
    for (const Fd& descriptor : socket.descriptors) {
      if (::listen(descriptor.number(), socket.address.backlog) == 0) continue;
      return std::unexpected(bind_error(socket.address, errno));
    }
  }
  for (Socket& socket : sockets_) {
    if (socket.address.kind == ListenAddress::Kind::unix_path) continue;
    for (Fd& descriptor : socket.descriptors) static_cast<void>(descriptor.release());  // the workers' now
  }
  return {};
}

std::vector<server::Worker::Listener> Listeners::of_worker(uint32_t worker) const {
  std::vector<server::Worker::Listener> listeners;
  for (const Socket& socket : sockets_) {
    // Asked for the length of an unnamed unix peer, 2 bytes are all there is.
    if (socket.address.kind == ListenAddress::Kind::unix_path) {
      listeners.push_back({socket.descriptors[0].number(), false, sizeof(sa_family_t)});
    } else {
      listeners.push_back({socket.descriptors[worker].number(), true, socket.address.address_size});
    }
  }
  return listeners;
}

std::string Listeners::text() const {
  std::string text;
  for (const Socket& socket : sockets_) {
    if (!text.empty()) text += ", ";
    text += socket.address.text;
  }
  return text;
}

}  // namespace uringd::daemon
