// One dead mount, and what must not be felt of it elsewhere: downloads of other sites, cold opens of other sites,
// deploys. A download that cannot begin is answered, one that has begun breaks off.
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "hot_client.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {

struct DeadMount {
  DeadMount() {
    for (int i = 0; i < 24; ++i) disk.files().file("large" + std::to_string(i), large);
    disk.files().file("500.html", "<p>our own 500</p>\n");
    plain.file("large.bin", large);
  }
  [[nodiscard]] Setup setup(const std::string& more_disk) const {
    Setup setup{.server = "workers = 1",
                .disk = "timeout = \"3s\"\n" + more_disk,
                .site = "error_pages = { 500 = \"/500.html\" }",
                .root = disk.root()};
    setup.more = "[[site]]\nhosts = [\"plain.example\"]\nroot = \"" + plain.root() + "\"\n";
    return setup;
  }
  const std::string large = pattern(3'000'000, 3);
  SlowDisk disk;
  Site plain;
  Site unused;
};

}  // namespace

TEST_CASE_FIXTURE(DeadMount,
                  "downloads that hang on a dead mount leave those of another site alone" * needs_slow_disk()) {
  Server server(unused, setup(""));
  const Relief relief(disk);
  disk.rule("read", "/", "hang=1");
  std::vector<Client> hung;
  for (int i = 0; i < 24; ++i) {
    hung.push_back(server.connect());
    hung.back().send(get_request("/large" + std::to_string(i)));
  }
  REQUIRE(wait_until([&] { return disk.waiting() >= 4; }));
  Client client = server.connect();
  const Response answer = client.ask(host_request("plain.example", "/large.bin"));
  CHECK(answer.status == 200);
  const bool whole = answer.body == large;
  CHECK(whole);
}

TEST_CASE_FIXTURE(DeadMount, "looks that hang before a download's last piece leave other sites' cold opens alone" *
                                 needs_slow_disk()) {
  Server server(unused, setup("kernel_threads = 4"));
  const Relief relief(disk);
  for (int i = 0; i < 8; ++i) CHECK(server.get("/large" + std::to_string(i)).body.size() == large.size());
  disk.rule("getattr", "/", "hang=1");
  std::vector<Client> hung;
  for (int i = 0; i < 8; ++i) {
    hung.push_back(server.connect());
    hung.back().send(get_request("/large" + std::to_string(i)));
  }
  std::this_thread::sleep_for(Milliseconds{300});
  Client client = server.connect();
  for (int i = 0; i < 10; ++i) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(client.ask(host_request("plain.example", "/never-asked-for-" + std::to_string(i))).status == 404);
    CHECK(milliseconds_since(start) < 1000);
  }
}

TEST_CASE_FIXTURE(DeadMount,
                  "a large file whose first read fails is 500, and whose first read hangs 503" * needs_slow_disk()) {
  Server server(unused, setup(""));
  const Relief relief(disk);
  disk.rule("read", "/large1", "error=" + std::to_string(EIO));
  const Response failed = server.get("/large1");
  CHECK(failed.status == 500);
  CHECK(failed.body == "<p>our own 500</p>\n");
  CHECK(failed.field("Connection") == "close");
  disk.clear();
  const bool whole = server.get("/large1").body == large;
  CHECK(whole);
  disk.rule("read", "/large2", "hang=1");
  const Response late = server.get("/large2");
  CHECK(late.status == 503);
  CHECK(late.has("Retry-After"));
}

TEST_CASE_FIXTURE(DeadMount,
                  "a mount that hangs below one site's root does not hide another site's deploy" * needs_slow_disk()) {
  Site nesting;
  nesting.file("index.html", "nesting\n");
  REQUIRE(::mkdir((nesting.root() + "/nested").c_str(), 0755) == 0);
  REQUIRE(::mount(disk.root().c_str(), (nesting.root() + "/nested").c_str(), nullptr, MS_BIND, nullptr) == 0);
  Site deploys;
  deploys.outside_file("releases/1/a.txt", "1\n");
  deploys.outside_file("releases/2/a.txt", "2\n");
  REQUIRE(::symlink("releases/1", deploys.outside("current").c_str()) == 0);
  {
    Setup both = setup("");
    both.root = nesting.root();
    both.more = "[[site]]\nhosts = [\"deploy.example\"]\nroot = \"" + deploys.outside("current") + "\"\n";
    both.site = "";
    Server server(unused, both);
    const Relief relief(disk);
    Client client = server.connect();
    CHECK(client.ask(host_request("deploy.example", "/a.txt")).body == "1\n");
    disk.hang("/");
    Client hung = server.connect();
    hung.send(get_request("/nested/nope/x"));
    std::this_thread::sleep_for(Milliseconds{500});
    REQUIRE(::symlink("releases/2", deploys.outside("next").c_str()) == 0);
    REQUIRE(::rename(deploys.outside("next").c_str(), deploys.outside("current").c_str()) == 0);
    CHECK(until_answer(client, host_request("deploy.example", "/a.txt"),
                       [](const Response& r) { return r.body == "2\n"; }) < Milliseconds{1500});
    disk.clear();
  }
  CHECK(::umount2((nesting.root() + "/nested").c_str(), MNT_DETACH) == 0);
}
