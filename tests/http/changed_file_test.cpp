// Changes between requests: with stale_after short, whatever happened to a cached file is seen soon, and its
// validators with it.
#include <doctest/doctest.h>

#include <filesystem>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
const Setup kFresh{.cache = "stale_after = \"100ms\""};
// stale_after and a look; the rest is for a machine that is busy with something else.
constexpr Milliseconds kSoon{6000};
}  // namespace

TEST_CASE("new bytes of the same length with the old mtime are seen, with a new ETag") {
  Site site;
  site.file("a.txt", "version 1");
  site.set_mtime("a.txt", 1600000000);
  Server server(site, kFresh);
  Client client = server.connect();
  const std::string tag = client.get("/a.txt").field("ETag");
  site.overwrite_in_place("a.txt", "version 2");
  site.set_mtime("a.txt", 1600000000);
  CHECK(wait_until([&] { return client.get("/a.txt").body == "version 2"; }, kSoon));
  CHECK(client.get("/a.txt").field("ETag") != tag);
  CHECK(client.get("/a.txt", "If-None-Match: " + tag + "\r\n").status == 200);
}

TEST_CASE("a touched file has a new Last-Modified and, its bytes being the same, the old ETag") {
  Site site;
  site.file("a.txt", "the same");
  site.set_mtime("a.txt", 1600000000);
  Server server(site, kFresh);
  Client client = server.connect();
  const std::string tag = client.get("/a.txt").field("ETag");
  site.set_mtime("a.txt", 1600000100);
  CHECK(wait_until([&] { return client.get("/a.txt").field("Last-Modified") == http_date(1600000100); }, kSoon));
  CHECK(client.get("/a.txt").field("ETag") == tag);
}

TEST_CASE("a removed file becomes 404, and comes back") {
  Site site;
  site.file("a.txt", "here\n");
  Server server(site, kFresh);
  Client client = server.connect();
  CHECK(client.get("/a.txt").status == 200);
  site.remove("a.txt");
  CHECK(wait_until([&] { return client.get("/a.txt").status == 404; }, kSoon));
  site.file("a.txt", "back\n");
  CHECK(wait_until([&] { return client.get("/a.txt").body == "back\n"; }, kSoon));
}

TEST_CASE("a file becomes a directory, a FIFO, a large file and small again, and each is answered as what it is") {
  Site site;
  site.file("a", "small\n");
  Server server(site, kFresh);
  Client client = server.connect();
  CHECK(client.get("/a").body == "small\n");
  site.remove("a");
  site.file("a/index.html", "index\n");
  CHECK(wait_until([&] { return client.get("/a").status == 301; }, kSoon));
  CHECK(client.get("/a/").body == "index\n");
  site.remove("a");
  site.fifo("a");
  CHECK(wait_until([&] { return client.get("/a").status == 403; }, kSoon));
  site.remove("a");
  site.file("a", std::string(300000, 'l'));
  CHECK(wait_until([&] { return client.get("/a").body.size() == 300000; }, kSoon));
  site.replace("a", "small again\n");
  CHECK(wait_until([&] { return client.get("/a").body == "small again\n"; }, kSoon));
}

TEST_CASE("an index that appears is found, and one that goes is 403") {
  Site site;
  site.file("dir/other.txt", "x");
  Server server(site, kFresh);
  Client client = server.connect();
  CHECK(client.get("/dir/").status == 403);
  site.file("dir/index.html", "index\n");
  CHECK(wait_until([&] { return client.get("/dir/").body == "index\n"; }, kSoon));
  site.remove("dir/index.html");
  CHECK(wait_until([&] { return client.get("/dir/").status == 403; }, kSoon));
}
