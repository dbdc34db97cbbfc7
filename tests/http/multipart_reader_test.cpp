// The reader of multipart bodies is a judge: these bodies, each wrong in one way, must not pass it. doctest turns the
// verdict round (should_fail), so the errors that this file prints are what it asks for.
#include "multipart_reader.hpp"

#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

const std::string kWhole = "0123456789";
const std::string kGood =
    "--B\r\nContent-Type: t\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
    "--B\r\nContent-Type: t\r\nContent-Range: bytes 5-6/10\r\n\r\n56\r\n--B--\r\n";

void judge(const std::string& body, const std::string& type = "multipart/byteranges; boundary=B") {
  Response response;
  response.status = 206;
  response.complete = true;
  response.body = body;
  response.fields = {{"Content-Type", type}, {"Content-Length", std::to_string(body.size())}};
  check_parts(response, kWhole, "t", {{0, 1}, {5, 6}});
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = kGood;
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("a right body passes, with an empty preamble too (RFC 2046 §5.1.1)") {
  judge(kGood);
  judge("\r\n" + kGood);
  judge(kGood, "multipart/byteranges; boundary=\"B\"");
}

#define WRONG(name, ...) \
  TEST_CASE(name* doctest::should_fail()) { judge(__VA_ARGS__); }
WRONG("a delimiter behind a bare LF", with("\r\n--B\r\n", "\n--B\r\n"))
WRONG("another byte in a part", with("56", "57"))
WRONG("a Content-Range of more bytes than there are", with("5-6", "5-7"))
WRONG("a Content-Range with another size", with("5-6/10", "5-6/11"))
WRONG("no closing delimiter", kGood.substr(0, kGood.size() - 4))
WRONG("a byte behind the end", kGood + "x")
WRONG("a part without Content-Range", with("Content-Range: bytes 0-1/10\r\n", ""))
WRONG("a part of another type", with("Content-Type: t", "Content-Type: u"))
WRONG("a boundary that is not the body's", kGood, "multipart/byteranges; boundary=C")
WRONG("no boundary", kGood, "multipart/byteranges")
WRONG("a field line without a colon", with("Content-Type: t", "Content-Type t"))
WRONG("one part instead of two", kGood.substr(kGood.rfind("--B\r\n")))

TEST_CASE("JSON and coded bodies that are none are seen") {
  CHECK(is_json("{\"a\":[1,\"x\\u00e9\",{}],\"b\":true}\n"));
  for (const char* text : {"{\"a\":\"\n\"}", "[1,]", "[1] ]", "\"\xff\"", "\"\\x\"", "", "{\"a\"}", "01"}) {
    INFO(text);
    CHECK(!is_json(text));
  }
  for (const char* coding : {"gzip", "br", "zstd", "deflate"}) {
    INFO(coding);
    CHECK(!decoded(coding, "no such bytes").has_value());
    CHECK(!decoded(coding, "").has_value());
  }
}
