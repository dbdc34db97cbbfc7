// A body's data, piece by piece: the same bytes however they are cut, and a bound that is set after the head.
#include <doctest/doctest.h>

#include <string>

#include "uringd/http/request_parser.hpp"

using namespace uringd::http;
using Progress = RequestParser::BodyProgress;

namespace {

struct Read {
  std::string data;
  size_t used = 0;
  Progress progress = Progress::need_more;
};

Read read(RequestParser& parser, std::string_view bytes, size_t step) {
  Read result;
  while (result.progress == Progress::need_more && result.used < bytes.size()) {
    const std::string_view rest = bytes.substr(result.used, step);
    const auto piece = parser.parse_body_piece(rest.data(), rest.size());
    result.data.append(piece.data.data(), piece.data.size());
    result.used += piece.used;
    result.progress = piece.progress;
  }
  return result;
}

void begin(RequestParser& parser, const std::string& head) {
  REQUIRE(parser.parse_head(head.data(), head.size()) == RequestParser::Progress::head_complete);
}

const std::string chunked_head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string long_head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n";

}  // namespace

TEST_CASE("chunks come as their data alone, however the bytes are cut") {
  const std::string body = "5;a=b\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\nT: v\r\n\r\n";
  for (size_t step = 1; step <= body.size() + 4; ++step) {
    CAPTURE(step);
    RequestParser parser;
    begin(parser, chunked_head);
    const Read all = read(parser, body + "GET ", step);
    CHECK(all.data == "hello world!");
    CHECK(all.used == body.size());
    CHECK(all.progress == Progress::complete);
  }
}

TEST_CASE("a body by length comes as it is, and no byte behind it") {
  for (size_t step = 1; step <= 16; ++step) {
    RequestParser parser;
    begin(parser, long_head);
    const Read all = read(parser, "hello world!GET ", step);
    CHECK(all.data == "hello world!");
    CHECK(all.used == 12);
  }
}

TEST_CASE("a bound set after the head holds for what was declared and for what comes in chunks") {
  RequestParser parser({.body_size = UINT64_MAX});
  begin(parser, long_head);
  CHECK(parser.bound_body(12));
  CHECK(!parser.bound_body(11));
  RequestParser chunks({.body_size = UINT64_MAX});
  begin(chunks, chunked_head);
  CHECK(chunks.bound_body(4));
  const Read all = read(chunks, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 100);
  CHECK(all.data == "abc");
  CHECK(all.progress == Progress::rejected);
  CHECK(chunks.status() == 413);
}
