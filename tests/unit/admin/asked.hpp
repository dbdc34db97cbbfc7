// One: a request as the admin's handler sees it, made of its text. Keeps the bytes that it refers to.
#pragma once

#include <string>

#include "uringd/base/ip_address.hpp"
#include "uringd/http/request_parser.hpp"
#include "uringd/server/handler.hpp"

namespace uringd::testing {

class One {
 public:
  /// `fields`: lines, each ending in CRLF; with a Host line unless `host` is empty.
  explicit One(const std::string& target, const std::string& fields = "", const std::string& method = "GET",
               const std::string& host = "localhost", IpAddress peer = *IpAddress::parse("127.0.0.1"))
      : text_(method + " " + target + (host.empty() ? " HTTP/1.0\r\n" : " HTTP/1.1\r\nHost: " + host + "\r\n") +
              fields + "\r\n"),
        peer_(peer) {
    understood_ = parser_.parse_head(text_.data(), text_.size()) == http::RequestParser::Progress::head_complete;
  }
  One(const One&) = delete;
  One& operator=(const One&) = delete;

  [[nodiscard]] bool understood() const { return understood_; }
  [[nodiscard]] const http::Request& request() const { return parser_.request(); }
  [[nodiscard]] server::Asked asked() const { return {parser_.request(), peer_, {}}; }

 private:
  std::string text_;
  IpAddress peer_;
  http::RequestParser parser_;
  bool understood_;
};

}  // namespace uringd::testing
