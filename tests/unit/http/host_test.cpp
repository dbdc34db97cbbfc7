// Host values (RFC 3986 §3.2.2).
#include "uringd/http/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace uringd::http {
namespace {

std::string canonical(std::string_view value) {
  std::array<char, 64> out;
  const auto host = canonical_host(value, out);
  CHECK(host.has_value() <= valid_host(value));
  return host ? std::string{*host} : "-";
}

TEST_CASE("one host has one spelling") {
  CHECK(canonical("Example.ORG") == "example.org");
  CHECK(canonical("example.org:8080") == "example.org");
  CHECK(canonical("example.org:") == "example.org");
  CHECK(canonical("example.org.") == "example.org");
  CHECK(canonical("example.org.:80") == "example.org");
  CHECK(canonical("127.0.0.1:1") == "127.0.0.1");
  CHECK(canonical("a_b-c~!$&'()*+,;=") == "a_b-c~!$&'()*+,;=");
  CHECK(canonical("ex%41mple") == "ex%41mple");
}

TEST_CASE("an IPv6 literal keeps its brackets") {
  CHECK(canonical("[::1]:8080") == "[::1]");
  CHECK(canonical("[0:0::0001]") == "[::1]");  // one spelling for one address (RFC 5952)
  CHECK(canonical("[2001:0DB8:0:0:0:0:0:1]:80") == "[2001:db8::1]");
  CHECK(canonical("[2001:DB8::A]") == "[2001:db8::a]");
  CHECK(canonical("[::ffff:1.2.3.4]") == "[::ffff:1.2.3.4]");
  CHECK(canonical("[v1.A:b]") == "[v1.a:b]");
}

TEST_CASE("what is no host is nullopt") {
  for (const char* value : {"",
                            ".",
                            ":80",
                            "a b",
                            "a/b",
                            "a\\b",
                            "u@a",
                            "a:b",
                            "a:80:80",
                            "a:-1",
                            "a:65536",
                            "a:99999999999999999999",
                            "::1",
                            "[::1",
                            "[::1]x",
                            "[::1]80",
                            "[]",
                            "[1.2.3.4]",
                            "[::1%25eth0]",
                            "[v.a]",
                            "[v1.]",
                            "[vg.a]",
                            "a%4",
                            "a%zz",
                            "a%",
                            "\xc3\xa9",
                            "a?b",
                            "a#b",
                            "a\"b",
                            "[1:2:3:4:5:6:7:8:9]"}) {
    CAPTURE(value);
    CHECK(canonical(value) == "-");
  }
  CHECK_FALSE(valid_host(std::string_view{"a\0b", 3}));
  CHECK_FALSE(valid_host(std::string_view{"[::1\0]", 6}));
}

TEST_CASE("hosts as a table (RFC 3986 §3.2.2, §3.2.3): the one spelling, or none") {
  struct Row {
    std::string_view section, value, host;  // host: "-" is none
  };
  const Row rows[] = {
      {"3.2.2 small letters", "WWW.Example.COM", "www.example.com"},
      {"3.2.2 one label", "localhost", "localhost"},
      {"3.2.2 digits and dashes", "3com-1.example", "3com-1.example"},
      {"3.2.2 underscore", "_dmarc.example", "_dmarc.example"},
      {"3.2.2 punycode", "xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"3.2.2 dot at the end", "h.example.:80", "h.example"},
      {"3.2.2 IPv4", "192.0.2.1", "192.0.2.1"},
      {"3.2.2 too large for IPv4: a name", "256.0.0.1", "256.0.0.1"},
      {"3.2.2 percent encoding stays", "a%2Fb", "a%2fb"},
      {"3.2.2 percent sign at the end", "a%", "-"},
      {"3.2.2 one digit", "a%2", "-"},
      {"3.2.2 no digits", "a%2x", "-"},
      {"3.2.2 slash", "a/b", "-"},
      {"3.2.2 space inside", "a b", "-"},
      {"3.2.2 tab", "a\tb", "-"},
      {"3.2.2 at sign", "u@a", "-"},
      {"3.2.2 brackets around a name", "[a.example]", "-"},
      {"3.2.2 angle brackets", "<a>", "-"},
      {"3.2.2 bar", "a|b", "-"},
      {"3.2.2 caret", "a^b", "-"},
      {"3.2.2 backquote", "a`b", "-"},
      {"3.2.2 braces", "{a}", "-"},
      {"3.2.2 control byte", "a\x01", "-"},
      {"3.2.2 DEL", "a\x7f", "-"},
      {"3.2.2 non-ASCII", "b\xc3\xbc", "-"},
      {"3.2.2 IPv6", "[2001:DB8::1]", "[2001:db8::1]"},
      {"3.2.2 IPv6, all groups", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]"},
      {"3.2.2 IPv6, any", "[::]", "[::]"},
      {"3.2.2 IPv6, gap at the end", "[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]"},
      {"3.2.2 IPv6 with IPv4", "[64:ff9b::192.0.2.1]", "[64:ff9b::c000:201]"},
      {"3.2.2 IPv6, seven groups", "[1:2:3:4:5:6:7]", "-"},
      {"3.2.2 IPv6, nine groups", "[1:2:3:4:5:6:7:8:9]", "-"},
      {"3.2.2 IPv6, gap that is none", "[1:2:3:4:5:6:7::8]", "-"},
      {"3.2.2 IPv6, two gaps", "[1::2::3]", "-"},
      {"3.2.2 IPv6, three colons", "[:::1]", "-"},
      {"3.2.2 IPv6, five digits", "[00001::]", "-"},
      {"3.2.2 IPv6, no digit", "[g::]", "-"},
      {"3.2.2 IPv6, IPv4 with a zero in front", "[::192.0.2.01]", "-"},
      {"3.2.2 IPv6, IPv4 too large", "[::256.0.0.1]", "-"},
      {"3.2.2 IPv6 with a prefix length", "[::1/64]", "-"},
      {"3.2.2 IPv6, white space", "[ ::1]", "-"},
      {"3.2.2 IPv6, brackets twice", "[[::1]]", "-"},
      {"3.2.2 IPv6, bracket closed only", "::1]", "-"},
      {"3.2.2 IPv6 without brackets and with a port", "::1:80", "-"},
      {"3.2.2 future address", "[vF.a:b]", "[vf.a:b]"},
      {"3.2.2 future address without version", "[v.a]", "-"},
      {"3.2.3 port 0", "a:0", "a"},
      {"3.2.3 largest port", "a:65535", "a"},
      {"3.2.3 zeros in front", "a:000000000080", "a"},
      {"3.2.3 port too large", "a:65536", "-"},
      {"3.2.3 port wraps 32 bits", "a:4294967376", "-"},
      {"3.2.3 plus", "a:+80", "-"},
      {"3.2.3 hexadecimal", "a:0x50", "-"},
      {"3.2.3 white space before", "a: 80", "-"},
      {"3.2.3 two ports", "a:80:80", "-"},
      {"3.2.3 two colons", "a::80", "-"},
      {"3.2.3 port behind IPv6", "[::1]:443", "[::1]"},
      {"3.2.3 port behind IPv6 without colon", "[::1]443", "-"},
      {"3.2.3 empty port behind IPv6", "[::1]:", "[::1]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.section);
    CAPTURE(row.value);
    CHECK(canonical(row.value) == row.host);
  }
}

TEST_CASE("a host that does not fit is nullopt") {
  CHECK(canonical(std::string(64, 'a')) == std::string(64, 'a'));
  CHECK(canonical(std::string(65, 'a')) == "-");
}

}  // namespace
}  // namespace uringd::http
