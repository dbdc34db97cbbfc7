// Cases of the body's framing: Content-Length, Transfer-Encoding, chunks and their sizes (RFC 9112 §6, §7). A body is
// read and dropped, and the probe behind each accepted row shows that it ended where the RFC says. Every row is sent in
// one piece and byte by byte; what is refused also with a request behind it, which nobody may answer.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;
using Named = std::vector<std::pair<std::string, std::string>>;  // what it is, the bytes

const Answer kFile = ok("a\n");
std::string with(std::string_view fields) { return get_request("/a.txt", fields); }
std::string chunked(std::string_view body) { return with("Transfer-Encoding: chunked\r\n") + std::string(body); }
std::string last(std::string_view trailers) { return "0\r\n" + std::string(trailers) + "\r\n"; }

Rows content_lengths() {
  Rows rows;
  for (const auto& [what, value] : Named{{"twice in a list", "5, 5"},
                                         {"in a list of two", "5,6"},
                                         {"with a plus", "+5"},
                                         {"octal as some write it", "0o5"},
                                         {"in a list of three", "5, 5, 5"},
                                         {"folded", "\r\n 5"},
                                         {"negative", "-5"},
                                         {"minus zero", "-0"},
                                         {"hexadecimal", "0x5"},
                                         {"with an underscore", "1_0"},
                                         {"with a fraction", "5.0"},
                                         {"with an exponent", "5e0"},
                                         {"empty", ""},
                                         {"of white space", "  "},
                                         {"with an inner space", "1 0"},
                                         {"a word", "five"},
                                         {"with a unit", "5b"},
                                         {"quoted", "\"5\""},
                                         {"with a semicolon", "5;a"},
                                         {"with a trailing comma", "5,"},
                                         {"2^64", "18446744073709551616"},
                                         {"2^64 + 5", "18446744073709551621"},
                                         {"of forty digits", "1000000000000000000000000000000000000005"},
                                         {"full width", "\xef\xbc\x95"}}) {
    rows.push_back({"RFC 9112 §6.3", "a Content-Length that is " + what + " gets 400",
                    with("Content-Length: " + value + "\r\n") + "hello", refused(400)});
  }
  const std::string five = "Content-Length: 5\r\n", te = "Transfer-Encoding: chunked\r\n";
  rows.insert(
      rows.end(),
      {{"RFC 9112 §6.3", "two different Content-Length lines get 400", with(five + "Content-Length: 6\r\n") + "hello!",
        refused(400)},
       {"RFC 9110 §8.6", "two equal Content-Length lines get 400", with(five + "X: y\r\n" + five) + "hello",
        refused(400)},
       {"RFC 9112 §6.3", "Content-Length before Transfer-Encoding gets 400", with(five + te) + last(""), refused(400)},
       {"RFC 9112 §6.3", "Content-Length behind Transfer-Encoding gets 400", with(te + five) + last(""), refused(400)},
       {"RFC 9112 §6.3", "Content-Length: 0 with Transfer-Encoding gets 400",
        with("Content-Length: 0\r\n" + te) + last(""), refused(400)},
       {"RFC 9112 §6.2", "a body by Content-Length is dropped", with(five) + "hello", kFile},
       {"RFC 9112 §6.2", "a body that looks like a request is dropped",
        with("Content-Length: " + std::to_string(get_request("/b.txt").size()) + "\r\n") + get_request("/b.txt"),
        kFile},
       {"RFC 9112 §6.2", "Content-Length: 0 is no body", with("Content-Length: 0\r\n"), kFile},
       {"RFC 9110 §8.6", "00 is no body", with("Content-Length: 00\r\n"), kFile},
       {"RFC 9110 §8.6", "leading zeros are digits", with("Content-Length: 0005\r\n") + "hello", kFile},
       {"RFC 9112 §5", "white space around a Content-Length is dropped", with("Content-Length: \t 5 \r\n") + "hello",
        kFile},
       {"RFC 9112 §5", "a tab behind a Content-Length is dropped", with("Content-Length: 5\t\r\n") + "hello", kFile},
       {"RFC 9110 §5.1", "a Content-Length in lower case counts", with("content-length: 5\r\n") + "hello", kFile},
       {"RFC 9112 §6.2", "a body of NUL and line ends is dropped", with(five) + std::string("\0\r\n\r\n", 5), kFile},
       {"RFC 9112 §6.2",
        "two requests with bodies are kept apart",
        with(five) + "hello" + with(five) + "world",
        {kFile, kFile}},
       {"RFC 9110 §15.5.14", "a body of exactly body_size is dropped",
        with("Content-Length: 1024\r\n") + std::string(1024, 'b'), kFile},
       {"RFC 9110 §15.5.14", "a body of body_size and one byte gets 413",
        with("Content-Length: 1025\r\n") + std::string(1025, 'b'), refused(413)},
       {"RFC 9110 §15.5.14", "413 does not wait for the body", with("Content-Length: 1025\r\n"), refused(413)},
       {"RFC 9110 §15.5.14", "a Content-Length of 2^63 - 1 gets 413", with("Content-Length: 9223372036854775807\r\n"),
        refused(413)},
       {"RFC 9110 §15.5.14", "a Content-Length of 2^64 - 1 gets 413", with("Content-Length: 18446744073709551615\r\n"),
        refused(413)},
       {"RFC 9110 §15.5.14", "413 outranks 405: nobody knows whether the body comes",
        request("POST", "/a.txt", "Content-Length: 99999\r\n"), refused(413)}});
  return rows;
}

Rows transfer_encodings() {
  Rows rows;
  for (const char* value : {"chunked", "Chunked", "CHUNKED", " chunked", "\tchunked", "chunked ", " chunked \t"}) {
    rows.push_back({"RFC 9112 §7", "Transfer-Encoding:" + std::string(value) + ": is chunked",
                    with("Transfer-Encoding:" + std::string(value) + "\r\n") + last(""), kFile});
  }
  for (const auto& [what, value] :
       Named{{"twice chunked", "chunked, chunked"},
             // A list may have empty elements (RFC 9110 §5.6.1.2), but not here: a front end may read something else.
             {"chunked behind a comma", ",chunked"},
             {"chunked before a comma", "chunked,"},
             {"chunked after a line end", "\r\n chunked"},
             {"chunked behind a form feed", "\fchunked"},
             {"chunked before gzip", "chunked, gzip"},
             {"chunked before identity", "chunked, identity"},
             {"identity", "identity"},
             {"gzip alone", "gzip"},
             {"empty", ""},
             {"quoted", "\"chunked\""},
             {"a word that ends in chunked", "xchunked"},
             {"a word that begins with chunked", "chunkedx"},
             {"chunked with a parameter", "chunked;q=1"},
             {"chunked behind a vertical tab", "\vchunked"},
             {"chunked behind a NUL", std::string("\0chunked", 8)},
             {"chunked with a dot", "chunked."},
             {"two words", "chunked gzip"},
             {"split by a semicolon", "gzip;chunked"},
             {"long s for s", "chunked\xc5\xbf"}}) {
    rows.push_back({"RFC 9112 §6.3", "a Transfer-Encoding that is " + what + " gets 400",
                    with("Transfer-Encoding: " + value + "\r\n") + last(""), refused(400)});
  }
  const std::string te = "Transfer-Encoding: chunked\r\n";
  rows.insert(rows.end(),
              {{"RFC 9112 §6.1", "gzip below chunked gets 501", with("Transfer-Encoding: gzip, chunked\r\n") + last(""),
                refused(501)},
               {"RFC 9112 §6.1", "gzip and chunked in two lines get 501",
                with("Transfer-Encoding: gzip\r\n" + te) + last(""), refused(501)},
               {"RFC 9112 §6.1", "an unknown coding below chunked gets 501",
                with("Transfer-Encoding: brotli-x, chunked\r\n") + last(""), refused(501)},
               {"RFC 9112 §6.1", "identity below chunked is a coding that we do not know: 501",
                with("Transfer-Encoding: identity, chunked\r\n") + last(""), refused(501)},
               {"RFC 9112 §7.1", "chunked in two lines gets 400", with(te + te) + last(""), refused(400)},
               {"RFC 9112 §6.1", "Transfer-Encoding in HTTP/1.0 gets 400",
                "GET /a.txt HTTP/1.0\r\nHost: a\r\n" + te + "\r\n" + last(""), refused(400)},
               {"RFC 9112 §6.1", "Transfer-Encoding in HTTP/1.0 with keep-alive gets 400",
                "GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n" + te + "\r\n" + last(""), refused(400)}});
  return rows;
}

Rows chunks() {
  Rows rows;
  for (const auto& [what, body] :
       Named{{"no data", last("")},
             {"one chunk", "5\r\nhello\r\n" + last("")},
             {"many chunks", "1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n1\r\ne\r\n" + last("")},
             {"a size in lower case", "a\r\n0123456789\r\n" + last("")},
             {"a size in upper case", "A\r\n0123456789\r\n" + last("")},
             {"leading zeros", "0000000000000000000005\r\nhello\r\n" + last("")},
             {"a last chunk of many zeros", "5\r\nhello\r\n00000\r\n\r\n"},
             {"data that looks like framing", "5\r\n0\r\n\r\n\r\n" + last("")},
             {"an extension", "5;x\r\nhello\r\n" + last("")},
             {"an extension with a value", "5;x=y\r\nhello\r\n" + last("")},
             {"an extension with a quoted value", "5;x=\"y; \\\" z\"\r\nhello\r\n" + last("")},
             {"several extensions", "5;a;b=c;d=\"e\"\r\nhello\r\n" + last("")},
             {"an extension of the last chunk", "5\r\nhello\r\n0;x=y\r\n\r\n"},
             {"white space around an extension", "5 ; x = y\r\nhello\r\n" + last("")},
             {"a trailer", "5\r\nhello\r\n" + last("T: v\r\n")},
             {"several trailers", last("T: v\r\nU: w\r\nT: x\r\n")},
             {"a trailer without a value", last("T:\r\n")},
             {"a Content-Length among the trailers", last("Content-Length: 100\r\n")},
             {"a Transfer-Encoding among the trailers", last("Transfer-Encoding: chunked\r\n")},
             {"a Host among the trailers", last("Host: b c\r\n")},
             {"Connection: close among the trailers", last("Connection: close\r\n")}}) {
    rows.push_back({"RFC 9112 §7.1", "a chunked body with " + what + " is dropped", chunked(body), kFile});
  }
  for (const auto& [what, body] :
       Named{{"an empty size", "\r\nhello\r\n" + last("")},
             {"a size with 0x", "0x5\r\nhello\r\n" + last("")},
             {"a size with an underscore", "1_0\r\n0123456789abcdef\r\n" + last("")},
             {"a size with a plus", "+5\r\nhello\r\n" + last("")},
             {"a size with a minus", "-5\r\nhello\r\n" + last("")},
             {"a size behind a space", " 5\r\nhello\r\n" + last("")},
             {"a space behind a size", "5 \r\nhello\r\n" + last("")},
             {"a tab behind a size", "5\t\r\nhello\r\n" + last("")},
             {"a last size behind a space", " 0\r\n\r\n"},
             {"a size that is no number", "g\r\nhello\r\n" + last("")},
             {"a size with a letter behind it", "5g\r\nhello\r\n" + last("")},
             {"a size in quotes", "\"5\"\r\nhello\r\n" + last("")},
             {"a size with a comma", "5,5\r\nhello\r\n" + last("")},
             {"a size of 2^64 + 5", "10000000000000005\r\nhello\r\n" + last("")},
             {"a size of forty digits", "1000000000000000000000000000000000000005\r\nhello\r\n" + last("")},
             {"a size with a NUL", std::string("5\0\r\nhello\r\n", 11) + last("")},
             {"a bare LF behind a size", "5\nhello\r\n" + last("")},
             {"a bare CR behind a size", "5\rhello\r\n" + last("")},
             {"data longer than its size", "3\r\nhello\r\n" + last("")},
             {"data shorter than its size", "6\r\nhello\r\n" + last("")},
             {"no line end behind the data", "5\r\nhello" + last("")},
             {"a bare LF behind the data", "5\r\nhello\n" + last("")},
             {"two line ends behind the data", "5\r\nhello\r\n\r\n" + last("")},
             {"other bytes behind the data", "5\r\nhelloXX" + last("")},
             {"an extension without a name", "5;\r\nhello\r\n" + last("")},
             {"an extension of a bare LF", "5;x\nhello\r\n" + last("")},
             {"an extension with a bare CR", "5;x\rX\r\nhello\r\n" + last("")},
             {"an extension with a NUL", std::string("5;x\0\r\nhello\r\n", 13) + last("")},
             {"an extension that is not closed", "5;x=\"\r\nhello\r\n" + last("")},
             {"an extension with brackets", "5;[x]\r\nhello\r\n" + last("")},
             {"a bare LF behind the last size", "0\n\r\n"},
             {"a bare LF as the last line", "0\r\n\n"},
             {"a trailer without a colon", last("T\r\n")},
             {"a trailer without a name", last(": v\r\n")},
             {"a space before the colon of a trailer", last("T : v\r\n")},
             {"a folded trailer", last("T: v\r\n w\r\n")},
             {"white space before the first trailer", last(" T: v\r\n")},
             {"a NUL in a trailer", last(std::string("T: \0\r\n", 6))},
             {"a bare CR in a trailer", last("T: a\rb\r\n")},
             {"a bare LF behind a trailer", last("T: v\n")}}) {
    rows.push_back({"RFC 9112 §7.1", "a chunked body with " + what + " gets 400", chunked(body), refused(400)});
  }
  std::string small_chunks, extensions, trailers;
  for (int i = 0; i < 32; ++i) small_chunks += "20\r\n" + std::string(32, 'c') + "\r\n";
  for (int i = 0; i < 3000; ++i) extensions += ";ext=value";
  for (int i = 0; i < 3000; ++i) trailers += "T: value\r\n";
  rows.insert(
      rows.end(),
      {{"RFC 9110 §15.5.14", "chunks of body_size together are dropped", chunked(small_chunks + last("")), kFile},
       {"RFC 9110 §15.5.14", "chunks of body_size and one byte together get 413",
        chunked(small_chunks + "1\r\nx\r\n" + last("")), refused(413)},
       {"RFC 9110 §15.5.14", "a chunk above body_size gets 413 before its data", chunked("401\r\n"), refused(413)},
       {"RFC 9110 §15.5.14", "a chunk of 2^64 - 1 gets 413", chunked("FFFFFFFFFFFFFFFF\r\n"), refused(413)},
       {"RFC 9112 §7.1.1", "extensions without end get 413", chunked("5" + extensions + "\r\nhello\r\n" + last("")),
        refused(413)},
       {"RFC 9112 §7.1.1", "zeros without end get 413", chunked(std::string(30000, '0') + "\r\n\r\n"), refused(413)},
       {"RFC 6585 §5", "trailers without end get 431", chunked(last(trailers)), refused(431)},
       {"RFC 9112 §7.1",
        "two chunked requests are kept apart",
        chunked("5\r\nhello\r\n" + last("")) + chunked(last("T: v\r\n")),
        {kFile, kFile}},
       {"RFC 9112 §9.3.2",
        "a bad chunk behind a good request gets 400 after its answer",
        with("") + chunked("x\r\n"),
        {kFile, refused(400)}}});
  return rows;
}

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("b.txt", "another file, not to be seen\n");
    site.file("probe.txt", kProbe);
  }
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "bodies end where RFC 9112 §6 and §7 say, or the request gets 400, 413, 431 or 501") {
  const Server server(site, {.limits = "body_size = \"1KiB\""});
  const TableOptions kFraming{.cut = true, .trap = true};
  run_table(server, "content lengths", content_lengths(), kFraming);
  run_table(server, "transfer encodings", transfer_encodings(), kFraming);
  run_table(server, "chunks", chunks(), kFraming);
}
