// A disk whose every step is slow is waited for by those who ask for its cold files, and by nobody else: the worker has
// other answers to give meanwhile. There is one worker, so a single wait of it would be felt by the hot client.
#include <doctest/doctest.h>

#include <thread>

#include "hot_client.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

// A worker that waited for one step of a disk would be deaf for its whole delay, which is at least twice this.
constexpr double kDeaf = sanitized() ? 95 : 50;

std::string cold_name(int number) { return "/cold/" + std::to_string(number) + ".txt"; }

// The first site is on an ordinary disk, slow.example is not. What is in `slow` before the server starts is quick.
struct Sites {
  Sites() {
    fast.file("hot.txt", "hot\n");
    for (int i = 0; i < 100; ++i) slow.files().file(cold_name(i).substr(1), pattern(7000, static_cast<uint32_t>(i)));
    slow.files().file("hot.txt", "old\n");
  }
  [[nodiscard]] Setup setup(const std::string& cache = "", const std::string& disk = "") const {
    return {.server = "workers = 1", .disk = disk, .cache = cache, .more = site_table("slow.example", slow.root())};
  }
  SlowDisk slow;
  Site fast;
};

const std::string kHot = host_request("test.example", "/hot.txt");
const std::string kSlowHot = host_request("slow.example", "/hot.txt");
}  // namespace

TEST_CASE_FIXTURE(Sites, "fifty cold files on a disk of 200 ms a step cost a hot file of another site nothing" *
                             needs_slow_disk()) {
  Server server(fast, setup("", "kernel_threads = 32"));
  const Relief relief(slow);
  slow.delay(Milliseconds{200});
  HotClient hot(server, kHot);
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(server.connect());
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < 50; ++i) clients[static_cast<std::size_t>(i)].send(host_request("slow.example", cold_name(i)));
  int right = 0;
  for (int i = 0; i < 50; ++i) {
    const Response response = clients[static_cast<std::size_t>(i)].read_response();
    right += response.status == 200 && response.body == pattern(7000, static_cast<uint32_t>(i));
  }
  CHECK(milliseconds_since(start) > 600);  // look-up, open, read: the disk was slow indeed
  hot.stop();
  INFO(hot.figures());
  CHECK(right == 50);
  CHECK(hot.wrong() == 0);
  CHECK(hot.count() > 300);
  CHECK(hot.percentile(0.5) < 5);
  CHECK(hot.slowest() < 2 * kDeaf);
}

TEST_CASE_FIXTURE(Sites, "a held file of the slow disk itself is answered in time, and its new bytes come" *
                             needs_slow_disk()) {
  Server server(fast, setup("stale_after = \"300ms\""));
  const Relief relief(slow);
  HotClient hot(server, kSlowHot);
  slow.delay(Milliseconds{250});  // the first look back from the disk is 500 ms old
  std::this_thread::sleep_for(Milliseconds{2500});
  slow.files().replace("hot.txt", "new\n");
  Client client = server.connect();
  const Milliseconds seen = until_answer(client, kSlowHot, [](const Response& r) { return r.body == "new\n"; });
  hot.stop();
  INFO(hot.figures());
  CHECK(seen < Milliseconds{4000});
  CHECK(hot.wrong() == 0);
  CHECK(hot.percentile(0.5) < 5);
  CHECK(hot.slowest() < 100 + kDeaf);  // contract.md: a look is waited for 100 ms, then the held bytes are served
}

TEST_CASE_FIXTURE(Sites,
                  "what is missing on the slow disk is looked for beside the loop, then remembered for missing_ttl" *
                      needs_slow_disk()) {
  Server server(fast, setup("missing_ttl = \"1s\""));
  const Relief relief(slow);
  slow.delay(Milliseconds{200});
  HotClient hot(server, kHot);
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(server.connect());
  for (int i = 0; i < 20; ++i) {
    const std::string target = "/missing-" + std::to_string(i) + ".txt";
    clients[static_cast<std::size_t>(i)].send(host_request("slow.example", target));
  }
  for (Client& client : clients) CHECK(client.read_response().status == 404);

  Client& client = clients.front();
  const std::string later = host_request("slow.example", "/later.txt");
  Clock::time_point start = Clock::now();
  CHECK(client.ask(later).status == 404);
  CHECK(milliseconds_since(start) > 190);
  start = Clock::now();
  CHECK(client.ask(later).status == 404);
  CHECK(milliseconds_since(start) < 100);
  slow.files().file("later.txt", "here\n");
  const Milliseconds seen = until_answer(client, later, [](const Response& r) { return r.status == 200; });
  CHECK(seen < Milliseconds{1000 + 4 * 200 + 500});
  hot.stop();
  INFO(hot.figures());
  CHECK(hot.wrong() == 0);
  CHECK(hot.slowest() < 2 * kDeaf);
}

TEST_CASE_FIXTURE(Sites,
                  "many who ask for one cold file of the slow disk cost it one open and one read" * needs_slow_disk()) {
  Server server(fast, setup());
  const Relief relief(slow);
  slow.delay(Milliseconds{100});
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(server.connect());
  for (Client& client : clients) client.send(host_request("slow.example", cold_name(1)));
  clients.erase(clients.begin() + 20, clients.end());  // a third goes away and takes nothing along
  int right = 0;
  for (Client& client : clients) right += client.read_response().body == pattern(7000, 1);
  CHECK(right == 20);
  CHECK(slow.seen("open", cold_name(1)) == 1);
  CHECK(slow.seen("read", cold_name(1)) == 1);
}

TEST_CASE_FIXTURE(Sites, "the work for clients that all left is finished, and the next one finds it done" *
                             needs_slow_disk()) {
  Server server(fast, setup("stale_after = \"60s\""));
  const Relief relief(slow);
  slow.delay(Milliseconds{100});
  {
    Client gone = server.connect();
    gone.send(host_request("slow.example", cold_name(2)));
    std::this_thread::sleep_for(Milliseconds{50});
    gone.reset();
  }
  CHECK(wait_until([&] { return slow.seen("release", cold_name(2)) == 1; }));
  Client client = server.connect();
  const Clock::time_point start = Clock::now();
  const bool right = client.ask(host_request("slow.example", cold_name(2))).body == pattern(7000, 2);
  CHECK(right);
  CHECK(milliseconds_since(start) < kDeaf);
}

TEST_CASE_FIXTURE(Sites, "no kind of request makes a worker touch the slow disk itself" * needs_slow_disk()) {
  const Site& tree = slow.files();
  tree.file("index/index.html", "index\n");
  tree.directory("empty");
  tree.directory("bare");
  tree.fifo("pipe");
  tree.symlink("escape", "/etc/passwd");
  tree.symlink("link.txt", "hot.txt");
  tree.file("large.bin", pattern(400000, 9));
  Server server(fast, setup("stale_after = \"100ms\"\nmissing_ttl = \"100ms\""));
  const Relief relief(slow);
  slow.delay(Milliseconds{100});
  HotClient hot(server, kHot);
  struct Kind {
    const char* target;
    const char* fields;
    const char* method;
    int status;
  };
  const std::vector<Kind> kinds = {{"/hot.txt", "", "GET", 200},
                                   {"/cold/1.txt", "", "HEAD", 200},
                                   {"/cold/2.txt", "Range: bytes=10-19\r\n", "GET", 206},
                                   {"/cold/3.txt", "If-None-Match: \"x\"\r\n", "GET", 200},
                                   {"/nothing.txt", "", "GET", 404},
                                   {"/cold/4.txt/below", "", "GET", 404},
                                   {"/index", "", "GET", 301},
                                   {"/index/", "", "GET", 200},
                                   {"/empty/", "", "GET", 403},
                                   {"/bare", "", "GET", 301},
                                   {"/pipe", "", "GET", 403},
                                   {"/escape", "", "GET", 403},
                                   {"/link.txt", "", "GET", 200},
                                   {"/large.bin", "", "HEAD", 200},
                                   {"/large.bin", "", "GET", 200},
                                   {"/large.bin", "Range: bytes=399990-\r\n", "GET", 206}};
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kinds.size(); ++i) clients.push_back(server.connect());
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      clients[i].send(host_request("slow.example", kinds[i].target, kinds[i].fields, kinds[i].method));
    }
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      INFO(kinds[i].method << " " << kinds[i].target);
      CHECK(clients[i].read_response(kinds[i].method).status == kinds[i].status);
    }
  }
  // A download that is broken off: its file is closed somewhere else too.
  Client leaving = server.connect();
  leaving.send(host_request("slow.example", "/large.bin"));
  CHECK(leaving.read_head().status == 200);
  leaving.reset();
  std::this_thread::sleep_for(Milliseconds{500});
  hot.stop();
  INFO(hot.figures());
  CHECK(hot.wrong() == 0);
  CHECK(hot.percentile(0.99) < (sanitized() ? 40 : 20));
  CHECK(hot.slowest() < kDeaf);
}
