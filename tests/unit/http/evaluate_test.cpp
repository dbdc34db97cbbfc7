// evaluate: preconditions and ranges together, on requests that went through the parser.
#include "uringd/http/evaluate.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

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

TEST_CASE("each precondition has its status (RFC 9110 §13.1)") {
  CHECK(status_of("If-None-Match: \"a\"\r\n") == 304);
  CHECK(status_of("If-None-Match: *\r\n", bare, "HEAD") == 304);
  CHECK(status_of("If-None-Match: \"b\"\r\n") == 200);
  CHECK(status_of(field("If-Modified-Since", modified_text)) == 304);
  CHECK(status_of(field("If-Modified-Since", before_text)) == 200);
  CHECK(status_of("If-Match: \"b\"\r\n", page, "HEAD") == 412);
  CHECK(status_of("If-Match: \"a\"\r\n") == 200);
  CHECK(status_of(field("If-Unmodified-Since", before_text)) == 412);
  CHECK(status_of(field("If-Unmodified-Since", modified_text)) == 200);
}

TEST_CASE("a failed If-Match is seen before a matching If-None-Match (RFC 9110 §13.2.2)") {
  CHECK(status_of("If-None-Match: \"a\"\r\nIf-Match: \"b\"\r\n") == 412);
  CHECK(status_of("If-None-Match: \"a\"\r\nIf-Match: \"a\"\r\n") == 304);
  CHECK(status_of("If-None-Match: \"a\"\r\nRange: bytes=0-0\r\n") == 304);
  CHECK(status_of("If-Match: \"b\"\r\nRange: bytes=5000-\r\n") == 412);
}

struct Row {
  std::string section;  // of RFC 9110
  std::string range;
  Reply expected;
  Representation representation = page;
};

TEST_CASE("a Range becomes one part, several, none, or the whole") {
  const Reply several{.status = 206, .several = true};
  const Reply whole{200, 0, 1000};
  const Representation empty{0, "\"a\"", modified_s, true};
  for (const Row& row : std::vector<Row>{
           {"§14.2", "bytes=10-19", {206, 10, 10}},
           {"§14.2", "bytes=0-", {206, 0, 1000}},
           {"§14.1.2", "bytes=-10", {206, 990, 10}},
           {"§14.1.2", "bytes=990-1990", {206, 990, 10}},
           {"§14.1.2", "bytes=-5000", {206, 0, 1000}},
           {"§14.2", "bytes=0-9, -10", several},
           {"§14.2", "bytes=0-9, -10, 100000-, 10-19", several},
           {"§15.3.7.2 one part is no multipart: touching", "bytes=0-9,10-19", {206, 0, 20}},
           {"§15.3.7.2 overlapping", "bytes=-10,-20", {206, 980, 20}},
           {"§15.3.7.2 the rest unsatisfiable", "bytes=5000-,5-5,-0", {206, 5, 1}},
           {"§15.3.7.2 all of it in two", "bytes=0-499,500-", {206, 0, 1000}},
           {"§15.5.17", "bytes=1000-", {416, 0, 0}},
           {"§15.5.17", "bytes=-0", {416, 0, 0}},
           {"§15.5.17", "bytes=1000-1000,2000-", {416, 0, 0}},
           {"§14.2 malformed", "bytes=x", whole},
           {"§14.2 malformed", "bytes=5-4", whole},
           {"§14.2 malformed", "bytes=1000-,5-4", whole},
           {"§14.2 malformed", "", whole},
           {"§14.2 another unit", "lines=0-1", whole},
           {"§14.2 too much", "bytes=0-10001, 0-0", whole},
           {"§14.2 overlapping", "bytes=0-2,1-3,2-4", whole},
           {"§14.2 two lines", "bytes=0-1\r\nRange: bytes=0-1", whole},
           {"§14.2 two lines", "bytes=5000-\r\nRange: bytes=0-1", whole},
           {"§14.1.2 an empty body", "bytes=0-", {416, 0, 0}, empty},
           {"§14.1.2 an empty body", "bytes=-1", {200, 0, 0}, empty},
       }) {
    CAPTURE(row.section);
    CAPTURE(row.range);
    const Reply reply = reply_to(field("Range", row.range), row.representation);
    CHECK(reply.status == row.expected.status);
    CHECK(reply.first == row.expected.first);
    CHECK(reply.length == row.expected.length);
    CHECK(reply.several == row.expected.several);
    const Reply head = reply_to(field("Range", row.range), row.representation, "HEAD");
    CHECK(head.status == 200);  // §14.2: Range means something for GET only
    CHECK(head.length == row.representation.size);
    CHECK_FALSE(head.several);
  }
}

TEST_CASE("a precondition that decides leaves no Range to look at (RFC 9110 §13.2.2, §14.2)") {
  CHECK(status_of("Range: bytes=5000-\r\nIf-None-Match: \"a\"\r\n") == 304);
  CHECK(status_of("Range: bytes=0-1,5-6\r\nIf-Match: \"b\"\r\n") == 412);
  CHECK(status_of("Range: bytes=0-1\r\n" + field("If-Modified-Since", modified_text)) == 304);
  CHECK(status_of("Range: bytes=0-1\r\n" + field("If-Unmodified-Since", before_text)) == 412);
  CHECK(status_of("Range: bytes=0-1\r\nIf-None-Match: \"b\"\r\n") == 206);
  CHECK(status_of("Range: bytes=5000-\r\nIf-Match: \"a\"\r\n") == 416);
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
