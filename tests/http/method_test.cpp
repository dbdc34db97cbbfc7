// Methods and versions: what is known and refused (405), what is unknown (501), what is none (400), and 505.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

TEST_CASE("the other methods of RFC 9110 §9 and PATCH get 405 with Allow on every path") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  Client client = server.connect();
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE", "PATCH"}) {
    for (const char* target : {"/a.txt", "/missing", "/"}) {
      INFO(method << " " << target);
      const Response response = client.ask(request(method, target));
      CHECK(response.status == 405);
      CHECK(response.field("Allow").find("GET") != std::string::npos);
      CHECK(response.field("Allow").find("HEAD") != std::string::npos);
    }
  }
}

TEST_CASE("CONNECT is refused with 405, and nothing is tunnelled") {
  Site site;
  Server server(site);
  Client client = server.connect();
  client.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
  const Response response = client.read_response();
  CHECK(response.status == 405);
  CHECK(response.has("Allow"));
}

TEST_CASE("OPTIONS says what is allowed, for a path and for the server (RFC 9110 §9.3.7)") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"/a.txt", "*"}) {
    INFO(target);
    const Response response = client.ask(request("OPTIONS", target));
    const bool positive = response.status == 200 || response.status == 204;
    CHECK(positive);
    CHECK(response.field("Allow").find("GET") != std::string::npos);
  }
}

TEST_CASE("a method that is a valid token but unknown gets 501") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const char* method : {"BREW", "get", "GETT", "X-Y", "G", "VERYLONGMETHODNAMETHATNOBODYKNOWS"}) {
    INFO(method);
    Client client = server.connect();
    CHECK(client.ask(request(method, "/a.txt")).status == 501);
  }
}

TEST_CASE("a method that is no token gets 400 and a close") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const char* method : {"GE(T", "G@T", "", "\"GET\"", "G\x01T", "G\xc3\x89T"}) {
    INFO(method);
    Client client = server.connect();
    CHECK(client.ask(request(method, "/a.txt")).status == 400);
    CHECK(client.wait_for_end() != Ending::open);
  }
}

TEST_CASE("a major version other than 1 gets 505 (RFC 9110 §15.6.6) and a close") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const char* version : {"HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/9.9"}) {
    INFO(version);
    Client client = server.connect();
    const Response response = client.ask("GET /a.txt " + std::string(version) + "\r\nHost: a\r\n\r\n");
    CHECK(response.status == 505);
    CHECK(client.wait_for_end() != Ending::open);
  }
}

TEST_CASE("something that is no version gets 400 and a close") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  for (const char* version : {"HTTP/1", "HTTP/1.", "HTTP/.1", "http/1.1", "HTTP/11.1", "HTTP/1.1x", "HTTP 1.1",
                              "ICY/1.1", "HTTP/1.1 ", "HTTP/-1.1"}) {
    INFO(version);
    Client client = server.connect();
    const Response response = client.ask("GET /a.txt " + std::string(version) + "\r\nHost: a\r\n\r\n");
    CHECK(response.status == 400);
    CHECK(client.wait_for_end() != Ending::open);
  }
}
