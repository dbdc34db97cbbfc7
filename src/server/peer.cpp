// Peer: what is kept of a sockaddr, and how it reads. sockaddr_storage may be read as what its family says
// (sockaddr(3)).
#include "peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace uringd::server {

Peer::Peer(const uring::PeerAddress& peer) : family_(peer.size == 0 ? AF_UNSPEC : peer.address.ss_family) {
  if (family_ == AF_INET) {
    std::memcpy(address_.data(), &reinterpret_cast<const sockaddr_in*>(&peer.address)->sin_addr, sizeof(in_addr));
  } else if (family_ == AF_INET6) {
    std::memcpy(address_.data(), &reinterpret_cast<const sockaddr_in6*>(&peer.address)->sin6_addr, sizeof(in6_addr));
  }
}

std::string Peer::text() const {
  char text[INET6_ADDRSTRLEN] = {};
  switch (family_) {
    case AF_INET:
    case AF_INET6: return inet_ntop(family_, address_.data(), text, sizeof text);
    case AF_UNIX: return "unix:";
    default: return "-";
  }
}

}  // namespace uringd::server
