// Peer: the address that was kept is the address that was given.
#include "peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include <doctest/doctest.h>

using namespace uringd;
using server::Peer;

namespace {

template <typename Sockaddr>
uring::PeerAddress filled_with(const Sockaddr& address) {
  uring::PeerAddress peer;
  std::memcpy(&peer.address, &address, sizeof address);
  peer.size = sizeof address;
  return peer;
}

uring::PeerAddress address_4(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(4711);
  REQUIRE(inet_pton(AF_INET, text, &address.sin_addr) == 1);
  return filled_with(address);
}

uring::PeerAddress address_6(const char* text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(4711);
  REQUIRE(inet_pton(AF_INET6, text, &address.sin6_addr) == 1);
  return filled_with(address);
}

}  // namespace

TEST_CASE("a peer reads as the address that it came from, every byte of it") {
  for (const char* text : {"192.0.2.1", "255.254.253.252", "0.0.0.0"}) CHECK(Peer(address_4(text)).text() == text);
  for (const char* text : {"2001:db8:1:2:3:4:5:6789", "::1", "::", "::ffff:192.0.2.1"}) {
    CHECK(Peer(address_6(text)).text() == text);
  }
}

TEST_CASE("a peer on a unix socket has no address, and one that nobody knows has none either") {
  uring::PeerAddress local;
  local.address.ss_family = AF_UNIX;
  local.size = sizeof(sa_family_t);
  CHECK(Peer(local).text() == "unix:");
  CHECK(Peer().text() == "-");
  uring::PeerAddress unknown = address_4("192.0.2.1");
  unknown.size = 0;
  CHECK(Peer(unknown).text() == "-");
}

TEST_CASE("a peer is small: an idle connection has one") { CHECK(sizeof(Peer) <= 20); }
