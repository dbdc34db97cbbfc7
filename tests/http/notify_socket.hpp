// NotifySocket: the service manager's end of sd_notify(3), as systemd has it: a datagram socket that keeps what each
// process said. One thread.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "harness.hpp"

namespace uringd::testing {

class NotifySocket {
 public:
  struct Message {
    pid_t from = -1;
    std::string text;  // lines
    std::chrono::steady_clock::time_point at;
    [[nodiscard]] bool has(const std::string& line) const {
      return ("\n" + text + "\n").find("\n" + line + "\n") != std::string::npos;
    }
    /// What follows "NAME=" in its line, "" without it.
    [[nodiscard]] std::string value(const std::string& name) const {
      const std::string lines = "\n" + text + "\n";
      const std::size_t at_name = lines.find("\n" + name + "=");
      if (at_name == std::string::npos) return "";
      const std::size_t begin = at_name + name.size() + 2;
      return lines.substr(begin, lines.find('\n', begin) - begin);
    }
  };

  /// A path, or a name that begins with "@": an abstract one.
  explicit NotifySocket(const std::string& name) : name_(name), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(name.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') {
      address.sun_path[0] = 0;
    } else {
      ::unlink(name.c_str());
    }
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    const int one = 1;
    REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0);
    if (name[0] != '@') ::chmod(name.c_str(), 0666);
  }
  ~NotifySocket() { close(); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<Message>& all() {
    collect(Milliseconds{0});
    return messages_;
  }
  /// The first message at or after index `from` that has that line; its index, or the number of messages where none
  /// comes in time.
  std::size_t wait_for(const std::string& line, std::size_t from = 0, Milliseconds patience = kPatience) {
    std::size_t found = 0;
    const bool came = wait_until(
        [&] {
          collect(Milliseconds{5});
          for (found = from; found < messages_.size(); ++found) {
            if (messages_[found].has(line)) return true;
          }
          return false;
        },
        patience);
    return came ? found : messages_.size();
  }
  [[nodiscard]] std::string text() {
    std::string result;
    for (const Message& message : all()) result += std::to_string(message.from) + ": " + message.text + "\n--\n";
    return result;
  }

 private:
  void collect(Milliseconds patience) {
    pollfd readable{fd_, POLLIN, 0};
    while (fd_ >= 0 && ::poll(&readable, 1, static_cast<int>(patience.count())) == 1) {
      char bytes[4096];
      char control[CMSG_SPACE(sizeof(ucred))];
      iovec piece{bytes, sizeof bytes};
      msghdr header{};
      header.msg_iov = &piece;
      header.msg_iovlen = 1;
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      const ssize_t size = ::recvmsg(fd_, &header, MSG_CMSG_CLOEXEC);
      if (size < 0) return;
      Message message;
      message.text.assign(bytes, static_cast<std::size_t>(size));
      while (message.text.ends_with("\n")) message.text.pop_back();
      message.at = std::chrono::steady_clock::now();
      for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
        ucred credentials{};
        std::memcpy(&credentials, CMSG_DATA(part), sizeof credentials);
        message.from = credentials.pid;
      }
      messages_.push_back(message);
    }
  }

  std::string name_;
  int fd_;
  std::vector<Message> messages_;
};

}  // namespace uringd::testing
