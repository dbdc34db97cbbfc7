// Bodies of 32 KiB and more that the cache holds lie in pages that sockets are sent by reference. What a client gets is
// what was read of the file, whatever becomes of the file, the entry and its memory while it reads slowly.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "harness.hpp"

using namespace uringd::testing;

namespace {

constexpr std::size_t kKiB = 1024;

Setup one_worker(const std::string& cache = "max_file_size = \"1MiB\"\n") {
  Setup setup;
  setup.server = "workers = 1\n";
  setup.cache = cache;
  return setup;
}

bool gets(Client& client, const std::string& target, const std::string& content, const std::string& fields = "") {
  const Response response = client.get(target, fields);
  return response.complete && response.body == content;
}

}  // namespace

TEST_CASE("cached bodies of any size come byte for byte, again and again on one connection") {
  Site site;
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::size_t size :
       {32 * kKiB - 1, 32 * kKiB, 32 * kKiB + 1, 36 * kKiB, 64 * kKiB, 64 * kKiB + 4095, 300 * kKiB + 1, 1024 * kKiB}) {
    files.emplace_back("f" + std::to_string(size), pattern(size, static_cast<std::uint32_t>(size)));
    site.file(files.back().first, files.back().second);
  }
  const Server server(site, one_worker());
  Client client = server.connect();
  for (int round = 0; round < 4; ++round) {
    for (const auto& [name, content] : files) {
      INFO(name << ", round " << round);
      CHECK(gets(client, "/" + name, content));
    }
  }
}

TEST_CASE("a socket has a descriptor from the second large hit on, a small one gives it none, and the end takes it") {
  if (!Server::gives_sockets_descriptors()) return;
  Site site;
  const std::string large = pattern(64 * kKiB), small = pattern(16 * kKiB);
  site.file("large.bin", large);
  site.file("small.bin", small);
  const Server server(site, one_worker());
  const size_t before = server.sockets();
  {
    Client client = server.connect();
    for (int i = 0; i < 3; ++i) CHECK(gets(client, "/small.bin", small));
    CHECK(server.sockets() == before);
    size_t most = 0;  // a connection that is quiet for a second gives it back
    for (int i = 0; i < 5; ++i) {
      CHECK(gets(client, "/large.bin", large));
      most = std::max(most, server.sockets());
    }
    CHECK(most == before + 1);
  }
  CHECK(wait_until([&] { return server.sockets() == before; }));
}

TEST_CASE("ranges, HEAD, conditions and pipelined requests of such a body are those of any file") {
  Site site;
  const std::string content = pattern(200 * kKiB, 5);
  site.file("f", content);
  const Server server(site, one_worker());
  Client client = server.connect();
  for (int i = 0; i < 3; ++i) CHECK(gets(client, "/f", content));
  const std::string etag = client.get("/f").field("ETag");
  CHECK(client.get("/f", "If-None-Match: " + etag + "\r\n").status == 304);
  CHECK(client.get("/f", "Range: bytes=5000-99999\r\n").body == content.substr(5000, 95000));
  CHECK(client.get("/f", "Range: bytes=4095-4096\r\n").body == content.substr(4095, 2));
  CHECK(client.get("/f", "Range: bytes=-70000\r\n").body == content.substr(content.size() - 70000));
  client.send("HEAD /f HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.read_response_or_end("HEAD").content_length() == content.size());
  std::string many;
  for (int i = 0; i < 20; ++i) many += "GET /f HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(many);
  for (int i = 0; i < 20; ++i) {
    const bool same = client.read_response().body == content;
    CHECK(same);
  }
}

TEST_CASE(
    "a client that reads slowly gets the bytes of then, though the file is another and the entry's memory is used") {
  Site site;
  const std::string first = pattern(1024 * kKiB, 1);
  site.file("f", first);
  for (int i = 0; i < 40; ++i) site.file("o" + std::to_string(i), pattern(500 * kKiB, 100 + static_cast<unsigned>(i)));
  const Server server(site, one_worker("max_file_size = \"1MiB\"\nsize = \"4MiB\"\n"));
  std::vector<Client> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(server.connect(4096));
    for (int j = 0; j < 3; ++j) CHECK(gets(slow.back(), "/f", first));
    slow.back().send("GET /f HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(slow.back().anything_within(kPatience));
  }
  site.replace("f", pattern(1024 * kKiB, 2));
  for (int round = 0; round < 3; ++round) {  // more than the cache holds: the memory of each is another's next
    for (int i = 0; i < 40; ++i) {
      CHECK(server.get("/o" + std::to_string(i)).body == pattern(500 * kKiB, 100 + static_cast<unsigned>(i)));
    }
  }
  for (Client& client : slow) {
    const bool same = client.read_response().body == first;
    CHECK(same);
  }
}

TEST_CASE("clients that leave in the middle of such an answer are no harm") {
  Site site;
  const std::string content = pattern(1024 * kKiB, 9);
  site.file("f", content);
  const Server server(site, one_worker());
  for (int i = 0; i < 20; ++i) {
    Client client = server.connect(4096);
    for (int j = 0; j < 3; ++j) CHECK(gets(client, "/f", content));
    client.send("GET /f HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.anything_within(kPatience));
    if (i % 2 == 0) {
      client.reset();
    } else {
      client.close();
    }
  }
  Client client = server.connect();
  for (int j = 0; j < 3; ++j) CHECK(gets(client, "/f", content));
}

TEST_CASE("where descriptors are scarce such bodies are copied, and the others are served all the same") {
  Site site;
  const std::string content = pattern(64 * kKiB, 4);
  site.file("f", content);
  Setup setup = one_worker();
  setup.nofile = 64;
  const Server server(site, setup);
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(server.connect());
  for (int round = 0; round < 3; ++round) {
    for (Client& client : clients) CHECK(gets(client, "/f", content));
  }
}

TEST_CASE("a client that takes nothing of such an answer is closed after send_timeout") {
  Site site;
  const std::string content = pattern(1024 * kKiB, 4);
  site.file("f", content);
  Setup setup = one_worker("max_file_size = \"4MiB\"\n");
  setup.limits = "send_timeout = \"1s\"\n";
  site.file("long", pattern(4096 * kKiB, 6));
  const Server server(site, setup);
  Client client = server.connect(4096);
  for (int j = 0; j < 3; ++j) CHECK(gets(client, "/f", content));
  std::string many;
  for (int i = 0; i < 8; ++i) many += "GET /long HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(many);
  std::this_thread::sleep_for(Milliseconds{3000});
  std::size_t got = 0;
  for (std::string bytes = client.read_some(1 << 20); !bytes.empty(); bytes = client.read_some(1 << 20)) {
    got += bytes.size();
  }
  CHECK(got < 8 * 4096 * kKiB);
}
