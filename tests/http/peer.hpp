// Peer: a bare connection from an address of the test's choice (all of 127.0.0.0/8 is loopback), for what Client does
// not do: to come from somewhere else, and to be refused. Text in, text out; every wait has a bound. Used by one
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"

namespace uringd::testing {

class Peer {
 public:
  /// From `source` ("127.0.0.2") to 127.0.0.1:port. Fails the test where it cannot connect.
  Peer(const std::string& source, int port);
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)), in_(std::move(other.in_)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer() { close(); }

  /// False when the other side has gone.
  bool send(std::string_view bytes);
  /// All that comes until the connection ends or the time is over.
  std::string read_to_end(Milliseconds patience = kPatience);
  /// The head and body of one answer, "" when none comes whole. For answers with Content-Length.
  std::string answer(Milliseconds patience = kPatience);
  /// Its status, 0 when none comes.
  int status(Milliseconds patience = kPatience);
  /// Whether the other side has ended the connection, without a byte for us, within the time.
  bool ended_within(Milliseconds patience);
  void close();

 private:
  bool fill(Milliseconds patience);

  int fd_ = -1;
  std::string in_;
  bool over_ = false;
};

}  // namespace uringd::testing
