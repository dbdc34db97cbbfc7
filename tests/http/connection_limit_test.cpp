// Bounds on connections: limits.connections, requests_per_connection, few descriptors, many clients at once.
#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("medium.bin", medium);
  }
  const std::string medium = pattern(1 << 20, 8);
  Site site;
};

struct Fates {
  std::size_t answered = 0;
  std::size_t turned_away = 0;  // the connection ended without an answer
};

// Waits until each has its fate; whoever has it leaves and makes room for another.
Fates fates_when_others_leave(std::vector<Client>& waiting) {
  Fates fates;
  wait_until([&] {
    std::erase_if(waiting, [&](Client& client) {
      const bool anything = client.anything_within(Milliseconds{1});
      if (anything) fates.answered += client.read_response().status == 200;
      const bool left = !anything && client.ending() != Ending::open;
      fates.turned_away += left;
      return anything || left;
    });
    return waiting.empty();
  });
  return fates;
}
}  // namespace

TEST_CASE_FIXTURE(Tree, "beyond limits.connections a client waits until another leaves") {
  Server server(site, {.server = "workers = 1", .limits = "connections = 4"});
  std::vector<Client> first;
  for (int i = 0; i < 4; ++i) {
    first.push_back(server.connect());
    CHECK(first.back().get("/a.txt").status == 200);
  }
  Client fifth = server.connect();
  fifth.send(get_request("/a.txt"));
  CHECK(!fifth.anything_within(Milliseconds{500}));
  for (Client& client : first) CHECK(client.get("/a.txt").status == 200);
  first.pop_back();
  CHECK(fifth.read_response().status == 200);
}

TEST_CASE_FIXTURE(Tree, "limits.connections counts all workers together, and nobody waits for ever") {
  Server server(site, {.server = "workers = 2", .limits = "connections = 4"});
  std::vector<Client> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(server.connect());
    clients.back().send(get_request("/a.txt"));
  }
  std::this_thread::sleep_for(Milliseconds{500});
  const auto answered =
      std::count_if(clients.begin(), clients.end(), [](Client& c) { return c.anything_within(Milliseconds{0}); });
  CHECK(answered <= 4);
  CHECK(answered >= 1);
  const Fates fates = fates_when_others_leave(clients);
  CHECK(fates.answered == 12);
  CHECK(fates.turned_away == 0);
}

TEST_CASE_FIXTURE(Tree, "the last of requests_per_connection says close, and later requests are not answered") {
  Server server(site, {.limits = "requests_per_connection = 3"});
  Client client = server.connect();
  client.send(get_request("/a.txt") + get_request("/missing") + get_request("/a.txt") + get_request("/a.txt"));
  CHECK(!client.read_response().connection_says("close"));
  CHECK(!client.read_response().connection_says("close"));
  CHECK(client.read_response().connection_says("close"));
  CHECK(client.wait_for_end() != Ending::open);
}

TEST_CASE_FIXTURE(Tree, "with 64 descriptors it serves, survives 150 clients, and recovers when they leave") {
  const std::unique_ptr<Server> server = Server::start_or_clean_refusal(site, {.nofile = 64});
  if (!server) return;
  CHECK(server->get("/a.txt").status == 200);
  {
    std::vector<Client> clients;
    for (int i = 0; i < 150; ++i) {
      clients.push_back(server->connect());
      clients.back().send(get_request(i % 2 ? "/a.txt" : "/medium.bin"));
    }
    std::this_thread::sleep_for(Milliseconds{300});
    CHECK(server->alive());
  }
  // Those that left while they waited are still in the backlog: a fresh client may have to try again behind them.
  CHECK(wait_until([&] {
    Client client = server->connect();
    client.send(get_request("/medium.bin"));
    return client.read_response_or_end().body == medium;
  }));
}

TEST_CASE_FIXTURE(Tree, "with 64 descriptors most of 100 clients are served as others leave, and nobody hangs") {
  const std::unique_ptr<Server> server = Server::start_or_clean_refusal(site, {.nofile = 64});
  if (!server) return;
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(server->connect());
    clients.back().send(get_request("/a.txt"));
  }
  const Fates fates = fates_when_others_leave(clients);
  CHECK(clients.empty());
  CHECK(fates.answered + fates.turned_away == 100);
  CHECK(fates.answered >= 50);
  MESSAGE(fates.turned_away << " of 100 clients were turned away");
}

TEST_CASE_FIXTURE(Tree, "with 1,024 descriptors 960 clients are served at once: RLIMIT_NOFILE - 64") {
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &own) == 0);
  if (own.rlim_max < 1200) return;  // our own ends of these connections need as many
  own.rlim_cur = std::max<rlim_t>(own.rlim_cur, 1200);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &own) == 0);
  Server server(site, {.server = "workers = 1", .nofile = 1024});
  std::vector<Client> clients;
  int answered = 0;
  for (int i = 0; i < 960; ++i) {
    clients.push_back(server.connect());
    clients.back().send(get_request("/a.txt"));
  }
  for (Client& client : clients) answered += client.read_response().status == 200;
  // Once more: nobody was turned away to make room for another.
  for (Client& client : clients) client.send(get_request("/a.txt"));
  for (Client& client : clients) answered += client.read_response().status == 200;
  CHECK(answered == 1920);
}

TEST_CASE_FIXTURE(Tree, "an ordinary user without locked memory gets a working server or one clear line") {
  if (!running_as_root()) return;
  const std::unique_ptr<Server> server = Server::start_or_clean_refusal(site, {.as_nobody = true, .memlock = 0});
  if (!server) return;
  CHECK(server->get("/a.txt").status == 200);
  CHECK(server->get("/medium.bin").body == medium);
}

TEST_CASE_FIXTURE(Tree, "an ordinary user with 8 MiB of locked memory, Debian's default, gets a working server") {
  if (!running_as_root()) return;
  Server server(site, {.as_nobody = true, .memlock = 8 << 20});
  CHECK(server.get("/a.txt").status == 200);
  CHECK(server.get("/medium.bin").body == medium);
}

TEST_CASE_FIXTURE(Tree, "300 clients at once are all answered, small and large, and memory stays bounded") {
  Server server(site);
  const std::uint64_t before = server.resident_kib();
  std::vector<Client> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(server.connect());
  for (Client& client : clients) client.send(get_request("/a.txt") + get_request("/medium.bin"));
  int right = 0;
  for (Client& client : clients) {
    right += client.read_response().body == "a\n";
    right += client.read_response().body == medium;
  }
  CHECK(right == 600);
  for (Client& client : clients) client.send(get_request("/a.txt"));
  for (Client& client : clients) right += client.read_response().status == 200;
  CHECK(right == 900);
  // stream_memory is 64 MiB; the rest is room for connections and the cache.
  if (!sanitized()) CHECK(server.resident_kib() < before + 160 * 1024);
}
