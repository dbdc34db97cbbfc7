// Launched: the harness' server goes through seccomp_launcher while one is in scope, under a filter that answers one
// system call with an error. Knocker: whether a port was open at any moment, asked all the time by a thread of its own.
// Both belong to the test's thread; one Launched at a time (it sets URINGD_BINARY).
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness.hpp"

namespace uringd::testing {

class Launched {
 public:
  /// `call` and `error` as seccomp_launcher takes them.
  Launched(std::string call, std::string error) : call_(std::move(call)), error_(std::move(error)) {
    const char* launcher = std::getenv("URINGD_SECCOMP_LAUNCHER");
    const char* binary = std::getenv("URINGD_BINARY");
    if (launcher == nullptr || binary == nullptr) FAIL("URINGD_SECCOMP_LAUNCHER and URINGD_BINARY must name programs");
    binary_ = binary;
    ::setenv("URINGD_BINARY", launcher, 1);
  }
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;
  ~Launched() { ::setenv("URINGD_BINARY", binary_.c_str(), 1); }

  /// The launcher's command line for the server's.
  [[nodiscard]] std::vector<std::string> around(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words{call_, error_, binary_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }

 private:
  std::string call_, error_, binary_;
};

class Knocker {
 public:
  explicit Knocker(int port)
      : thread_([this, port] {
          while (!done_) {
            if (open(port)) ++opened_;
            std::this_thread::sleep_for(std::chrono::microseconds{200});
          }
        }) {}
  Knocker(const Knocker&) = delete;
  Knocker& operator=(const Knocker&) = delete;
  ~Knocker() { stop(); }

  /// How often somebody opened. Knocks no more.
  int stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
    return opened_;
  }

 private:
  // Not Client: its checks are for the test's own thread.
  static bool open(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
  }

  std::atomic<bool> done_ = false;
  std::atomic<int> opened_ = 0;
  std::thread thread_;
};

}  // namespace uringd::testing
