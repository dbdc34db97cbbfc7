// What a reload does to sites, their files in memory and what is under way: unchanged trees keep what is held of them,
// trees come, go and take another's place without a byte of the one in an answer of the other, downloads come to their
// end, and a disk that hangs holds up nobody but the reload.
#include <doctest/doctest.h>
#include <signal.h>

#include <thread>

#include "changing_download.hpp"
#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "operation_words.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {

// Files that are held and not looked at again while a test runs.
const std::string kHeld = "watch = false\nstale_after = \"1h\"";

struct Trees {
  Trees() {
    for (const char* name : {"one", "two", "three"}) {
      site.outside_file(std::string(name) + "/name.txt", std::string(name) + "\n");
    }
    site.file("name.txt", "first\n");
    site.file("large.bin", content);
  }
  [[nodiscard]] std::string table(const std::string& host, const std::string& tree,
                                  const std::string& lines = "") const {
    return site_table(host, site.outside(tree), lines);
  }
  const std::string content = pattern(Download::kSize, 4);
  Site site;
};

std::string named(Client& client, const std::string& host) { return client.ask(host_request(host, "/name.txt")).body; }

}  // namespace

TEST_CASE_FIXTURE(Trees, "what is held of an unchanged site stays held when another site changes") {
  Daemon daemon(site, {.server = "workers = 1", .cache = kHeld, .more = table("two.example", "two")});
  Client client = daemon.connect();
  CHECK(named(client, "test.example") == "first\n");
  CHECK(named(client, "two.example") == "two\n");
  CHECK(client.get("/missing.txt").status == 404);
  site.replace("name.txt", "replaced\n");
  site.outside_file("two/name.txt", "replaced too\n");
  CHECK(named(client, "test.example") == "first\n");
  CHECK(named(client, "two.example") == "two\n");

  daemon.reload({.server = "workers = 1", .cache = kHeld, .more = table("two.example", "three")});
  CHECK(named(client, "test.example") == "first\n");
  CHECK(named(client, "two.example") == "three\n");
  daemon.reload({.server = "workers = 1", .cache = kHeld, .more = table("two.example", "two")});
  CHECK(named(client, "test.example") == "first\n");
  CHECK(named(client, "two.example") == "replaced too\n");  // nothing was kept of a tree that was gone
  // Sites before it, or another name for it, do not make it another tree.
  daemon.reload({.server = "workers = 1",
                 .cache = kHeld,
                 .root = site.outside("one"),
                 .more = table("two.example", "two") + site_table("test.example", site.root())});
  CHECK(named(client, "test.example") == "first\n");
  CHECK(named(client, "unknown.example") == "one\n");
  daemon.reload({.server = "workers = 1", .cache = kHeld, .site = "hosts = [\"renamed.example\", \"*\"]"});
  CHECK(named(client, "renamed.example") == "first\n");
}

TEST_CASE_FIXTURE(Trees, "a hundred files that are held cost no disk after a reload") {
  for (int i = 0; i < 100; ++i) site.file("f" + std::to_string(i) + ".txt", "old\n");
  Daemon daemon(site, {.server = "workers = 1", .cache = kHeld});
  Client client = daemon.connect();
  for (int i = 0; i < 100; ++i) CHECK(client.get("/f" + std::to_string(i) + ".txt").status == 200);
  for (int i = 0; i < 100; ++i) site.replace("f" + std::to_string(i) + ".txt", "new\n");
  for (int i = 0; i < 5; ++i) {
    daemon.reload({.server = "workers = 1", .cache = kHeld, .more = table("x.example", i % 2 ? "one" : "two")});
  }
  int old = 0;
  for (int i = 0; i < 100; ++i) old += client.get("/f" + std::to_string(i) + ".txt").body == "old\n";
  CHECK(old == 100);
}

TEST_CASE_FIXTURE(Trees, "sites are added, renamed and removed, and each request gets the tree of its own time") {
  Daemon daemon(site, {.server = "workers = 2"});
  Client client = daemon.connect();
  CHECK(named(client, "one.example") == "first\n");
  daemon.reload({.server = "workers = 2", .more = table("one.example", "one") + table("*.two.example", "two")});
  CHECK(named(client, "one.example") == "one\n");
  CHECK(named(client, "a.two.example") == "two\n");
  CHECK(named(client, "else.example") == "first\n");
  daemon.reload({.server = "workers = 2", .more = table("eins.example", "one") + table("a.two.example", "three")});
  CHECK(named(client, "one.example") == "first\n");
  CHECK(named(client, "eins.example") == "one\n");
  CHECK(named(client, "a.two.example") == "three\n");
  daemon.reload({.server = "workers = 2", .root = site.outside("two")});
  for (const char* host : {"one.example", "eins.example", "a.two.example"}) CHECK(named(client, host) == "two\n");
}

TEST_CASE_FIXTURE(Trees, "mounts come and go, and hide what lies below their prefix for as long as they are there") {
  site.file("m/name.txt", "below root\n");
  Daemon daemon(site);
  Client client = daemon.connect();
  const auto below = [&] { return client.get("/m/name.txt").body; };
  CHECK(below() == "below root\n");
  for (const char* name : {"one", "two", "one"}) {
    daemon.reload({.site = "mounts = { \"/m\" = \"" + site.outside(name) + "\" }"});
    CHECK(below() == std::string(name) + "\n");
    CHECK(client.get("/name.txt").body == "first\n");
  }
  daemon.reload({});
  CHECK(below() == "below root\n");
}

TEST_CASE_FIXTURE(Trees,
                  "120 reloads that give one name to ever other trees never show one tree's file for another's") {
  Daemon daemon(site, {.server = "workers = 2", .cache = kHeld});
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(daemon.connect());
  const std::string names[] = {"one", "two", "three"};
  const std::size_t before = daemon.descriptors();
  for (std::size_t i = 0; i < 120; ++i) {
    const std::string& name = names[i % 3];
    const std::string second = i % 2 ? table("second.example", names[(i + 1) % 3]) : "";
    daemon.reload({.server = "workers = 2", .cache = kHeld, .more = table("moving.example", name) + second});
    for (Client& client : clients) {
      REQUIRE(named(client, "moving.example") == name + "\n");
      REQUIRE(named(client, "second.example") == (i % 2 ? names[(i + 1) % 3] + "\n" : "first\n"));
    }
  }
  // Trees that went are let go of within moments; the two that are left may be new.
  CHECK(wait_until([&] { return daemon.descriptors() <= before + 4; }));
  INFO("descriptors: " << before << " before, " << daemon.descriptors() << " after");
}

TEST_CASE_FIXTURE(Trees, "a download that runs across reloads arrives whole, that of a site that is gone too") {
  Daemon daemon(site, {.server = "workers = 2", .more = site_table("gone.example", site.root())});
  Client stays = daemon.connect(32 * 1024);
  Client gone = daemon.connect(32 * 1024);
  stays.send(get_request("/large.bin"));
  gone.send(host_request("gone.example", "/large.bin"));
  const Response head = stays.read_head();
  const Response gone_head = gone.read_head();
  CHECK(head.content_length() == Download::kSize);
  CHECK(gone_head.content_length() == Download::kSize);
  std::string first;
  std::string second;
  for (std::size_t i = 0; i < 10; ++i) {
    const std::string lines = "cache_control = \"max-age=" + std::to_string(i) + "\"";
    daemon.reload({.server = "workers = 2", .site = lines, .root = site.outside(i % 2 ? "one" : "two")});
    const std::size_t step = Download::kSize / 12;
    stays.read_body(step, [&](std::string_view piece) { first += piece; });
    gone.read_body(step, [&](std::string_view piece) { second += piece; });
  }
  stays.read_body(Download::kSize - first.size(), [&](std::string_view piece) { first += piece; });
  gone.read_body(Download::kSize - second.size(), [&](std::string_view piece) { second += piece; });
  CHECK((first == content));
  CHECK((second == content));
  // The connections stay, and lead to what is there now.
  CHECK(stays.get("/name.txt").body == "one\n");
  CHECK(named(gone, "gone.example") == "one\n");
}

TEST_CASE_FIXTURE(Trees,
                  "downloads that never end do not keep every configuration: the oldest end, after drain_timeout") {
  const Setup setup{.server = "workers = 1\ndrain_timeout = \"1s\""};
  Daemon daemon(site, setup);
  std::vector<Client> stuck;
  for (int i = 0; i < 12; ++i) {
    stuck.push_back(daemon.connect(16 * 1024));
    stuck.back().send(get_request("/large.bin"));
    CHECK(stuck.back().read_head().status == 200);
    Setup next = setup;
    next.site = "cache_control = \"max-age=" + std::to_string(i) + "\"";
    daemon.reload(next);
  }
  CHECK(wait_until([&] { return daemon.direct_slots() <= 8 + 1; }));  // and those of eight configurations stay
  std::this_thread::sleep_for(Milliseconds{1500});
  CHECK(daemon.direct_slots() >= 8);
  CHECK(stuck.front().read_body(Download::kSize, [](std::string_view) {}) < Download::kSize);
  CHECK(stuck.back().read_body(Download::kSize, [](std::string_view) {}) == Download::kSize);
}

TEST_CASE_FIXTURE(Trees, "what a download of an old configuration held is given back when it ends") {
  Daemon daemon(site, {.server = "workers = 2"});
  CHECK(daemon.get("/name.txt").status == 200);
  daemon.reload({.server = "workers = 2", .root = site.outside("one")});
  const std::size_t before = daemon.descriptors();
  std::vector<Client> clients;
  for (int i = 0; i < 6; ++i) {
    daemon.reload({.server = "workers = 2"});
    clients.push_back(daemon.connect(16 * 1024));
    clients.back().send(get_request("/large.bin"));
    CHECK(clients.back().read_head().status == 200);
    daemon.reload({.server = "workers = 2", .root = site.outside("one")});
  }
  CHECK(daemon.direct_slots() >= 6);
  clients.clear();
  CHECK(wait_until([&] { return daemon.descriptors() <= before + 2; }, Milliseconds{8000}));
  CHECK(wait_until([&] { return daemon.direct_slots() == 0; }, Milliseconds{8000}));
  INFO("descriptors: " << before << " before, " << daemon.descriptors() << " now; slots " << daemon.direct_slots());
}

TEST_CASE("a reload whose new root hangs holds up nobody, and is done when the disk answers" * needs_slow_disk()) {
  SlowDisk slow;
  slow.files().file("name.txt", "slow\n");
  Site site;
  site.file("name.txt", "first\n");
  Daemon daemon(site, {.server = "workers = 1"});
  const Relief relief(slow);
  Load load(daemon.port(), {.connections = 4, .threads = 1, .requests = {get_request("/name.txt")}});
  slow.hang("/");
  daemon.configure({.server = "workers = 1", .more = site_table("slow.example", slow.root())});
  const std::size_t mark = daemon.mark();
  daemon.signal(SIGHUP);
  CHECK(wait_until([&] { return slow.waiting() > 0; }, Milliseconds{5000}));
  CHECK(load.more_answers(500));
  Client client = daemon.connect();
  CHECK(named(client, "slow.example") == "first\n");  // the old configuration is still in force
  daemon.signal(SIGHUP);
  daemon.signal(SIGUSR1);
  CHECK(load.more_answers(500));
  slow.clear();
  CHECK(daemon.says(words::kReloaded, mark));
  CHECK(wait_until([&] { return named(client, "slow.example") == "slow\n"; }));
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  if (!sanitized()) CHECK(load.percentile(0.99) < 50);
}

TEST_CASE("a stop while a reload hangs on a disk is a stop all the same" * needs_slow_disk()) {
  SlowDisk slow;
  Site site;
  site.file("name.txt", "first\n");
  Daemon daemon(site, {.server = "workers = 1"});
  const Relief relief(slow);
  slow.hang("/");
  daemon.configure({.server = "workers = 1", .more = site_table("slow.example", slow.root())});
  daemon.signal(SIGHUP);
  CHECK(wait_until([&] { return slow.waiting() > 0; }, Milliseconds{5000}));
  daemon.signal(SIGTERM);
  CHECK(wait_until([&] { return !Client::try_tcp(daemon.port()).connected(); }, Milliseconds{3000}));
  // The kernel may keep the thread that waits for a disk; a FUSE request can be interrupted by the process' end.
  CHECK(daemon.says("stopped", 0, Milliseconds{5000}));
  slow.clear();
  CHECK(daemon.wait_for_exit() == 0);
}
