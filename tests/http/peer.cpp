// Peer: see peer.hpp.
#include "peer.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace uringd::testing {
namespace {
using Clock = std::chrono::steady_clock;

Milliseconds left_until(Clock::time_point deadline) {
  return std::max(std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()), Milliseconds{0});
}

sockaddr_in address_of(const std::string& text, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(::inet_pton(AF_INET, text.c_str(), &address.sin_addr) == 1);
  return address;
}
}  // namespace

Peer::Peer(const std::string& source, int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  REQUIRE(fd_ >= 0);
  const sockaddr_in from = address_of(source, 0);
  REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
  const sockaddr_in to = address_of("127.0.0.1", port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    FAIL("connect from " << source << ": " << std::strerror(errno));
  }
}

bool Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Peer::fill(Milliseconds patience) {
  pollfd readable{fd_, POLLIN, 0};
  if (over_ || ::poll(&readable, 1, static_cast<int>(patience.count())) != 1) return false;
  char piece[65536];
  const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
  over_ = got <= 0;
  if (got > 0) in_.append(piece, static_cast<std::size_t>(got));
  return got > 0;
}

std::string Peer::read_to_end(Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (fill(left_until(deadline))) {
  }
  return std::exchange(in_, std::string());
}

std::string Peer::answer(Milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  std::size_t end = std::string::npos;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(left_until(deadline))) return "";
  }
  std::size_t size = end + 4;
  const std::size_t length = lower(in_.substr(0, end)).find("\r\ncontent-length: ");
  if (length != std::string::npos) size += std::strtoul(in_.c_str() + length + 18, nullptr, 10);
  while (in_.size() < size) {
    if (!fill(left_until(deadline))) return "";
  }
  std::string result = in_.substr(0, size);
  in_.erase(0, size);
  return result;
}

int Peer::status(Milliseconds patience) {
  const std::string text = answer(patience);
  return text.size() > 12 ? std::atoi(text.c_str() + 9) : 0;
}

bool Peer::ended_within(Milliseconds patience) {
  fill(patience);
  return over_ && in_.empty();
}

void Peer::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace uringd::testing
