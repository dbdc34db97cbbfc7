// The PROXY protocol by HAProxy's specification: version 1 in §2.1, version 2 in §2.2; in every split.
#include "uringd/http/proxy_protocol.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "../random.hpp"
#include "proxy_reference.hpp"

using namespace uringd::http;
using uringd::http::testing::split_problem;
using uringd::testing::Random;
using Progress = ProxyHeader::Progress;

namespace {

/// "192.0.2.1" (or "-"), "more" or "invalid".
std::string verdict(std::string_view bytes) {
  const ProxyHeader header = parse_proxy_header(bytes);
  if (header.progress == Progress::need_more) return "more";
  if (header.progress == Progress::invalid) return "invalid";
  return header.source.text();
}

/// The fewest of these bytes that are told to be invalid; SIZE_MAX: none.
size_t invalid_at(std::string_view bytes) {
  for (size_t size = 0; size <= bytes.size(); ++size) {
    if (verdict(bytes.substr(0, size)) == "invalid") return size;
  }
  return SIZE_MAX;
}

std::string binary(int version_command, int family, const std::string& block) {
  std::string bytes{"\r\n\r\n\0\r\nQUIT\n", 12};
  bytes += static_cast<char>(version_command);
  bytes += static_cast<char>(family);
  bytes += static_cast<char>(block.size() >> 8);
  bytes += static_cast<char>(block.size());
  return bytes + block;
}

const std::string inet_block{"\xC0\x00\x02\x07\x0A\x00\x00\x01\x12\x34\x00\x50", 12};
const std::string inet6_block = std::string{"\x20\x01\x0d\xb8", 4} + std::string(11, '\0') + "\x07" +
                                std::string(15, '\0') + "\x01" + std::string{"\x12\x34\x00\x50", 4};

}  // namespace

TEST_CASE("a version 1 line names its source (§2.1)") {
  CHECK(verdict("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n") == "192.0.2.7");
  CHECK(verdict("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n") == "255.255.255.255");
  CHECK(verdict("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n") == "0.0.0.0");
  CHECK(verdict("PROXY TCP6 2001:db8::7 ::1 56324 443\r\n") == "2001:db8::7");
  CHECK(verdict("PROXY TCP6 ::ffff:192.0.2.7 ::1 56324 443\r\n") == "192.0.2.7");
  const std::string longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  CHECK(verdict("PROXY TCP6 " + longest + " " + longest + " 65535 65535\r\n") == longest);
}

TEST_CASE("UNKNOWN is complete without a source, whatever follows it in the line (§2.1)") {
  CHECK(verdict("PROXY UNKNOWN\r\n") == "-");
  CHECK(verdict("PROXY UNKNOWN \r\n") == "-");
  CHECK(verdict("PROXY UNKNOWN TCP4 x y z \xff\r\n") == "-");
  CHECK(verdict("PROXY UNKNOWN " + std::string(107 - 16, 'f') + "\r\n") == "-");
  CHECK(verdict("PROXY UNKNOWN " + std::string(107 - 15, 'f') + "\r\n") == "invalid");
}

TEST_CASE("HTTP begins behind the header, and what follows is not looked at") {
  const std::string line = "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n";
  CHECK(parse_proxy_header(line + "GET / HTTP/1.1\r\n").used == line.size());
  CHECK(parse_proxy_header(line + "PROXY").used == line.size());
  const std::string block = binary(0x21, 0x11, inet_block + "TLV");
  CHECK(parse_proxy_header(block + "GET").used == 16 + 12 + 3);
}

TEST_CASE("a version 1 line that is not exactly so is invalid (§2.1)") {
  for (std::string_view line : {"PROXY\r\n",
                                "PROXY \r\n",
                                "PROXY  TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
                                "PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n",
                                "proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
                                "PROXY tcp4 192.0.2.7 10.0.0.1 1 2\r\n",
                                "PROXY TCP5 192.0.2.7 10.0.0.1 1 2\r\n",
                                "PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 \r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 2 \r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 01 2\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 00\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 99999\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 -1 2\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 +1 2\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 2000000000000\r\n",
                                "PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n",
                                "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n",
                                "PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n",
                                "PROXY TCP4 2001:db8::7 10.0.0.1 1 2\r\n",
                                "PROXY TCP4 192.0.2.7 ::1 1 2\r\n",
                                "PROXY TCP6 192.0.2.7 ::1 1 2\r\n",
                                "PROXY TCP6 2001:db8::7 10.0.0.1 1 2\r\n",
                                "PROXY TCP6 2001:db8:::7 ::1 1 2\r\n",
                                "PROXY TCP6 [2001:db8::7] ::1 1 2\r\n",
                                "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n",
                                "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\r\n",
                                "PROXY TCP4 192.0.2.7\t10.0.0.1 1 2\r\n",
                                "PROXY UNKNOWN\n",
                                "PROXY UNKNOWN a\nb\r\n",
                                "PROXY UNKNOWN a\rb\r\n",
                                "PROXY UNKNOWNX\r\n",
                                "PROXY UNKNOW\r\n",
                                "PROXY TCP4\r\n",
                                "PROXY TCP\r\n"}) {
    CAPTURE(line);
    CHECK(verdict(line) == "invalid");
    CHECK(split_problem(std::string{line}) == "");
  }
}

TEST_CASE("107 bytes without CRLF are no version 1 line (§2.1)") {
  const std::string text = "PROXY UNKNOWN " + std::string(200, 'x');
  CHECK(invalid_at(text) == 107);
  CHECK(invalid_at("PROXY TCP6 " + std::string(200, 'f')) == 107);
}

TEST_CASE("what speaks something else is told so at its first bytes, not waited for") {
  CHECK(invalid_at("GET / HTTP/1.1\r\n") == 1);
  CHECK(invalid_at("HEAD / HTTP/1.1\r\n") == 1);
  CHECK(invalid_at("POST / HTTP/1.1\r\n") == 2);
  CHECK(invalid_at("PRI * HTTP/2.0\r\n") == 3);
  CHECK(invalid_at("PROPFIND / HTTP/1.1\r\n") == 4);
  CHECK(invalid_at("\x16\x03\x01\x02") == 1);                  // TLS
  CHECK(invalid_at("\r\nGET / HTTP/1.1\r\n") == 3);            // an empty line before a request (RFC 9112 §2.2)
  CHECK(invalid_at("PROXY TCP4 192.0.2.300 10.0.0.1") == 23);  // once the word has ended
  CHECK(invalid_at(std::string_view{"\r\n\r\n\0\r\nQUIX", 11}) == 11);
  CHECK(invalid_at(binary(0x11, 0x11, inet_block)) == 13);  // version 1 in version 2's form
  CHECK(invalid_at(binary(0x22, 0x11, inet_block)) == 13);  // an unassigned command
  CHECK(invalid_at(binary(0x21, 0x41, inet_block)) == 14);  // an unassigned family
  CHECK(invalid_at(binary(0x21, 0x13, inet_block)) == 14);  // an unassigned protocol
  CHECK(invalid_at(binary(0x21, 0x11, inet_block.substr(0, 11))) == 16);
  CHECK(invalid_at(binary(0x21, 0x21, inet6_block.substr(0, 35))) == 16);
  CHECK(invalid_at(binary(0x21, 0x31, std::string(215, 'a'))) == 16);
}

TEST_CASE("nothing but a header's own beginning waits for more") {
  CHECK(verdict("") == "more");
  CHECK(verdict("P") == "more");
  CHECK(verdict("PROXY UNKN") == "more");
  CHECK(verdict("PROXY UNKNOWN\r") == "more");
  CHECK(verdict("PROXY TCP4 192.0.2.7 10.0.0.1 1 2") == "more");
  CHECK(verdict("\r\n\r\n") == "more");
}

TEST_CASE("version 2 names its source by family and protocol (§2.2)") {
  CHECK(verdict(binary(0x21, 0x11, inet_block)) == "192.0.2.7");
  CHECK(verdict(binary(0x21, 0x12, inet_block)) == "192.0.2.7");
  CHECK(verdict(binary(0x21, 0x21, inet6_block)) == "2001:db8::7");
  CHECK(verdict(binary(0x21, 0x22, inet6_block)) == "2001:db8::7");
  CHECK(verdict(binary(0x21, 0x31, std::string(216, 'a'))) == "-");
  CHECK(verdict(binary(0x21, 0x32, std::string(216, 'a'))) == "-");
}

TEST_CASE("where the family or the protocol is unspecified, the address is not used (§2.2)") {
  for (int family : {0x00, 0x01, 0x02, 0x10, 0x20, 0x30}) {
    CAPTURE(family);
    CHECK(verdict(binary(0x21, family, "")) == "-");
    CHECK(verdict(binary(0x21, family, inet6_block)) == "-");
  }
}

TEST_CASE("LOCAL is the proxy's own connection: whatever the block says is skipped (§2.2)") {
  for (int family : {0x00, 0x11, 0x21, 0x31, 0xff}) {
    CAPTURE(family);
    CHECK(verdict(binary(0x20, family, "")) == "-");
    CHECK(verdict(binary(0x20, family, inet_block)) == "-");
    CHECK(parse_proxy_header(binary(0x20, family, inet_block)).used == 28);
  }
}

TEST_CASE("TLVs behind the addresses are skipped by the length, up to the bound") {
  const size_t most = ProxyHeader::most_bytes - 16;
  CHECK(verdict(binary(0x21, 0x11, inet_block + std::string(most - 12, 't'))) == "192.0.2.7");
  CHECK(invalid_at(binary(0x21, 0x11, inet_block + std::string(most - 11, 't'))) == 16);
  CHECK(invalid_at(binary(0x20, 0x00, std::string(65'535, 't'))) == 16);
}

TEST_CASE("every split of every header tells the same") {
  for (int command = 0; command < 256; ++command) CHECK(split_problem(binary(command, 0x11, inet_block)) == "");
  for (int family = 0; family < 256; ++family) {
    for (int command : {0x20, 0x21}) {
      for (size_t size : {0, 11, 12, 13, 35, 36, 215, 216}) {
        CHECK(split_problem(binary(command, family, std::string(size, 'a')) + "GET") == "");
      }
    }
  }
  CHECK(split_problem(binary(0x21, 0x21, inet6_block + std::string(4096, 't'))) == "");
}

TEST_CASE("of lines nearly right in every split, what is complete is what a second reading accepts") {
  constexpr std::string_view pieces[] = {"PROXY ", "TCP4 ", "TCP6 ",   "UNKNOWN", " ",    "1.2.3.4 ", "2001:db8::1 ",
                                         "80 ",    "443",   "65535",   "65536",   "\r\n", "\r",       "\n",
                                         "0",      "::",    "1.2.3.4", ":",       ".",    "01 "};
  constexpr std::string_view lines[] = {"PROXY TCP4 1.2.3.4 5.6.7.8 1 65535\r\n", "PROXY TCP6 ::1 2001:db8::1 0 80\r\n",
                                        "PROXY UNKNOWN what ever\r\n"};
  Random random(671);
  size_t complete = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text;
    if (random.below(4) == 0) {
      text = "PROXY ";
      for (uint64_t n = random.below(9); n > 0; --n) text += pieces[random.below(std::size(pieces))];
    } else {
      text = lines[random.below(std::size(lines))];
      for (uint64_t n = random.below(3); n > 0; --n) {
        const size_t at = random.below(text.size());
        const std::string_view piece = pieces[random.below(std::size(pieces))];
        text.replace(at, random.below(2), piece.substr(0, 1 + random.below(piece.size())));
      }
    }
    CAPTURE(text);
    complete += parse_proxy_header(text).progress == Progress::complete;
    REQUIRE(split_problem(text) == "");
  }
  CHECK(complete > 10'000);
}
