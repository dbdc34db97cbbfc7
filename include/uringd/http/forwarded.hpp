// forwarded: who the client is behind the proxies that are trusted, by Forwarded (RFC 7239) or X-Forwarded-For. From
// the nearest proxy backwards: the first address that is no trusted proxy's is the client's; what stands before it was
// written by whoever that is, and is ignored. Pure.
// Bounds: 64 hops; the walk ends there, at the address of a trusted proxy.
#pragma once

#include <cstdint>

#include "uringd/base/ip_address.hpp"
#include "uringd/http/request.hpp"

namespace uringd::http {

enum class Scheme : uint8_t { unknown, http, https };

struct Client {
  IpAddress address;
  Scheme scheme = Scheme::unknown;  // proto of Forwarded's last element, or X-Forwarded-Proto's last value
};

/// `peer` is the socket's (or the PROXY header's) address. Where it is not trusted: the peer itself, no scheme. An
/// element that is no address ("unknown", "_hidden", garbage) ends the walk: the hop that named it is the client; so is
/// the peer where neither field is there, and the last hop where all are trusted. A proxy writes one of the two ways
/// and may pass on the other as its client made it up: where both are there and name different clients, neither is
/// believed (the peer), and so with the scheme (unknown).
Client client_of(const Request& request, const IpAddress& peer, const CidrSet& trusted);

}  // namespace uringd::http
