// evaluate: preconditions and ranges together, on requests that went through the parser.
#include "uringd/http/evaluate.hpp"

#include <doctest/doctest.h>

#include <string>

#include "uringd/http/request_parser.hpp"

namespace uringd::http {
namespace {

constexpr int64_t modified_s = 784111777;
constexpr const char* modified_text = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* before_text = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* after_text = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr int64_t now_s = 1'795'000'000;
constexpr Representation page{1000, "\"a\"", modified_s, true};
constexpr Representation bare{1000, "", 0, false};

Reply reply_to(std::string fields, const Representation& representation = page, const char* method = "GET",
               int64_t now = now_s) {
  const std::string bytes = std::string{method} + " / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  return evaluate(parser.request(), representation, now);
}
int status_of(std::string fields, const Representation& representation = page, const char* method = "GET") {
  CAPTURE(fields);
  const Reply reply = reply_to(fields, representation, method);
  if (reply.status == 200) {
    CHECK(reply.first == 0);
    CHECK(reply.length == representation.size);
  } else if (reply.status != 206) {
    CHECK(reply.length == 0);
  }
  return reply.status;
}
std::string field(const char* name, const std::string& value) { return std::string{name} + ": " + value + "\r\n"; }

TEST_CASE("without conditions everything is sent") {
  CHECK(status_of("") == 200);
  CHECK(status_of("", bare) == 200);
  CHECK(status_of("", {0, "\"a\"", 0, false}) == 200);
}

TEST_CASE("If-None-Match compares weakly and wins over If-Modified-Since (RFC 9110 §13.1.2, §13.1.3)") {
  CHECK(status_of("If-None-Match: \"a\"\r\n") == 304);
  CHECK(status_of("If-None-Match: W/\"a\"\r\n", page, "HEAD") == 304);
  CHECK(status_of("If-None-Match: \"b\", \"a\"\r\n") == 304);
  CHECK(status_of("If-None-Match: *\r\n", bare) == 304);
  CHECK(status_of("If-None-Match: \"b\"\r\n") == 200);
  CHECK(status_of("If-None-Match: a\r\n") == 200);
  CHECK(status_of("If-None-Match:\r\n" + field("If-Modified-Since", modified_text)) == 200);
  CHECK(status_of("If-None-Match: \"b\"\r\n" + field("If-Modified-Since", modified_text)) == 200);
  CHECK(status_of("If-None-Match: \"a\"\r\n" + field("If-Modified-Since", before_text)) == 304);
}

TEST_CASE("all lines of a repeated list field count (RFC 9110 §5.3)") {
  CHECK(status_of("If-None-Match: \"b\"\r\nAccept: x\r\nIf-None-Match: \"a\"\r\n") == 304);
  CHECK(status_of("If-None-Match: \"b\"\r\nIf-None-Match: \"c\"\r\n") == 200);
  CHECK(status_of("If-Match: \"b\"\r\nIf-Match: \"a\"\r\n") == 200);
  CHECK(status_of("If-Match: \"b\"\r\nIf-Match: \"c\"\r\n") == 412);
}

TEST_CASE("If-Modified-Since: 304 from the time of the last change on, in all three forms (RFC 9110 §13.1.3)") {
  CHECK(status_of(field("If-Modified-Since", modified_text)) == 304);
  CHECK(status_of(field("If-Modified-Since", after_text)) == 304);
  CHECK(status_of(field("If-Modified-Since", before_text)) == 200);
  CHECK(status_of("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n") == 304);
  CHECK(status_of("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n") == 304);
  CHECK(status_of("If-Modified-Since: yesterday\r\n") == 200);
  CHECK(status_of("If-Modified-Since:\r\n") == 200);
  CHECK(status_of(field("If-Modified-Since", after_text), bare) == 200);
  CHECK(status_of(field("If-Modified-Since", after_text) + field("If-Modified-Since", after_text)) == 200);
}

TEST_CASE("If-Match compares strongly and wins over If-Unmodified-Since (RFC 9110 §13.1.1, §13.1.4)") {
  CHECK(status_of("If-Match: \"a\"\r\n") == 200);
  CHECK(status_of("If-Match: *\r\n", bare) == 200);
  CHECK(status_of("If-Match: \"b\"\r\n") == 412);
  CHECK(status_of("If-Match: W/\"a\"\r\n") == 412);
  CHECK(status_of("If-Match: \"a\"\r\n", bare) == 412);
  CHECK(status_of("If-Match: a\r\n") == 412);
  CHECK(status_of("If-Match: \"a\"\r\n" + field("If-Unmodified-Since", before_text)) == 200);
  CHECK(status_of(field("If-Unmodified-Since", before_text)) == 412);
  CHECK(status_of(field("If-Unmodified-Since", modified_text)) == 200);
  CHECK(status_of(field("If-Unmodified-Since", before_text), bare) == 200);
  CHECK(status_of("If-Unmodified-Since: x\r\n") == 200);
}

TEST_CASE("a failed If-Match is seen before a matching If-None-Match (RFC 9110 §13.2.2)") {
  CHECK(status_of("If-None-Match: \"a\"\r\nIf-Match: \"b\"\r\n") == 412);
  CHECK(status_of("If-None-Match: \"a\"\r\nIf-Match: \"a\"\r\n") == 304);
  CHECK(status_of("If-None-Match: \"a\"\r\nRange: bytes=0-0\r\n") == 304);
  CHECK(status_of("If-Match: \"b\"\r\nRange: bytes=5000-\r\n") == 412);
}

TEST_CASE("a single range is 206, one behind the end 416, several and malformed ones 200") {
  const Reply reply = reply_to("Range: bytes=10-19\r\n");
  CHECK(reply.status == 206);
  CHECK(reply.first == 10);
  CHECK(reply.length == 10);
  CHECK(status_of("Range: bytes=0-\r\n") == 206);
  CHECK(status_of("Range: bytes=1000-\r\n") == 416);
  CHECK(status_of("Range: bytes=0-1,5-6\r\n") == 200);
  CHECK(status_of("Range: bytes=0-1\r\nRange: bytes=0-1\r\n") == 200);
  CHECK(status_of("Range: bytes=x\r\n") == 200);
}

TEST_CASE("HEAD knows no Range (RFC 9110 §14.2)") {
  CHECK(status_of("Range: bytes=0-1\r\n", page, "HEAD") == 200);
  CHECK(status_of("Range: bytes=5000-\r\n", page, "HEAD") == 200);
}

TEST_CASE(
    "If-Range: a strong tag or the exact date lets the Range through, anything else sends all (RFC 9110 §13.1.5)") {
  auto with = [](const std::string& value, const Representation& representation = page) {
    return status_of("Range: bytes=0-1\r\nIf-Range: " + value + "\r\n", representation);
  };
  CHECK(with("\"a\"") == 206);
  CHECK(with("\"b\"") == 200);
  CHECK(with("W/\"a\"") == 200);
  CHECK(with("W/\"a\"", {1000, "W/\"a\"", modified_s, true}) == 200);
  CHECK(with("\"a\", \"b\"") == 200);
  CHECK(with("*") == 200);
  CHECK(with("\"a\"", bare) == 200);
  CHECK(with(modified_text) == 206);
  CHECK(with(after_text) == 200);
  CHECK(with(before_text) == 200);
  CHECK(with("") == 200);
  CHECK(with("\"b\"\r\nRange: bytes=9999-") == 200);
  CHECK(status_of("If-Range: \"b\"\r\nRange: bytes=9999-\r\n") == 200);
  CHECK(status_of("Range: bytes=0-1\r\nIf-Range: \"a\"\r\nIf-Range: \"a\"\r\n") == 200);
}

TEST_CASE("a file changed within this second has no strong date (RFC 9110 §8.8.2.2)") {
  const std::string fields = "Range: bytes=0-1\r\nIf-Range: " + std::string{modified_text} + "\r\n";
  CHECK(reply_to(fields, page, "GET", modified_s).status == 200);
  CHECK(reply_to(fields, page, "GET", modified_s + 1).status == 206);
}

}  // namespace
}  // namespace uringd::http
