// See generator_connection.hpp.
#include "generator_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace uringd::load {

bool Connection::open_socket(unsigned source) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return false;
  state_ = State::connecting;
  int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source == 0) return true;
  setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  return bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

Connection::~Connection() {
  if (socket_ >= 0) close(socket_);
}

int Connection::hang_up() {
  owed = 0;
  if (socket_ < 0) return -1;
  // A receive that is with the kernel holds the socket; this ends it.
  if (receiving || state_ == State::connecting) shutdown(socket_, SHUT_RDWR);
  state_ = State::closed;
  generation_ = (generation_ + 1) & Tag::generation_mask;
  receiving = false;
  reader.forget();
  return std::exchange(socket_, -1);
}

}  // namespace uringd::load
