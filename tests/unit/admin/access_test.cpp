// Who may do what: Host against DNS rebinding, Origin against other pages, the token against everybody else.
#include "access.hpp"

#include "asked.hpp"
#include "uringd/config/listen.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::admin;
using testing::One;

namespace {

config::Config::Admin settings(const char* listen, const char* token,
                               config::AdminRead read = config::AdminRead::automatic) {
  config::Config::Admin admin;
  admin.listen = *config::parse_listen_address(listen);
  admin.token = token;
  admin.read = read;
  return admin;
}

int status(const One& one, Need need, const config::Config::Admin& admin) {
  const Access access(std::vector<std::string>{"box.example", "box"});
  const auto refused = access.refuse(one.asked(), need, admin);
  return refused ? refused->status : 200;
}

const config::Config::Admin here = settings("127.0.0.1:9090", "secret");
const config::Config::Admin everywhere = settings(":9090", "secret");

int with_host(const char* host) { return status(One("/stats", "", "GET", host), Need::read, here); }
int with_origin(const std::string& origin, const char* host = "localhost:9090") {
  return status(One("/stats", "Origin: " + origin + "\r\n", "GET", host), Need::read, here);
}
int with_token(const std::string& field, Need need = Need::token, const config::Config::Admin& admin = here) {
  return status(One("/reload", field.empty() ? "" : "Authorization: " + field + "\r\n", "POST"), need, admin);
}

}  // namespace

TEST_CASE("an address, localhost, a name below it and the machine's own name are ours; other names are not") {
  for (const char* host : {"127.0.0.1", "127.0.0.1:9090", "[::1]:9090", "192.0.2.7", "localhost", "LOCALHOST:9090",
                           "a.localhost", "localhost.", "box.example", "box", "Box.Example:1"}) {
    CAPTURE(host);
    CHECK(with_host(host) == 200);
  }
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "1.2.3",
                           "box.example.evil"}) {
    CAPTURE(host);
    CHECK(with_host(host) == 403);
  }
  CHECK(with_host("") == 200);  // HTTP/1.0 has none, and no browser speaks it
}

TEST_CASE("the authority of an absolute-form target stands for Host") {
  CHECK(status(One("http://evil.example/stats"), Need::read, here) == 403);
  CHECK(status(One("http://localhost/stats", "", "GET", "evil.example"), Need::read, here) == 200);
}

TEST_CASE("a client of a unix socket may name us as it likes") {
  const auto admin = settings("unix:/run/admin.sock", "");
  CHECK(status(One("/stats", "", "GET", "anything.example", IpAddress::local()), Need::read, admin) == 200);
}

TEST_CASE("only a page of this interface may send requests, to read as well as to change") {
  CHECK(with_origin("http://localhost:9090") == 200);
  CHECK(with_origin("https://LOCALHOST:9090") == 200);
  for (const char* origin : {"http://localhost", "http://localhost:9091", "http://evil.example", "null", "",
                             "localhost:9090", "file://localhost:9090", "http://localhost:9090.evil.example"}) {
    CAPTURE(origin);
    CHECK(with_origin(origin) == 403);
    CHECK(with_origin("http://localhost:9090\r\nOrigin: " + std::string(origin)) == 403);
  }
  CHECK(status(One("/reload", "Origin: http://evil.example\r\nAuthorization: Bearer secret\r\n", "POST"), Need::token,
               here) == 403);
}

TEST_CASE("what changes something takes the token, which must be the right one, once, by its scheme") {
  CHECK(with_token("Bearer secret") == 200);
  CHECK(with_token("bearer   secret") == 200);
  for (const char* field : {"", "Bearer", "Bearer ", "Bearer secre", "Bearer secret1", "Bearer SECRET", "Basic secret",
                            "secret", "Bearer secret, Bearer secret"}) {
    CAPTURE(field);
    CHECK(with_token(field) == 401);
  }
  CHECK(status(One("/reload", "Authorization: Bearer secret\r\nAuthorization: Bearer secret\r\n", "POST"), Need::token,
               here) == 401);
}

TEST_CASE("a 401 names the scheme, and says whether there was a token at all (RFC 6750 §3)") {
  const Access access(std::vector<std::string>{});
  const One none("/reload", "", "POST");
  const auto missing = access.refuse(none.asked(), Need::token, here);
  REQUIRE(missing);
  CHECK(missing->fields.ends_with("WWW-Authenticate: Bearer realm=\"uringd\"\r\n"));
  const One bad("/reload", "Authorization: Bearer x\r\n", "POST");
  const auto wrong = access.refuse(bad.asked(), Need::token, here);
  REQUIRE(wrong);
  CHECK(wrong->fields.contains("error=\"invalid_token\""));
}

TEST_CASE("without a token_file nothing can be changed, whatever is presented") {
  const auto admin = settings("127.0.0.1:9090", "");
  CHECK(with_token("", Need::token, admin) == 403);
  CHECK(with_token("Bearer ", Need::token, admin) == 403);
  CHECK(with_token("Bearer x", Need::token, admin) == 403);
}

TEST_CASE("reading takes a token where admin.read says so, or where others than this machine could") {
  using enum config::AdminRead;
  const auto reads = [](const config::Config::Admin& admin, const char* peer, const char* token = "") {
    const std::string field = *token ? "Authorization: Bearer " + std::string(token) + "\r\n" : "";
    return status(One("/stats", field, "GET", "127.0.0.1", *IpAddress::parse(peer)), Need::read, admin);
  };
  CHECK(reads(here, "127.0.0.1") == 200);
  CHECK(reads(settings("[::1]:9090", "secret"), "::1") == 200);
  CHECK(reads(here, "192.0.2.1") == 401);  // its connection is older than this configuration
  CHECK(reads(everywhere, "127.0.0.1") == 401);
  CHECK(reads(everywhere, "192.0.2.1", "secret") == 200);
  CHECK(reads(settings("127.0.0.1:9090", "secret", token), "127.0.0.1") == 401);
  CHECK(reads(settings("127.0.0.1:9090", "secret", token), "127.0.0.1", "secret") == 200);
  CHECK(reads(settings(":9090", "secret", open), "192.0.2.1") == 200);
  CHECK(status(One("/"), Need::nothing, everywhere) == 200);
}

TEST_CASE("tokens of all lengths are equal only where all bytes are") {
  CHECK(same_token("abc", "abc"));
  for (const char* other : {"", "a", "ab", "abd", "xbc", "abcd", "abcabc"}) {
    CAPTURE(other);
    CHECK(!same_token(other, "abc"));
  }
  CHECK(!same_token("", ""));
}
