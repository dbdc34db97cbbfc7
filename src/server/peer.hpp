// Peer: a client's address as a connection keeps it, for log lines: 18 bytes instead of the 136 that the kernel may
// fill when it is asked. A value; knows the three families that a listener can have.
#pragma once

#include <sys/socket.h>

#include <array>
#include <string>

#include "uringd/uring/ring.hpp"

namespace uringd::server {

class Peer {
 public:
  Peer() = default;
  explicit Peer(const uring::PeerAddress& peer);
  /// "192.0.2.1", "2001:db8::1", "unix:", or "-" where nobody knows.
  [[nodiscard]] std::string text() const;

 private:
  sa_family_t family_ = AF_UNSPEC;
  std::array<unsigned char, 16> address_{};  // of AF_INET the first four
};

}  // namespace uringd::server
