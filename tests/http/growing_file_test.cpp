// A file that gains bytes while it is sent, as a log does: the answer has the length announced and the bytes of that
// length, or it ends short.
#include <doctest/doctest.h>

#include "changing_download.hpp"
#include "harness.hpp"

using namespace uringd::testing;

TEST_CASE("a file that grows during a download never gives more or other bytes than announced") {
  Site site;
  const std::string content = pattern(Download::kSize, 1);
  site.file("large.bin", content);
  site.file("a.txt", "a\n");
  Server server(site);
  Download download(server);
  CHECK(download.head().content_length() == content.size());
  site.append("large.bin", pattern(1 << 20, 2));
  if (download.finish()) {
    // A byte too many would be taken for the start of the next answer.
    CHECK(download.client().get("/a.txt").body == "a\n");
  } else {
    CHECK(download.client().wait_for_end() != Ending::open);
  }
  const bool prefix = content.compare(0, download.body().size(), download.body()) == 0;
  CHECK(prefix);
  CHECK(server.get("/a.txt").body == "a\n");
}

TEST_CASE("a log that is appended to between requests is served with each new length in the end") {
  Site site;
  site.file("log.txt", "");
  Server server(site, {.cache = "stale_after = \"50ms\""});
  Client client = server.connect();
  std::string all;
  for (int i = 0; i < 10; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    site.append("log.txt", line);
    all += line;
    CHECK(wait_until([&] {
      const std::string body = client.get("/log.txt").body;
      if (all.compare(0, body.size(), body) != 0) FAIL("not a prefix of the log: " << body);
      return body == all;
    }));
  }
}
