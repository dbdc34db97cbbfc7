// The stop as contract.md has it, where shutdown_test.cpp ends: shutdown_delay, clients that never rest, a whole
// backlog, many idle ones, logs, a disk that hangs, and signals before there is anything to stop.
#include <doctest/doctest.h>
#include <signal.h>

#include <thread>

#include "changing_download.hpp"
#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

struct Tree {
  Tree() {
    site.file("large.bin", pattern(Download::kSize, 1));
    site.file("a.txt", "a\n");
  }
  Site site;
};

// "within 2 s where all clients are idle", and room for a loaded machine.
constexpr Milliseconds kSoon{sanitized() ? 8000 : 4000};

bool refuses(int port) { return !Client::try_tcp(port).connected(); }
}  // namespace

TEST_CASE_FIXTURE(Tree, "for shutdown_delay it still accepts and serves; then it drains and is gone soon") {
  Daemon daemon(site, {.server = "shutdown_delay = \"2s\""});
  Client old = daemon.connect();
  CHECK(old.get("/a.txt").status == 200);
  const Clock::time_point start = Clock::now();
  daemon.signal(SIGTERM);
  int served = 0;
  while (milliseconds_since(start) < 1500) {
    Client client = Client::try_tcp(daemon.port());
    REQUIRE(client.connected());
    served += client.get("/a.txt").status == 200;
    std::this_thread::sleep_for(Milliseconds{20});
  }
  CHECK(served > 10);
  CHECK(daemon.alive());
  CHECK(wait_until([&] { return refuses(daemon.port()); }, Milliseconds{3000}));
  CHECK(milliseconds_since(start) > 1900);
  CHECK(daemon.wait_for_exit(kSoon) == 0);
}

TEST_CASE_FIXTURE(Tree, "a second signal during shutdown_delay ends it at once") {
  for (const int second : {SIGTERM, SIGINT}) {
    Daemon daemon(site, {.server = "shutdown_delay = \"60s\""});
    Client client = daemon.connect();
    CHECK(client.get("/a.txt").status == 200);
    daemon.signal(SIGTERM);
    CHECK(!daemon.wait_for_exit(Milliseconds{500}).has_value());
    daemon.signal(second);
    CHECK(daemon.wait_for_exit(kSoon) == 0);
  }
}

TEST_CASE_FIXTURE(Tree, "500 idle clients, fresh and served ones, are gone within 2 s, and so is it") {
  Daemon daemon(site, {.server = "workers = 2"});
  std::vector<Client> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(daemon.connect());
  for (std::size_t i = 0; i < clients.size(); i += 2) clients[i].send(get_request("/a.txt"));
  for (std::size_t i = 0; i < clients.size(); i += 2) CHECK(clients[i].read_response().status == 200);
  const Clock::time_point start = Clock::now();
  daemon.signal(SIGTERM);
  CHECK(daemon.wait_for_exit(kSoon) == 0);
  if (!sanitized()) CHECK(milliseconds_since(start) < 2500);
  int closed = 0;
  for (Client& client : clients) closed += client.wait_for_end() == Ending::closed;
  CHECK(closed == 500);
}

TEST_CASE_FIXTURE(Tree, "clients that never rest: each gets one last whole answer that says close, and none is cut") {
  for (int round = 0; round < 5; ++round) {
    Daemon daemon(site, {.server = "workers = 2"});
    Load load(daemon.port(), {.connections = 32, .requests = {get_request("/a.txt")}, .until_closed = true});
    CHECK(load.more_answers(500));
    daemon.signal(SIGTERM);
    CHECK(daemon.wait_for_exit(kSoon) == 0);
    load.stop();
    INFO(load.figures());
    CHECK(load.cut() == 0);
    CHECK(load.wrong() == 0);
    CHECK(load.refused() == 0);
    CHECK(load.renewed() == 32);
  }
}

TEST_CASE_FIXTURE(Tree,
                  "of a pipeline that had arrived when the signal came every answer comes, then the connection ends") {
  Daemon daemon(site, {.server = "workers = 1"});
  Client client = daemon.connect();
  CHECK(client.get("/a.txt").status == 200);
  std::string pipeline;
  for (int i = 0; i < 300; ++i) pipeline += get_request(i % 3 ? "/a.txt" : "/missing");
  daemon.signal(SIGSTOP);
  client.send(pipeline);
  std::this_thread::sleep_for(Milliseconds{100});
  daemon.signal(SIGTERM);
  daemon.signal(SIGCONT);
  int answered = 0;
  for (int i = 0; i < 300; ++i) answered += client.read_response().status == (i % 3 ? 200 : 404);
  CHECK(answered == 300);
  CHECK(client.wait_for_end() == Ending::closed);
  CHECK(daemon.wait_for_exit(kSoon) == 0);
}

TEST_CASE_FIXTURE(Tree, "what the backlog held when the signal came is accepted and answered, on every worker") {
  for (const int workers : {1, 2, 4}) {
    INFO(workers << " workers");
    Daemon daemon(site, {.server = "workers = " + std::to_string(workers)});
    daemon.signal(SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 200; ++i) {
      clients.push_back(daemon.connect());
      clients.back().send(get_request("/a.txt"));
    }
    daemon.signal(SIGTERM);
    daemon.signal(SIGCONT);
    int answered = 0;
    int ended = 0;
    for (Client& client : clients) {
      const Response response = client.read_response_or_end();
      answered += response.status == 200 && response.complete;
    }
    // A worker may be quicker than the signal: its answers need not say close, but nobody is left waiting.
    for (Client& client : clients) ended += client.wait_for_end() == Ending::closed;
    CHECK(answered == 200);
    CHECK(ended == 200);
    CHECK(daemon.wait_for_exit(kSoon) == 0);
  }
}

TEST_CASE_FIXTURE(Tree, "half a request when the signal comes is answered with close when the rest comes") {
  Daemon daemon(site);
  Client client = daemon.connect();
  client.send("GET /a.txt HTTP/1.1\r\nHost: a");
  Client body = daemon.connect();
  body.send(request("POST", "/a.txt", "Content-Length: 10\r\n") + "01234");
  // Answered means: what was sent before it has been read.
  CHECK(daemon.get("/a.txt").status == 200);
  std::this_thread::sleep_for(Milliseconds{100});
  daemon.signal(SIGTERM);
  CHECK(wait_until([&] { return refuses(daemon.port()); }, Milliseconds{3000}));
  const Response response = client.ask("\r\n\r\n");
  CHECK(response.body == "a\n");
  CHECK(response.connection_says("close"));
  body.send("56789");
  const Response refused = body.read_response_or_end();
  CHECK(refused.status == 405);
  CHECK(refused.connection_says("close"));
  CHECK(daemon.wait_for_exit(kSoon) == 0);
}

TEST_CASE_FIXTURE(Tree, "every answer that was given has its line in the access log when the process is gone") {
  const std::string file = site.outside("access.log");
  Daemon daemon(site, {.server = "workers = 2", .more = access_log_table(file)});
  Load load(daemon.port(), {.connections = 16, .requests = {get_request("/a.txt")}, .until_closed = true});
  CHECK(load.more_answers(2000));
  daemon.signal(SIGTERM);
  CHECK(daemon.wait_for_exit(kSoon) == 0);
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  CHECK(lines_of(file_bytes(file)).size() == load.answers());
  CHECK(count_of(daemon.log(), "stopped") == 1);
}

TEST_CASE_FIXTURE(Tree, "drain_timeout 0s ends even a download at once, and a line in the access log tells of it") {
  const std::string file = site.outside("access.log");
  Daemon daemon(site, {.server = "drain_timeout = \"0s\"", .more = access_log_table(file)});
  Client client = daemon.connect(32 * 1024);
  client.send(get_request("/large.bin"));
  CHECK(client.read_head().status == 200);
  daemon.signal(SIGTERM);
  CHECK(daemon.wait_for_exit(kSoon) == 0);
  const std::string log = file_bytes(file);
  INFO(log);
  CHECK(count_of(log, "\"GET /large.bin HTTP/1.1\" 200 ") == 1);
  CHECK(log.find(" 200 " + std::to_string(Download::kSize) + " ") == std::string::npos);
}

TEST_CASE("a hung disk does not hold the stop: the port, the clients and the logs are done within drain_timeout" *
          needs_slow_disk()) {
  SlowDisk slow;
  slow.files().file("cold.txt", "cold\n");
  Site site;
  site.file("a.txt", "a\n");
  const std::string file = site.outside("access.log");
  Daemon daemon(site, {.server = "workers = 2\ndrain_timeout = \"1500ms\"",
                       .more = site_table("slow.example", slow.root()) + access_log_table(file)});
  const Relief relief(slow);
  slow.hang("/cold.txt");
  std::vector<Client> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back(daemon.connect());
    waiting.back().send(host_request("slow.example", "/cold.txt"));
  }
  CHECK(wait_until([&] { return slow.waiting() > 0; }));
  CHECK(daemon.get("/a.txt").status == 200);
  const Clock::time_point start = Clock::now();
  daemon.signal(SIGTERM);
  CHECK(wait_until([&] { return refuses(daemon.port()); }, Milliseconds{3000}));
  int over = 0;
  for (Client& client : waiting) {
    const Response response = client.read_response_or_end("GET", Milliseconds{8000});
    over += client.ending() != Ending::open || response.connection_says("close");
  }
  CHECK(over == 10);
  CHECK(daemon.says("stopped"));
  if (!sanitized()) CHECK(milliseconds_since(start) < 4000);
  CHECK(file_bytes(file).find("\"GET /a.txt HTTP/1.1\" 200 2 ") != std::string::npos);
  slow.clear();
  CHECK(daemon.wait_for_exit() == 0);
}

TEST_CASE_FIXTURE(Tree, "SIGTERM at any moment of the start ends it cleanly, or by the signal before it is known") {
  int clean = 0;
  for (int delay_ms = 0; delay_ms <= 120; delay_ms += 8) {
    Daemon daemon(site, Setup{.server = "workers = 2"}, {.wait = false});
    std::this_thread::sleep_for(Milliseconds{delay_ms});
    daemon.signal(SIGTERM);
    const std::optional<int> code = daemon.wait_for_exit(kSoon);
    INFO("after " << delay_ms << " ms; log: " << daemon.log());
    const bool known = code == 0 || (code == -1 && daemon.log().empty());
    CHECK(known);
    clean += code == 0;
  }
  CHECK(clean > 0);
}
