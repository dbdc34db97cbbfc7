// limits.connections_per_ip: counted over all workers, by who the client is; one more is closed without an answer, and
// costs nobody else anything. Trusted proxies and unix peers are not counted; whom a PROXY header names is.
#include <doctest/doctest.h>

#include <thread>

#include "daemon.hpp"
#include "load.hpp"
#include "peer.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() { site.file("a.txt", "a\n"); }
  static Setup limited(int most, const std::string& server = "") {
    return {.server = "workers = 4\n" + server, .limits = "connections_per_ip = " + std::to_string(most)};
  }
  // Connections from `source` that are answered; all stay open in `peers`.
  static int answered(std::vector<Peer>& peers, const std::string& source, int port, int count,
                      const std::string& before = "") {
    int result = 0;
    for (int i = 0; i < count; ++i) {
      peers.emplace_back(source, port);
      peers.back().send(before + get_request("/a.txt"));
      result += peers.back().status(Milliseconds{5000}) == 200;
    }
    return result;
  }
  Site site;
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "of 40 connections from one address exactly the limit is served, on whatever worker they are") {
  Daemon daemon(site, limited(10));
  std::vector<Peer> peers;
  CHECK(answered(peers, "127.0.0.2", daemon.port(), 40) == 10);
  for (std::size_t i = 10; i < 40; ++i) CHECK(peers[i].ended_within(Milliseconds{2000}));
  // Those inside go on being served; others are not touched.
  for (std::size_t i = 0; i < 10; ++i) {
    peers[i].send(get_request("/a.txt"));
    CHECK(peers[i].status() == 200);
  }
  std::vector<Peer> others;
  for (int i = 3; i < 13; ++i) CHECK(answered(others, "127.0.0." + std::to_string(i), daemon.port(), 1) == 1);
  CHECK(answered(others, "127.0.0.3", daemon.port(), 12) == 9);
}

TEST_CASE_FIXTURE(Tree, "a connection that ends, in whatever way, makes room for another") {
  Daemon daemon(site, limited(3));
  for (int round = 0; round < 20; ++round) {
    std::vector<Peer> peers;
    CHECK(wait_until(
        [&] {
          peers.clear();
          return answered(peers, "127.0.0.2", daemon.port(), 3) == 3;
        },
        Milliseconds{5000}));
    if (round % 2) peers[0].send("garbage\r\n\r\n");
  }
  for (int i = 0; i < 200; ++i) {
    Peer peer("127.0.0.2", daemon.port());
    peer.send(get_request("/a.txt", "Connection: close\r\n"));
    peer.read_to_end(Milliseconds{3000});
  }
  std::vector<Peer> peers;
  CHECK(wait_until(
      [&] {
        peers.clear();
        return answered(peers, "127.0.0.2", daemon.port(), 3) == 3;
      },
      Milliseconds{5000}));
}

TEST_CASE_FIXTURE(Tree, "a thousand refused connections harm nobody: others' requests go on without a failure") {
  Daemon daemon(site, limited(8));
  Load load(daemon.port(), {.connections = 4, .threads = 1, .requests = {get_request("/a.txt")}});
  std::vector<Peer> inside;
  CHECK(answered(inside, "127.0.0.2", daemon.port(), 8) == 8);
  for (int i = 0; i < 1000; ++i) {
    Peer peer("127.0.0.2", daemon.port());
    peer.send(get_request("/a.txt"));
    REQUIRE(peer.answer(Milliseconds{5000}) == "");
  }
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  CHECK(load.renewed() == 0);
  for (Peer& peer : inside) {
    peer.send(get_request("/a.txt"));
    CHECK(peer.status() == 200);
  }
  daemon.stop();
  // Each refused one is in a worker's account.
  std::uint64_t refused = 0;
  const std::string log = daemon.log();
  for (std::size_t at = log.find(" refused="); at != std::string::npos; at = log.find(" refused=", at + 1)) {
    refused += std::stoull(log.substr(at + 9));
  }
  CHECK(refused == 1000);
}

TEST_CASE_FIXTURE(Tree, "a trusted proxy is not counted; those whom its PROXY headers name are") {
  const int plain = free_port();
  const int proxied = free_port();
  const std::string text =
      with_listen(configuration(site, limited(3, "trusted_proxies = [\"127.0.0.1\"]"), plain),
                  "[\"127.0.0.1:" + std::to_string(plain) + "\", { address = \"127.0.0.1:" + std::to_string(proxied) +
                      "\", proxy_protocol = true }]");
  Daemon daemon(site, text, plain);
  std::vector<Peer> peers;
  CHECK(answered(peers, "127.0.0.1", plain, 12) == 12);
  CHECK(answered(peers, "127.0.0.1", proxied, 8, "PROXY TCP4 192.0.2.1 127.0.0.1 4000 80\r\n") == 3);
  CHECK(answered(peers, "127.0.0.1", proxied, 8, "PROXY TCP4 192.0.2.2 127.0.0.1 4000 80\r\n") == 3);
  // One customer's network counts as one.
  CHECK(answered(peers, "127.0.0.1", proxied, 2, "PROXY TCP6 2001:db8::1 ::1 4000 80\r\n") == 2);
  CHECK(answered(peers, "127.0.0.1", proxied, 4, "PROXY TCP6 2001:db8::2:1 ::1 4000 80\r\n") == 1);
  CHECK(answered(peers, "127.0.0.1", proxied, 4, "PROXY TCP6 2001:db8:0:1::1 ::1 4000 80\r\n") == 3);
  // An untrusted peer cannot spend another's share.
  CHECK(answered(peers, "127.0.0.9", proxied, 5, "PROXY TCP4 192.0.2.3 127.0.0.1 4000 80\r\n") == 3);
  CHECK(answered(peers, "127.0.0.1", proxied, 1, "PROXY TCP4 192.0.2.3 127.0.0.1 4000 80\r\n") == 1);
}

TEST_CASE_FIXTURE(Tree, "the limit changes with a reload, those inside stay; unix peers are not counted") {
  const std::string socket = site.outside("uringd.sock");
  Setup setup = limited(0);
  setup.listen = {"unix:" + socket};
  Daemon daemon(site, setup);
  std::vector<Peer> peers;
  CHECK(answered(peers, "127.0.0.2", daemon.port(), 20) == 20);
  Setup tight = limited(5);
  tight.listen = {"unix:" + socket};
  daemon.reload(tight);
  for (Peer& peer : peers) {
    peer.send(get_request("/a.txt"));
    CHECK(peer.status() == 200);
  }
  std::vector<Peer> more;
  CHECK(answered(more, "127.0.0.5", daemon.port(), 8) == 5);
  std::vector<Client> local;
  for (int i = 0; i < 10; ++i) {
    local.push_back(Client::unix_socket(socket));
    CHECK(local.back().get("/a.txt").status == 200);
  }
}
