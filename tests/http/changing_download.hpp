// Download: a large file on its way to a client that has stopped reading, so that a test can alter the file in the
// middle of it. The client's window is small and the file larger than any socket buffer, so most of it is unsent.
#pragma once

#include <doctest/doctest.h>

#include "harness.hpp"

namespace uringd::testing {

class Download {
 public:
  static constexpr std::size_t kSize = 24 << 20;

  explicit Download(const Server& server, std::string_view target = "/large.bin") : client_(server.connect(32 * 1024)) {
    client_.send(get_request(target));
    head_ = client_.read_head();
    REQUIRE(head_.status == 200);
    while (body_.size() < 100000) {
      const std::string piece = client_.read_some(65536);
      REQUIRE(!piece.empty());
      body_ += piece;
    }
  }

  /// Reads on to the end of the answer or of the connection. Whether the answer looks whole to a client.
  [[nodiscard]] bool finish() {
    client_.read_body(head_.content_length() - body_.size(), [&](std::string_view piece) { body_ += piece; });
    return body_.size() == head_.content_length();
  }

  [[nodiscard]] const std::string& body() const { return body_; }
  [[nodiscard]] const Response& head() const { return head_; }
  [[nodiscard]] Client& client() { return client_; }

 private:
  Client client_;
  Response head_;
  std::string body_;
};

}  // namespace uringd::testing
