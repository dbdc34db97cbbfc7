// sd_notify(3) by hand: lines of NAME=value in one datagram.
#include "uringd/daemon/notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace uringd::daemon {
namespace {

template <typename Number>
std::optional<Number> number_in_environment(const char* name) {
  const char* const text = getenv(name);
  if (!text) return std::nullopt;
  const std::string_view whole = text;
  Number number{};
  const auto [rest, error] = std::from_chars(whole.data(), whole.data() + whole.size(), number);
  if (error != std::errc{} || rest != whole.data() + whole.size()) return std::nullopt;
  return number;
}

// A watchdog without a process of its own is everybody's (sd_watchdog_enabled(3)); a wrong number is nobody's.
std::optional<std::chrono::microseconds> watchdog_of_environment() {
  const auto period = number_in_environment<int64_t>("WATCHDOG_USEC");
  if (!period || *period <= 1) return std::nullopt;
  if (getenv("WATCHDOG_PID") && number_in_environment<pid_t>("WATCHDOG_PID") != getpid()) return std::nullopt;
  return std::chrono::microseconds(*period / 2);
}

// A line break in the text would begin another assignment.
std::string status_line(std::string_view text) {
  std::string line = "STATUS=" + std::string(text);
  std::ranges::replace_if(line, [](char character) { return character == '\n' || character == '\0'; }, ' ');
  return line;
}

}  // namespace

Notifier Notifier::from_environment() {
  Notifier notifier;
  const char* const name = getenv("NOTIFY_SOCKET");
  if (!name) return notifier;
  notifier.address_ = name;
  if (notifier.address_.starts_with('@')) notifier.address_[0] = '\0';
  const bool known = name[0] == '/' || name[0] == '@';
  if (!known || notifier.address_.size() < 2 || notifier.address_.size() >= sizeof(sockaddr_un::sun_path)) {
    notifier.address_.clear();
    return notifier;
  }
  notifier.socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (notifier.socket_.open()) notifier.watchdog_interval_ = watchdog_of_environment();
  return notifier;
}

void Notifier::ready(std::string_view status) { send("READY=1\n" + status_line(status)); }

void Notifier::reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // Type=notify-reload tells one reload from another by it
  const int64_t microseconds = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void Notifier::stopping(std::string_view status) { send("STOPPING=1\n" + status_line(status)); }

void Notifier::status(std::string_view text) { send(status_line(text)); }

void Notifier::alive() { send("WATCHDOG=1"); }

void Notifier::main_process(pid_t pid) { send("MAINPID=" + std::to_string(pid)); }

std::optional<std::chrono::microseconds> Notifier::watchdog_interval() const { return watchdog_interval_; }

void Notifier::send(const std::string& message) {
  if (!socket_.open()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  // An abstract name is exactly as long as it is said to be; a path ends with its NUL (unix(7)).
  const size_t size = offsetof(sockaddr_un, sun_path) + address_.size() + (address_[0] == '\0' ? 0 : 1);
  static_cast<void>(sendto(socket_.number(), message.data(), message.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)));
}

}  // namespace uringd::daemon
