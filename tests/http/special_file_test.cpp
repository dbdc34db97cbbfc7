// What is no file: FIFOs, sockets and devices get 403 and are neither read nor waited for; what the server may not
// read gets 403 too.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.hpp"

using namespace uringd::testing;

TEST_CASE("a FIFO gets 403 at once, with and without a writer, and its bytes stay in it") {
  Site site;
  site.file("a.txt", "a\n");
  site.fifo("empty");
  site.fifo("filled");
  site.fifo("index/index.html");
  const int writer = ::open(site.path("filled").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(writer >= 0);
  REQUIRE(::write(writer, "bytes", 5) == 5);
  Server server(site);
  for (int round = 0; round < 3; ++round) {
    for (const char* target : {"/empty", "/filled", "/index/"}) {
      INFO(target);
      CHECK(server.get(target).status == 403);
    }
    CHECK(server.connect().head("/filled").status == 403);
  }
  int waiting = 0;
  CHECK(::ioctl(writer, FIONREAD, &waiting) == 0);
  CHECK(waiting == 5);
  ::close(writer);
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE("a socket and a device get 403: /dev/zero would never end") {
  Site site;
  site.file("a.txt", "a\n");
  site.unix_socket("socket");
  const bool device = site.zero_device("zero");
  Server server(site);
  CHECK(server.get("/socket").status == 403);
  if (device) CHECK(server.get("/zero").status == 403);
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE("many requests for a FIFO hold up nobody else") {
  Site site;
  site.file("a.txt", "a\n");
  site.fifo("fifo");
  Server server(site);
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(server.connect());
    clients.back().send(get_request("/fifo"));
  }
  CHECK(server.get("/a.txt").status == 200);
  for (Client& client : clients) CHECK(client.read_response().status == 403);
}

TEST_CASE("what an ordinary user may not read gets 403, what lies beside it is served") {
  if (!running_as_root()) return;  // the tests then own the files, and the server may read them
  Site site;
  site.file("open.txt", "open\n");
  site.file("closed.txt", "closed\n", 0600);
  site.file("closed/a.txt", "a\n");
  site.directory("closed", 0700);
  site.file("passing/a.txt", "a\n");
  site.directory("passing", 0711);
  site.file("index/index.html", "index\n", 0600);
  Server server(site, {.as_nobody = true});
  CHECK(server.get("/open.txt").status == 200);
  CHECK(server.get("/closed.txt").status == 403);
  CHECK(server.get("/closed/a.txt").status == 403);
  CHECK(server.get("/passing/a.txt").status == 200);
  CHECK(server.get("/index/").status == 403);
}
