// compose_head and the error pages. Everything is written in one pass through a bounded writer: no length is computed
// before and trusted afterwards (that is how others overflowed).
#include "uringd/http/reply_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "uringd/base/check.hpp"
#include "uringd/http/date.hpp"

namespace uringd::http {
namespace {

class Writer {
 public:
  explicit Writer(std::span<char> out) : out_(out) {}

  void put(std::string_view text) {
    if (text.empty()) return;  // its data may be null, which memcpy must not see
    if (text.size() > out_.size() - size_) {
      full_ = true;
      return;
    }
    std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void put(uint64_t number) {
    std::array<char, 20> digits;
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    put(std::string_view{digits.data(), static_cast<size_t>(end - digits.data())});
  }
  void field(std::string_view name_and_colon, std::string_view value) {
    if (value.empty()) return;
    put(name_and_colon);
    put(value);
    put("\r\n");
  }
  size_t size() const { return full_ ? 0 : size_; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
  bool full_ = false;
};

bool one_line(std::string_view value) { return value.find_first_of("\r\n") == std::string_view::npos; }

}  // namespace

size_t compose_head(const ReplyHead& head, std::span<char> out) {
  CHECK(!reason_phrase(head.status).empty());
  CHECK(head.date.size() == date_size);
  CHECK(one_line(head.location));  // a line more would be the attacker's own response
  CHECK(head.extra.empty() || head.extra.ends_with("\r\n"));
  CHECK(head.more.empty() || head.more.ends_with("\r\n"));
  Writer writer{out};
  writer.put("HTTP/1.1 ");
  writer.put(static_cast<uint64_t>(head.status));
  writer.put(" ");
  writer.put(reason_phrase(head.status));
  writer.put("\r\n");
  writer.field("Date: ", head.date);
  if (head.server) writer.put("Server: uringd\r\n");
  writer.field("Content-Type: ", head.content_type);
  writer.field("Content-Encoding: ", head.content_encoding);
  if (head.content_length) {
    writer.put("Content-Length: ");
    writer.put(*head.content_length);
    writer.put("\r\n");
  }
  writer.field("ETag: ", head.etag);
  writer.field("Last-Modified: ", head.last_modified);
  if (head.accept_ranges) writer.put("Accept-Ranges: bytes\r\n");
  writer.field("Content-Range: ", head.content_range);
  writer.field("Location: ", head.location);
  writer.field("Allow: ", head.allow);
  if (head.retry_after_s > 0) {
    writer.put("Retry-After: ");
    writer.put(uint64_t{head.retry_after_s});
    writer.put("\r\n");
  }
  writer.put(head.extra);
  writer.put(head.more);
  if (head.connection == ConnectionField::close) writer.put("Connection: close\r\n");
  if (head.connection == ConnectionField::keep_alive) writer.put("Connection: keep-alive\r\n");
  writer.put("\r\n");
  return writer.size();
}

size_t content_range(std::span<char> out, uint64_t first, uint64_t length, uint64_t size) {
  Writer writer{out};
  writer.put("bytes ");
  if (length == 0) {
    writer.put("*");
  } else {
    CHECK(first < size && length <= size - first);
    writer.put(first);
    writer.put("-");
    writer.put(first + (length - 1));
  }
  writer.put("/");
  writer.put(size);
  return writer.size();
}

#define PAGE(title, text)                                                                                \
  "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"                                      \
  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" title                               \
  "</title>\n<style>body{font:1rem/1.5 system-ui,sans-serif;margin:4rem auto;max-width:36rem;padding:0 " \
  "1rem}</style>\n<h1>" title "</h1>\n<p>" text "</p>\n</html>\n"

std::string_view error_body(int status) {
  switch (status) {
    case 301: return PAGE("301 Moved Permanently", "This page has another address now.");
    case 302: return PAGE("302 Found", "This page is at another address for now.");
    case 303: return PAGE("303 See Other", "The answer is at another address.");
    case 307: return PAGE("307 Temporary Redirect", "This page is at another address for now.");
    case 308: return PAGE("308 Permanent Redirect", "This page has another address now.");
    case 400: return PAGE("400 Bad Request", "The server did not understand this request.");
    case 401: return PAGE("401 Unauthorized", "This needs a credential.");
    case 403: return PAGE("403 Forbidden", "This is not for you to see.");
    case 404: return PAGE("404 Not Found", "There is nothing at this address.");
    case 405: return PAGE("405 Method Not Allowed", "This server answers GET, HEAD and OPTIONS.");
    case 406: return PAGE("406 Not Acceptable", "There is no form of this page that the client accepts.");
    case 408: return PAGE("408 Request Timeout", "The request took too long to arrive.");
    case 409: return PAGE("409 Conflict", "This cannot be done as things stand.");
    case 410: return PAGE("410 Gone", "This page was removed for good.");
    case 411: return PAGE("411 Length Required", "The request did not say how long it is.");
    case 412: return PAGE("412 Precondition Failed", "A condition of the request does not hold.");
    case 413: return PAGE("413 Content Too Large", "The body of the request is too large.");
    case 414: return PAGE("414 URI Too Long", "The address is too long.");
    case 415: return PAGE("415 Unsupported Media Type", "The server does not know this kind of content.");
    case 416: return PAGE("416 Range Not Satisfiable", "The file has no such bytes.");
    case 417: return PAGE("417 Expectation Failed", "The server cannot do what the request expects.");
    case 421: return PAGE("421 Misdirected Request", "This server does not answer for that host.");
    case 422: return PAGE("422 Unprocessable Content", "The content of the request has errors.");
    case 429: return PAGE("429 Too Many Requests", "Please slow down.");
    case 431: return PAGE("431 Request Header Fields Too Large", "The header of the request is too large.");
    case 500: return PAGE("500 Internal Server Error", "Something went wrong on the server.");
    case 501: return PAGE("501 Not Implemented", "The server does not know this method or coding.");
    case 502: return PAGE("502 Bad Gateway", "A server behind this one gave no good answer.");
    case 503: return PAGE("503 Service Unavailable", "The server cannot answer now. Please try again soon.");
    case 504: return PAGE("504 Gateway Timeout", "A server behind this one took too long.");
    case 505: return PAGE("505 HTTP Version Not Supported", "This server speaks HTTP/1.0 and HTTP/1.1.");
    case 507: return PAGE("507 Insufficient Storage", "There is no room left.");
    default: return "";
  }
}
#undef PAGE

}  // namespace uringd::http
