// Listen addresses: each form to the sockaddr that bind(2) takes, and an error that says what would be right.
#include "uringd/config/listen.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

using namespace uringd::config;

namespace {

template <typename T>
T address_of(const ListenAddress& listen) {
  T address{};
  std::memcpy(&address, &listen.address, sizeof address);
  return address;
}

std::string error_of(std::string_view text) {
  const auto result = parse_listen_address(text);
  return result ? "accepted" : result.error().message;
}

}  // namespace

TEST_CASE("an IPv4 address and port become a sockaddr_in") {
  const auto listen = parse_listen_address("127.0.0.1:8080");
  REQUIRE(listen.has_value());
  const auto address = address_of<sockaddr_in>(*listen);
  CHECK(listen->kind == ListenAddress::Kind::tcp);
  CHECK(address.sin_family == AF_INET);
  CHECK(address.sin_port == htons(8080));
  CHECK(address.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(listen->address_size == sizeof(sockaddr_in));
  CHECK_FALSE(listen->dual_stack);
  CHECK(listen->text == "127.0.0.1:8080");
  CHECK(listen->backlog == default_backlog);
}

TEST_CASE("an IPv6 address in brackets becomes a sockaddr_in6 of its family alone") {
  const auto listen = parse_listen_address("[::1]:80");
  REQUIRE(listen.has_value());
  const auto address = address_of<sockaddr_in6>(*listen);
  CHECK(address.sin6_family == AF_INET6);
  CHECK(address.sin6_port == htons(80));
  CHECK(std::memcmp(&address.sin6_addr, &in6addr_loopback, sizeof(in6_addr)) == 0);
  CHECK(listen->address_size == sizeof(sockaddr_in6));
  CHECK_FALSE(listen->dual_stack);
  CHECK_FALSE(parse_listen_address("[::]:80")->dual_stack);
}

TEST_CASE("a port alone after a colon is every address of both families") {
  const auto listen = parse_listen_address(":8080");
  REQUIRE(listen.has_value());
  const auto address = address_of<sockaddr_in6>(*listen);
  CHECK(address.sin6_family == AF_INET6);
  CHECK(std::memcmp(&address.sin6_addr, &in6addr_any, sizeof(in6_addr)) == 0);
  CHECK(listen->dual_stack);
}

TEST_CASE("a unix path is resolved against the file's directory and measured with its NUL") {
  const auto listen = parse_listen_address("unix:run/u.sock", "/etc/uringd");
  REQUIRE(listen.has_value());
  const auto address = address_of<sockaddr_un>(*listen);
  CHECK(listen->kind == ListenAddress::Kind::unix_path);
  CHECK(address.sun_family == AF_UNIX);
  CHECK(std::string(address.sun_path) == "/etc/uringd/run/u.sock");
  CHECK(listen->text == "unix:/etc/uringd/run/u.sock");
  CHECK(listen->address_size == offsetof(sockaddr_un, sun_path) + sizeof "/etc/uringd/run/u.sock");
  CHECK(parse_listen_address("unix:/run/u.sock", "/etc")->text == "unix:/run/u.sock");
}

TEST_CASE("a unix path of 107 bytes fits, one of 108 does not") {
  CHECK(parse_listen_address("unix:/" + std::string(106, 'a')).has_value());
  CHECK(error_of("unix:/" + std::string(107, 'a')) == "the socket's path has 108 bytes; expected at most 107");
}

TEST_CASE("a host name is refused with the reason") {
  CHECK(error_of("localhost:8080").starts_with("host names are not looked up"));
  CHECK(error_of("example.com:80").starts_with("host names are not looked up"));
  CHECK(error_of("1.2.3:80").starts_with("host names are not looked up"));
}

TEST_CASE("near misses are told what would be right") {
  CHECK(error_of("8080") == "a port alone; expected \":8080\" for all addresses");
  CHECK(error_of("::1:8080") == "an IPv6 address goes in brackets: \"[::1]:8080\"");
  CHECK(error_of("http://127.0.0.1:8080/").starts_with("expected an address, not a URL"));
  CHECK(error_of("127.0.0.1").starts_with("no port"));
  CHECK(error_of("[::1]").starts_with("no port"));
  CHECK(error_of("").starts_with("no port"));
  CHECK(error_of("unix:").starts_with("no path after unix:"));
  for (const char* port : {":", ":0", ":65536", ":-1", ":+80", ":http", ":80 ", "127.0.0.1:99999"}) {
    CAPTURE(port);
    CHECK(error_of(port).starts_with("expected a port from 1 to 65535"));
  }
}

TEST_CASE("a NUL byte never shortens an address") {
  using namespace std::string_literals;
  CHECK(error_of("127.0.0.1\0:80"s) != "accepted");
  CHECK(error_of("unix:/run/a\0b"s) == "a NUL byte in the path");
}
