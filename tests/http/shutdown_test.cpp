// SIGTERM and SIGINT: what is under way is finished, what is idle is closed, nothing new is taken, exit code 0.
#include <doctest/doctest.h>
#include <signal.h>

#include <thread>

#include "changing_download.hpp"
#include "harness.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

struct Tree {
  Tree() {
    site.file("large.bin", content);
    site.file("a.txt", "a\n");
  }
  const std::string content = pattern(Download::kSize, 1);
  Site site;
};

// "within 2 s where all clients are idle", and room for a loaded machine.
constexpr Milliseconds kSoon{8000};
}  // namespace

TEST_CASE_FIXTURE(Tree, "without clients it is gone at once") {
  for (const int number : {SIGTERM, SIGINT}) {
    Server server(site);
    server.signal(number);
    CHECK(server.wait_for_exit(kSoon) == 0);
  }
}

TEST_CASE_FIXTURE(Tree, "idle connections, served and fresh ones, are closed and it is gone soon") {
  Server server(site);
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(server.connect());
    if (i % 2) CHECK(clients.back().get("/a.txt").status == 200);
  }
  server.signal(SIGTERM);
  CHECK(server.wait_for_exit(kSoon) == 0);
  for (Client& client : clients) CHECK(client.wait_for_end() == Ending::closed);
}

TEST_CASE_FIXTURE(Tree, "a slow download is finished, and what was asked for behind it is answered with close") {
  Server server(site);
  Download download(server);
  download.client().send(get_request("/a.txt"));
  Client idle = server.connect();
  server.signal(SIGTERM);
  CHECK(idle.wait_for_end() == Ending::closed);
  CHECK(server.alive());
  CHECK(wait_until([&] { return !Client::try_tcp(server.port()).connected(); }, kSoon));
  CHECK(download.finish());
  const bool same = download.body() == content;
  CHECK(same);
  const Response last = download.client().read_response();
  CHECK(last.body == "a\n");
  CHECK(last.connection_says("close"));
  CHECK(download.client().wait_for_end() == Ending::closed);
  CHECK(server.wait_for_exit(kSoon) == 0);
}

TEST_CASE_FIXTURE(Tree, "requests whose bytes have arrived are answered before it goes") {
  Server server(site);
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(server.connect());
  for (Client& client : clients) client.send(get_request("/a.txt"));
  server.signal(SIGTERM);
  int answered = 0;
  for (Client& client : clients) {
    const Response response = client.read_response_or_end();
    answered += response.status == 200 && response.complete;
  }
  CHECK(answered == 50);
  CHECK(server.wait_for_exit(kSoon) == 0);
}

TEST_CASE_FIXTURE(Tree, "a second signal ends it at once, whatever is under way") {
  Server server(site);
  Download download(server);
  server.signal(SIGTERM);
  CHECK(!server.wait_for_exit(Milliseconds{1500}).has_value());
  const Clock::time_point start = Clock::now();
  server.signal(SIGTERM);
  CHECK(server.wait_for_exit(kSoon) == 0);
  CHECK(Clock::now() - start < Milliseconds{5000});
  CHECK(!download.finish());
}

TEST_CASE_FIXTURE(Tree, "drain_timeout bounds the wait for a client that does not read, and the exit code is 0") {
  Server server(site, {.server = "drain_timeout = \"500ms\""});
  Download download(server);
  server.signal(SIGTERM);
  CHECK(server.wait_for_exit(kSoon) == 0);
  CHECK(!download.finish());
}

TEST_CASE_FIXTURE(Tree, "the port is free for the next one as soon as it has gone") {
  const int port = free_port();
  for (int i = 0; i < 3; ++i) {
    Server server(site, {site.root(), "--listen", "127.0.0.1:" + std::to_string(port)}, port);
    Client client = server.connect();
    CHECK(client.get("/a.txt").status == 200);
    server.signal(SIGTERM);
    CHECK(server.wait_for_exit(kSoon) == 0);
  }
}
