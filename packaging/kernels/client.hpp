// A client of HTTP/1.1 on one blocking socket to a port of this machine: requests that may be sent ahead of their
// answers, and answers read one by one. It believes nothing that it does not need: lengths are counted, an answer that
// ends early is not complete. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct Answer {
  int status = 0;  // 0: no answer, or one that is not HTTP
  std::string head;
  std::string body;
  bool complete = false;  // as many bytes as Content-Length says

  /// The field's value, "" where there is none. `name` as uringd writes it.
  [[nodiscard]] std::string field(const std::string& name) const;
  [[nodiscard]] bool is(int expected) const { return complete && status == expected; }
};

class Client {
 public:
  explicit Client(std::uint16_t port);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool connected() const { return socket_ >= 0; }
  bool send_request(const std::string& method, const std::string& path, const std::vector<std::string>& fields = {});
  /// Of HEAD there is no body to read.
  Answer read_answer(bool head_only = false);
  Answer ask(const std::string& method, const std::string& path, const std::vector<std::string>& fields = {});
  Answer get(const std::string& path, const std::vector<std::string>& fields = {}) { return ask("GET", path, fields); }
  /// At least one byte more, where they come within the time; false at the end.
  bool read_more(std::size_t most);
  /// Whether the server has closed, read to its end.
  bool closed();

  /// Answers with a head, of all clients of this process: what an access log must have.
  static std::size_t answers();

 private:
  int socket_ = -1;
  std::string input_;  // received, and not part of an answer yet
};
