// Requests that arrive in pieces, or only in part: how the network cuts the bytes never changes the answer, and a
// request that never ends gets none.
#include <doctest/doctest.h>

#include <thread>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() {
    site.file("a.txt", "content of a\n");
    site.file("b.txt", "content of b\n");
  }
  Site site;
};

// Two requests, the first with a body, so that cuts fall into every part a request can have.
const std::string kBytes =
    "GET /a.txt?q HTTP/1.1\r\nHost: test.example\r\nContent-Length: 5\r\nX-Long: " + std::string(40, 'x') +
    "\r\n\r\nhello"
    "GET /b.txt HTTP/1.1\r\nhost:test.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";

void check_both_answers(Client& client) {
  CHECK(client.read_response().body == "content of a\n");
  CHECK(client.read_response().body == "content of b\n");
}
}  // namespace

TEST_CASE_FIXTURE(Tree, "requests cut in two at any byte are answered as in one piece") {
  Server server(site);
  std::vector<Client> clients;
  for (std::size_t cut = 1; cut < kBytes.size(); ++cut) {
    clients.push_back(server.connect());
    clients.back().send(std::string_view(kBytes).substr(0, cut));
  }
  // Long enough for the first pieces to be taken in alone on most turns; right answers do not depend on it.
  std::this_thread::sleep_for(Milliseconds{100});
  for (std::size_t cut = 1; cut < kBytes.size(); ++cut) clients[cut - 1].send(std::string_view(kBytes).substr(cut));
  for (std::size_t cut = 1; cut < kBytes.size(); ++cut) {
    INFO("cut before byte " << cut);
    check_both_answers(clients[cut - 1]);
  }
}

TEST_CASE_FIXTURE(Tree, "requests that come one byte at a time are answered as in one piece") {
  Server server(site);
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(server.connect());
  for (const char byte : kBytes) {
    for (Client& client : clients) client.send(std::string_view(&byte, 1));
    std::this_thread::sleep_for(Milliseconds{2});
  }
  for (Client& client : clients) check_both_answers(client);
}

TEST_CASE_FIXTURE(Tree, "a client that leaves after any byte of a request gets no wrong answer and does no harm") {
  Server server(site);
  const std::string bytes = get_request("/a.txt");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    INFO("left after byte " << cut);
    Client polite = server.connect();
    polite.send(std::string_view(bytes).substr(0, cut));
    polite.half_close();
    const std::string answer = polite.read_until_end();
    // Nothing, or a refusal: never the file, because nobody has asked for it.
    CHECK(answer.find("content of a") == std::string::npos);
    Client rude = server.connect();
    rude.send(std::string_view(bytes).substr(0, cut));
    rude.reset();
  }
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "half requests that stay open hold up nobody else") {
  Server server(site);
  std::vector<Client> waiting;
  const std::string bytes = get_request("/a.txt");
  for (std::size_t i = 0; i < 100; ++i) {
    waiting.push_back(server.connect());
    waiting.back().send(std::string_view(bytes).substr(0, i % bytes.size()));
  }
  for (int i = 0; i < 20; ++i) CHECK(server.get("/b.txt").status == 200);
  for (std::size_t i = 0; i < 100; ++i) {
    waiting[i].send(std::string_view(bytes).substr(i % bytes.size()));
    CHECK(waiting[i].read_response().status == 200);
  }
}
