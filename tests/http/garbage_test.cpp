// Bad requests: each shape that could be read in two ways (request smuggling, RFC 9112 §11.2) or that is plain garbage
// gets one 400 and a close, and nothing behind it on the same connection is answered.
#include <doctest/doctest.h>

#include <random>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Shape {
  const char* name;
  std::string bytes;
};

std::string with(std::string_view fields) {
  return "GET /a.txt HTTP/1.1\r\nHost: test.example\r\n" + std::string(fields) + "\r\n";
}

std::string line(std::string_view request_line) { return std::string(request_line) + "\r\nHost: test.example\r\n\r\n"; }

std::string nul(std::string text) {
  for (char& c : text) {
    if (c == '@') c = '\0';
  }
  return text;
}

const std::vector<Shape>& smuggling_shapes() {
  static const std::vector<Shape> shapes = {
      {"Content-Length with Transfer-Encoding (RFC 9112 §6.3)",
       with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
      {"Transfer-Encoding with Content-Length",
       with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + "0\r\n\r\n"},
      {"Content-Length twice, different", with("Content-Length: 5\r\nContent-Length: 6\r\n") + "hello"},
      {"Content-Length twice, the same", with("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello"},
      {"Content-Length list", with("Content-Length: 5, 5\r\n") + "hello"},
      {"Content-Length with sign", with("Content-Length: +5\r\n") + "hello"},
      {"Content-Length negative", with("Content-Length: -1\r\n")},
      {"Content-Length hexadecimal", with("Content-Length: 0x5\r\n") + "hello"},
      {"Content-Length empty", with("Content-Length:\r\n")},
      {"Content-Length with inner space", with("Content-Length: 1 0\r\n") + "0123456789"},
      {"Content-Length that wraps 64 bits to 5", with("Content-Length: 18446744073709551621\r\n") + "hello"},
      {"Transfer-Encoding not ending in chunked", with("Transfer-Encoding: chunked, identity\r\n") + "0\r\n\r\n"},
      {"Transfer-Encoding twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"},
      {"Transfer-Encoding chunked twice", with("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n"},
      {"Transfer-Encoding quoted", with("Transfer-Encoding: \"chunked\"\r\n") + "0\r\n\r\n"},
      {"Transfer-Encoding with vertical tab", with("Transfer-Encoding:\x0b chunked\r\n") + "0\r\n\r\n"},
      {"chunk size is no number", with("Transfer-Encoding: chunked\r\n") + "x\r\nhello\r\n0\r\n\r\n"},
      {"chunk size with 0x", with("Transfer-Encoding: chunked\r\n") + "0x5\r\nhello\r\n0\r\n\r\n"},
      {"chunk size negative", with("Transfer-Encoding: chunked\r\n") + "-5\r\nhello\r\n0\r\n\r\n"},
      {"chunk size empty", with("Transfer-Encoding: chunked\r\n") + "\r\nhello\r\n0\r\n\r\n"},
      {"chunk size that wraps 64 bits",
       with("Transfer-Encoding: chunked\r\n") + "10000000000000005\r\nhello\r\n0\r\n\r\n"},
      {"chunk longer than its size", with("Transfer-Encoding: chunked\r\n") + "2\r\nhello\r\n0\r\n\r\n"},
      {"bare CR in a field value", with("X: a\rb\r\n")},
      {"bare CR that hides a field", with("X: a\rContent-Length: 5\r\n")},
      {"bare CR as line end", "GET /a.txt HTTP/1.1\rHost: test.example\r\r"},
      {"obs-fold (RFC 9112 §5.2)", with("X: a\r\n b\r\n")},
      {"obs-fold with a tab", with("X: a\r\n\tb\r\n")},
      {"a space before the first field", "GET /a.txt HTTP/1.1\r\n Host: test.example\r\nHost: test.example\r\n\r\n"},
      {"NUL in a field value", with(nul("X: a@b\r\n"))},
      {"NUL in a field name", with(nul("X@Y: a\r\n"))},
      {"NUL in the target", line(nul("GET /a@.txt HTTP/1.1"))},
      {"NUL in the method", line(nul("G@T /a.txt HTTP/1.1"))},
      {"a space before a colon", with("Content-Length : 5\r\n") + "hello"},
      {"a tab before a colon", with("Content-Length\t: 5\r\n") + "hello"},
      {"Host missing", "GET /a.txt HTTP/1.1\r\n\r\n"},
      {"Host twice", "GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"Host twice, the same", "GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
      {"Host with a space", "GET /a.txt HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {"Host with a path", "GET /a.txt HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"Host with user information", "GET /a.txt HTTP/1.1\r\nHost: u@a\r\n\r\n"},
      {"Host list", "GET /a.txt HTTP/1.1\r\nHost: a, b\r\n\r\n"},
  };
  return shapes;
}

const std::vector<Shape>& plain_garbage() {
  static const std::vector<Shape> shapes = {
      {"only a word", "HELLO\r\n\r\n"},
      {"no target", line("GET HTTP/1.1")},
      {"an empty target", line("GET  HTTP/1.1")},
      {"two spaces", line("GET  /a.txt HTTP/1.1")},
      {"a space in the target", line("GET /a .txt HTTP/1.1")},
      {"a tab for a space", line("GET\t/a.txt\tHTTP/1.1")},
      {"a leading space", line(" GET /a.txt HTTP/1.1")},
      {"a target without slash", line("GET a.txt HTTP/1.1")},
      {"an asterisk for GET", line("GET * HTTP/1.1")},
      {"a control character in the target", line("GET /a\x01.txt HTTP/1.1")},
      {"DEL in the target", line("GET /a\x7f.txt HTTP/1.1")},
      {"a field without colon", with("just words\r\n")},
      {"an empty field name", with(": value\r\n")},
      {"a field name with a bad character", with("X(Y): value\r\n")},
      {"a field name that is not ASCII", with("X\xc3\xa4: value\r\n")},
      {"a control character in a field value", with("X: a\x01"
                                                    "b\r\n")},
      {"DEL in a field value", with("X: a\x7f"
                                    "b\r\n")},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + pattern(500, 9)},
      {"an SSH greeting", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"SMTP", "EHLO example.com\r\n"},
      {"JSON", "{\"method\": \"GET\"}\r\n\r\n"},
      {"zeros", std::string(300, '\0')},
      {"high bytes", std::string(300, '\xff')},
  };
  return shapes;
}

void check_refused(Server& server, const Shape& shape) {
  INFO(shape.name);
  Client client = server.connect();
  client.send(shape.bytes + get_request("/secret.txt"));
  const Response response = client.read_response();
  CHECK(response.status == 400);
  CHECK(response.connection_says("close"));
  // A second answer would be to bytes that another reader takes for the body of the first.
  CHECK(client.read_until_end().empty());
}
}  // namespace

TEST_CASE("every smuggling shape gets one 400 and a close") {
  Site site;
  site.file("a.txt", "a\n");
  site.file("secret.txt", "smuggled\n");
  Server server(site);
  for (const Shape& shape : smuggling_shapes()) check_refused(server, shape);
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE("every other malformed request gets one 400 and a close") {
  Site site;
  site.file("a.txt", "a\n");
  site.file("secret.txt", "smuggled\n");
  Server server(site);
  for (const Shape& shape : plain_garbage()) check_refused(server, shape);
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE("a target with a bad escape or an encoded NUL gets 400 and a close, as every 400 does") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const char* target :
       {"/%", "/a%4", "/a%zz", "/%%41", "/a.txt%00.html", "/a.txt%00", "/%00", "/%00/../a.txt", "/a.txt%"}) {
    check_refused(server, {target, get_request(target)});
  }
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE("a request line without a version, as HTTP/0.9 had it, gets 400 or 505 and a close") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const std::string& bytes :
       {line("GET /a.txt"), std::string("GET /a.txt\r\n\r\n"), std::string("GET /a.txt\n\n")}) {
    INFO(bytes);
    Client client = server.connect();
    client.send(bytes + get_request("/a.txt"));
    const Response response = client.read_response();
    const bool refused = response.status == 400 || response.status == 505;
    CHECK(refused);
    CHECK(client.read_until_end().empty());
  }
}

TEST_CASE("Transfer-Encoding in HTTP/1.0 is refused (RFC 9112 §6.1), a coding that is not known too") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const std::string& bytes :
       {std::string("GET /a.txt HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        with("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n",
        with("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", with("Transfer-Encoding: gzip\r\n")}) {
    INFO(bytes);
    Client client = server.connect();
    client.send(bytes + get_request("/a.txt"));
    const Response response = client.read_response();
    const bool refused = response.status == 400 || response.status == 501;
    CHECK(refused);
    CHECK(client.read_until_end().empty());
  }
}

TEST_CASE("an HTTP/2 preface is refused and the connection ends") {
  Site site;
  Server server(site);
  Client client = server.connect();
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const Response response = client.read_response();
  CHECK(response.status >= 400);
  CHECK(client.wait_for_end() != Ending::open);
}

TEST_CASE("odd but valid requests are answered: RFC 9110 and 9112 allow them") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const Shape& shape : std::vector<Shape>{
           {"no space after the colon", "GET /a.txt HTTP/1.1\r\nHost:a\r\n\r\n"},
           {"white space around a value", "GET /a.txt HTTP/1.1\r\nHost:  \t a \t \r\n\r\n"},
           {"field names in capitals", "GET /a.txt HTTP/1.1\r\nHOST: a\r\n\r\n"},
           {"an empty value", with("X-Empty:\r\n")},
           {"high bytes in a value", with("X: \xc3\xa4\xff\r\n")},
           {"the absolute form", line("GET http://other.example/a.txt HTTP/1.1")},
           {"the absolute form with a port and a query", line("GET http://other.example:80/a.txt?x HTTP/1.1")},
           {"Host with a port", "GET /a.txt HTTP/1.1\r\nHost: a:8080\r\n\r\n"},
           {"Host that is an IPv6 address", "GET /a.txt HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"},
           {"HTTP/1.0 without Host", "GET /a.txt HTTP/1.0\r\n\r\n"},
           {"many fields", with([] {
              std::string fields;
              for (int i = 0; i < 80; ++i) fields += "X-" + std::to_string(i) + ": v\r\n";
              return fields;
            }())},
           {"every character of a token", with("!#$%&'*+-.^_`|~09azAZ: v\r\n")}}) {
    INFO(shape.name);
    Client client = server.connect();
    CHECK(client.ask(shape.bytes).body == "a\n");
  }
}

TEST_CASE("random bytes, and requests with random bytes changed, never end the server") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  constexpr unsigned kSeed = 20240917;
  std::mt19937 random(kSeed);
  const std::string good = get_request("/a.txt", "Content-Length: 3\r\nAccept: */*\r\n") + "abc";
  for (int round = 0; round < 400; ++round) {
    INFO("seed " << kSeed << ", round " << round);
    std::string bytes = round % 4 ? good + good : pattern(1 + random() % 2000, static_cast<std::uint32_t>(random()));
    for (unsigned k = 0; k < 1 + random() % 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    Client client = server.connect();
    client.send(bytes);
    client.half_close();
    const std::string answer = client.read_until_end();
    const bool form = answer.empty() || answer.starts_with("HTTP/1.1 ");
    CHECK(form);
  }
  CHECK(server.get("/a.txt").status == 200);
}
