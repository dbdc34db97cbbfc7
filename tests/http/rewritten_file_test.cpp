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
      wrong += !(response.status == 200 && known);
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
