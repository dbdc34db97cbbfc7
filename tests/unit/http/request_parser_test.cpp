// RequestParser, by sections of RFC 9112: what it says of a request, its limits, and its state from one request to the
// next. request_rows_test.cpp and chunked_test.cpp have the tables of what is accepted and what is not.
#include "uringd/http/request_parser.hpp"

#include <doctest/doctest.h>

#include <random>

#include "parser_rows.hpp"

namespace uringd::http {
namespace {

using testing::drive;
using testing::Outcome;
using testing::outcome_of;
using End = Outcome::End;
using namespace std::string_literals;

/// A head with this request line and one Host, and these further field lines.
std::string head(std::string_view line, std::string_view fields = "") {
  return std::string{line} + "\r\nHost: example.org\r\n" + std::string{fields} + "\r\n";
}
std::string get(std::string_view fields = "") { return head("GET / HTTP/1.1", fields); }
std::string post(std::string_view fields, std::string_view body = "") {
  return head("POST / HTTP/1.1", fields) + std::string{body};
}
std::string chunked(std::string_view body) { return post("Transfer-Encoding: chunked\r\n", body); }

int rejection(std::string_view bytes, RequestParser::Limits limits = {}) {
  const Outcome outcome = outcome_of(bytes, limits);
  return outcome.end == End::rejected_head || outcome.end == End::rejected_body ? outcome.status : 0;
}

TEST_CASE("a request ends with its empty line, and the bytes behind it are not touched") {
  const std::string first = "GET /a?b HTTP/1.1\r\nHost: example.org\r\nUser-Agent:  x y \t\r\nAccept:\r\n\r\n";
  const Outcome outcome = outcome_of(first + "GET /next HTTP/1.1\r\n\x01");
  CHECK(outcome.end == End::complete);
  CHECK(outcome.head_size == first.size());
  CHECK(outcome.used == first.size());
  CHECK(outcome.method == Method::get);
  CHECK(outcome.target == "/a?b");
  CHECK(outcome.minor_version == 1);
  CHECK(outcome.keep_alive);
  CHECK_FALSE(outcome.has_body);
  CHECK(outcome.field(Field::host) == "example.org");
  CHECK(outcome.field(Field::user_agent) == "x y");
  CHECK(outcome.field(Field::accept) == "");
  CHECK(outcome.field(Field::range) == testing::absent);
}

TEST_CASE("an unfinished head asks for more") {
  const std::string bytes = get("Accept: */*\r\n");
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK(outcome_of(bytes.substr(0, size)).end == End::need_more_head);
  }
}

TEST_CASE("empty lines before a request are skipped, but not without end (RFC 9112 §2.2)") {
  CHECK(outcome_of("\r\n\r\n" + get()).end == End::complete);
  std::string many;
  for (int i = 0; i < 9; ++i) many += "\r\n";
  CHECK(rejection(many) == 400);
  CHECK(rejection("\n" + get()) == 400);
  CHECK(rejection("\r" + get()) == 400);
  RequestParser parser;
  CHECK(parser.parse_head("\r\n", 2) == RequestParser::Progress::need_more);
  CHECK(parser.idle());
  CHECK(parser.parse_head("\r\nG", 3) == RequestParser::Progress::need_more);
  CHECK_FALSE(parser.idle());
}

TEST_CASE("methods are told apart by their exact name (RFC 9110 §9.1)") {
  auto method = [](std::string_view name) { return outcome_of(head(std::string{name} + " / HTTP/1.1")).method; };
  CHECK(method("GET") == Method::get);
  CHECK(method("HEAD") == Method::head);
  CHECK(method("OPTIONS") == Method::options);
  for (const char* name : {"POST", "PUT", "DELETE", "TRACE", "PATCH"}) CHECK(method(name) == Method::not_allowed);
  for (const char* name : {"get", "GETS", "G", "PROPFIND", "SOURCE", "M-SEARCH", "X", "PRI", "!#$%&'*+-.^_`|~"}) {
    const Outcome outcome = outcome_of(head(std::string{name} + " /x HTTP/1.1"));
    CHECK(outcome.end == End::complete);
    CHECK(outcome.method == Method::unknown);
    CHECK(outcome.method_name == name);
    CHECK(outcome.target == "/x");
  }
}

TEST_CASE("a method that is no token is 400") {
  for (const char* line :
       {"G(T / HTTP/1.1", " GET / HTTP/1.1", "GE\tT / HTTP/1.1", "\x16\x03\x01\x02", "G\xc3\x89T / HTTP/1.1"}) {
    CHECK(rejection(head(line)) == 400);
  }
}

TEST_CASE("framing is checked for unknown methods too") {
  CHECK(rejection(head("BREW / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 1\r\n")) == 400);
  CHECK(outcome_of(head("BREW / HTTP/1.1", "Content-Length: 2\r\n") + "abX").used ==
        head("BREW / HTTP/1.1").size() + 21);
}

TEST_CASE("other major versions than 1 are 505, malformed ones 400 (RFC 9110 §15.6.6, RFC 9112 §2.3)") {
  for (const char* version : {"HTTP/0.9", "HTTP/0.0", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"}) {
    CHECK(rejection(head(std::string{"GET / "} + version)) == 505);
    CHECK(rejection(head(std::string{"BREW / "} + version)) == 505);
  }
  CHECK(rejection("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
  CHECK(rejection("GET /\r\n") == 505);
  CHECK(rejection("GET /\n") == 505);
  CHECK(rejection("GET h\n") == 505);
  CHECK(rejection("GET /\x80\n") == 400);
  CHECK(rejection("GET /\t\n") == 400);
  for (const char* version :
       {"HTTP/1.x", "HTTP/1", "HTTP/11.1", "HTTP/1.10", "http/1.1", "HTTPS/1.1", "RTSP/1.0", "ICE/1.0", "HTTP 1.1"}) {
    CHECK(rejection(head(std::string{"GET / "} + version)) == 400);
    CHECK(rejection(head(std::string{"SOURCE / "} + version)) == 400);
  }
}

TEST_CASE("a higher minor version is read as 1.1 (RFC 9110 §6.2)") {
  for (const char* version : {"HTTP/1.2", "HTTP/1.9"}) {
    const Outcome outcome = outcome_of(head(std::string{"GET / "} + version));
    CHECK(outcome.end == End::complete);
    CHECK(outcome.minor_version == 1);
    CHECK(outcome.keep_alive);
    CHECK(rejection(std::string{"GET / "} + version + "\r\n\r\n") == 400);  // Host is needed
  }
}

TEST_CASE("a request line has exactly two single spaces and ends in CRLF (RFC 9112 §3)") {
  for (const char* line : {"GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1",
                           "GET /\tHTTP/1.1", "GET / a HTTP/1.1"}) {
    CHECK(rejection(head(line)) == 400);
  }
  CHECK(rejection("GET / HTTP/1.1\nHost: a\r\n\r\n") == 400);
  CHECK(rejection("GET / HTTP/1.1\rHost: a\r\n\r\n") == 400);
}

TEST_CASE("targets: four forms, visible ASCII, no fragment (RFC 9112 §3.2)") {
  auto target = [](std::string_view text) { return head("GET " + std::string{text} + " HTTP/1.1"); };
  CHECK(outcome_of(target("/a|b\\{}\"<>^`%41?x=/?")).end == End::complete);
  CHECK(rejection(target("/a#b")) == 400);
  CHECK(rejection(target("/\xc3\xa9")) == 400);
  CHECK(rejection(target("/a\x7f")) == 400);
  CHECK(rejection(target("a")) == 400);
  CHECK(rejection(target("?a")) == 400);
  CHECK(rejection(target("*")) == 400);
  CHECK(rejection(target("a:80")) == 400);
  CHECK(outcome_of(head("OPTIONS * HTTP/1.1")).target == "*");
  CHECK(outcome_of(head("CONNECT a:80 HTTP/1.1")).method == Method::not_allowed);
  CHECK_FALSE(outcome_of(head("CONNECT a:80 HTTP/1.1")).keep_alive);
  CHECK(rejection(head("CONNECT u@a:80 HTTP/1.1")) == 400);
}

TEST_CASE("the authority of an absolute target replaces Host (RFC 9112 §3.2.2)") {
  auto request = [](std::string_view text) { return head("GET " + std::string{text} + " HTTP/1.1"); };
  CHECK(outcome_of(request("http://other.net:81/x")).field(Field::host) == "other.net:81");
  CHECK(outcome_of(request("HTTPS://other.net?x")).field(Field::host) == "other.net");
  CHECK(outcome_of("GET http://other.net/ HTTP/1.0\r\n\r\n").field(Field::host) == "other.net");
  CHECK(rejection("GET http://other.net/ HTTP/1.1\r\n\r\n") == 400);
  CHECK(rejection(request("http://user@other.net/")) == 400);
  CHECK(rejection(request("http:///x")) == 400);
  CHECK(rejection(request("ftp://other.net/")) == 400);
}

TEST_CASE("Host: once, and valid; needed in 1.1 (RFC 9112 §3.2)") {
  CHECK(rejection("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(outcome_of("GET / HTTP/1.0\r\n\r\n").end == End::complete);
  CHECK(rejection(get("host: example.org\r\n")) == 400);
  for (const char* value : {"", " ", "a b", "a/b", "u@a", "a:b", "a:65536", "[::1", "[z]", "a,b\x80"}) {
    CHECK(rejection("GET / HTTP/1.1\r\nHost: " + std::string{value} + "\r\n\r\n") == 400);
    CHECK(rejection("GET / HTTP/1.0\r\nHost: " + std::string{value} + "\r\n\r\n") == 400);
  }
}

TEST_CASE("field lines: no bare CR or LF, no folding, no space before the colon, no control byte (RFC 9112 §5)") {
  for (const char* lines : {"A: b\n", "A: b\rC: d\r\n", "A: b\r\r\n", "A: b\r\n c\r\n", "A:\r\n\tc\r\n", "A : b\r\n",
                            "A\t: b\r\n", ": b\r\n", "A\r\n", "A b: c\r\n", "A: b\x01\r\n", "A: b\x7f\r\n",
                            "(A): b\r\n", "\xc3\x84: b\r\n", "A: b\r\n\n"}) {
    CHECK(rejection(get(lines)) == 400);
  }
  CHECK(rejection("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"s) == 400);
  CHECK(rejection("GET / HTTP/1.1\r\nA\0: bc\r\n\r\n"s) == 400);
  CHECK(rejection("GET / HTTP/1.1\r\n A: b\r\nHost: a\r\n\r\n") == 400);
  CHECK(outcome_of(get("A: b\tc \xff\r\n!#$%&'*+-.^_`|~09aZ: x\r\nB:\r\n")).end == End::complete);
}

TEST_CASE("of every byte, only the allowed ones are accepted in a name and in a value (RFC 9110 §5.1, §5.5)") {
  const std::string_view token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int i = 0; i < 256; ++i) {
    const auto c = static_cast<char>(i);
    CAPTURE(i);
    const bool name_good = token.find(c) != std::string_view::npos || c == ':';  // "a:b: c" has the name "a"
    CHECK((rejection(get(std::string{"a"} + c + "b: c\r\n")) == 0) == name_good);
    const bool value_good = c == '\t' || (i >= 32 && i != 127);
    CHECK((rejection(get(std::string{"a: b"} + c + "c\r\n")) == 0) == value_good);
  }
}

TEST_CASE("a connection persists in 1.1 unless closed, in 1.0 only when asked (RFC 9112 §9.3)") {
  CHECK(outcome_of(get("Connection: upgrade\r\nUpgrade: h2c\r\n")).keep_alive);
  for (const char* value : {"close", "CLOSE", "x, Close ,y", "keep-alive, close", "close,"}) {
    CHECK_FALSE(outcome_of(get("Connection: " + std::string{value} + "\r\n")).keep_alive);
  }
  CHECK_FALSE(outcome_of(get("Connection: keep-alive\r\nConnection: close\r\n")).keep_alive);
  CHECK(outcome_of(get("Connection: closed, xclose\r\n")).keep_alive);
  CHECK_FALSE(outcome_of("GET / HTTP/1.0\r\n\r\n").keep_alive);
  CHECK_FALSE(outcome_of(head("GET / HTTP/1.0")).keep_alive);
  CHECK(outcome_of("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n").keep_alive);
}

TEST_CASE("Content-Length frames a body; what follows belongs to the next request (RFC 9112 §6.3)") {
  const std::string bytes = post("Content-Length: 3\r\n", "abc");
  const Outcome outcome = outcome_of(bytes + "GET");
  CHECK(outcome.end == End::complete);
  CHECK(outcome.has_body);
  CHECK(outcome.used == bytes.size());
  CHECK(outcome_of(post("Content-Length: 3\r\n", "ab")).end == End::need_more_body);
  CHECK_FALSE(outcome_of(post("Content-Length: 0\r\n")).has_body);
  CHECK(outcome_of(get("Content-Length: 2\r\n") + "abGET").used == get("Content-Length: 2\r\n").size() + 2);
  // A close announced by the client does not change where its body ends.
  CHECK(outcome_of(post("Connection: close\r\nContent-Length: 3\r\n", "abcX")).end == End::complete);
}

TEST_CASE("a Content-Length that is repeated or no number is 400, one above the limit 413 at the head") {
  for (const char* value : {"", "-1", "+3", "0x3", "3,3", "3, 3", "3 3", "3a", "99999999999999999999"}) {
    CHECK(rejection(post("Content-Length: " + std::string{value} + "\r\n", "abc")) == 400);
  }
  CHECK(rejection(post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")) == 400);
  CHECK(rejection(post("Content-Length: 65537\r\n")) == 413);
  CHECK(rejection(post("Content-Length: 65536\r\n")) == 0);
  CHECK(rejection(post("Content-Length: 18446744073709551615\r\n")) == 413);
}

TEST_CASE("a chunked body is read to its last trailer (RFC 9112 §7.1)") {
  for (const char* body :
       {"3\r\nabc\r\n0\r\n\r\n", "3;a=\"b\"\r\nabc\r\n0;x\r\nTrailer-Field: y\r\n\r\n", "0003\r\nabc\r\n000\r\n\r\n",
        "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "0\r\n\r\n"}) {
    const std::string bytes = chunked(body);
    const Outcome outcome = outcome_of(bytes + "GET / HTTP/1.1\r\n");
    CHECK(outcome.end == End::complete);
    CHECK(outcome.used == bytes.size());
    CHECK(outcome.has_body);
  }
  CHECK(outcome_of(chunked("3\r\nabc\r\n0\r\n")).end == End::need_more_body);
  CHECK(outcome_of(post("Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\nX"))
            .end == End::complete);
  CHECK(outcome_of(head("BREW / HTTP/1.1", "Transfer-Encoding: chunked\r\n") + "1\r\na\r\n0\r\n\r\nX").end ==
        End::complete);
}

TEST_CASE("a malformed chunked body is 400 (RFC 9112 §7.1)") {
  for (const char* body : {"3\nabc\r\n", "3 \r\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n0\r\n", "0x3\r\nabc", "-3\r\nabc",
                           "+3\r\nabc", "g\r\n", "\r\n3\r\nabc", "fffffffffffffffff\r\nabc", "3;a\nb\r\nabc\r\n",
                           "3;a=\x01\r\nabc\r\n", "0\r\nA : b\r\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\n\n", "0\n\r\n"}) {
    CHECK(rejection(chunked(body)) == 400);
  }
}

TEST_CASE("a chunked body is bounded: its data and extensions (413), its trailers (431)") {
  const RequestParser::Limits limits{100, 10};
  CHECK(rejection(chunked("a\r\n0123456789\r\n0\r\n\r\n"), limits) == 0);
  CHECK(rejection(chunked("5\r\n01234\r\n6\r\n012345\r\n0\r\n\r\n"), limits) == 413);
  CHECK(rejection(chunked("0\r\nA: " + std::string(200, 'a') + "\r\n\r\n"), limits) == 431);
  CHECK(rejection(chunked("1;" + std::string(200, 'a') + "\r\na\r\n0\r\n\r\n"), limits) == 413);
  CHECK(rejection(chunked(std::string(200, '0') + "1\r\na\r\n0\r\n\r\n"), limits) == 413);
  CHECK(rejection(chunked("b\r\n"), limits) == 413);
  CHECK(rejection(chunked("ffffffffffffffff\r\n"), limits) == 413);
  // As many bytes of framing as the smallest chunks need.
  std::string smallest;
  for (int i = 0; i < 10; ++i) smallest += "1\r\na\r\n";
  CHECK(rejection(chunked(smallest + "0\r\n\r\n"), limits) == 0);
}

TEST_CASE("Transfer-Encoding: chunked alone, last and once, in 1.1, without Content-Length (RFC 9112 §6.1)") {
  auto coding = [](std::string_view value) {
    return rejection(post("Transfer-Encoding: " + std::string{value} + "\r\n", "0\r\n\r\n"));
  };
  CHECK(coding("Chunked") == 0);
  for (const char* value : {"gzip, chunked", "gzip;q=1,chunked"}) CHECK(coding(value) == 501);
  for (const char* value : {"gzip", "identity", "xchunked", "chunkedx"}) CHECK(coding(value) == 400);  // §6.3
  for (const char* value : {"", "chunked, gzip", "chunked, chunked", ", chunked", "chunked,", "chunked;a=b",
                            "\"chunked\"", "chunked\tx", "chun ked"}) {
    CAPTURE(value);
    CHECK(coding(value) == 400);
  }
  CHECK(rejection(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(rejection(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n")) == 400);
  CHECK(rejection(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")) == 501);
  CHECK(rejection(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(rejection(post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) == 400);
  CHECK(rejection(head("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n")) == 400);
}

TEST_CASE("Expect: 100-continue is noticed where a 1.1 body follows, others are 417 (RFC 9110 §10.1.1)") {
  CHECK(outcome_of(post("Expect: 100-Continue\r\nContent-Length: 3\r\n")).expect_continue);
  CHECK_FALSE(outcome_of(post("Expect: 100-continue\r\n")).expect_continue);
  CHECK_FALSE(outcome_of(head("POST / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 3\r\n")).expect_continue);
  CHECK(rejection(get("Expect: 200-ok\r\n")) == 417);
  CHECK(rejection(get("Expect: 100-continue, x\r\n")) == 417);
  CHECK(rejection(head("GET / HTTP/1.0", "Expect: x\r\n")) == 0);
  CHECK(rejection(post("Expect: 100-continue\r\nContent-Length: 70000\r\n")) == 413);
}

TEST_CASE(
    "a head as large as the limit is accepted, one byte more is 431, an endless target 414, an endless method 501") {
  const std::string exact = get("A: " + std::string(58, 'a') + "\r\n");
  REQUIRE(exact.size() == 100);
  CHECK(rejection(exact, {100, 0}) == 0);
  CHECK(rejection(exact, {99, 0}) == 431);
  CHECK(rejection(get("A: " + std::string(10000, 'a')).substr(0, 101), {100, 0}) == 431);
  CHECK(rejection("GET /" + std::string(100, 'a'), {100, 0}) == 414);
  CHECK(rejection(std::string(100, 'A'), {100, 0}) == 501);
  CHECK(outcome_of(std::string(99, 'A'), {100, 0}).end == End::need_more_head);
}

TEST_CASE("one parser reads pipelined requests one after the other") {
  const std::string bytes =
      get("Range: bytes=0-1\r\n") + post("Content-Length: 2\r\n", "ab") + head("HEAD /x HTTP/1.1");
  RequestParser parser;
  std::string_view rest = bytes;
  std::vector<Method> methods;
  std::vector<bool> with_range;
  while (!rest.empty()) {
    parser.reset();
    REQUIRE(parser.parse_head(rest.data(), rest.size()) == RequestParser::Progress::head_complete);
    methods.push_back(parser.request().method());
    with_range.push_back(parser.request().field(Field::range).has_value());
    rest.remove_prefix(parser.head_size());
    const auto body = parser.parse_body(rest.data(), rest.size());
    REQUIRE(body.progress == RequestParser::BodyProgress::complete);
    rest.remove_prefix(body.used);
  }
  CHECK(methods == std::vector{Method::get, Method::not_allowed, Method::head});
  CHECK(with_range == std::vector{true, false, false});
}

TEST_CASE("after reset the next request is read as if it were the first") {
  RequestParser parser;
  for (const std::string& bad :
       {get("A : b\r\n"), chunked("zz"), get("Host: b\r\n"), std::string{"GET /\r\n"}, post("Content-Length: x\r\n"),
        get("Connection: close\r\nExpect: 100-continue\r\nRange: x\r\n"),
        head("GET / HTTP/1.0", "Connection: keep-alive\r\nExpect: x\r\n"), std::string{"\r\n\r\nBREW"},
        post("Content-Length: 9\r\n", "abc")}) {
    drive(parser, bad, {});
    CHECK(drive(parser, get(), {}) == outcome_of(get()));
    drive(parser, bad, {});
    const std::string body = post("Content-Length: 1\r\n", "a");
    CHECK(drive(parser, body, {}) == outcome_of(body));
  }
}

TEST_CASE("random edits of good requests have one outcome however they are cut") {
  std::mt19937 random{20240607};
  const std::vector<std::string> seeds = {get("Accept: a\r\nConnection: close\r\n"),
                                          chunked("3;x\r\nabc\r\n0\r\nA: b\r\n\r\n"), head("BREW /x HTTP/1.0"),
                                          post("Content-Length: 4\r\nExpect: 100-continue\r\n", "abcd")};
  const std::string alphabet = " \t\r\n:;,/*?#%.-09aAfHTP\0\x01\x7f\xff"s;
  RequestParser parser;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = seeds[random() % seeds.size()];
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % bytes.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0: bytes[at] = c; break;
        case 1: bytes.insert(at, 1, c); break;
        default: bytes.erase(at, 1);
      }
    }
    const Outcome whole = drive(parser, bytes, {});
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      CAPTURE(cut);
      CAPTURE(bytes);
      REQUIRE(drive(parser, bytes, {cut}) == whole);
    }
  }
}

}  // namespace
}  // namespace uringd::http
