// Whose request it is behind trusted proxies: X-Forwarded-For, Forwarded (RFC 7239), and what is not believed of them.
#include "uringd/http/forwarded.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "../random.hpp"
#include "forwarded_reference.hpp"
#include "uringd/http/request_parser.hpp"

using namespace uringd;
using namespace uringd::http;
using uringd::testing::Random;

namespace {

const CidrSet& proxies() {
  static const CidrSet set({Cidr::parse("10.0.0.0/8").value(), Cidr::parse("fd00::/8").value()});
  return set;
}

constexpr std::string_view near = "10.0.0.1";

/// "192.0.2.7", "192.0.2.7 https" or "192.0.2.7 http" of a request with these field lines, cut at '|'.
std::string client(std::string_view lines, std::string_view peer = near, const CidrSet& trusted = proxies()) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (char c : lines) c == '|' ? bytes += "\r\n" : bytes += c;
  bytes += lines.empty() ? "\r\n" : "\r\n\r\n";
  RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == RequestParser::Progress::head_complete);
  const auto address = peer == "unix:" ? IpAddress::local() : IpAddress::parse(peer).value();
  const Client found = client_of(parser.request(), address, trusted);
  const char* schemes[] = {"", " http", " https"};
  return found.address.text() + schemes[static_cast<size_t>(found.scheme)];
}

std::string listed(std::string_view value) { return client("X-Forwarded-For: " + std::string{value}); }
std::string forwarded(std::string_view value) { return client("Forwarded: " + std::string{value}); }

}  // namespace

TEST_CASE("without the fields, or where the peer is not trusted, the client is the peer") {
  CHECK(client("") == near);
  CHECK(client("X-Forwarded-For: 192.0.2.7", "198.51.100.1") == "198.51.100.1");
  CHECK(client("Forwarded: for=192.0.2.7;proto=https", "198.51.100.1") == "198.51.100.1");
  CHECK(client("X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: https", "198.51.100.1") == "198.51.100.1");
  CHECK(client("X-Forwarded-For: 192.0.2.7", near, CidrSet{}) == near);
  CHECK(client("X-Forwarded-For: 192.0.2.7", "unix:") == "unix:");
  CHECK(client("X-Forwarded-For: 192.0.2.7", "unix:", CidrSet({Cidr::parse("unix:").value()})) == "192.0.2.7");
}

TEST_CASE("an address in X-Forwarded-For may have a port or brackets, as proxies write them") {
  for (std::string_view value : {"192.0.2.7", "192.0.2.7:1234", "  192.0.2.7\t", "::ffff:192.0.2.7",
                                 "[::ffff:c000:207]:1", "192.0.2.7:0", "192.0.2.7:_port", ", ,192.0.2.7,,"}) {
    CAPTURE(value);
    CHECK(listed(value) == "192.0.2.7");
  }
  for (std::string_view value : {"2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:443", "2001:DB8:0::7"}) {
    CAPTURE(value);
    CHECK(listed(value) == "2001:db8::7");
  }
}

TEST_CASE("what is no address ends the walk: the hop that named it is the client") {
  for (std::string_view value : {"unknown",
                                 "_hidden",
                                 "-",
                                 "localhost",
                                 "192.0.2",
                                 "192.0.2.07",
                                 "192.0.2.7:",
                                 "192.0.2.7:123456",
                                 "192.0.2.7:8o",
                                 "192.0.2.7 x",
                                 "[192.0.2.7]",
                                 "[2001:db8::7",
                                 "2001:db8::7]",
                                 "[2001:db8::7]443",
                                 "[2001:db8::7]:",
                                 "[]",
                                 "\"192.0.2.7\"",
                                 "for=192.0.2.7",
                                 "fe80::1%eth0",
                                 "192.0.2.7:_",
                                 "192.0.2.7:_!",
                                 "192.0.2.0/24",
                                 "\xff"}) {
    CAPTURE(value);
    CHECK(listed(value) == near);
    CHECK(listed(std::string{value} + ", 10.0.0.2") == "10.0.0.2");
    CHECK(listed("192.0.2.7, " + std::string{value}) == near);
  }
}

TEST_CASE("the walk passes trusted proxies from the nearest on and stops at the first that is none") {
  CHECK(listed("192.0.2.7, 10.0.0.2") == "192.0.2.7");
  CHECK(listed("192.0.2.7, 10.0.0.3, fd00::2, 10.0.0.2:80") == "192.0.2.7");
  CHECK(listed("10.0.0.3, 10.0.0.2") == "10.0.0.3");  // all are trusted: the one that was first
  CHECK(listed("198.51.100.9, 192.0.2.7, 10.0.0.2") == "192.0.2.7");
}

TEST_CASE("what the client put in front is not believed, whatever it is") {
  for (std::string_view spoofed :
       {"127.0.0.1", "10.0.0.9", "127.0.0.1, 10.0.0.9", "unknown", "\"", "\\", "\"a, b", "for=\"", "\"\\", ",", "[",
        "::", "for=127.0.0.1", "for=127.0.0.1;for=127.0.0.1", ";;;", "=", "a=\"\\\"", "\xff\xfe"}) {
    CAPTURE(spoofed);
    const std::string text{spoofed};
    CHECK(listed(text + ", 192.0.2.7") == "192.0.2.7");
    CHECK(listed(text + ",192.0.2.7,10.0.0.2") == "192.0.2.7");
    CHECK(client("X-Forwarded-For: " + text + "|X-Forwarded-For: 192.0.2.7") == "192.0.2.7");
    CHECK(forwarded(text + ", for=192.0.2.7") == "192.0.2.7");
    CHECK(forwarded(text + ", for=192.0.2.7;proto=https, for=10.0.0.2") == "192.0.2.7");
    CHECK(forwarded(text + ", for=\"[2001:db8::7]:80\";host=\"a,b\\\"\"") == "2001:db8::7");
    CHECK(client("Forwarded: " + text + "|Forwarded: for=192.0.2.7") == "192.0.2.7");
    CHECK(client("X-Forwarded-For: " + text + "|Forwarded: for=192.0.2.7") == near);
    CHECK(client("X-Forwarded-For: " + text, "192.0.2.7") == "192.0.2.7");
    CHECK(client("Forwarded: " + text, "192.0.2.7") == "192.0.2.7");
  }
}

TEST_CASE("several lines are one list (RFC 9110 §5.3), in whatever case and between other fields") {
  CHECK(client("X-Forwarded-For: 198.51.100.9|x-forwarded-for: 192.0.2.7|X: y|X-FORWARDED-FOR: 10.0.0.2") ==
        "192.0.2.7");
  CHECK(client("X-Forwarded-For: 192.0.2.7|X-Forwarded-For:|X-Forwarded-For: , ") == "192.0.2.7");
  CHECK(client("forwarded: for=192.0.2.7|A: b|Forwarded: for=10.0.0.3, for=10.0.0.2") == "192.0.2.7");
  CHECK(client("X-Forwarded-For:") == near);
  std::string commas = "X-Forwarded-For: 192.0.2.7, 10.0.0.2";
  for (int i = 0; i < 200; ++i) commas += "|X-Forwarded-For: , ,";
  CHECK(client(commas) == "192.0.2.7");
}

TEST_CASE("a node of 128 bytes names nobody, quoted or not: an obfuscated port has no bound (RFC 7239 §6.2)") {
  const std::string port = "192.0.2.7:_" + std::string(116, 'p');  // 127
  CHECK(listed(port) == "192.0.2.7");
  CHECK(listed(port + "p") == near);
  CHECK(forwarded("for=" + port) == "192.0.2.7");
  CHECK(forwarded("for=\"\\" + port + "\"") == "192.0.2.7");
  CHECK(forwarded("for=" + port + "p") == near);
  CHECK(forwarded("for=\"\\" + port + "p\"") == near);
  CHECK(forwarded("for=\"\\" + port + std::string(1000, 'p') + "\"") == near);
}

TEST_CASE("where Forwarded and X-Forwarded-For name different clients, one is made up, and neither is believed") {
  CHECK(client("X-Forwarded-For: 203.0.113.9|Forwarded: for=192.0.2.7") == near);
  CHECK(client("Forwarded: for=192.0.2.7|X-Forwarded-For: 203.0.113.9") == near);
  CHECK(client("Forwarded: for=unknown|X-Forwarded-For: 192.0.2.7") == near);
  CHECK(client("Forwarded:|X-Forwarded-For: 192.0.2.7") == near);
  CHECK(client("Forwarded: for=192.0.2.7|X-Forwarded-For: 192.0.2.7") == "192.0.2.7");
  CHECK(client("Forwarded: for=192.0.2.7|X-Forwarded-For: 203.0.113.9, 192.0.2.7") == "192.0.2.7");
}

TEST_CASE("where proto and X-Forwarded-Proto differ, neither is believed; one alone is") {
  CHECK(client("Forwarded: for=192.0.2.7;proto=http|X-Forwarded-Proto: https") == "192.0.2.7");
  CHECK(client("Forwarded: for=192.0.2.7;proto=https|X-Forwarded-Proto: https") == "192.0.2.7 https");
  CHECK(client("Forwarded: for=192.0.2.7|X-Forwarded-Proto: https") == "192.0.2.7 https");
}

TEST_CASE("Forwarded's examples (RFC 7239 §4, §6, §7.1)") {
  CHECK(forwarded("for=192.0.2.43") == "192.0.2.43");
  CHECK(forwarded("for=\"_gazonk\"") == near);
  CHECK(forwarded("For=\"[2001:db8:cafe::17]:4711\"") == "2001:db8:cafe::17");
  CHECK(forwarded("for=192.0.2.60;proto=http;by=203.0.113.43") == "192.0.2.60 http");
  CHECK(forwarded("for=192.0.2.43, for=198.51.100.17") == "198.51.100.17");
  CHECK(forwarded("for=_hidden, for=_SEVKISEK") == near);
  CHECK(forwarded("for=\"192.0.2.43:47011\"") == "192.0.2.43");
  CHECK(forwarded("for=\"192.0.2.43:_port\"") == "192.0.2.43");
  CHECK(forwarded("for=192.0.2.43, for=\"[2001:db8:cafe::17]\", for=unknown") == near);
  CHECK(forwarded("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=10.0.0.2") == "2001:db8:cafe::17");
}

TEST_CASE("a Forwarded element may be in any case and order, quoted or spaced as proxies write it") {
  for (std::string_view value :
       {"FOR=192.0.2.7", "by=x;for=192.0.2.7", "host=\"a,b;for=1.1.1.1\";for=192.0.2.7", "for=192.0.2.7; host=a:80",
        "for=192.0.2.7 ;by=\"_x\"", ";for=192.0.2.7;", "for=\"192.0.2.7\"", "for=\"192\\.0.2.\\7\"", "for=192.0.2.7:80",
        "for=192.0.2.7;x=1;x=2", "for=192.0.2.7;secret=\"\\\"\\\\\"", "for=\"192.0.2.7\";host=\"\\\",for=1.1.1.1\""}) {
    CAPTURE(value);
    CHECK(forwarded(value) == "192.0.2.7");
    CHECK(forwarded(std::string{value} + " , for=10.0.0.2") == "192.0.2.7");
  }
  CHECK(forwarded("for=[2001:db8::7]:80") == "2001:db8::7");
  CHECK(forwarded("for=\"2001:db8::7\"") == "2001:db8::7");
}

TEST_CASE("a Forwarded element that is not of the grammar, or names two, says nothing (RFC 7239 §4)") {
  for (std::string_view value : {"192.0.2.7",
                                 "for",
                                 "for=",
                                 "for =192.0.2.7",
                                 "for= 192.0.2.7",
                                 "for=\"192.0.2.7",
                                 "for=192.0.2.7\"",
                                 "for=192.0.2.7 proto=https",
                                 "for=192.0.2.7;for=192.0.2.8",
                                 "for=192.0.2.7;proto=http;PROTO=https",
                                 "for=\"192.0.2.7\"x",
                                 "=192.0.2.7",
                                 "for=192.0.2.7;=",
                                 "for=192.0.2.7;by",
                                 "for=192.0.2.7;by=",
                                 "for=192.0.2.7;=x",
                                 "for=192.0.2.7;host=a/b",
                                 "by=192.0.2.7",
                                 "for=\"192.0.2.7\\\"",
                                 "for=192.0.2.7;;by=\"\xff",
                                 "proto=",
                                 ";",
                                 "fort=192.0.2.7",
                                 "for=\"\\",
                                 "for==192.0.2.7"}) {
    CAPTURE(value);
    CHECK(forwarded(value) == near);
    CHECK(forwarded("for=192.0.2.9, " + std::string{value}) == near);
  }
  CHECK(forwarded("for=\"" + std::string(127, '\\') + "1\"") == near);
  CHECK(forwarded("for=\"" + std::string(4000, '\\') + "\"") == near);
}

TEST_CASE(
    "the scheme is the nearest proxy's word: proto of Forwarded's last element, or X-Forwarded-Proto's last value") {
  CHECK(forwarded("for=192.0.2.7;proto=https") == "192.0.2.7 https");
  CHECK(forwarded("for=192.0.2.7;proto=HTTPS") == "192.0.2.7 https");
  CHECK(forwarded("for=192.0.2.7;proto=\"https\"") == "192.0.2.7 https");
  CHECK(forwarded("for=192.0.2.7;proto=ftp") == "192.0.2.7");
  CHECK(forwarded("proto=https") == "10.0.0.1 https");
  CHECK(forwarded("for=192.0.2.7;proto=https, for=10.0.0.2;proto=http") == "192.0.2.7 http");
  CHECK(forwarded("for=192.0.2.7;proto=https, for=10.0.0.2") == "192.0.2.7");
  CHECK(client("Forwarded: for=192.0.2.7|X-Forwarded-Proto: https") == "192.0.2.7 https");
  CHECK(client("X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: https") == "192.0.2.7 https");
  CHECK(client("X-Forwarded-For: 192.0.2.7|x-forwarded-proto: HTTP") == "192.0.2.7 http");
  CHECK(client("X-Forwarded-Proto: http, https ,") == "10.0.0.1 https");
  CHECK(client("X-Forwarded-Proto: https|X-Forwarded-Proto: http") == "10.0.0.1 http");
  CHECK(client("X-Forwarded-Proto: https|X-Forwarded-Proto:") == "10.0.0.1 https");
  CHECK(client("X-Forwarded-Proto: https|X-Forwarded-Proto: gopher") == near);
  CHECK(client("X-Forwarded-Proto: httpss") == near);
}

TEST_CASE("after 64 hops the walk ends, at a trusted proxy's address") {
  auto many = [](size_t count, std::string_view between, std::string_view before) {
    std::string text = "X-Forwarded-For: 192.0.2.7";
    for (size_t hop = count; hop > 0; --hop) {
      text += std::string{between} + std::string{before} + "10.1.0." + std::to_string(hop);
    }
    return client(text);
  };
  for (std::string_view between : {", ", "|X-Forwarded-For: "}) {
    CHECK(many(63, between, "") == "192.0.2.7");
    CHECK(many(64, between, "") == "10.1.0.64");
    CHECK(many(200, between, "") == "10.1.0.64");
    CHECK(many(63, between, ", ,,") == "192.0.2.7");  // an empty element is no hop
  }
}

TEST_CASE("any list is read as a second reading from the left reads it, and no prefix changes what a proxy appended") {
  constexpr std::string_view pieces[] = {"for=",    "10.0.0.2", "192.0.2.7",        ", ",        ",",
                                         ";",       "\"",       "proto=http",       "[fd00::2]", "\\",
                                         "by=x",    ":80",      "For=\"10.0.0.3\"", " ",         "host=\"a,b\"",
                                         "unknown", "|",        "fd00::3",          "=",         "for=10.0.0.4"};
  Random random(672);
  size_t well_formed = 0, far = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string value;
    for (uint64_t n = random.below(10); n > 0; --n) value += pieces[random.below(std::size(pieces))];
    CAPTURE(value);
    std::vector<std::string> lines(1);
    for (char c : value) {
      if (c == '|') {
        lines.emplace_back();
      } else {
        lines.back() += c;
      }
    }
    std::string own_fields, rfc_fields;
    for (const std::string& line : lines) {
      own_fields += (own_fields.empty() ? "X-Forwarded-For: " : "|X-Forwarded-For: ") + line;
      rfc_fields += (rfc_fields.empty() ? "Forwarded: " : "|Forwarded: ") + line;
    }
    const std::string expected =
        http::testing::walk_back(http::testing::read_list(lines), std::string{near}, proxies());
    REQUIRE(client(own_fields) == expected);
    far += expected != near;
    REQUIRE(client(own_fields + ",192.0.2.9, 10.0.0.2") == "192.0.2.9");
    REQUIRE(client(rfc_fields + ",for=192.0.2.9, for=10.0.0.2;by=\",\\\"\"") == "192.0.2.9");
    const auto hops = http::testing::read_forwarded(lines);
    if (!hops) continue;
    ++well_formed;
    std::vector<std::string> nodes;
    for (const http::testing::Hop& hop : *hops) nodes.push_back(hop.node);
    const std::string found = client(rfc_fields);
    REQUIRE(found.substr(0, found.find(' ')) == http::testing::walk_back(nodes, std::string{near}, proxies()));
    const Scheme scheme = hops->empty() ? Scheme::unknown : http::testing::scheme_named(hops->back().proto);
    REQUIRE(found.ends_with(" http") == (scheme == Scheme::http));
  }
  CHECK(well_formed > 5'000);
  CHECK(far > 1'000);
}
