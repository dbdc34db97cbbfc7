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

TEST_CASE("a host that does not fit is nullopt") {
  CHECK(canonical(std::string(64, 'a')) == std::string(64, 'a'));
  CHECK(canonical(std::string(65, 'a')) == "-");
}

}  // namespace
}  // namespace uringd::http
