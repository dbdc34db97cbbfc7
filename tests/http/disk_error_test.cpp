// A disk that fails: an error is 500 for those who asked, never kept, and never a wrong or short answer that looks
// whole.
#include <doctest/doctest.h>

#include <cerrno>
#include <thread>

#include "hot_client.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {
struct Failing {
  Failing() {
    disk.files().file("small.txt", small);
    disk.files().file("large.bin", large);
    disk.files().file("500.html", "<p>our own 500</p>\n");
  }
  [[nodiscard]] Setup setup(const std::string& cache = "") const {
    return {.server = "workers = 1",
            .disk = "stream_size = \"128KiB\"",
            .cache = cache,
            .site = "error_pages = { 500 = \"/500.html\" }",
            .root = disk.root()};
  }
  const std::string small = pattern(20000, 1);
  const std::string large = pattern(3000000, 2);
  SlowDisk disk;
  Site unused;
};

std::string error(int number) { return "error=" + std::to_string(number); }
}  // namespace

TEST_CASE_FIXTURE(Failing, "an error of look-up, open or read is 500 with the site's page, and is not kept" *
                               needs_slow_disk()) {
  for (const char* operation : {"lookup", "open", "read"}) {
    for (const char* target : {"/small.txt", "/missing.txt"}) {
      const bool exists = std::string_view(target) == "/small.txt";
      if (!exists && std::string_view(operation) != "lookup") continue;
      INFO(operation << " " << target);
      Server server(unused, setup());
      Client client = server.connect();
      disk.rule(operation, target, error(EIO));
      for (int i = 0; i < 2; ++i) {
        const Response failed = client.get(target);
        CHECK(failed.status == 500);
        CHECK(failed.body == "<p>our own 500</p>\n");
        CHECK(!failed.has("ETag"));
      }
      disk.clear();
      const Response healed = client.get(target);
      CHECK(healed.status == (exists ? 200 : 404));
      const bool whole = healed.body == small || !exists;
      CHECK(whole);
    }
  }
}

TEST_CASE_FIXTURE(Failing, "a look that fails does not make a held file disappear for good, nor serve it for ever" *
                               needs_slow_disk()) {
  Server server(unused, setup("stale_after = \"200ms\""));
  Client client = server.connect();
  REQUIRE(client.get("/small.txt").status == 200);
  disk.rule("lookup open getattr read", "/small.txt", error(EIO));
  CHECK(until_answer(client, get_request("/small.txt"), [](const Response& r) { return r.status == 500; }) <
        Milliseconds{2000});
  disk.clear();
  CHECK(until_answer(client, get_request("/small.txt"), [&](const Response& r) { return r.body == small; }) <
        Milliseconds{1000});
}

TEST_CASE_FIXTURE(Failing,
                  "reads that bring less than was asked for make whole and right answers" * needs_slow_disk()) {
  Server server(unused, setup());
  Client client = server.connect();
  disk.rule("read", "/", "limit=1000");
  const bool whole = client.get("/small.txt").body == small;
  CHECK(whole);
  disk.rule("read", "/", "limit=33333");
  const bool same = client.get("/large.bin").body == large;
  CHECK(same);
  const bool part = client.get("/large.bin", "Range: bytes=1000001-1300000\r\n").body == large.substr(1000001, 300000);
  CHECK(part);
}

TEST_CASE_FIXTURE(Failing, "an error in the middle of a download breaks the connection short of its Content-Length" *
                               needs_slow_disk()) {
  Server server(unused, setup());
  disk.rule("read", "/large.bin", error(EIO) + " from=1500000");
  Client client = server.connect();
  client.send(get_request("/large.bin"));
  const Response broken = client.read_response_or_end();
  CHECK(broken.status == 200);
  CHECK(broken.content_length() == large.size());
  CHECK(!broken.complete);
  CHECK(client.ending() != Ending::open);
  const bool prefix = large.compare(0, broken.body.size(), broken.body) == 0;
  CHECK(prefix);
  disk.clear();
  const bool whole = server.get("/large.bin").body == large;
  CHECK(whole);
}

TEST_CASE_FIXTURE(Failing, "an error of the first read of a large file does not announce a length that cannot come" *
                               needs_slow_disk()) {
  Server server(unused, setup());
  disk.rule("read", "/large.bin", error(EIO));
  Client client = server.connect();
  client.send(get_request("/large.bin"));
  const Response failed = client.read_response_or_end();
  const bool honest = failed.status == 500 || !failed.complete;
  CHECK(honest);
  disk.clear();
  CHECK(server.get("/small.txt").status == 200);
}

// A head of 513 to 1,023 bytes leaves no room for a part's beside it, so it is sent before the first byte is read: from
// then on there is no other status to send (RFC 9110 §15.3.7).
TEST_CASE_FIXTURE(Failing, "an error before the first part of several ranges puts no second answer into the first" *
                               needs_slow_disk()) {
  for (const int filler_bytes : {10, 350, 600}) {
    CAPTURE(filler_bytes);
    Setup with_header = setup();
    with_header.site +=
        "\nheaders = [{ match = \"/**\", set = { X-Filler = \"" + std::string(filler_bytes, 'x') + "\" } }]";
    Server server(unused, with_header);
    disk.rule("read", "/large.bin", error(EIO));
    Client client = server.connect();
    client.send(get_request("/large.bin", "Range: bytes=0-0,1000-1001\r\nConnection: close\r\n"));
    const std::string all = client.read_until_end();
    const bool one_answer = all.find("HTTP/1.1 ", 1) == std::string::npos;
    CHECK(one_answer);
    const bool honest =
        all.starts_with("HTTP/1.1 500 ") || all.find("--\r\n", all.find("\r\n\r\n")) == std::string::npos;
    CHECK(honest);
    disk.clear();
    CHECK(server.get("/large.bin", "Range: bytes=0-0,1000-1001\r\n").status == 206);
  }
}

TEST_CASE_FIXTURE(Failing,
                  "a file whose siblings the disk does not tell of is sent as it is, soon" * needs_slow_disk()) {
  disk.files().file("page.html", small);
  Server server(unused, setup());
  const Relief relief(disk);
  REQUIRE(server.get("/page.html").status == 200);
  disk.hang("/page.html.");
  const auto begun = std::chrono::steady_clock::now();
  const Response plain = server.get("/page.html", "Accept-Encoding: br, gzip\r\n");
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(3));  // disk.timeout is 30
  CHECK(plain.status == 200);
  const bool own_bytes = plain.body == small && !plain.has("Content-Encoding");
  CHECK(own_bytes);
}

TEST_CASE_FIXTURE(Failing,
                  "errors have the answer that fits them: no permission 403, too many links 403, gone stale "
                  "5xx" *
                      needs_slow_disk()) {
  struct Case {
    int number;
    int lowest;
    int highest;
  };
  const std::vector<Case> cases = {{EACCES, 403, 403}, {ENOENT, 404, 404}, {ENOTDIR, 404, 404}, {ELOOP, 403, 403},
                                   {EIO, 500, 500},    {ESTALE, 404, 503}, {ENOMEM, 500, 503},  {ETIMEDOUT, 500, 504}};
  const auto name_of = [](const Case& expected) { return "errno-" + std::to_string(expected.number) + ".txt"; };
  for (const Case& expected : cases) disk.files().file(name_of(expected), small);  // each its own: 403s may be kept
  Server server(unused, setup("stale_after = \"200ms\"\nmissing_ttl = \"200ms\""));
  Client client = server.connect();
  for (const Case& expected : cases) {
    INFO("errno " << expected.number);
    disk.rule("open", "/" + name_of(expected), error(expected.number));
    const int status = client.get("/" + name_of(expected)).status;
    CHECK(status >= expected.lowest);
    CHECK(status <= expected.highest);
  }
  disk.clear();
  for (const Case& expected : cases) {
    INFO("errno " << expected.number << ", gone");
    CHECK(until_answer(client, get_request("/" + name_of(expected)),
                       [&](const Response& r) { return r.body == small; }) < Milliseconds{1500});
  }
}
