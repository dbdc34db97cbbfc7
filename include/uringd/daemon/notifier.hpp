// Notifier: what a service manager wants to know (sd_notify(3)): one datagram each to NOTIFY_SOCKET. Main thread. A
// socket that takes nothing or is gone costs a message, never a wait. Without NOTIFY_SOCKET every call does nothing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "uringd/base/fd.hpp"

namespace uringd::daemon {

class Notifier {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; leaves them in the environment for a successor.
  static Notifier from_environment();

  void ready(std::string_view status);
  /// RELOADING=1 with MONOTONIC_USEC; ready() ends it.
  void reloading();
  void stopping(std::string_view status);
  void status(std::string_view text);
  void alive();  // WATCHDOG=1
  /// MAINPID: another process is the service from now on.
  void main_process(pid_t pid);
  /// How often alive() is to be said: half of WATCHDOG_USEC; nothing: nobody asks.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const;

 private:
  void send(const std::string& message);

  Fd socket_;
  std::string address_;  // begins with '/' or, an abstract one, with NUL
  std::optional<std::chrono::microseconds> watchdog_interval_;
};

}  // namespace uringd::daemon
