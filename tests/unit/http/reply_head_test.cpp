// Heads to the byte, and the pages of errors.
#include "uringd/http/reply_head.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <string>

namespace uringd::http {
namespace {

constexpr std::string_view date = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string compose(const ReplyHead& head, size_t room = 4096) {
  std::string out(room, '?');
  out.resize(compose_head(head, out));
  return out;
}

TEST_CASE("a full head has its fields in order, and a bare one only what it must have") {
  ReplyHead head;
  head.status = 206;
  head.date = date;
  head.content_type = "text/html; charset=utf-8";
  head.content_encoding = "br";
  head.content_length = 18446744073709551615u;
  head.etag = "\"a\"";
  head.last_modified = date;
  head.accept_ranges = true;
  head.content_range = "bytes 0-1/2";
  head.location = "/a/";
  head.allow = "GET, HEAD, OPTIONS";
  head.retry_after_s = 5;
  head.extra = "X: y\r\nVary: Accept\r\n";
  head.more = "Z: own\r\n";
  head.connection = ConnectionField::close;
  CHECK(compose(head) ==
        "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: uringd\r\nContent-Type: "
        "text/html; charset=utf-8\r\nContent-Encoding: br\r\n"
        "Content-Length: 18446744073709551615\r\nETag: \"a\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 "
        "GMT\r\nAccept-Ranges: bytes\r\n"
        "Content-Range: bytes 0-1/2\r\nLocation: /a/\r\nAllow: GET, HEAD, OPTIONS\r\nRetry-After: 5\r\nX: y\r\nVary: "
        "Accept\r\nZ: own\r\nConnection: close\r\n\r\n");
  ReplyHead bare;
  bare.status = 304;
  bare.date = date;
  CHECK(compose(bare) == "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: uringd\r\n\r\n");
  bare.server = false;
  CHECK(compose(bare) == "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
  bare.server = true;
  bare.content_length = 0;
  bare.connection = ConnectionField::keep_alive;
  CHECK(compose(bare).ends_with("Server: uringd\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("a head that does not fit is 0, one that just fits is whole") {
  ReplyHead head;
  head.date = date;
  head.content_length = 123;
  const std::string whole = compose(head);
  for (size_t room = 0; room < whole.size(); ++room) CHECK(compose(head, room).empty());
  CHECK(compose(head, whole.size()) == whole);
}

TEST_CASE("the Date of every status lies where date_offset says") {
  for (int status = 100; status < 600; ++status) {
    if (reason_phrase(status).empty()) continue;
    ReplyHead head;
    head.status = status;
    head.date = date;
    CHECK(compose(head).substr(date_offset(status), date.size()) == date);
  }
}

TEST_CASE("Content-Range (RFC 9110 §14.4)") {
  std::array<char, 72> out;
  auto text = [&](uint64_t first, uint64_t length, uint64_t size) {
    return std::string{out.data(), content_range(out, first, length, size)};
  };
  CHECK(text(0, 1, 1) == "bytes 0-0/1");
  CHECK(text(10, 90, 100) == "bytes 10-99/100");
  CHECK(text(0, 0, 1000) == "bytes */1000");
  CHECK(text(~0ull - 1, 1, ~0ull) == "bytes 18446744073709551614-18446744073709551614/18446744073709551615");
  CHECK(content_range(std::span{out}.first(10), 0, 1, 1) == 0);
}

TEST_CASE("every error has a page that names it") {
  for (int status = 400; status < 600; ++status) {
    CHECK(error_body(status).empty() == reason_phrase(status).empty());
    if (error_body(status).empty()) continue;
    const std::string name = std::to_string(status) + " " + std::string{reason_phrase(status)};
    CHECK(error_body(status).starts_with("<!doctype html>"));
    CHECK(error_body(status).find("<title>" + name + "</title>") != std::string_view::npos);
    CHECK(error_body(status).find("<h1>" + name + "</h1>") != std::string_view::npos);
  }
  for (int status : {301, 302, 303, 307, 308}) CHECK_FALSE(error_body(status).empty());
  for (int status : {200, 204, 206, 304}) CHECK(error_body(status).empty());
}

}  // namespace
}  // namespace uringd::http
