// uringd_pace PORT PATH RATE SECONDS SIZE: asks for one file RATE times a second on one keep-alive connection and
// prints, as JSON, how long the answers took. The body must be SIZE bytes of the alphabet, again and again.
//
// Open loop: question k is due at start + k/RATE whatever became of those before it, and its time runs from when it was
// due, so that a server that stops for a second is seen as such by every question that fell into that second. One
// question is on the wire at a time; one that is late is asked as soon as the answer before it is there. One thread,
// SCHED_FIFO where allowed, so that a busy generator on the same core does not delay it; `late_us` says how late it was
// through no fault of the server's. An answer that takes a minute counts as failed, and the connection is made anew.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr int64_t second_ns = 1'000'000'000;
constexpr time_t patience_seconds = 60;

int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second_ns + time.tv_nsec;
}

void sleep_until(int64_t due_ns) {
  timespec time{due_ns / second_ns, due_ns % second_ns};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) != 0) {
  }
}

enum class Outcome { ok, unavailable, wrong };

/// One connection that asks and waits; made again after a failure.
class Client {
 public:
  Client(uint16_t port, std::string path, size_t size)
      : port_{port}, request_{"GET " + std::move(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"} {
    while (body_.size() < size) body_ += "abcdefghijklmnopqrstuvwxyz";
    body_.resize(size);
  }

  ~Client() { hang_up(); }

  Outcome ask() {
    if (socket_ < 0 && !connect_anew()) return Outcome::wrong;
    if (send(socket_, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size())) {
      return failed();
    }
    std::string answer;
    size_t head_end = std::string::npos;
    while ((head_end = answer.find("\r\n\r\n")) == std::string::npos) {
      if (!receive(answer)) return failed();
    }
    size_t length = length_in(answer.substr(0, head_end));
    while (answer.size() < head_end + 4 + length) {
      if (!receive(answer)) return failed();
    }
    if (answer.compare(0, 12, "HTTP/1.1 503") == 0) {
      hang_up();  // it may close, or not
      return Outcome::unavailable;
    }
    bool right = answer.compare(0, 12, "HTTP/1.1 200") == 0 && answer.compare(head_end + 4, length, body_) == 0;
    return right && answer.size() == head_end + 4 + length ? Outcome::ok : failed();
  }

 private:
  static size_t length_in(std::string head) {
    std::ranges::transform(head, head.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    size_t at = head.find("\r\ncontent-length:");
    return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 17, nullptr, 10);
  }

  bool connect_anew() {
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    timeval patience{patience_seconds, 0};
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    hang_up();
    return false;
  }

  [[nodiscard]] bool receive(std::string& answer) const {
    char buffer[16384];
    ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    answer.append(buffer, static_cast<size_t>(size));
    return true;
  }

  Outcome failed() {
    hang_up();
    return Outcome::wrong;
  }

  void hang_up() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  uint16_t port_;
  std::string request_;
  std::string body_;
  int socket_ = -1;
};

double percentile_us(std::vector<int64_t>& sorted, double part) {
  if (sorted.empty()) return 0;
  size_t at = static_cast<size_t>(part * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[std::min(at, sorted.size() - 1)]) / 1e3;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::fprintf(stderr, "usage: uringd_pace PORT PATH RATE SECONDS SIZE\n");
    return 2;
  }
  int64_t step_ns = second_ns / std::max(1L, std::strtol(arguments[3], nullptr, 10));
  int64_t asked = static_cast<int64_t>(std::strtod(arguments[4], nullptr) * second_ns) / step_ns;
  Client client{static_cast<uint16_t>(std::strtoul(arguments[1], nullptr, 10)), arguments[2],
                std::strtoul(arguments[5], nullptr, 10)};
  prctl(PR_SET_TIMERSLACK, 1UL);
  sched_param priority{.sched_priority = 1};
  bool realtime = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;

  std::vector<int64_t> took, late;
  int64_t counts[3] = {};
  int64_t start = now_ns();
  for (int64_t k = 0; k != asked; ++k) {
    int64_t due = start + k * step_ns;
    if (now_ns() > due + patience_seconds * second_ns) {  // nothing more will come of this
      counts[static_cast<int>(Outcome::wrong)] += asked - k;
      break;
    }
    if (now_ns() < due) {
      sleep_until(due);
      late.push_back(now_ns() - due);
    }
    ++counts[static_cast<int>(client.ask())];
    took.push_back(now_ns() - due);
  }
  std::ranges::sort(took);
  std::ranges::sort(late);
  std::printf(
      "{\"asked\": %ld, \"ok\": %ld, \"unavailable\": %ld, \"wrong\": %ld, \"p50_us\": %.1f, \"p99_us\": %.1f, "
      "\"max_us\": %.1f, \"late_us\": %.1f, \"realtime\": %s}\n",
      asked, counts[0], counts[1], counts[2], percentile_us(took, 0.5), percentile_us(took, 0.99),
      percentile_us(took, 1), percentile_us(late, 0.99), realtime ? "true" : "false");
  return 0;
}
