// uringd_drain PORT PATH CLIENTS SECONDS: CLIENTS connections that download one file again and again and throw it away,
// for SECONDS; with 0 each downloads it once. Prints, as JSON, bytes of bodies, seconds, whole answers and failures.
//
// One thread, epoll. Bodies are dropped by the kernel (MSG_TRUNC) and never copied, so that the server is what is
// measured; each answer's status is checked, and its length must be the Content-Length of the first one.
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t piece_size = 4 << 20;  // the most that one recv drops
constexpr int64_t patience_ms = 20'000;

struct Connection {
  int socket = -1;
  std::string head;   // what came of the answer's head so far
  uint64_t left = 0;  // of the body; 0: waiting for a head
};

class Drain {
 public:
  Drain(uint16_t port, const std::string& path, bool once)
      : port_{port}, once_{once}, request_{"GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"} {}

  bool open_all(size_t clients) {
    connections_.resize(clients);
    for (size_t i = 0; i != clients; ++i) {
      Connection& each = connections_[i];
      each.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port_);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (connect(each.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, each.socket, &event);
      ask(each);
    }
    open_ = clients;
    return true;
  }

  void run(double seconds) {
    auto start = Clock::now();
    auto elapsed = [start] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    while (open_ > 0 && (once_ || elapsed() < seconds)) {
      epoll_event events[64];
      int ready = epoll_wait(epoll_, events, 64, patience_ms);
      if (ready == 0) {
        failures_ += open_;
        break;
      }
      for (int i = 0; i < ready; ++i) take(connections_[events[i].data.u64]);
    }
    std::printf("{\"bytes\": %llu, \"seconds\": %.6f, \"whole\": %llu, \"failures\": %llu}\n",
                static_cast<unsigned long long>(bytes_), elapsed(), static_cast<unsigned long long>(whole_),
                static_cast<unsigned long long>(failures_));
  }

 private:
  void ask(Connection& each) {
    each.head.clear();
    if (send(each.socket, request_.data(), request_.size(), MSG_NOSIGNAL) < 0) fail(each);
  }

  void take(Connection& each) {
    if (each.left == 0) return take_head(each);
    // A null buffer: the bytes are dropped in the kernel (tcp(7), MSG_TRUNC).
    ssize_t size = recv(each.socket, nullptr, std::min<uint64_t>(each.left, piece_size), MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return fail(each);
    take_body(each, static_cast<uint64_t>(size));
  }

  void take_head(Connection& each) {
    char buffer[4096];
    ssize_t size = recv(each.socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return fail(each);
    each.head.append(buffer, static_cast<size_t>(size));
    size_t end = each.head.find("\r\n\r\n");
    if (end == std::string::npos) return;
    uint64_t length = length_in(each.head.substr(0, end));
    if (length_ == 0) length_ = length;
    if (each.head.compare(0, 12, "HTTP/1.1 200") != 0 || length == 0 || length != length_) return fail(each);
    each.left = length;
    uint64_t body = each.head.size() - (end + 4);
    if (body > 0) take_body(each, body);
  }

  void take_body(Connection& each, uint64_t size) {
    if (size > each.left) return fail(each);
    bytes_ += size;
    each.left -= size;
    if (each.left > 0) return;
    ++whole_;
    if (once_) return hang_up(each);
    ask(each);
  }

  static uint64_t length_in(std::string head) {
    std::ranges::transform(head, head.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    size_t at = head.find("\r\ncontent-length:");
    return at == std::string::npos ? 0 : std::strtoull(head.c_str() + at + 17, nullptr, 10);
  }

  void fail(Connection& each) {
    ++failures_;
    hang_up(each);
  }

  void hang_up(Connection& each) {
    if (each.socket < 0) return;
    close(each.socket);
    each.socket = -1;
    --open_;
  }

  uint16_t port_;
  bool once_;
  std::string request_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  size_t open_ = 0;
  uint64_t length_ = 0;  // of the first answer
  uint64_t bytes_ = 0;
  uint64_t whole_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fprintf(stderr, "usage: uringd_drain PORT PATH CLIENTS SECONDS\n");
    return 2;
  }
  double seconds = std::strtod(arguments[4], nullptr);
  Drain drain{static_cast<uint16_t>(std::strtoul(arguments[1], nullptr, 10)), arguments[2], seconds == 0};
  if (!drain.open_all(std::strtoul(arguments[3], nullptr, 10))) {
    std::perror("uringd_drain: connect");
    return 1;
  }
  drain.run(seconds);
  return 0;
}
