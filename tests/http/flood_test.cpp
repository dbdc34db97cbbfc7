// A client that sends without ever reading: memory stays bounded, others are served, and once it reads it gets all
// its answers.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
constexpr std::size_t kRequests = 100000;

std::string many_requests(std::size_t count) {
  const std::string one = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string bytes;
  bytes.reserve(one.size() * count);
  for (std::size_t i = 0; i < count; ++i) bytes += one;
  return bytes;
}
}  // namespace

TEST_CASE("100,000 pipelined requests from a client that does not read: bounded memory, others served meanwhile") {
  Site site;
  site.file("a.txt", std::string(2000, 'a'));
  Server server(site);
  server.get("/a.txt");
  const std::uint64_t before = server.resident_kib();
  const std::string bytes = many_requests(kRequests);
  std::vector<Client> floods;
  for (int i = 0; i < 4; ++i) {
    floods.push_back(server.connect());
    floods.back().send_without_reading(bytes, Milliseconds{150});
    CHECK(server.get("/a.txt").status == 200);
  }
  // 200 MB of answers are asked for by each; what is held is a few buffers.
  if (!sanitized()) CHECK(server.resident_kib() < before + 32 * 1024);
  for (int i = 0; i < 10; ++i) CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE("100,000 pipelined requests are all answered once the client reads") {
  Site site;
  site.file("a.txt", "aa");
  Server server(site);
  Client client = server.connect();
  const std::string bytes = many_requests(kRequests);
  const std::size_t sent = client.send_without_reading(bytes, Milliseconds{150});
  // The rest goes out while answers come in.
  client.send(std::string_view(bytes).substr(sent));
  std::size_t right = 0;
  for (std::size_t i = 0; i < kRequests; ++i) {
    const Response response = client.read_head();
    if (response.status != 200) break;
    std::string body;
    client.read_body(2, [&body](std::string_view piece) { body += piece; });
    right += body == "aa";
  }
  CHECK(right == kRequests);
}

TEST_CASE("a flood of misses and errors from a client that does not read is bounded too") {
  Site site;
  Server server(site);
  server.get("/a.txt");
  const std::uint64_t before = server.resident_kib();
  std::string bytes;
  for (int i = 0; i < 50000; ++i) bytes += "GET /missing" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  Client client = server.connect();
  client.send_without_reading(bytes, Milliseconds{150});
  CHECK(server.get("/a.txt").status == 404);
  if (!sanitized()) CHECK(server.resident_kib() < before + 32 * 1024);
}
