// Pipelined requests (RFC 9112 §9.3.2): answers in the order of the requests, whatever each of them costs.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

TEST_CASE("sixteen requests at once, hits, misses, errors and large files mixed, are answered in their order") {
  Site site;
  std::vector<std::string> contents;
  for (int i = 0; i < 8; ++i) {
    contents.push_back(pattern(static_cast<std::size_t>(100 + i), static_cast<std::uint32_t>(i)));
    site.file("s" + std::to_string(i), contents.back());
  }
  const std::string large = pattern(1024 * 1024 + 3, 99);
  site.file("large.bin", large);
  site.file("dir/index.html", "index\n");
  Server server(site);
  // Three rounds: in the first every small file is a miss, later ones are hits.
  for (int round = 0; round < 3; ++round) {
    Client client = server.connect();
    std::string bytes;
    for (int i = 0; i < 4; ++i) {
      bytes += get_request("/s" + std::to_string(2 * i)) + get_request("/missing" + std::to_string(i));
      bytes += i % 2 ? request("HEAD", "/large.bin") : get_request("/large.bin");
      bytes += i % 2 ? get_request("/dir") : get_request("/s" + std::to_string(2 * i + 1));
    }
    client.send(bytes);
    for (int i = 0; i < 4; ++i) {
      INFO("round " << round << ", group " << i);
      CHECK(client.read_response().body == contents[static_cast<std::size_t>(2 * i)]);
      CHECK(client.read_response().status == 404);
      const Response big = client.read_response(i % 2 ? "HEAD" : "GET");
      CHECK(big.content_length() == large.size());
      const bool same = i % 2 ? big.body.empty() : big.body == large;
      CHECK(same);
      const Response last = client.read_response();
      if (i % 2) {
        CHECK(last.status == 301);
      } else {
        CHECK(last.body == contents[static_cast<std::size_t>(2 * i + 1)]);
      }
    }
  }
}

TEST_CASE("two thousand requests in one piece get two thousand answers in order") {
  Site site;
  for (int i = 0; i < 10; ++i) site.file("f" + std::to_string(i), "content of " + std::to_string(i));
  Server server(site);
  Client client = server.connect();
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += get_request("/f" + std::to_string(i * 7 % 10));
  client.send(bytes);
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    if (client.read_response().body != "content of " + std::to_string(i * 7 % 10)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(!client.anything_within(Milliseconds{50}));
}

TEST_CASE("two thousand misses in one piece are answered in order too") {
  Site site;
  for (int i = 0; i < 2000; ++i) site.file("d" + std::to_string(i % 20) + "/f" + std::to_string(i), std::to_string(i));
  Server server(site);
  Client client = server.connect();
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += get_request("/d" + std::to_string(i % 20) + "/f" + std::to_string(i));
  client.send(bytes);
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    if (client.read_response().body != std::to_string(i)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a bad request behind good ones: the good ones are answered first, then 400, then the end") {
  Site site;
  site.file("a.txt", "a\n");
  site.file("large.bin", pattern(400000));
  Server server(site);
  Client client = server.connect();
  client.send(get_request("/a.txt") + get_request("/large.bin") + "BAD REQUEST\r\n\r\n" + get_request("/a.txt"));
  CHECK(client.read_response().body == "a\n");
  CHECK(client.read_response().body.size() == 400000);
  CHECK(client.read_response().status == 400);
  CHECK(client.wait_for_end() != Ending::open);
}

TEST_CASE("clients that ask for the same cold file at once all get it") {
  Site site;
  const std::string content = pattern(60000, 5);
  site.file("cold.bin", content);
  Server server(site);
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(server.connect());
  for (Client& client : clients) client.send(get_request("/cold.bin"));
  int right = 0;
  for (Client& client : clients) right += client.read_response().body == content;
  CHECK(right == 50);
}
