// Blocking calls with a time limit of the socket's own: in an emulator everything may take seconds.
#include "client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

constexpr timeval patience{.tv_sec = 30, .tv_usec = 0};
std::atomic<std::size_t> answers_read;

}  // namespace

std::string Answer::field(const std::string& name) const {
  const std::string line = "\r\n" + name + ": ";
  const std::size_t at = head.find(line);
  if (at == std::string::npos) return {};
  const std::size_t start = at + line.size();
  return head.substr(start, head.find("\r\n", start) - start);
}

Client::Client(std::uint16_t port) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  close(socket_);
  socket_ = -1;
}

Client::~Client() {
  if (socket_ >= 0) close(socket_);
}

bool Client::send_request(const std::string& method, const std::string& path, const std::vector<std::string>& fields) {
  std::string request = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const std::string& field : fields) request += field + "\r\n";
  request += "\r\n";
  return connected() && send(socket_, request.data(), request.size(), MSG_NOSIGNAL) == ssize_t(request.size());
}

bool Client::read_more(std::size_t most) {
  if (!connected()) return false;
  const std::size_t held = input_.size();
  input_.resize(held + most);
  const ssize_t got = recv(socket_, input_.data() + held, most, 0);
  input_.resize(held + (got > 0 ? static_cast<std::size_t>(got) : 0));
  return got > 0;
}

Answer Client::read_answer(bool head_only) {
  constexpr std::size_t piece = 64 * 1024;
  Answer answer;
  std::size_t end = 0;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!read_more(piece)) return answer;
  }
  answer.head = input_.substr(0, end + 2);
  input_.erase(0, end + 4);
  constexpr std::size_t status_at = sizeof "HTTP/1.1";
  if (!answer.head.starts_with("HTTP/1.1 ")) return answer;
  answer.status = std::atoi(answer.head.c_str() + status_at);
  ++answers_read;
  const bool bodiless = head_only || answer.status == 304 || answer.status == 204;
  const std::size_t length = bodiless ? 0 : std::strtoull(answer.field("Content-Length").c_str(), nullptr, 10);
  while (input_.size() < length) {
    if (!read_more(std::min(length - input_.size(), 16 * piece))) break;
  }
  answer.complete = input_.size() >= length;
  answer.body = input_.substr(0, length);
  input_.erase(0, length);
  return answer;
}

Answer Client::ask(const std::string& method, const std::string& path, const std::vector<std::string>& fields) {
  if (!send_request(method, path, fields)) return {};
  return read_answer(method == "HEAD");
}

bool Client::closed() {
  char byte = 0;
  return connected() && input_.empty() && recv(socket_, &byte, 1, 0) == 0;
}

std::size_t Client::answers() { return answers_read; }
