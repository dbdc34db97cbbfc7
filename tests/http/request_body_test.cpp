// Request bodies are read and dropped, and the next request on the connection is found where it begins.
#include <doctest/doctest.h>

#include <thread>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("b.txt", "b\n");
  }
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "a body by Content-Length is dropped, even when it looks like a request") {
  Server server(site);
  Client client = server.connect();
  const std::string trap = get_request("/b.txt");
  for (const char* method : {"GET", "HEAD", "POST", "PUT"}) {
    INFO(method);
    client.send(request(method, "/a.txt", "Content-Length: " + std::to_string(trap.size()) + "\r\n") + trap +
                get_request("/a.txt"));
    client.read_response(method);
    CHECK(client.read_response().body == "a\n");
  }
  CHECK(!client.anything_within(Milliseconds{50}));
}

TEST_CASE_FIXTURE(Tree, "a chunked body is dropped with its extensions and trailers (RFC 9112 §7.1)") {
  Server server(site);
  Client client = server.connect();
  for (const char* body :
       {"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5;a=b;c=\"d e\"\r\nhello\r\n00\r\nT: v\r\nU: w\r\n\r\n",
        "0000000a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n"}) {
    INFO(body);
    client.send(get_request("/a.txt", "Transfer-Encoding: Chunked\r\n") + body + get_request("/b.txt"));
    CHECK(client.read_response().body == "a\n");
    CHECK(client.read_response().body == "b\n");
  }
}

TEST_CASE_FIXTURE(Tree, "pipelined requests with bodies, of all lengths and in one piece, get one answer each") {
  Server server(site);
  for (std::size_t length = 0; length < 60; ++length) {
    INFO("field of " << length << " bytes");
    Client client = server.connect();
    const std::string padding = "Y: " + std::string(length, 'y') + "\r\n";
    client.send(get_request("/a.txt", padding + "Content-Length: 5\r\n") + "hello" +
                get_request("/b.txt", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n" +
                get_request("/a.txt", "Content-Length: 5\r\n") + "hello" + get_request("/b.txt"));
    CHECK(client.read_response().body == "a\n");
    CHECK(client.read_response().body == "b\n");
    CHECK(client.read_response().body == "a\n");
    CHECK(client.read_response().body == "b\n");
    client.half_close();
    CHECK(client.read_until_end().empty());
  }
}

TEST_CASE_FIXTURE(Tree, "a body of 64 KiB, the default bound, that comes slowly is dropped") {
  Server server(site);
  Client client = server.connect();
  client.send(request("POST", "/a.txt", "Content-Length: 65536\r\n"));
  for (int i = 0; i < 16; ++i) {
    client.send(std::string(4096, 'b'));
    std::this_thread::sleep_for(Milliseconds{5});
  }
  CHECK(client.read_response().status == 405);
  CHECK(client.get("/b.txt").body == "b\n");
}

TEST_CASE_FIXTURE(Tree, "Expect: 100-continue gets 100 or a final answer before the body is sent (RFC 9110 §10.1.1)") {
  Server server(site);
  Client client = server.connect();
  client.send(get_request("/a.txt", "Expect: 100-continue\r\nContent-Length: 5\r\n"));
  Response response = client.read_response();
  const bool asked_to_continue = response.status == 100;
  CHECK(asked_to_continue);
  client.send("hello");
  if (asked_to_continue) response = client.read_response();
  CHECK(response.body == "a\n");
  CHECK(client.get("/b.txt").body == "b\n");
}

TEST_CASE_FIXTURE(Tree, "no 100 is sent when the body came along, to HTTP/1.0, or when the body is too large") {
  Server server(site);
  Client client = server.connect();
  CHECK(client.ask("GET /a.txt HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello").status == 200);
  Client large = server.connect();
  CHECK(large.ask(get_request("/a.txt", "Expect: 100-continue\r\nContent-Length: 99999999\r\n")).status == 413);
  CHECK(large.wait_for_end() != Ending::open);
}

TEST_CASE_FIXTURE(Tree, "a client that leaves in the middle of a body does no harm") {
  Server server(site);
  for (int i = 0; i < 20; ++i) {
    Client client = server.connect();
    client.send(request("POST", "/a.txt", "Content-Length: 60000\r\n") + std::string(1000, 'b'));
    if (i % 2) client.reset();
  }
  CHECK(server.get("/a.txt").status == 200);
}
