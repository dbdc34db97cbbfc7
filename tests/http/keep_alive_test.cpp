// Who keeps a connection open: the persistence rules of HTTP/1.0 and 1.1 (RFC 9112 §9.3), and what the answer says.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() { site.file("a.txt", "a\n"); }
  Site site;
};
std::string old_request(std::string_view fields) { return "GET /a.txt HTTP/1.0\r\n" + std::string(fields) + "\r\n"; }
}  // namespace

TEST_CASE_FIXTURE(Tree, "an HTTP/1.1 connection stays, after errors of the file too") {
  Server server(site);
  Client client = server.connect();
  for (int i = 0; i < 3; ++i) {
    const Response response = client.get("/a.txt");
    CHECK(response.status == 200);
    CHECK(!response.connection_says("close"));
    CHECK(client.get("/missing").status == 404);
    CHECK(client.ask(request("DELETE", "/a.txt")).status == 405);
  }
}

TEST_CASE_FIXTURE(Tree, "Connection: close is answered with it, and the connection ends after that answer") {
  Server server(site);
  for (const char* field : {"Connection: close\r\n", "Connection: Close\r\n",
                            "connection: TE, close\r\nTE: trailers\r\n", "Connection: keep-alive, close\r\n"}) {
    INFO(field);
    Client client = server.connect();
    client.send(get_request("/a.txt", field) + get_request("/a.txt"));
    const Response response = client.read_response();
    CHECK(response.status == 200);
    CHECK(response.connection_says("close"));
    // The second request came after the announced end: it must not be answered.
    CHECK(client.wait_for_end() != Ending::open);
  }
}

TEST_CASE_FIXTURE(Tree, "an HTTP/1.0 connection ends after its answer") {
  Server server(site);
  for (const char* field : {"", "Host: a\r\n", "Connection: close\r\n"}) {
    INFO(field);
    Client client = server.connect();
    const Response response = client.ask(old_request(field));
    CHECK(response.status == 200);
    CHECK(response.minor_version == 1);  // RFC 9110 §6.2: the server's own version
    CHECK(response.body == "a\n");
    CHECK(client.wait_for_end() == Ending::closed);
  }
}

TEST_CASE_FIXTURE(Tree, "HTTP/1.0 with keep-alive stays, and the answer says so") {
  Server server(site);
  Client client = server.connect();
  for (int i = 0; i < 3; ++i) {
    const Response response = client.ask(old_request("Connection: Keep-Alive\r\n"));
    CHECK(response.status == 200);
    CHECK(response.connection_says("keep-alive"));
  }
  CHECK(client.ask(old_request("")).status == 200);
  CHECK(client.wait_for_end() == Ending::closed);
}

TEST_CASE_FIXTURE(Tree, "a client that has shut its side down still gets the answers to what it sent") {
  Server server(site);
  Client client = server.connect();
  client.send(get_request("/a.txt") + get_request("/missing"));
  client.half_close();
  CHECK(client.read_response().status == 200);
  CHECK(client.read_response().status == 404);
  CHECK(client.wait_for_end() != Ending::open);
}

TEST_CASE_FIXTURE(Tree, "empty lines before a request are skipped (RFC 9112 §2.2)") {
  Server server(site);
  Client client = server.connect();
  CHECK(client.ask("\r\n" + get_request("/a.txt")).status == 200);
  CHECK(client.ask("\r\n" + get_request("/a.txt")).status == 200);
}
