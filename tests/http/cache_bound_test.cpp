// What the cache keeps, and that it is bounded. Whether a file is held is asked from outside by a trick: with
// `watch = false` and a stale_after of an hour the server answers with held bytes, so a file that is replaced on disk
// shows its old bytes while it is held and its new ones when it is not.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "hot_client.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {
constexpr std::size_t kPage = 7000;
const std::string kHeldForever = "watch = false\nstale_after = \"1h\"\n";

std::string page(int number) { return "/p/" + std::to_string(number % 100) + "/" + std::to_string(number) + ".html"; }

// Cheap to make and to compare, and no two of the tree alike.
std::string page_bytes(int number, std::size_t size = kPage) {
  std::string bytes = std::to_string(number) + "\n";
  bytes.resize(size, static_cast<char>('a' + number % 26));
  return bytes;
}

void make_pages(const Site& site, int count, std::size_t size = kPage) {
  for (int i = 0; i < count; ++i) site.file(page(i).substr(1), page_bytes(i, size));
}

// Asks for [first, last) in batches on one connection; the number of answers with the right bytes.
int ask_pages(Client& client, int first, int last, std::size_t size = kPage) {
  constexpr int kBatch = 32;
  int right = 0;
  for (int at = first; at < last; at += kBatch) {
    const int end = std::min(at + kBatch, last);
    std::string requests;
    for (int i = at; i < end; ++i) requests += get_request(page(i));
    client.send(requests);
    for (int i = at; i < end; ++i) right += client.read_response().body == page_bytes(i, size);
  }
  return right;
}

// Replaces what is on disk and counts which of [first, last) still come with the bytes of before.
int still_held(const Site& site, Client& client, int first, int last) {
  int held = 0;
  for (int i = first; i < last; ++i) {
    site.replace(page(i).substr(1), "replaced\n");
    held += client.get(page(i)).body == page_bytes(i);
  }
  return held;
}

// `count` names that were never there, in batches; the number of 404s. A marker's answer ends each batch, so that what
// lies before it can be counted without parsing every answer: it is many.
int flood_missing(Client& client, int count) {
  constexpr int kBatch = 64;
  int missing = 0;
  for (int at = 0; at < count; at += kBatch) {
    std::string requests;
    for (int i = at; i < at + kBatch; ++i) {
      requests += get_request("/p/" + std::to_string(static_cast<unsigned>(i) * 2654435761U) + "-" + std::to_string(i) +
                              ".html");
    }
    client.send(requests + get_request("/marker.txt"));
    std::string bytes;
    while (!bytes.ends_with("end of a batch\n")) {
      const std::string piece = client.read_some(1 << 20);
      REQUIRE(!piece.empty());
      bytes += piece;
    }
    constexpr std::string_view kStart = "HTTP/1.1 404 ";
    for (std::size_t next = bytes.find(kStart); next != std::string::npos; next = bytes.find(kStart, next + 1)) {
      ++missing;
    }
  }
  return missing;
}
}  // namespace

TEST_CASE("a working set a hundred times cache.size is served right, in bounded memory") {
  Site site;
  constexpr std::size_t kSize = 40000;
  const int count = 100 * (1 << 20) / static_cast<int>(kSize);
  make_pages(site, count, kSize);
  site.file("a.txt", "a\n");
  Server server(site, {.server = "workers = 1", .cache = "size = \"1MiB\""});
  Client client = server.connect();
  CHECK(client.get("/a.txt").body == "a\n");
  const std::uint64_t before = server.resident_kib();
  CHECK(ask_pages(client, 0, count, kSize) == count);
  CHECK(ask_pages(client, 0, count, kSize) == count);
  const std::uint64_t after = server.resident_kib();
  INFO("resident: " << before << " KiB, then " << after << " KiB");
  if (!sanitized()) CHECK(after < before + (1 + 16) * 1024);
  server.stop();
  CHECK(server.errors().find("stopped") != std::string::npos);
}

TEST_CASE("a crawler that asks for everything once does not flush what is asked for again and again") {
  Site site;
  constexpr int kHot = 40;    // 0.3 MiB of 1.5
  constexpr int kAll = 2000;  // 14 MiB
  make_pages(site, kAll);
  Server server(site, {.server = "workers = 1", .cache = kHeldForever + "size = \"1536KiB\""});
  Client client = server.connect();
  for (int round = 0; round < 4; ++round) CHECK(ask_pages(client, 0, kHot) == kHot);
  for (int at = kHot; at < kAll; at += 400) {  // the hot ones go on being asked for, now and then
    CHECK(ask_pages(client, at, std::min(at + 400, kAll)) == std::min(400, kAll - at));
    CHECK(ask_pages(client, 0, kHot) == kHot);
  }
  CHECK(still_held(site, client, 0, kHot) >= kHot * 9 / 10);
  CHECK(still_held(site, client, kHot, 1000) < 300);  // and the trick sees what is not held
}

TEST_CASE("a flood of 200,000 names that are not there takes bounded memory and evicts nothing") {
  Site site;
  make_pages(site, 100);
  site.file("marker.txt", "end of a batch\n");
  Server server(site, {.server = "workers = 1", .cache = kHeldForever + "size = \"4MiB\"\nmissing_ttl = \"1h\""});
  Client client = server.connect();
  for (int round = 0; round < 2; ++round) CHECK(ask_pages(client, 0, 100) == 100);
  CHECK(client.get("/p/never.html").status == 404);
  const std::uint64_t before = server.resident_kib();
  const int flood = sanitized() ? 20000 : 200000;
  CHECK(flood_missing(client, flood) >= flood);
  const std::uint64_t after = server.resident_kib();
  INFO("resident: " << before << " KiB, then " << after << " KiB");
  if (!sanitized()) CHECK(after < before + (4 + 12) * 1024);
  CHECK(still_held(site, client, 0, 100) >= 95);
}

TEST_CASE("what nobody asked for during idle_after is dropped, and what is asked for stays") {
  Site site;
  make_pages(site, 20);
  Server server(site, {.server = "workers = 1", .cache = kHeldForever + "size = \"4MiB\"\nidle_after = \"1s\""});
  Client client = server.connect();
  CHECK(ask_pages(client, 0, 20) == 20);
  for (int i = 0; i < 14; ++i) {
    std::this_thread::sleep_for(Milliseconds{250});
    CHECK(ask_pages(client, 0, 10) == 10);
  }
  CHECK(still_held(site, client, 0, 10) == 10);
  CHECK(still_held(site, client, 10, 20) == 0);
}

TEST_CASE("memory of a large cache goes back to the system once its entries were idle") {
  Site site;
  make_pages(site, 4000);  // 27 MiB
  Server server(site, {.server = "workers = 1", .cache = "size = \"64MiB\"\nidle_after = \"1s\""});
  Client client = server.connect();
  CHECK(client.get(page(0)).status == 200);
  const std::uint64_t before = server.resident_kib();
  CHECK(ask_pages(client, 0, 4000) == 4000);
  const std::uint64_t full = server.resident_kib();
  if (!sanitized()) {
    CHECK(full > before + 20 * 1024);
    CHECK(wait_until([&] { return server.resident_kib() < before + 14 * 1024; }, Milliseconds{6000}));
  }
  CHECK(ask_pages(client, 0, 100) == 100);
}

TEST_CASE("preload has read its files before the first request asks for one" * needs_slow_disk()) {
  SlowDisk disk;
  const Site unused;
  disk.files().file("assets/site.css", "body {}\n");
  disk.files().file("assets/deep/app.js", "run()\n");
  disk.files().file("other.txt", "other\n");
  Server server(
      unused,
      {.server = "workers = 1", .cache = "stale_after = \"1h\"\npreload = [\"/assets/**\"]", .root = disk.root()});
  const Relief relief(disk);
  CHECK(wait_until([&] { return disk.seen("release", "/assets") >= 2; }, Milliseconds{5000}));
  disk.delay(Milliseconds{200});
  Client client = server.connect();
  const auto start = std::chrono::steady_clock::now();
  CHECK(client.get("/assets/site.css").body == "body {}\n");
  CHECK(client.get("/assets/deep/app.js").body == "run()\n");
  CHECK(milliseconds_since(start) < 150);
  CHECK(disk.seen("read", "/other.txt") == 0);
}
