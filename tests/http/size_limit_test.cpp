// Requests that are too large: 414 for the target, 431 for the head, 413 for the body, each followed by a close, and
// just below each bound an ordinary answer.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() { site.file("a.txt", "a\n"); }
  Site site;
};

void check_refused(Server& server, std::string_view bytes, int status) {
  Client client = server.connect();
  client.send(bytes);
  const Response response = client.read_response();
  CHECK(response.status == status);
  CHECK(response.connection_says("close"));
  CHECK(client.wait_for_end() != Ending::open);
}
}  // namespace

TEST_CASE_FIXTURE(Tree, "a head a little below header_size is answered, one above it gets 431 (RFC 6585 §5)") {
  Server server(site, {.limits = "header_size = \"4KiB\""});
  Client client = server.connect();
  CHECK(client.get("/a.txt", "X: " + std::string(3800, 'x') + "\r\n").status == 200);
  std::string many;
  for (int i = 0; i < 150; ++i) many += "X-Field-" + std::to_string(i) + ": 0123456789\r\n";
  check_refused(server, get_request("/a.txt", "X: " + std::string(4200, 'x') + "\r\n"), 431);
  check_refused(server, get_request("/a.txt", many + many), 431);
  check_refused(server, get_request("/a.txt", std::string(5000, 'n') + ": v\r\n"), 431);
}

TEST_CASE_FIXTURE(Tree, "the default takes 15 KiB of head and refuses 17 KiB") {
  Server server(site);
  Client client = server.connect();
  CHECK(client.get("/a.txt", "Cookie: " + std::string(15 * 1024, 'c') + "\r\n").status == 200);
  check_refused(server, get_request("/a.txt", "Cookie: " + std::string(17 * 1024, 'c') + "\r\n"), 431);
}

TEST_CASE_FIXTURE(Tree, "a target that alone is beyond header_size gets 414 (RFC 9110 §15.5.15)") {
  Server server(site);
  check_refused(server, get_request("/" + std::string(17 * 1024, 'a')), 414);
  check_refused(server, get_request("/a.txt?" + std::string(17 * 1024, 'q')), 414);
  check_refused(server, "GET /" + std::string(100 * 1024, 'a'), 414);
  Client client = server.connect();
  CHECK(client.get("/a.txt?" + std::string(15 * 1024, 'q')).status == 200);
}

TEST_CASE_FIXTURE(Tree, "a header line of 1 MB gets 431 and a close, without the memory for it") {
  Server server(site);
  server.get("/a.txt");
  const std::uint64_t before = server.resident_kib();
  for (int i = 0; i < 20; ++i) check_refused(server, get_request("/a.txt", "X: " + std::string(1 << 20, 'x')), 431);
  if (!sanitized()) CHECK(server.resident_kib() < before + 8 * 1024);
}

TEST_CASE_FIXTURE(Tree, "an endless method gets an error and a close") {
  Server server(site);
  Client client = server.connect();
  client.send(std::string(100 * 1024, 'A'));
  const Response response = client.read_response();
  const bool refused =
      response.status == 400 || response.status == 501 || response.status == 414 || response.status == 431;
  CHECK(refused);
  CHECK(client.wait_for_end() != Ending::open);
}

TEST_CASE_FIXTURE(Tree,
                  "a body declared larger than body_size gets 413 and a close, one of just that size is dropped") {
  Server server(site, {.limits = "body_size = \"1KiB\""});
  Client client = server.connect();
  CHECK(client.ask(get_request("/a.txt", "Content-Length: 1024\r\n") + std::string(1024, 'b')).status == 200);
  CHECK(client.get("/a.txt").status == 200);
  check_refused(server, get_request("/a.txt", "Content-Length: 1025\r\n"), 413);
  check_refused(server, get_request("/a.txt", "Content-Length: 9000000000000000000\r\n"), 413);
  check_refused(server, request("POST", "/a.txt", "Content-Length: 5000\r\n") + std::string(5000, 'b'), 413);
}

TEST_CASE_FIXTURE(Tree, "a chunked body that grows beyond body_size gets 413 and a close") {
  Server server(site, {.limits = "body_size = \"1KiB\""});
  std::string chunks;
  for (int i = 0; i < 30; ++i) chunks += "40\r\n" + std::string(64, 'c') + "\r\n";
  Client client = server.connect();
  client.send(get_request("/a.txt", "Transfer-Encoding: chunked\r\n") + chunks + "0\r\n\r\n");
  CHECK(client.read_response().status == 413);
  CHECK(client.wait_for_end() != Ending::open);
  check_refused(server,
                get_request("/a.txt", "Transfer-Encoding: chunked\r\n") + "FFFFFFFF\r\n" + std::string(5000, 'c'), 413);
}

TEST_CASE_FIXTURE(Tree, "chunk extensions and trailers without end are bounded too") {
  Server server(site);
  for (const std::string& start :
       {std::string("1;"), std::string("1\r\na\r\n0\r\nX: "), std::string("1\r\na\r\n0\r\n")}) {
    Client client = server.connect();
    std::string endless;
    for (int i = 0; i < 40000; ++i) endless += start.ends_with("\r\n") ? "T: v\r\n" : "extension=v;";
    client.send(get_request("/a.txt", "Transfer-Encoding: chunked\r\n") + start + endless);
    const Response response = client.read_response_or_end();
    const bool refused = response.status == 0 || response.status >= 400;
    CHECK(refused);
    CHECK(client.wait_for_end() != Ending::open);
  }
}
