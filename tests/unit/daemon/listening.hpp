// What tests of listening sockets share: free ports, sockets of neighbours, and what a descriptor is.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/config/listen.hpp"
#include "uringd/daemon/listeners.hpp"

#include <doctest/doctest.h>

namespace uringd::testing {

inline config::Config listening_on(const std::vector<std::string>& addresses) {
  config::Config config;
  for (const std::string& address : addresses) {
    auto parsed = config::parse_listen_address(address);
    REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message);
    parsed->backlog = 16;
    config.server.listen.push_back(*parsed);
  }
  return config;
}

inline std::vector<server::Worker::Listener> of_worker(const daemon::Listeners& listeners, uint32_t worker) {
  auto own = listeners.of_worker(worker);
  REQUIRE_MESSAGE(own.has_value(), own.error().message);
  return std::move(*own);
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
inline uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}
inline int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(getsockopt(socket, level, name, &value, &size) == 0);
  return value;
}
inline bool listens(int socket) { return option(socket, SOL_SOCKET, SO_ACCEPTCONN) == 1; }
/// The same for all duplicates of one socket, and for no other socket (SO_COOKIE).
inline uint64_t cookie(int socket) {
  uint64_t value = 0;
  socklen_t size = sizeof value;
  REQUIRE(getsockopt(socket, SOL_SOCKET, SO_COOKIE, &value, &size) == 0);
  return value;
}

/// A TCP socket that somebody else listens on.
struct Neighbour {
  explicit Neighbour(uint16_t wanted = 0, bool share_port = false)
      : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(wanted);
    const int one = 1;
    if (share_port) setsockopt(socket.number(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.number(), 1) == 0);
    port = port_of(socket.number());
  }
  [[nodiscard]] std::string text() const { return "127.0.0.1:" + std::to_string(port); }
  Fd socket;
  uint16_t port = 0;
};
inline std::string free_address() { return Neighbour().text(); }

inline bool reaches(uint16_t port) {
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return connect(client.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

inline sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}
inline Fd unix_listener(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket.number(), 8) == 0);
  return socket;
}
inline bool answers(const std::string& path) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  return connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace uringd::testing
