// A file whose bytes are replaced while it is sent or asked for: a complete answer is one version of the file, never
// two mixed. Renaming over a file, the way of deploys, does not disturb a download of the old one.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "changing_download.hpp"
#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() {
    site.file("large.bin", content);
    site.file("a.txt", "a\n");
  }
  const std::string content = std::string(Download::kSize, 'A');
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "a file rewritten in place during a download gives no complete answer that mixes both") {
  Server server(site);
  Download download(server);
  site.overwrite_in_place("large.bin", std::string(Download::kSize, 'B'));
  if (download.finish()) {
    const bool one_version = download.body() == content;
    CHECK(one_version);
  } else {
    CHECK(download.client().wait_for_end() != Ending::open);
  }
  CHECK(server.get("/a.txt").body == "a\n");
}

TEST_CASE_FIXTURE(Tree, "one byte rewritten near the end, with the old mtime put back, is not missed") {
  site.set_mtime("large.bin", 1600000000);
  Server server(site);
  Download download(server);
  site.overwrite_in_place("large.bin", "B", Download::kSize - 10);
  site.set_mtime("large.bin", 1600000000);
  if (download.finish()) {
    const bool one_version = download.body() == content;
    CHECK(one_version);
  }
}

TEST_CASE_FIXTURE(
    Tree, "a file replaced by rename during a download: the old one comes whole, the next request gets the new") {
  Server server(site);
  Download download(server);
  site.replace("large.bin", std::string(300000, 'B'));
  CHECK(download.finish());
  const bool one_version = download.body() == content;
  CHECK(one_version);
  CHECK(wait_until([&] { return server.get("/large.bin").body == std::string(300000, 'B'); }));
}

TEST_CASE_FIXTURE(Tree, "a file removed during a download comes whole") {
  Server server(site);
  Download download(server);
  site.remove("large.bin");
  CHECK(download.finish());
  const bool one_version = download.body() == content;
  CHECK(one_version);
  CHECK(wait_until([&] { return server.get("/large.bin").status == 404; }));
}

TEST_CASE("small files replaced by rename all the time: each answer is one version, length and bytes") {
  Site site;
  const auto version = [](int k) {
    return std::string(1000 + static_cast<std::size_t>(k) * 997 % 50000, static_cast<char>('a' + k % 26));
  };
  site.file("a.txt", version(0));
  Server server(site, {.cache = "stale_after = \"10ms\""});
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int k = 1; !done; ++k) site.replace("a.txt", version(k % 1000));
  });
  int wrong = 0;
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(server.connect());
  for (int round = 0; round < 500; ++round) {
    for (Client& client : clients) client.send(get_request("/a.txt"));
    for (Client& client : clients) {
      const Response response = client.read_response();
      bool known = false;
      for (int k = 0; k < 1000 && !known; ++k) {
        known = response.body.size() == version(k).size() && response.body == version(k);
      }
      if (response.status == 200 && known) continue;
      ++wrong;
      MESSAGE("wrong: ", response.status, ", ", response.body.size(), " bytes");
    }
  }
  done = true;
  writer.join();
  CHECK(wrong == 0);
}

TEST_CASE("a small file rewritten in place: once the writing is over, the last bytes are served and stay") {
  Site site;
  site.file("a.txt", std::string(50000, 'a'));
  Server server(site, {.cache = "stale_after = \"50ms\""});
  Client client = server.connect();
  for (int round = 0; round < 40; ++round) {
    const std::string content(50000, static_cast<char>('a' + round % 26));
    client.send(get_request("/a.txt") + get_request("/a.txt"));
    site.overwrite_in_place("a.txt", content);
    client.read_response();
    client.read_response();
    CHECK(wait_until([&] { return client.get("/a.txt").body == content; }, Milliseconds{5000}));
  }
}

// Memory that others need is taken from a client that takes nothing, in the middle of an answer; the file that changes
// meanwhile must not be answered for by a second head within the first one's length. The socket's buffer swallows two
// megabytes, so small answers are pipelined until one of them is cut.
TEST_CASE("a file that changes behind a piece that was given back ends the answer that has begun") {
  const Site site;
  const std::string before = pattern(8'000'000, 5);
  site.file("cut.bin", before);
  for (int number = 0; number < 8; ++number) site.file("other" + std::to_string(number), pattern(8'000'000, 6));
  Server server(site, {.server = "workers = 1", .disk = "stream_memory = \"1MiB\""});
  Client stalled = server.connect(2304);
  std::string requests;
  for (int number = 0; number < 400; ++number) requests += get_request("/cut.bin", "Range: bytes=0-19999\r\n");
  stalled.send_without_reading(requests, Milliseconds{300});
  std::vector<Client> others;
  for (int number = 0; number < 90; ++number) {
    others.push_back(server.connect(2304));
    others.back().send(get_request("/other" + std::to_string(number % 8)));
  }
  std::this_thread::sleep_for(Milliseconds{700});
  const std::string after = "changed" + before.substr(7);
  site.overwrite_in_place("cut.bin", "changed");
  std::string all;
  for (std::string more = "."; !more.empty(); all += more) more = stalled.read_some(1 << 20, Milliseconds{1000});
  std::size_t whole = 0;
  for (std::size_t at = 0; at < all.size() && all.compare(at, 13, "HTTP/1.1 206 ") == 0; ++whole) {
    const std::size_t body = all.find("\r\n\r\n", at) + 4;
    const std::size_t received = std::min<std::size_t>(20000, all.size() - body);
    const bool one_version =
        all.compare(body, received, before, 0, received) == 0 || all.compare(body, received, after, 0, received) == 0;
    REQUIRE(one_version);
    at = body + received;
  }
  CHECK(whole > 10);
}
