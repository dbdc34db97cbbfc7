// Cases of the head's framing: request line, versions, Host, field lines and sizes (RFC 9112 §2-§5). Every row is sent
// as it is and byte by byte; a row that ends the connection is sent with a further request behind it as well, which
// nobody may answer. The shapes are those that suites for servers and proxies look at; the words are ours.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;
using Named = std::vector<std::pair<std::string, std::string>>;  // what it is, the bytes

std::string line(std::string_view request_line) { return std::string(request_line) + "\r\nHost: a\r\n\r\n"; }
std::string with_host(std::string_view value) {
  return "GET /a.txt HTTP/1.1\r\nHost:" + std::string(value) + "\r\n\r\n";
}
std::string nul(std::string_view before, std::string_view after) {
  return std::string(before) + '\0' + std::string(after);
}
const Answer kFile = ok("a\n");

Rows request_lines() {
  Rows rows;
  for (const auto& [what, bytes] : Named{{"no spaces at all", line("GET/a.txtHTTP/1.1")},
                                         {"two spaces before the target", line("GET  /a.txt HTTP/1.1")},
                                         {"two spaces before the version", line("GET /a.txt  HTTP/1.1")},
                                         {"a space behind the version", line("GET /a.txt HTTP/1.1 ")},
                                         {"a tab behind the version", line("GET /a.txt HTTP/1.1\t")},
                                         {"a tab before the target", line("GET\t/a.txt HTTP/1.1")},
                                         {"a tab before the version", line("GET /a.txt\tHTTP/1.1")},
                                         {"a form feed for a space", line("GET\f/a.txt HTTP/1.1")},
                                         {"a vertical tab for a space", line("GET /a.txt\vHTTP/1.1")},
                                         {"a space before the method", line(" GET /a.txt HTTP/1.1")},
                                         {"a fourth word", line("GET /a.txt HTTP/1.1 HTTP/1.1")},
                                         {"a space in the target", line("GET /a.txt b HTTP/1.1")},
                                         {"a target of one space", line("GET   HTTP/1.1")},
                                         {"a bare CR in the target", line("GET /a\r.txt HTTP/1.1")},
                                         {"a NUL in the target", line(nul("GET /a.txt", " HTTP/1.1"))},
                                         {"ESC in the target", line("GET /a.txt\x1b HTTP/1.1")},
                                         {"UTF-8 in the target", line("GET /\xc3\xa4.txt HTTP/1.1")},
                                         {"a byte 0xff in the target", line("GET /\xff HTTP/1.1")},
                                         {"a fragment", line("GET /a.txt#top HTTP/1.1")},
                                         {"a fragment in the query", line("GET /a.txt?q#top HTTP/1.1")},
                                         {"a target without a slash", line("GET a.txt HTTP/1.1")},
                                         {"a target that is a query", line("GET ?q HTTP/1.1")},
                                         {"a target that is a backslash", line("GET \\a.txt HTTP/1.1")},
                                         {"a method with a colon", line("GET: /a.txt HTTP/1.1")},
                                         {"a method in brackets", line("[GET] /a.txt HTTP/1.1")},
                                         {"a byte order mark", line("\xef\xbb\xbfGET /a.txt HTTP/1.1")},
                                         {"a colon for the slash of the version", line("GET /a.txt HTTP:1.1")},
                                         {"a version in lower case", line("GET /a.txt http/1.1")},
                                         {"a version with two minor digits", line("GET /a.txt HTTP/1.10")},
                                         {"a version with a leading zero", line("GET /a.txt HTTP/01.1")},
                                         {"a version with a comma", line("GET /a.txt HTTP/1,1")},
                                         {"a version with a sign", line("GET /a.txt HTTP/+1.1")},
                                         {"a version of letters", line("GET /a.txt HTTP/x.y")},
                                         {"a version with a third minor digit", line("GET /a.txt HTTP/1.111")},
                                         {"a version of ten", line("GET /a.txt HTTP/10.0")},
                                         {"a version without numbers", line("GET /a.txt HTTP/")},
                                         {"a name of a version that lacks a letter", line("GET /a.txt HTT/1.1")},
                                         {"a NUL behind the version", line(nul("GET /a.txt HTTP/1.1", ""))},
                                         {"a method with a slash", line("G/T /a.txt HTTP/1.1")},
                                         {"a method in two words", line("G ET /a.txt HTTP/1.1")},
                                         {"another protocol", line("GET /a.txt RTSP/1.0")},
                                         {"a bare LF behind the request line", "GET /a.txt HTTP/1.1\nHost: a\r\n\r\n"},
                                         {"a bare CR behind the request line", "GET /a.txt HTTP/1.1\rHost: a\r\n\r\n"},
                                         {"two CR behind the request line", "GET /a.txt HTTP/1.1\r\r\nHost: a\r\n\r\n"},
                                         {"a CR alone before the request", "\rGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"},
                                         {"a space in the empty line before", " \r\n" + line("GET /a.txt HTTP/1.1")}}) {
    rows.push_back({"RFC 9112 §3", "a request line with " + what + " gets 400", bytes, refused(400)});
  }
  for (const char* version : {"HTTP/0.9", "HTTP/2.0", "HTTP/2.9", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"}) {
    rows.push_back({"RFC 9110 §15.6.6", std::string(version) + " gets 505", line("GET /a.txt " + std::string(version)),
                    refused(505)});
  }
  for (const auto& [what, bytes] : Named{{"a target and CRLF", "GET /a.txt\r\n"},
                                         {"a target and LF", "GET /a.txt\n"},
                                         {"a target that a bare LF cuts", line("GET /a\n.txt HTTP/1.1")}}) {
    rows.push_back({"RFC 9110 §15.6.6", "a simple request of HTTP/0.9, " + what + ", gets 505", bytes, refused(505)});
  }
  rows.push_back({"RFC 9113 §3.4", "the preface of HTTP/2 gets 505", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused(505)});
  for (const char* version : {"HTTP/1.2", "HTTP/1.9"}) {
    rows.push_back({"RFC 9110 §2.5", std::string(version) + " is read as the highest minor version that we know",
                    line("GET /a.txt " + std::string(version)), kFile});
  }
  for (const std::size_t count : {1U, 2U, 4U}) {
    std::string empty;
    for (std::size_t i = 0; i < count; ++i) empty += "\r\n";
    rows.push_back({"RFC 9112 §2.2", std::to_string(count) + " empty lines before a request are skipped",
                    empty + line("GET /a.txt HTTP/1.1"), kFile});
  }
  return rows;
}

Rows hosts() {
  Rows rows;
  for (const char* value : {" a",
                            "a",
                            "\ta\t",
                            " a.example",
                            " A.EXAMPLE",
                            " a.example.",
                            " a:80",
                            " a:",
                            " a:65535",
                            " 127.0.0.1",
                            " 127.0.0.1:8080",
                            " [::1]",
                            " [::1]:8080",
                            " [::1]:",
                            " [2001:DB8::1]",
                            " [::ffff:1.2.3.4]",
                            " [4711:abcd::]",
                            " [::1:2]",
                            " 017700000001",
                            " 0x7f.1",
                            " a.example.:80",
                            " [v1.a:b]",
                            " xn--bcher-kva.example",
                            " under_score.example",
                            " a-b.c",
                            " a%20b",
                            " 1",
                            " ~!$&'()*+;="}) {
    rows.push_back({"RFC 3986 §3.2.2", "Host:" + std::string(value) + " is a valid host", with_host(value), kFile});
  }
  for (const char* value : {"",
                            " ",
                            " a b",
                            " a/",
                            " a/b",
                            " a?b",
                            " a#b",
                            " u@a",
                            " u:p@a",
                            " a:b",
                            " a:80x",
                            " a:-1",
                            " a:+80",
                            " a:65536",
                            " a:99999999999999999999",
                            " a:80:80",
                            " :80",
                            " [::1",
                            " ::1",
                            " [::1]x",
                            " []",
                            " [zz]",
                            " [4711::abcd::]",
                            " 4711::abcd:80",
                            " a::80",
                            " [1.2.3.4]",
                            " [::1%25eth0]",
                            " [v1]",
                            " a%2",
                            " a%zz",
                            " \"a\"",
                            " a<b>",
                            " a\\b",
                            " a^b",
                            " a|b",
                            " {a}",
                            " http://a",
                            " a\x01",
                            " \xc3\xa4.example",
                            " a, b",
                            " a\tb"}) {
    rows.push_back({"RFC 9112 §3.2", "Host:" + std::string(value) + " gets 400", with_host(value), refused(400)});
  }
  const std::string start = "GET /a.txt HTTP/1.1\r\n", old = "GET /a.txt HTTP/1.0\r\n";
  rows.push_back({"RFC 9112 §3.2", "no Host in HTTP/1.1 gets 400", start + "\r\n", refused(400)});
  rows.push_back({"RFC 9112 §3.2", "no Host in HTTP/1.0 is fine", old + "\r\n", kFile.closing()});
  rows.push_back({"RFC 9112 §3.2", "two Host lines get 400", start + "Host: a\r\nHost: b\r\n\r\n", refused(400)});
  rows.push_back(
      {"RFC 9112 §3.2", "two equal Host lines get 400", start + "Host: a\r\nX: y\r\nhost: a\r\n\r\n", refused(400)});
  rows.push_back(
      {"RFC 9112 §3.2", "two Host lines in HTTP/1.0 get 400", old + "Host: a\r\nHost: a\r\n\r\n", refused(400)});
  rows.push_back({"RFC 9112 §3.2", "an invalid Host in HTTP/1.0 gets 400", old + "Host: a b\r\n\r\n", refused(400)});
  rows.push_back({"RFC 9112 §3.2.2", "an absolute form does not make up for a missing Host",
                  "GET http://a/a.txt HTTP/1.1\r\n\r\n", refused(400)});
  rows.push_back({"RFC 9112 §3.2.2", "an absolute form does not make an invalid Host good",
                  "GET http://a/a.txt HTTP/1.1\r\nHost: b c\r\n\r\n", refused(400)});
  rows.push_back({"RFC 9110 §5.1", "Host in any case is Host", start + "hOsT: a\r\n\r\n", kFile});
  rows.push_back({"RFC 9112 §3.2", "Host may be the last field", start + "X: y\r\nHost: a\r\n\r\n", kFile});
  return rows;
}

Rows field_lines() {
  Rows rows;
  const std::string long_value(300, 'v');
  for (const auto& [what, field] :
       Named{{"an empty value", "X:\r\n"},
             {"a value of white space", "X: \t \r\n"},
             {"no space behind the colon", "X:y\r\n"},
             {"much white space around the value", "X: \t  y \t \r\n"},
             {"tabs inside the value", "X: a\tb\r\n"},
             {"a colon in the value", "X: a:b\r\n"},
             {"quotes that are not closed", "X: \"abc\r\n"},
             {"high bytes in the value", "X: \xc3\xa4\xff\r\n"},
             {"every character of a token in the name", "!#$%&'*+-.^_`|~09azAZ: y\r\n"},
             {"a name of one character", "X: y\r\n"},
             {"the same name often", "X: 1\r\nX: 2\r\nx: 3\r\n"},
             {"a long value", "X: " + long_value + "\r\n"},
             {"a name that ours begin with", "Host-: x\r\nContent-Length-Not: 5\r\n"},
             {"an underscore for a dash", "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"}}) {
    rows.push_back({"RFC 9112 §5", "a field line with " + what + " is fine", get_request("/a.txt", field), kFile});
  }
  for (const auto& [what, field] : Named{{"a space before the colon", "X : y\r\n"},
                                         {"a tab before the colon", "X\t: y\r\n"},
                                         {"a space before a colon of Content-Length", "Content-Length : 0\r\n"},
                                         {"a space before a colon of Transfer-Encoding", "Transfer-Encoding : x\r\n"},
                                         {"a space in the name", "X Y: z\r\n"},
                                         {"no colon", "XYZ\r\n"},
                                         {"no name", ": y\r\n"},
                                         {"a colon alone", ":\r\n"},
                                         {"a folded value", "X: a\r\n b\r\n"},
                                         {"a value folded by a tab", "X: a\r\n\tb\r\n"},
                                         {"a folded value that is empty", "X: a\r\n \r\n"},
                                         {"a name folded before the colon", "X\r\n : y\r\n"},
                                         {"a bare CR in the value", "X: a\rb\r\n"},
                                         {"a bare CR at the end of the value", "X: a\r\r\n"},
                                         {"a bare LF as its end", "X: a\nY: b\r\n"},
                                         {"a NUL in the value", nul("X: a", "b\r\n")},
                                         {"a NUL in the name", nul("X", "Y: b\r\n")},
                                         {"BEL in the value", "X: a\ab\r\n"},
                                         {"ESC in the value", "X: \x1b[31m\r\n"},
                                         {"DEL in the value", "X: \x7f\r\n"},
                                         {"a vertical tab in the value", "X: \v\r\n"},
                                         {"a bracket in the name", "X[]: y\r\n"},
                                         {"a slash in the name", "X/Y: y\r\n"},
                                         {"a quote in the name", "\"X\": y\r\n"},
                                         {"an at sign in the name", "X@Y: y\r\n"},
                                         {"a high byte in the name", "\xc3\xa4: y\r\n"},
                                         {"an equals sign in the name", "X=Y: y\r\n"}}) {
    rows.push_back(
        {"RFC 9112 §5.1", "a field line with " + what + " gets 400", get_request("/a.txt", field), refused(400)});
  }
  rows.push_back({"RFC 9112 §2.2", "white space before the first field gets 400",
                  "GET /a.txt HTTP/1.1\r\n Host: a\r\n\r\n", refused(400)});
  rows.push_back({"RFC 9112 §2.2", "a head that ends in bare LF gets 400",
                  "GET /a.txt HTTP/1.1\r\nHost: a\r\n\nX: y\r\n\r\n", refused(400)});
  return rows;
}

// A head of exactly that many bytes.
std::string head_of(std::size_t size_bytes) {
  const std::size_t rest = get_request("/a.txt", "X: \r\n").size();
  return get_request("/a.txt", "X: " + std::string(size_bytes - rest, 'x') + "\r\n");
}

Rows sizes() {
  constexpr std::size_t kHead = 4096;  // header_size of this table's server
  std::string many;
  for (int i = 0; i < 300; ++i) many += "X-" + std::to_string(i) + ": 0123456789\r\n";
  const std::string tail = " HTTP/1.1\r\nHost: a\r\n\r\n", start = "GET /a.txt";
  return {
      {"RFC 6585 §5", "a head of exactly header_size is answered", head_of(kHead), kFile},
      {"RFC 6585 §5", "a head one byte above header_size gets 431", head_of(kHead + 1), refused(431)},
      {"RFC 6585 §5", "one long field value gets 431", get_request("/a.txt", "X: " + std::string(9000, 'x') + "\r\n"),
       refused(431)},
      {"RFC 6585 §5", "one long field name gets 431", get_request("/a.txt", std::string(9000, 'x') + ": y\r\n"),
       refused(431)},
      {"RFC 6585 §5", "many short fields get 431", get_request("/a.txt", many), refused(431)},
      {"RFC 6585 §5", "a long field without an end gets 431",
       "GET /a.txt HTTP/1.1\r\nHost: a\r\nX: " + std::string(kHead, 'x'), refused(431)},
      {"RFC 9110 §15.5.15", "a target that leaves room for the rest is answered",
       start + "?" + std::string(kHead - start.size() - tail.size() - 1, 'q') + tail, kFile},
      {"RFC 9110 §15.5.15", "a path longer than header_size gets 414", "GET /" + std::string(kHead, 'a') + tail,
       refused(414)},
      {"RFC 9110 §15.5.15", "a query longer than header_size gets 414", "GET /a.txt?" + std::string(kHead, 'a') + tail,
       refused(414)},
      {"RFC 9110 §15.5.15", "a target without an end gets 414", "GET /" + std::string(kHead, 'a'), refused(414)},
      {"RFC 9110 §15.5.15", "a target of escapes longer than header_size gets 414",
       "GET /" +
           [] {
             std::string s;
             for (int i = 0; i < 1500; ++i) s += "%61";
             return s;
           }() +
           tail,
       refused(414)},
      {"RFC 9112 §3", "a method without an end gets 501", std::string(kHead + 10, 'A'), refused(501)},
      {"RFC 9110 §4.1", "a request line of 8000 bytes is answered where header_size allows it not: 414",
       "GET /a.txt?" + std::string(8000, 'q') + tail, refused(414)},
      {"RFC 6585 §5",
       "a long head behind a good request gets 431 after its answer",
       get_request("/a.txt") + head_of(kHead + 1),
       {kFile, refused(431)}},
      {"RFC 9110 §15.5.15",
       "a long target behind a good request gets 414 after its answer",
       get_request("/a.txt") + "GET /" + std::string(kHead, 'a') + tail,
       {kFile, refused(414)}},
  };
}

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("probe.txt", kProbe);
  }
  Site site;
};
const TableOptions kFraming{.cut = true, .trap = true};
}  // namespace

TEST_CASE_FIXTURE(Tree,
                  "request lines, Host and field lines: what is malformed gets 400 and a close (RFC 9112 §2-§5)") {
  const Server server(site);
  run_table(server, "request lines", request_lines(), kFraming);
  run_table(server, "hosts", hosts(), kFraming);
  run_table(server, "field lines", field_lines(), kFraming);
}

TEST_CASE_FIXTURE(Tree, "sizes of a head: 414 and 431 exactly above header_size (RFC 9110 §15.5.15, RFC 6585 §5)") {
  const Server server(site, {.limits = "header_size = \"4KiB\""});
  run_table(server, "head sizes", sizes(), kFraming);
}
