// What is saved on a connection that comes and goes, and on one that says nothing, and what must not be lost by it: the
// last answer, and the time that is allowed.
#include <dirent.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>

#include "harness.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() { site.file("a.txt", pattern(1000, 3)); }
  Site site;
};

// Of the rings' armed polls: "op=27" lines of fdinfo. RECV waits with one as well as POLL_ADD (enum io_uring_op).
size_t armed(pid_t pid, const std::string& operation) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/fdinfo";
  const std::unique_ptr<DIR, int (*)(DIR*)> names(opendir(directory.c_str()), closedir);
  REQUIRE(names != nullptr);
  size_t count = 0;
  while (const dirent* name = readdir(names.get())) {
    std::ifstream file(directory + "/" + name->d_name);
    for (std::string line; std::getline(file, line);) count += line.starts_with("  op=" + operation + ",");
  }
  return count;
}

constexpr const char* receive_operation = "27";
constexpr const char* poll_operation = "6";

}  // namespace

TEST_CASE_FIXTURE(Tree, "a connection that is quiet for a while waits with a poll, and is heard at once all the same") {
  Server server(site, {.server = "workers = 1"});
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(server.connect());
    CHECK(clients.back().get("/a.txt").status == 200);
  }
  if (armed(server.pid(), receive_operation) == 0) {
    MESSAGE("skipped: this kernel does not tell what a ring waits for");
    return;
  }
  const auto rests = [&] { return armed(server.pid(), receive_operation) == 0; };
  CHECK(wait_until(rests, Milliseconds{5000}));
  CHECK(armed(server.pid(), poll_operation) >= clients.size());
  for (int round = 0; round < 3; ++round) {
    for (Client& client : clients) CHECK(client.get("/a.txt").status == 200);
  }
  CHECK(armed(server.pid(), receive_operation) >= clients.size());
  CHECK(wait_until(rests, Milliseconds{5000}));
  clients.front().half_close();
  CHECK(clients.front().wait_for_end() == Ending::closed);
}

TEST_CASE_FIXTURE(Tree, "answers before a last one, and what is sent behind it, are not lost to its close") {
  Server server(site, {.server = "workers = 1"});
  for (int i = 0; i < 50; ++i) {
    Client client = server.connect();
    client.send(get_request("/a.txt") + get_request("/a.txt") + get_request("/a.txt", "Connection: close\r\n") +
                (i % 2 ? get_request("/a.txt") : std::string()));
    for (int answer = 0; answer < 3; ++answer) CHECK(client.read_response().status == 200);
    CHECK(client.wait_for_end() == Ending::closed);
  }
}

// RFC 9112 §2.2 knows clients who send an empty line behind their request.
TEST_CASE_FIXTURE(Tree, "what arrives unread behind a last request does not take the answer with it") {
  Server server(site, {.server = "workers = 1"});
  std::string last = get_request("/a.txt", "Connection: close\r\nX-Padding: \r\n");
  last.insert(last.size() - 4, 4096 - last.size(), 'a');  // as large as a receive buffer: one receive takes just this
  for (const size_t behind : {2, 60'000}) {
    for (int i = 0; i < 20; ++i) {
      Client client = server.connect();
      client.send(last + std::string(behind, '\n'));
      CHECK(client.read_response().status == 200);
      CHECK(client.wait_for_end() == Ending::closed);
    }
  }
}

TEST_CASE_FIXTURE(Tree, "what arrives while a last answer is made does not take it back") {
  Server server(site, {.server = "workers = 1"});
  const std::string last = get_request("/a.txt", "Connection: close\r\n");
  for (int i = 0; i < 300; ++i) {
    Client client = server.connect();
    client.send_without_reading(last, Milliseconds{0});
    client.send_without_reading("\r\n", Milliseconds{0});
    std::this_thread::sleep_for(Milliseconds{2});
    CHECK(client.read_response().body.size() == 1000);  // its end may be a reset: RFC 9112 §9.6
  }
}

TEST_CASE_FIXTURE(Tree, "urgent data, which wakes a poll and is no byte to read, buys a quiet connection no time") {
  Server server(site, {.limits = "idle_timeout = \"2s\""});
  Client client = server.connect();
  CHECK(client.get("/a.txt").status == 200);
  const auto began = std::chrono::steady_clock::now();
  while (client.wait_for_end(Milliseconds{300}) == Ending::open) {
    REQUIRE(std::chrono::steady_clock::now() - began < std::chrono::seconds{12});
    client.send_urgent();
  }
}
