// Where the server can be reached: IPv6, all addresses, a unix socket, several at once.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// The errno of connecting to `path`, 0 when somebody listens there.
int connect_error(const std::string& path) {
  const sockaddr_un address = address_of(path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int error = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

// Who listens at a path in the place of the server that leaves it.
class Successor {
 public:
  explicit Successor(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_un address = address_of(path);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_, 16) == 0);
  }
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;
  ~Successor() { ::close(fd_); }

 private:
  int fd_;
};
}  // namespace

TEST_CASE("IPv4, IPv6 and a unix socket serve the same site side by side") {
  Site site;
  site.file("a.txt", "a\n");
  site.file("large.bin", pattern(300000));
  const int port6 = free_port();
  const std::string socket = site.outside("uringd.sock");
  Server server(site, {.listen = {"[::1]:" + std::to_string(port6), "unix:" + socket}});
  for (int round = 0; round < 3; ++round) {
    Client four = server.connect();
    Client six = Client::tcp6(port6);
    Client local = Client::unix_socket(socket);
    for (Client* client : {&four, &six, &local}) {
      CHECK(client->get("/a.txt").body == "a\n");
      CHECK(client->get("/large.bin").body.size() == 300000);
      CHECK(client->get("/missing").status == 404);
    }
  }
}

TEST_CASE("\":port\" listens on all addresses of both families") {
  Site site;
  site.file("a.txt", "a\n");
  const int port = free_port();
  Server server(site, {.listen = {":" + std::to_string(port)}});
  CHECK(Client::tcp(port).get("/a.txt").body == "a\n");
  CHECK(Client::tcp6(port).get("/a.txt").body == "a\n");
}

TEST_CASE("a unix socket that a killed server left behind does not keep the next one from starting") {
  Site site;
  site.file("a.txt", "a\n");
  const std::string socket = site.outside("uringd.sock");
  const Setup setup{.listen = {"unix:" + socket}};
  {
    Server killed(site, setup);
    killed.signal(SIGKILL);
    CHECK(killed.wait_for_exit() == -1);
  }
  Server server(site, setup);
  CHECK(Client::unix_socket(socket).get("/a.txt").body == "a\n");
}

TEST_CASE("a clean stop takes its unix socket away") {
  Site site;
  const std::string socket = site.outside("uringd.sock");
  Server server(site, {.listen = {"unix:" + socket}});
  struct stat attributes{};
  CHECK(::stat(socket.c_str(), &attributes) == 0);
  server.stop();
  CHECK(::stat(socket.c_str(), &attributes) != 0);
}

TEST_CASE("a unix socket's name goes when the drain begins, and one that a successor makes meanwhile stays") {
  for (const bool hurried : {false, true}) {
    INFO("second signal: " << hurried);
    Site site;
    site.file("a.txt", "a\n");
    const std::string socket = site.outside("uringd.sock");
    Server server(site, {.listen = {"unix:" + socket}});
    Client half = Client::unix_socket(socket);
    half.send("GET /a.txt HTTP/1.1\r\nHost: a");
    // Answered means: the half request before it is known as one, and holds the drain.
    CHECK(Client::unix_socket(socket).get("/a.txt").status == 200);
    server.signal(SIGTERM);
    CHECK(wait_until([&] { return connect_error(socket) == ENOENT; }, Milliseconds{5000}));
    CHECK(server.alive());
    const Successor successor(socket);
    if (hurried) {
      server.signal(SIGTERM);
    } else {
      CHECK(half.ask("\r\n\r\n").body == "a\n");
    }
    CHECK(server.wait_for_exit() == 0);
    CHECK(connect_error(socket) == 0);
  }
}

TEST_CASE("an object with an address is a listener too") {
  Site site;
  site.file("a.txt", "a\n");
  const int port = free_port();
  site.outside_file("own.toml", "[server]\nlisten = [{ address = \"127.0.0.1:" + std::to_string(port) +
                                    "\", backlog = 16 }]\n[[site]]\nroot = \"root\"\n");
  // A relative root is relative to the configuration file, wherever the server is started from.
  Server server(site, {"--config", site.outside("own.toml")}, port);
  CHECK(server.get("/a.txt").body == "a\n");
}
