// Server and Client: the real uringd with one worker and a directory of its own, and connections to it that never wait.
// The directory goes with the Server, which ends its process by its id and checks that it left with 0. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace uringd::bench {

class Server {
 public:
  /// Started and listening on port(), or error() says why not.
  explicit Server(const std::string& program);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The thread that serves; 0 where there is none of that name.
  [[nodiscard]] pid_t worker() const;
  void file(std::string_view name, std::string_view content) const;
  /// SIGTERM; whether it left with 0 within 10 s.
  bool stop();

 private:
  bool start(const std::string& program);

  std::string directory_;
  std::string error_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

class Client {
 public:
  explicit Client(std::uint16_t port);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;

  /// Sends all of it and forgets what came before.
  bool ask(std::string_view request);
  /// Takes what has come; whether `count` whole answers have.
  bool answered(unsigned count);
  /// What has come since ask(), with the value of each Date field blanked.
  [[nodiscard]] const std::string& answers() const { return in_; }

 private:
  int socket_ = -1;
  std::string in_;
  size_t whole_bytes_ = 0;  // of in_: answers that have been counted
  unsigned whole_ = 0;
};

}  // namespace uringd::bench
