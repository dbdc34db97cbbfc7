// A disk that hangs: what is in flight is bounded (disk.queue_size), nobody waits longer than disk.timeout, no other
// site pays, and the stop does not wait for it. Orphaned operations stay counted until the kernel gives them back.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "hot_client.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

constexpr double kAtOnce = sanitized() ? 300 : 150;  // far from any timeout of these tests

const std::string kBusyPage = "<p>busy, with our own face</p>\n";

std::string name(const char* kind, int number) { return std::string(kind) + "-" + std::to_string(number) + ".txt"; }

// One site on the disk that will hang.
struct Hanging {
  Hanging() {
    disk.files().file("503.html", kBusyPage);
    disk.files().file("held.txt", "held\n");
    for (int i = 0; i < 20; ++i) {
      disk.files().file(name("hung", i), "hung " + std::to_string(i) + "\n");
      disk.files().file(name("other", i), "other\n");
    }
  }
  [[nodiscard]] Setup setup(const std::string& disk_lines) const {
    return {.server = "workers = 1",
            .disk = disk_lines,
            .cache = "stale_after = \"60s\"",
            .site = "error_pages = { 503 = \"/503.html\" }",
            .root = disk.root()};
  }
  SlowDisk disk;
  Site unused;
};

std::vector<Client> ask_for_hung(const Server& server, int count) {
  std::vector<Client> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(server.connect());
    clients.back().send(get_request("/" + name("hung", i)));
  }
  std::this_thread::sleep_for(Milliseconds{200});  // all of them are on their way
  return clients;
}
}  // namespace

TEST_CASE_FIXTURE(Hanging,
                  "with the queue full one more is 503 with Retry-After and the site's page, at once; after it "
                  "everybody is answered" *
                      needs_slow_disk()) {
  Server server(unused, setup("queue_size = 4\nkernel_threads = 16"));
  const Relief relief(disk);
  Client client = server.connect();
  CHECK(client.get("/held.txt").body == "held\n");
  disk.hang("/hung");
  std::vector<Client> waiting = ask_for_hung(server, 4);
  for (int round = 0; round < 3; ++round) {
    const Clock::time_point start = Clock::now();
    const Response refused = client.get("/" + name("other", round));
    CHECK(milliseconds_since(start) < kAtOnce);
    CHECK(refused.status == 503);
    CHECK(refused.has("Retry-After"));
    CHECK(refused.body == kBusyPage);
    CHECK(refused.field("ETag").empty());
    CHECK(client.get("/held.txt").body == "held\n");  // what is held needs no disk
  }
  // The same file as one that is being fetched takes no place of its own.
  waiting.push_back(server.connect());
  waiting.back().send(get_request("/" + name("hung", 0)));
  CHECK(!waiting.back().anything_within(Milliseconds{200}));
  disk.clear();
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    CHECK(waiting[i].read_response().body == "hung " + std::to_string(i % 4) + "\n");
  }
  for (int i = 0; i < 20; ++i) CHECK(client.get("/" + name("other", i)).body == "other\n");
}

TEST_CASE_FIXTURE(Hanging, "a file that hangs is 503 after disk.timeout, and its neighbours are served meanwhile" *
                               needs_slow_disk()) {
  int next = 0;
  for (const char* operation : {"lookup", "open", "read", "getattr"}) {
    INFO(operation);
    Server server(unused, setup("timeout = \"500ms\"\nkernel_threads = 16"));
    const Relief relief(disk);
    disk.rule(operation, "/hung", "hang=1");
    const Clock::time_point start = Clock::now();
    std::vector<Client> hung = ask_for_hung(server, 3);
    Client client = server.connect();
    CHECK(client.get("/" + name("other", next++)).body == "other\n");
    CHECK(milliseconds_since(start) < 450);
    for (Client& waiting : hung) {
      const Response response = waiting.read_response();
      CHECK(response.status == 503);
      CHECK(response.has("Retry-After"));
      CHECK(response.body == kBusyPage);
    }
    CHECK(milliseconds_since(start) > 400);
    CHECK(milliseconds_since(start) < 2500);
    disk.clear();
    const Milliseconds back =
        until_answer(client, get_request("/" + name("hung", 1)), [](const Response& r) { return r.status == 200; });
    CHECK(back < Milliseconds{2000});
  }
}

TEST_CASE_FIXTURE(Hanging, "operations whose clients have had their 503 stay counted until the disk lets go" *
                               needs_slow_disk()) {
  Server server(unused, setup("queue_size = 2\ntimeout = \"300ms\"\nkernel_threads = 16"));
  const Relief relief(disk);
  disk.rule("open", "/hung", "hang=1");
  std::vector<Client> hung = ask_for_hung(server, 2);
  for (Client& client : hung) CHECK(client.read_response().status == 503);
  hung.clear();
  Client client = server.connect();
  for (int i = 0; i < 5; ++i) {
    const Clock::time_point start = Clock::now();
    CHECK(client.get("/" + name("other", i)).status == 503);
    CHECK(milliseconds_since(start) < kAtOnce);
  }
  CHECK(disk.waiting() == 2);
  disk.clear();
  for (int i = 0; i < 5; ++i) {
    const Milliseconds back =
        until_answer(client, get_request("/" + name("other", i)), [](const Response& r) { return r.status == 200; });
    CHECK(back < Milliseconds{2000});
  }
}

TEST_CASE_FIXTURE(Hanging,
                  "a download whose disk hangs ends after disk.timeout, short of its length" * needs_slow_disk()) {
  const std::string content = pattern(2000000, 5);
  disk.files().file("large.bin", content);
  Server server(unused, setup("timeout = \"500ms\"\nstream_size = \"128KiB\""));
  const Relief relief(disk);
  disk.rule("read", "/large.bin", "hang=1 from=1000000");
  Client client = server.connect();
  const Clock::time_point start = Clock::now();
  client.send(get_request("/large.bin"));
  const Response response = client.read_response_or_end();
  CHECK(response.status == 200);
  CHECK(!response.complete);
  CHECK(client.ending() != Ending::open);
  CHECK(milliseconds_since(start) > 400);
  CHECK(milliseconds_since(start) < 3000);
  const bool prefix = content.compare(0, response.body.size(), response.body) == 0;
  CHECK(prefix);
  CHECK(server.get("/held.txt").body == "held\n");
}

TEST_CASE_FIXTURE(Hanging, "a dead mount with more requests than the queue holds leaves the other sites theirs" *
                               needs_slow_disk()) {
  SlowDisk healthy;  // every open of it needs a kernel thread too
  for (int i = 0; i < 30; ++i) healthy.files().file(name("cold", i), "cold\n");
  Site plain;
  Setup both = setup("queue_size = 16");
  both.more = site_table("healthy.example", healthy.root()) + site_table("plain.example", plain.root());
  Server server(unused, both);
  const Relief relief(disk);
  disk.hang("/hung");
  std::vector<Client> hung = ask_for_hung(server, 20);
  Client client = server.connect();
  int right = 0;
  double longest = 0;
  for (int i = 0; i < 30; ++i) {
    const Clock::time_point start = Clock::now();
    right += client.ask(host_request("healthy.example", "/" + name("cold", i))).body == "cold\n";
    // A name that was never asked for is not in the kernel's memory either: it takes a kernel thread to say so.
    right += client.ask(host_request("plain.example", "/" + name("missing", i))).status == 404;
    longest = std::max(longest, milliseconds_since(start));
  }
  CHECK(right == 60);
  CHECK(longest < 1000);
  plain.file("new.txt", "new\n");
  // The names of a directory that was asked for many missing ones may be known; a new one is heard of by inotify.
  CHECK(until_answer(client, host_request("plain.example", "/new.txt"),
                     [](const Response& r) { return r.body == "new\n"; }) < Milliseconds{350});
}

TEST_CASE_FIXTURE(Hanging,
                  "changes of another site are seen while a mount hangs in every operation" * needs_slow_disk()) {
  Site plain;
  plain.file("page.txt", "0\n");
  plain.outside_file("releases/1/a.txt", "1\n");
  plain.outside_file("releases/2/a.txt", "2\n");
  REQUIRE(::symlink("releases/1", plain.outside("current").c_str()) == 0);
  Setup all = setup("");
  all.cache = "stale_after = \"500ms\"";
  all.more = site_table("plain.example", plain.root()) + site_table("deploy.example", plain.outside("current"));
  Server server(unused, all);
  const Relief relief(disk);
  Client client = server.connect();
  CHECK(client.get("/held.txt").body == "held\n");
  CHECK(client.ask(host_request("plain.example", "/page.txt")).body == "0\n");
  CHECK(client.ask(host_request("deploy.example", "/a.txt")).body == "1\n");
  disk.hang("/");
  std::vector<Client> hung = ask_for_hung(server, 5);
  std::this_thread::sleep_for(Milliseconds{1200});  // whoever looks at the dead root regularly is caught by now
  plain.replace("page.txt", "1\n");
  CHECK(until_answer(client, host_request("plain.example", "/page.txt"),
                     [](const Response& r) { return r.body == "1\n"; }) < Milliseconds{1500});
  REQUIRE(::symlink("releases/2", plain.outside("next").c_str()) == 0);
  REQUIRE(::rename(plain.outside("next").c_str(), plain.outside("current").c_str()) == 0);
  CHECK(until_answer(client, host_request("deploy.example", "/a.txt"),
                     [](const Response& r) { return r.body == "2\n"; }) < Milliseconds{1500});
  // Held bytes of the dead site itself: nobody waits for its look longer than 100 ms.
  const Clock::time_point start = Clock::now();
  CHECK(client.get("/held.txt").body == "held\n");
  CHECK(milliseconds_since(start) < 100 + kAtOnce);
}

TEST_CASE_FIXTURE(Hanging, "a stop does not wait for the dead mount: port, clients and log are done in time" *
                               needs_slow_disk()) {
  Setup one_second = setup("");
  one_second.server += "\ndrain_timeout = \"1s\"";
  Server server(unused, one_second);
  const Relief relief(disk);
  disk.hang("/hung");
  std::vector<Client> hung = ask_for_hung(server, 6);
  const Clock::time_point start = Clock::now();
  server.signal(SIGTERM);
  CHECK(wait_until([&] { return !Client::try_tcp(server.port()).connected(); }, Milliseconds{3000}));
  for (Client& client : hung) {
    const Response response = client.read_response_or_end("GET", Milliseconds{2000});
    CHECK(response.status != 200);
    CHECK(client.wait_for_end(Milliseconds{500}) != Ending::open);
  }
  CHECK(wait_until([&] { return server.errors().find(" stopped\n") != std::string::npos; }, Milliseconds{4000}));
  CHECK(milliseconds_since(start) < 4000);
  CHECK(disk.waiting() > 0);  // it did all that while the disk still hung
  disk.clear();
  CHECK(server.wait_for_exit() == 0);
}
