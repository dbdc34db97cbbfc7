// uringd_floor_epoll PORT BODY_SIZE [close] [answer=BYTES]: the floor's twin, what the ring itself is held against.
// It answers as uringd_floor does, with the least that an epoll server can do: one thread, edge-triggered, and for each
// event one recv and one send (epoll(7): a recv that gives less than it was asked for has drained the socket).
//
// A connection is its descriptor. It is registered once, for reading and writing; what one send does not take goes
// out when the socket says that it can be written. Bounds: 4,096 connections, by descriptor number. SIGTERM or SIGINT:
// prints its counts and exits.
#include <sys/epoll.h>

#include <vector>

#include "floor.hpp"

namespace uringd::bench {
namespace {

constexpr unsigned most_events = 512;
constexpr size_t buffer_bytes = 16384;

struct Connection {
  std::uint64_t owed = 0;  // bytes of answers asked for and not yet sent
  size_t phase = 0;        // bytes sent modulo one answer: where in the repeating text the next send begins
  unsigned matched = 0;    // characters of CRLFCRLF at the end of what came so far
};

class Floor {
 public:
  explicit Floor(const Options& options) : close_(options.close), connections_(max_connections + 16) {
    const std::string answer = make_answer(options);
    answer_size_ = answer.size();
    answers_ = laid_end_to_end(answer);
    raise_descriptor_limit();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    listener_ = listen_on(options.port, SOCK_NONBLOCK);
    signals_ = end_signals(SFD_NONBLOCK);
    watch(listener_, EPOLLIN);
    watch(signals_, EPOLLIN);
  }

  void run() {
    epoll_event events[most_events];
    while (!stopped_) {
      const int count = epoll_wait(epoll_, events, most_events, -1);
      if (count < 0 && errno != EINTR) die("epoll_wait", errno);
      ++waits_;
      for (int i = 0; i < count; ++i) on_event(events[i].data.fd, events[i].events);
    }
    std::printf("requests %lu waits %lu\n", requests_, waits_);
  }

 private:
  void watch(int file, std::uint32_t what) const {
    epoll_event event{};
    event.events = what;
    event.data.fd = file;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, file, &event) < 0) die("epoll_ctl", errno);
  }

  void on_event(int file, std::uint32_t what) {
    if (file == listener_) return accept_all();
    if (file == signals_) {
      stopped_ = true;
      return;
    }
    if (what & EPOLLIN) return on_readable(file);
    if (connections_[file].owed > 0) send_owed(file);
  }

  void accept_all() {
    for (int file = 0; (file = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      if (static_cast<size_t>(file) >= connections_.size()) {
        close(file);
        continue;
      }
      connections_[file] = Connection{};
      watch(file, EPOLLIN | EPOLLOUT | EPOLLET);
    }
  }

  void on_readable(int file) {
    char buffer[buffer_bytes];
    Connection& connection = connections_[file];
    ssize_t size = 0;
    do {
      size = recv(file, buffer, sizeof buffer, 0);
      if (size < 0 && errno == EAGAIN) break;
      if (size <= 0) {
        close(file);
        return;
      }
      size_t asked = count_blank_lines(buffer, static_cast<size_t>(size), connection.matched);
      if (close_) asked = std::min<size_t>(asked, 1);
      requests_ += asked;
      connection.owed += asked * answer_size_;
    } while (size == sizeof buffer);
    if (connection.owed > 0) send_owed(file);
  }

  void send_owed(int file) {
    Connection& connection = connections_[file];
    while (connection.owed > 0) {
      const size_t size = std::min<size_t>(connection.owed, answers_.size() - connection.phase);
      const ssize_t sent = send(file, answers_.data() + connection.phase, size, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) close(file);
        return;
      }
      connection.owed -= static_cast<std::uint64_t>(sent);
      connection.phase = (connection.phase + static_cast<size_t>(sent)) % answer_size_;
    }
    if (close_) close(file);
  }

  const bool close_;
  size_t answer_size_ = 0;
  std::string answers_;
  std::vector<Connection> connections_;  // by descriptor
  int epoll_ = -1;
  int listener_ = -1;
  int signals_ = -1;
  bool stopped_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t waits_ = 0;
};

}  // namespace
}  // namespace uringd::bench

int main(int count, char** arguments) { uringd::bench::Floor(uringd::bench::options_of(count, arguments)).run(); }
