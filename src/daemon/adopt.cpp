// Comparing addresses: what getsockname(2) says of a passed socket with what a configuration asks for.
#include "adopt.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include "bind.hpp"

namespace uringd::daemon {
namespace {

using config::ListenAddress;

constexpr std::string_view name_prefix = "fd:";

template <typename Address>
const Address& as(const sockaddr_storage& address) {
  return reinterpret_cast<const Address&>(address);
}

// Byte by byte but for what the kernel fills in (flow labels).
bool same_name(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) return false;
  if (a.ss_family == AF_INET) {
    return as<sockaddr_in>(a).sin_port == as<sockaddr_in>(b).sin_port &&
           as<sockaddr_in>(a).sin_addr.s_addr == as<sockaddr_in>(b).sin_addr.s_addr;
  }
  if (a.ss_family == AF_INET6) {
    return as<sockaddr_in6>(a).sin6_port == as<sockaddr_in6>(b).sin6_port &&
           std::memcmp(&as<sockaddr_in6>(a).sin6_addr, &as<sockaddr_in6>(b).sin6_addr, sizeof(in6_addr)) == 0;
  }
  return std::strncmp(as<sockaddr_un>(a).sun_path, as<sockaddr_un>(b).sun_path, sizeof(sockaddr_un::sun_path)) == 0;
}

bool takes_both_families(const PassedSocket& socket) {
  int only_six = 1;
  socklen_t size = sizeof only_six;
  return socket.address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&as<sockaddr_in6>(socket.address).sin6_addr) &&
         getsockopt(socket.descriptor.number(), IPPROTO_IPV6, IPV6_V6ONLY, &only_six, &size) == 0 && only_six == 0;
}

bool stands_for(const PassedSocket& socket, const ListenAddress& address) {
  if (address.kind == ListenAddress::Kind::passed) {
    return socket.from_manager && address.text == std::string(name_prefix) + socket.name;
  }
  return same_name(socket.address, address.address) && takes_both_families(socket) == address.dual_stack;
}

}  // namespace

bool same_address(const ListenAddress& a, const ListenAddress& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == ListenAddress::Kind::passed) return a.text == b.text;
  return a.dual_stack == b.dual_stack && same_name(a.address, b.address);
}

std::optional<Listeners::Socket> adopt(const ListenAddress& address, PassedSockets& passed) {
  Listeners::Socket found;
  found.address = address;
  found.only_ours = true;
  const auto taken = std::stable_partition(passed.sockets.begin(), passed.sockets.end(),
                                           [&](const PassedSocket& socket) { return !stands_for(socket, address); });
  if (taken == passed.sockets.end()) return std::nullopt;
  for (auto socket = taken; socket != passed.sockets.end(); ++socket) {
    found.descriptors.push_back(std::move(socket->descriptor));
    found.only_ours = found.only_ours && socket->only_ours;
    found.from_manager = found.from_manager || socket->from_manager;
    found.name = socket->name;
  }
  passed.sockets.erase(taken, passed.sockets.end());
  const bool unix_socket = address.kind == ListenAddress::Kind::unix_path;
  found.shared = unix_socket || found.from_manager;
  if (unix_socket && !found.from_manager) found.passed_file = path_of(address);
  return found;
}

PassedSockets take_for(const ListenAddress& address, PassedSockets& passed) {
  PassedSockets taken;
  const auto first = std::stable_partition(passed.sockets.begin(), passed.sockets.end(),
                                           [&](const PassedSocket& socket) { return !stands_for(socket, address); });
  std::move(first, passed.sockets.end(), std::back_inserter(taken.sockets));
  passed.sockets.erase(first, passed.sockets.end());
  return taken;
}

ListenAddress passed_address(const std::string& name) {
  ListenAddress address;
  address.kind = ListenAddress::Kind::passed;
  address.text = std::string(name_prefix) + name;
  return address;
}

std::vector<ListenAddress> names_of_manager(const PassedSockets& passed) {
  std::vector<ListenAddress> addresses;
  for (const PassedSocket& socket : passed.sockets) {
    if (!socket.from_manager) continue;
    const ListenAddress address = passed_address(socket.name);
    const auto same = [&](const ListenAddress& other) { return other.text == address.text; };
    if (std::ranges::none_of(addresses, same)) addresses.push_back(address);
  }
  return addresses;
}

std::string text_of(const PassedSocket& socket) {
  std::string text;
  char host[INET6_ADDRSTRLEN] = {};
  if (socket.address.ss_family == AF_UNIX) {
    text = std::string("unix:") + as<sockaddr_un>(socket.address).sun_path;
  } else if (socket.address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &as<sockaddr_in>(socket.address).sin_addr, host, sizeof host);
    text = std::string(host) + ":" + std::to_string(ntohs(as<sockaddr_in>(socket.address).sin_port));
  } else {
    inet_ntop(AF_INET6, &as<sockaddr_in6>(socket.address).sin6_addr, host, sizeof host);
    text = "[" + std::string(host) + "]:" + std::to_string(ntohs(as<sockaddr_in6>(socket.address).sin6_port));
  }
  return socket.name.empty() ? text : text + " (" + socket.name + ")";
}

}  // namespace uringd::daemon
