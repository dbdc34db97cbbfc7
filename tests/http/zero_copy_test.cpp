// disk.zero_copy = "always": pages of large files go to the socket by reference. Every byte is the file's all the same,
// a client that stalls holds nothing of the server's, and a file that loses bytes on the way never looks whole.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "changing_download.hpp"
#include "harness.hpp"

using namespace uringd::testing;

namespace {

constexpr std::size_t kMiB = 1 << 20;

Setup always() {
  Setup setup;
  setup.disk = "zero_copy = \"always\"\n";
  return setup;
}

std::string range(std::size_t first, std::size_t last) {
  return "Range: bytes=" + std::to_string(first) + "-" + std::to_string(last) + "\r\n";
}

// Where it stays (a file system in memory) the bytes are right all the same.
void drop_from_memory(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  fdatasync(file);
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

}  // namespace

TEST_CASE("by reference files of odd sizes come byte for byte, one after another on one connection") {
  Site site;
  Server server(site, always());
  Client client = server.connect();
  for (const std::size_t size : {65537UL, 70001UL, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB + 4095, 9 * kMiB + 4097}) {
    INFO("size " << size);
    const std::string name = "f" + std::to_string(size);
    const std::string content = pattern(size, static_cast<std::uint32_t>(size));
    site.file(name, content);
    const Response response = client.get("/" + name);
    CHECK(response.status == 200);
    const bool same = response.body == content;
    CHECK(same);
  }
}

TEST_CASE("by reference no piece is read of a file that is in memory (where the kernel gives sockets descriptors)") {
  Site site;
  const std::string content = pattern(9 * kMiB + 1);
  site.file("large.bin", content);
  Server server(site, always());
  const bool same = server.get("/large.bin").body == content;
  CHECK(same);
  server.stop();
  if (!Server::gives_sockets_descriptors()) return;
  CHECK(server.errors().find(" pieces=0 ") != std::string::npos);
}

TEST_CASE("by reference a connection keeps its descriptor for the next file, and not once it is quiet") {
  Site site;
  const std::string content = pattern(2 * kMiB);
  site.file("large.bin", content);
  Server server(site, always());
  if (!Server::gives_sockets_descriptors()) return;
  Client client = server.connect();
  const size_t before = server.sockets();
  for (int round = 0; round < 2; ++round) {
    int kept = 0;  // of three answers: where this thread is not run for a second the connection is quiet already
    for (int i = 0; i < 3; ++i) {
      const bool same = client.get("/large.bin").body == content;
      CHECK(same);
      kept += server.sockets() == before + 1;
    }
    CHECK(kept > 0);
    CHECK(wait_until([&] { return server.sockets() == before; }, Milliseconds{5000}));
  }
}

TEST_CASE("by reference ranges are the right ones, over borders of pages and stretches") {
  Site site;
  const std::string content = pattern(5 * kMiB + 12345, 7);
  site.file("large.bin", content);
  Server server(site, always());
  Client client = server.connect();
  for (const auto& [first, last] : {std::pair<std::size_t, std::size_t>{0, 0},
                                    {4095, 4096},
                                    {kMiB - 1, kMiB},
                                    {kMiB, 2 * kMiB - 1},
                                    {123456, 4 * kMiB + 7},
                                    {5 * kMiB, content.size() - 1},
                                    {content.size() - 1, content.size() - 1}}) {
    INFO("bytes " << first << " to " << last);
    const Response response = client.get("/large.bin", range(first, last));
    CHECK(response.status == 206);
    const bool same = response.body == content.substr(first, last - first + 1);
    CHECK(same);
  }
}

TEST_CASE("by reference a client that stalls and goes on gets every byte, and others are served meanwhile") {
  Site site;
  const std::string content = pattern(Download::kSize, 3);
  site.file("large.bin", content);
  site.file("a.txt", "a\n");
  Server server(site, always());
  Download stalled(server);
  std::this_thread::sleep_for(Milliseconds{300});
  CHECK(server.get("/a.txt").body == "a\n");
  const bool other = server.get("/large.bin").body == content;
  CHECK(other);
  CHECK(stalled.finish());
  const bool same = stalled.body() == content;
  CHECK(same);
  CHECK(stalled.client().get("/a.txt").body == "a\n");
}

TEST_CASE("by reference clients that leave in the middle, by close or by reset, are no harm") {
  Site site;
  const std::string content = pattern(Download::kSize, 3);
  site.file("large.bin", content);
  site.file("a.txt", "a\n");
  Server server(site, always());
  for (int round = 0; round < 10; ++round) {
    Download download(server);
    if (round % 2 == 0) {
      download.client().reset();
    } else {
      download.client().close();
    }
  }
  CHECK(server.get("/a.txt").body == "a\n");
  const bool same = server.get("/large.bin").body == content;
  CHECK(same);
}

TEST_CASE("by reference a client that takes nothing is closed after send_timeout, one that takes little is not") {
  Site site;
  site.file("large.bin", pattern(Download::kSize, 3));
  Setup setup = always();
  setup.limits = "send_timeout = \"1s\"\n";
  Server server(site, setup);
  Download stalled(server);
  Download slow(server);
  std::size_t taken = slow.body().size();
  for (int step = 0; step < 25; ++step) {
    taken += slow.client().read_some(65536).size();
    std::this_thread::sleep_for(Milliseconds{100});
  }
  taken += slow.client().read_body(Download::kSize - taken, [](std::string_view) {});
  CHECK(taken == Download::kSize);
  CHECK(!stalled.finish());
}

TEST_CASE("by reference a file cut in the middle of a download makes an answer that is seen to be short") {
  const std::string content = pattern(Download::kSize, 1);
  Site site;
  site.file("large.bin", content);
  site.file("a.txt", "a\n");
  Server server(site, always());
  for (const std::uint64_t size :
       {std::uint64_t{Download::kSize / 2}, std::uint64_t{0}, std::uint64_t{Download::kSize - 1}}) {
    INFO("cut to " << size);
    site.replace("large.bin", content);
    std::this_thread::sleep_for(Milliseconds{20});
    Download download(server);
    const bool new_file = download.head().content_length() == Download::kSize;
    if (!new_file) continue;
    site.truncate("large.bin", size);
    CHECK(!download.finish());
    CHECK(download.client().wait_for_end() != Ending::open);
    CHECK(server.get("/a.txt").body == "a\n");
  }
}

TEST_CASE("by reference a file rewritten in the middle of a download breaks it off") {
  Site site;
  site.file("large.bin", pattern(Download::kSize, 1));
  Server server(site, always());
  Download download(server);
  std::this_thread::sleep_for(Milliseconds{20});
  site.overwrite_in_place("large.bin", pattern(Download::kSize, 2));
  CHECK(!download.finish());
}

TEST_CASE("by reference twenty clients at once get every byte, and the server's memory stays what it was") {
  Site site;
  const std::string content = pattern(Download::kSize, 5);
  site.file("large.bin", content);
  site.file("a.txt", "a\n");
  Server server(site, always());
  server.get("/a.txt");
  const std::uint64_t before = server.resident_kib();
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(server.connect(64 * 1024));
    clients.back().send(get_request("/large.bin"));
  }
  std::vector<std::string> bodies(clients.size());
  for (Client& client : clients) CHECK(client.read_head().status == 200);
  bool more = true;
  while (more) {
    more = false;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (bodies[i].size() == content.size()) continue;
      const std::string piece = clients[i].read_some(std::min<std::size_t>(262144, content.size() - bodies[i].size()));
      REQUIRE(!piece.empty());
      bodies[i] += piece;
      more = true;
    }
  }
  if (!sanitized()) CHECK(server.resident_kib() < before + 8 * 1024);
  const bool same = std::ranges::all_of(bodies, [&](const std::string& body) { return body == content; });
  CHECK(same);
}

TEST_CASE("what is not in memory comes by copy, and every byte is right") {
  Site site;
  const std::string content = pattern(Download::kSize, 9);
  site.file("large.bin", content);
  Server server(site, always());
  for (int round = 0; round < 3; ++round) {
    Download download(server);
    drop_from_memory(site.path("large.bin"));
    CHECK(download.finish());
    const bool same = download.body() == content;
    CHECK(same);
  }
}
