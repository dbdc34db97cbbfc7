// A file that loses bytes while it is sent: that one connection ends short, the process and everybody else go on.
#include <doctest/doctest.h>

#include <algorithm>
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
  const std::string content = pattern(Download::kSize, 1);
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "a file cut in the middle of a download makes an answer that is seen to be short") {
  Server server(site);
  for (const std::uint64_t size :
       {std::uint64_t{Download::kSize / 2}, std::uint64_t{0}, std::uint64_t{Download::kSize - 1}}) {
    INFO("cut to " << size);
    site.replace("large.bin", content);
    std::this_thread::sleep_for(Milliseconds{20});
    Client(server.connect()).get("/a.txt");
    Download download(server);
    const bool new_file = download.head().content_length() == Download::kSize;
    if (!new_file) continue;
    site.truncate("large.bin", size);
    CHECK(!download.finish());
    CHECK(download.client().wait_for_end() != Ending::open);
    const bool prefix = content.compare(0, std::min<std::size_t>(download.body().size(), size), download.body(), 0,
                                        std::min<std::size_t>(download.body().size(), size)) == 0;
    CHECK(prefix);
    CHECK(server.get("/a.txt").body == "a\n");
  }
}

TEST_CASE_FIXTURE(Tree, "a file cut and filled up again with other bytes does not pass for the old one") {
  Server server(site);
  Download download(server);
  site.truncate("large.bin", 0);
  site.overwrite_in_place("large.bin", pattern(Download::kSize, 2));
  if (download.finish()) {
    const bool same = download.body() == content;
    CHECK(same);
  }
  CHECK(server.get("/a.txt").body == "a\n");
}

TEST_CASE_FIXTURE(Tree, "small files that shrink and grow all the time are never answered with a wrong length") {
  Server server(site, {.cache = "stale_after = \"10ms\""});
  Client client = server.connect();
  for (int round = 0; round < 300; ++round) {
    const std::size_t size = static_cast<std::size_t>(round) * 7919 % 60000;
    site.file("moving.txt", std::string(size, 'm'));
    // The client checks that the body has the length that the head announces; a wrong one shifts all later answers.
    const Response response = client.get("/moving.txt");
    const bool known = response.status == 200 || response.status == 404 || response.status == 503;
    REQUIRE(known);
    if (response.status == 200) REQUIRE(response.body == std::string(response.body.size(), 'm'));
  }
  CHECK(client.get("/a.txt").body == "a\n");
}
