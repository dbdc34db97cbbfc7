// The clocks of limits.*: each is set short, must go off, and must not go off for a client that keeps its part.
// Upper bounds are those of a hang; lower bounds lie far enough from the limit for any loaded machine.
#include <doctest/doctest.h>

#include <thread>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("large.bin", std::string(20 << 20, 'L'));
  }
  Site site;
};

Milliseconds since(Clock::time_point start) { return std::chrono::duration_cast<Milliseconds>(Clock::now() - start); }
}  // namespace

TEST_CASE_FIXTURE(Tree, "a head that does not come to its end within header_timeout gets 408 and a close") {
  Server server(site, {.limits = "header_timeout = \"300ms\""});
  for (const char* part : {"G", "GET /a.txt HTTP/1.1\r\n", "GET /a.txt HTTP/1.1\r\nHost: a\r\nX: y"}) {
    INFO(part);
    Client client = server.connect();
    const Clock::time_point start = Clock::now();
    client.send(part);
    const Response response = client.read_response();
    CHECK(response.status == 408);
    CHECK(response.connection_says("close"));
    CHECK(since(start) >= Milliseconds{250});
    CHECK(client.wait_for_end() != Ending::open);
  }
}

TEST_CASE_FIXTURE(Tree, "dripping bytes does not extend header_timeout: it is absolute from the first byte") {
  Server server(site, {.limits = "header_timeout = \"400ms\""});
  Client client = server.connect();
  const std::string endless = get_request("/a.txt", "X: " + std::string(4000, 'x') + "\r\n");
  const Clock::time_point start = Clock::now();
  std::size_t dripped = 0;
  while (dripped < endless.size() && since(start) < kPatience && !client.anything_within(Milliseconds{20})) {
    if (!client.send(std::string_view(endless).substr(dripped++, 1))) break;
  }
  CHECK(dripped < endless.size());
  const Response response = client.read_response_or_end();
  const bool cut = response.status == 408 || response.status == 0;
  CHECK(cut);
}

TEST_CASE_FIXTURE(Tree, "header_timeout starts anew with each request of a connection") {
  Server server(site, {.limits = "header_timeout = \"500ms\""});
  Client client = server.connect();
  for (int i = 0; i < 4; ++i) {
    CHECK(client.get("/a.txt").status == 200);
    std::this_thread::sleep_for(Milliseconds{200});
  }
}

TEST_CASE_FIXTURE(Tree, "a connection without a request is closed after idle_timeout without an answer") {
  Server server(site, {.limits = "idle_timeout = \"300ms\""});
  Client silent = server.connect();
  Clock::time_point start = Clock::now();
  CHECK(silent.wait_for_end() == Ending::closed);
  CHECK(since(start) >= Milliseconds{200});
  Client after_one = server.connect();
  start = Clock::now();
  CHECK(after_one.get("/a.txt").status == 200);
  CHECK(after_one.wait_for_end() == Ending::closed);
  CHECK(since(start) >= Milliseconds{200});
}

TEST_CASE_FIXTURE(Tree, "a body that does not come within body_timeout ends the connection") {
  Server server(site, {.limits = "body_timeout = \"300ms\""});
  for (const char* fields : {"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"}) {
    INFO(fields);
    Client client = server.connect();
    client.send(request("POST", "/a.txt", fields));
    const std::string answer = client.read_until_end();
    const bool form = answer.empty() || answer.starts_with("HTTP/1.1 408") || answer.starts_with("HTTP/1.1 405");
    CHECK(form);
  }
}

TEST_CASE_FIXTURE(Tree, "a client that takes nothing for send_timeout is cut, and its answer does not look whole") {
  Server server(site, {.limits = "send_timeout = \"500ms\""});
  Client client = server.connect(16 * 1024);
  client.send(get_request("/large.bin"));
  std::this_thread::sleep_for(Milliseconds{3000});
  const Response response = client.read_response_or_end();
  CHECK(!response.complete);
  CHECK(client.wait_for_end() != Ending::open);
  CHECK(server.get("/a.txt").status == 200);
}

// What a unix socket's peer has not read yet nobody can ask for: only bytes that the kernel takes are progress there.
TEST_CASE_FIXTURE(Tree, "over a unix socket a client that takes nothing is cut after send_timeout, not before") {
  const std::string socket = site.outside("uringd.sock");
  Server server(site, {.limits = "send_timeout = \"2s\"", .listen = {"unix:" + socket}});
  Client client = Client::unix_socket(socket);
  client.send(get_request("/large.bin"));
  CHECK(client.read_head().status == 200);
  const Clock::time_point start = Clock::now();
  CHECK(!client.hung_up_within(Milliseconds{1400}));
  CHECK(client.hung_up_within(Milliseconds{4500} - since(start)));
  CHECK(since(start) >= Milliseconds{1800});
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "send_timeout begins anew with what a client reads: over TCP the answer still comes whole") {
  Server server(site, {.limits = "send_timeout = \"2s\""});
  Client client = server.connect(64 * 1024);
  client.send(get_request("/large.bin"));
  const Response head = client.read_head();
  CHECK(head.status == 200);
  std::this_thread::sleep_for(Milliseconds{1000});
  std::uint64_t taken = client.read_body(256 * 1024, [](std::string_view) {});
  std::this_thread::sleep_for(Milliseconds{1400});  // 2.4 s after the answer began, 1.4 s after the last bytes
  taken += client.read_body(head.content_length() - taken, [](std::string_view) {});
  CHECK(taken == head.content_length());
}

TEST_CASE_FIXTURE(Tree, "over TCP a client that takes nothing more is cut by twice send_timeout") {
  Server server(site, {.limits = "send_timeout = \"2s\""});
  Client client = server.connect(64 * 1024);
  client.send(get_request("/large.bin"));
  const Response head = client.read_head();
  CHECK(head.status == 200);
  std::this_thread::sleep_for(Milliseconds{4500});
  CHECK(client.read_body(head.content_length(), [](std::string_view) {}) < head.content_length());
}

TEST_CASE_FIXTURE(Tree, "a client that reads slowly but steadily is not cut by send_timeout") {
  Server server(site, {.limits = "send_timeout = \"1s\""});
  Client client = server.connect(64 * 1024);
  client.send(get_request("/large.bin"));
  const Response head = client.read_head();
  CHECK(head.status == 200);
  const Clock::time_point start = Clock::now();
  std::size_t taken = 0;
  while (since(start) < Milliseconds{3000}) {
    const std::size_t before = taken;
    while (taken < before + 128 * 1024) {
      const std::string piece = client.read_some(64 * 1024);
      REQUIRE(!piece.empty());
      taken += piece.size();
    }
    std::this_thread::sleep_for(Milliseconds{100});
  }
  CHECK(taken < (20U << 20));
  CHECK(client.anything_within(kPatience));
}
