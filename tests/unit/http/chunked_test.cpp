// Chunked bodies as a table (RFC 9112 §7.1), and pipelines: several requests in a row answer the same, however their
// bytes are cut.
#include <algorithm>
#include <numeric>
#include <utility>

#include "parser_rows.hpp"

namespace uringd::http {
namespace {

using testing::check_rows;
using testing::Row;
using namespace std::string_literals;

std::string chunked(std::string_view body) {
  return "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string{body};
}

TEST_CASE("chunked bodies are accepted or refused by RFC 9112 §7.1") {
  const Row rows[] = {
      {"7.1 no chunk", chunked("0\r\n\r\n")},
      {"7.1 two chunks", chunked("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")},
      {"7.1 hexadecimal in both cases", chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n")},
      {"7.1 zeros in front", chunked("0003\r\nabc\r\n0\r\n\r\n")},
      {"7.1 fifty zeros in front", chunked(std::string(50, '0') + "3\r\nabc\r\n0\r\n\r\n")},
      {"7.1 last chunk of several zeros", chunked("000\r\n\r\n")},
      {"7.1 line ends as data", chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n")},
      {"7.1 data that looks like the end", chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n")},
      {"7.1 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 x", chunked("x3\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 plus", chunked("+3\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 minus", chunked("-3\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 minus zero", chunked("-0\r\n\r\n"), 400},
      {"7.1 underscore", chunked("1_0\r\n0123456789abcdef\r\n0\r\n\r\n"), 400},
      {"7.1 no digit", chunked("\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 no hexadecimal digit", chunked("g\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 space before", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 space behind", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 tab behind", chunked("3\t\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 space inside", chunked("1 0\r\n0123456789abcdef\r\n0\r\n\r\n"), 400},
      {"7.1 space behind the last size", chunked("0 \r\n\r\n"), 400},
      {"7.1 decimals", chunked("3.0\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 h behind", chunked("3h\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 NUL behind", chunked("3\0\r\nabc\r\n0\r\n\r\n"s), 400},
      {"7.1 non-ASCII digit", chunked("\xd9\xa3\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 largest size of 64 bits", chunked("ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), 413},
      {"7.1 wraps 64 bits to 3", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 wraps 64 bits to 0", chunked("10000000000000000\r\n\r\n"), 400},
      {"7.1 wraps 32 bits to 3", chunked("100000003\r\nabc\r\n0\r\n\r\n"), 413},
      {"7.1 bare LF behind a size", chunked("3\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 bare CR behind a size", chunked("3\rabc\r\n0\r\n\r\n"), 400},
      {"7.1 CR CR LF behind a size", chunked("3\r\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 bare LF behind data", chunked("3\r\nabc\n0\r\n\r\n"), 400},
      {"7.1 two bytes behind data are not looked at as CRLF", chunked("3\r\nabcXX0\r\n\r\n"), 400},
      {"7.1 nothing behind data", chunked("3\r\nabc0\r\n\r\n"), 400},
      {"7.1 chunk longer than its size", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400},
      {"7.1 chunk shorter than its size", chunked("5\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1 bare LF behind the last size", chunked("0\n\r\n"), 400},
      {"7.1 bare LF at the end", chunked("0\r\n\n"), 400},
      {"7.1 bare CR at the end", chunked("0\r\n\rX"), 400},
      {"7.1.1 name", chunked("3;a\r\nabc\r\n0;b\r\n\r\n")},
      {"7.1.1 value", chunked("3;a=b\r\nabc\r\n0\r\n\r\n")},
      {"7.1.1 several", chunked("3;a;b=c;d=\"e\"\r\nabc\r\n0\r\n\r\n")},
      {"7.1.1 quoted string", chunked("3;a=\"b c;d=\\\"e\\\"\\\\ \xff\t\"\r\nabc\r\n0\r\n\r\n")},
      {"7.1.1 empty quoted string", chunked("3;a=\"\"\r\nabc\r\n0\r\n\r\n")},
      {"7.1.1 bad white space is read (RFC 9110 §5.6.3)", chunked("3 ;\ta = \"b\" ; c\r\nabc\r\n0\r\n\r\n")},
      {"7.1.1 white space at the end", chunked("3;a \r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 white space behind a value", chunked("3;a=b \r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 no name", chunked("3;\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 no name before =", chunked("3;=b\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 two semicolons", chunked("3;;a\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 no value", chunked("3;a=\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 two values", chunked("3;a=b=c\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 no semicolon", chunked("3 a\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 comma", chunked("3,a\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 bare LF in an extension", chunked("3;a\nb\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 bare CR in an extension", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 NUL in an extension", chunked("3;a\0\r\nabc\r\n0\r\n\r\n"s), 400},
      {"7.1.1 control byte in a quoted string", chunked("3;a=\"\x01\"\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 escaped control byte in a quoted string", chunked("3;a=\"\\\x01\"\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 line end in a quoted string", chunked("3;a=\"\r\nabc\"\r\n0\r\n\r\n"), 400},
      {"7.1.1 escaped line end in a quoted string", chunked("3;a=\"\\\r\n\"\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.1 letters behind a quoted string", chunked("3;a=\"b\"c\r\nabc\r\n0\r\n\r\n"), 400},
      {"7.1.2 trailers", chunked("0\r\nA: b\r\nC:\r\nD: \xff\t\r\n\r\n")},
      {"7.1.2 framing among the trailers frames nothing (RFC 9110 §6.5.1)",
       chunked("0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\nHost: i\r\n\r\n")},
      {"7.1.2 obs-fold", chunked("0\r\nA: b\r\n c\r\n\r\n"), 400},
      {"7.1.2 folded first line", chunked("0\r\n A: b\r\n\r\n"), 400},
      {"7.1.2 space before the colon", chunked("0\r\nA : b\r\n\r\n"), 400},
      {"7.1.2 empty name", chunked("0\r\n: b\r\n\r\n"), 400},
      {"7.1.2 no colon", chunked("0\r\nA\r\n\r\n"), 400},
      {"7.1.2 bare LF", chunked("0\r\nA: b\n\r\n"), 400},
      {"7.1.2 bare CR", chunked("0\r\nA: b\rC: d\r\n\r\n"), 400},
      {"7.1.2 NUL", chunked("0\r\nA: \0\r\n\r\n"s), 400},
      {"7.1.2 request line as a trailer", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), 400},
  };
  check_rows(rows);
}

/// As a connection would: bytes come in pieces, answered requests leave. One word per request: "GET/a" or "400".
std::string answers(std::string_view bytes, const std::vector<size_t>& cuts) {
  RequestParser parser;
  std::string received, text;
  bool in_body = false;
  for (size_t piece = 0, from = 0; piece <= cuts.size(); ++piece) {
    const size_t end = piece < cuts.size() ? cuts[piece] : bytes.size();
    received.append(bytes.substr(from, end - from));
    from = end;
    for (;;) {
      const std::vector<char> memory(received.begin(), received.end());  // it moves, and is no longer than it says
      if (!in_body) {
        const auto progress = parser.parse_head(memory.data(), memory.size());
        if (progress == RequestParser::Progress::need_more) break;
        if (progress == RequestParser::Progress::rejected) return text + std::to_string(parser.status());
        in_body = true;
      }
      parser.request().rebase(memory.data());
      const size_t head = parser.head_size();
      const auto body = parser.parse_body(memory.data() + head, memory.size() - head);
      received.erase(head, body.used);
      if (body.progress == RequestParser::BodyProgress::rejected) return text + std::to_string(parser.status());
      if (body.progress == RequestParser::BodyProgress::need_more) break;
      text += parser.request().method_name();
      text.append(parser.request().target()) += ' ';
      received.erase(0, head);
      parser.reset();
      in_body = false;
    }
  }
  return text;
}

TEST_CASE("a pipeline is answered in order and the same however it is cut (RFC 9112 §9.3.2)") {
  const std::string get = "GET /g HTTP/1.1\r\nHost: h\r\n\r\n", head = "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string length = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n\r\n\r\n";
  const std::string tabbed = "PUT /t HTTP/1.1\r\nA: b\t\r\nContent-Length: 2\t\r\nHost: h\r\n\r\nab";
  const std::string coded = chunked("3;a=\"b\"\r\nabc\r\n0\r\nA: b\r\n\r\n");
  const std::pair<std::string, std::string_view> pipelines[] = {
      {get + head + get, "GET/g HEAD/h GET/g "},
      {get + "\r\n" + head + "\r\n\r\n" + get, "GET/g HEAD/h GET/g "},
      {length + coded + get, "POST/p POST/c GET/g "},
      {coded + coded + tabbed + length + get, "POST/c POST/c PUT/t POST/p GET/g "},
      {tabbed + tabbed + coded, "PUT/t PUT/t POST/c "},
      {get + "BREW /b HTTP/1.1\r\nHost: h\r\n\r\n" + head, "GET/g BREW/b HEAD/h "},
      {get + "GET /x HTTP/1.1\r\n\r\n" + get, "GET/g 400"},
      {coded + chunked("3\r\nabcd\r\n0\r\n\r\n") + get, "POST/c 400"},
      {get + "GET /x HTTP/2.0\r\nHost: h\r\n\r\n" + get, "GET/g 505"},
      {get + "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n" + get, "GET/g 501"},
      {length + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n" + get, "POST/p 413"},
      {get + "GET /x HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n" + get, "GET/g 417"},
      {get + "GET /" + std::string(17000, 'a'), "GET/g 414"},
      {get + "GET / HTTP/1.1\r\nA: " + std::string(17000, 'a'), "GET/g 431"},
      {length + "G", "POST/p "},
  };
  for (const auto& [bytes, expected] : pipelines) {
    INFO(bytes.substr(0, 400));
    REQUIRE(answers(bytes, {}) == expected);
    // Every byte is a cut for short ones; for the floods those near both ends and around the limit.
    const size_t step = bytes.size() > 2000 ? 411 : 1;
    for (size_t cut = 1; cut < bytes.size(); cut += step) {
      CAPTURE(cut);
      REQUIRE(answers(bytes, {cut}) == expected);
    }
    if (bytes.size() > 2000) continue;
    std::vector<size_t> every(bytes.size() - 1);
    std::iota(every.begin(), every.end(), size_t{1});
    REQUIRE(answers(bytes, every) == expected);
  }
}

}  // namespace
}  // namespace uringd::http
