// Request: fields, repeated ones, and following bytes that move.
#include "uringd/http/request.hpp"

#include <doctest/doctest.h>

#include <string>

#include "uringd/http/request_parser.hpp"

namespace uringd::http {
namespace {

TEST_CASE("every known field is found under its name in any case, and under no other") {
  const std::string bytes =
      "GET / HTTP/1.1\r\nhOST: v0\r\nIF-MATCH: v1\r\nif-none-match: v2\r\nIf-Modified-Since: "
      "v3\r\nIf-Unmodified-Since: v4\r\n"
      "If-Range: v5\r\nRange: v6\r\nAccept: v7\r\nAccept-Encoding: v8\r\nUser-Agent: v9\r\nReferer: v10\r\nExpect: "
      "100-continue\r\n"
      "X-Forwarded-For: v12\r\nForwarded: v13\r\nAuthorization: v14\r\n"
      "Accepz: no\r\nIf-Rangf: no\r\nX_Forwarded_For: no\r\n\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  for (size_t i = 0; i < static_cast<size_t>(Field::count_); ++i) {
    const auto field = static_cast<Field>(i);
    CHECK(parser.request().field(field) == (field == Field::expect ? "100-continue" : "v" + std::to_string(i)));
    CHECK_FALSE(parser.request().repeated(field));
  }
}

TEST_CASE("the further lines of a repeated field are found in order (RFC 9110 §5.3)") {
  const std::string bytes =
      "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\"\r\nX: If-None-Match: \"x\"\r\nif-none-match:\"b\" \r\nAccept: "
      "q\r\n"
      "IF-NONE-MATCH:\r\n\r\nIf-None-Match: \"next request\"\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  const Request& request = parser.request();
  CHECK(request.repeated(Field::if_none_match));
  CHECK_FALSE(request.repeated(Field::accept));
  const auto first = request.field(Field::if_none_match);
  REQUIRE(first == "\"a\"");
  const auto second = request.next_line(Field::if_none_match, *first);
  REQUIRE(second == "\"b\"");
  const auto third = request.next_line(Field::if_none_match, *second);
  REQUIRE(third == "");
  CHECK_FALSE(request.next_line(Field::if_none_match, *third).has_value());
}

TEST_CASE("an empty line of a repeated field does not hide the one behind it (RFC 9110 §5.3)") {
  for (const char* empty : {"Accept:\r\n", "Accept: \r\n", "Accept:\t \t\r\n"}) {
    CAPTURE(empty);
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string{empty} + "Accept: b\r\n" + empty + "\r\n";
    RequestParser parser;
    REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
    const Request& request = parser.request();
    const auto first = request.field(Field::accept);
    REQUIRE(first == "");
    const auto second = request.next_line(Field::accept, *first);
    REQUIRE(second == "b");
    const auto third = request.next_line(Field::accept, *second);
    REQUIRE(third == "");
    CHECK_FALSE(request.next_line(Field::accept, *third).has_value());
  }
}

TEST_CASE("a field of any name is found in any case, line by line, and no other (RFC 9110 §5.1)") {
  const std::string bytes =
      "GET http://b/x:y HTTP/1.1\r\nHost: a\r\nx-one:\r\nX-ONE: 2 \r\nX-One-: no\r\nX-On: no\r\nA: x-one: no\r\n"
      "X-One:\t3\r\nLast: z\r\n\r\nX-One: next request\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  const Request& request = parser.request();
  const auto first = request.find("X-One");
  REQUIRE(first == "");
  const auto second = request.find_next("X-One", *first);
  REQUIRE(second == "2");
  const auto third = request.find_next("x-oNE", *second);
  REQUIRE(third == "3");
  CHECK_FALSE(request.find_next("X-One", *third).has_value());
  CHECK(request.find("last") == "z");
  CHECK(request.find("HOST") == "a");
  CHECK(request.field(Field::host) == "b");
  CHECK_FALSE(request.find("GET http").has_value());
  CHECK_FALSE(request.find("").has_value());
  CHECK_FALSE(request.find("X-Two").has_value());
}

TEST_CASE("a request without fields has none under any name (RFC 9112 §2.2, §3.2)") {
  const std::string bytes = "\r\nGET /a:b HTTP/1.0\r\n\r\nX: 1\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  CHECK_FALSE(parser.request().find("X").has_value());
  CHECK_FALSE(parser.request().find("GET /a").has_value());
}

TEST_CASE("a request follows its bytes to another address") {
  std::string bytes = "GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  Request copy = parser.request();
  const std::string moved = bytes;
  bytes.assign(bytes.size(), 'x');
  copy.rebase(moved.data());
  CHECK(copy.target() == "/a");
  CHECK(copy.method_name() == "GET");
  CHECK(copy.field(Field::host) == "example.org");
}

}  // namespace
}  // namespace uringd::http
