// Listeners: what is bound, shared and refused, on loopback and in a directory of the test's own.
#include "uringd/daemon/listeners.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "temporary_directory.hpp"
#include "uringd/config/listen.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using daemon::Listeners;
using uringd::testing::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

config::Config listening_on(const std::vector<std::string>& addresses) {
  config::Config config;
  for (const std::string& address : addresses) {
    auto parsed = config::parse_listen_address(address);
    REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message);
    parsed->backlog = 16;
    config.server.listen.push_back(*parsed);
  }
  return config;
}

Result<Listeners> bind(const std::string& address, uint32_t workers = 1) {
  return Listeners::bind(listening_on({address}), workers);
}
std::string error_of(const std::string& address) {
  const auto listeners = bind(address);
  return listeners ? "bound" : listeners.error().message;
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}
int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(getsockopt(socket, level, name, &value, &size) == 0);
  return value;
}
bool listens(int socket) { return option(socket, SOL_SOCKET, SO_ACCEPTCONN) == 1; }

/// A TCP socket that somebody else listens on.
struct Neighbour {
  Neighbour() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback(0);
    REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.number(), 1) == 0);
    port = port_of(socket.number());
  }
  [[nodiscard]] std::string text() const { return "127.0.0.1:" + std::to_string(port); }
  Fd socket;
  uint16_t port = 0;
};
std::string free_address() { return Neighbour().text(); }

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}
Fd unix_listener(const std::string& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  REQUIRE(::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket.number(), 8) == 0);
  return socket;
}
bool answers(const std::string& path) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  return connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

TEST_CASE("each worker has a socket of its own on the same port, by SO_REUSEPORT") {
  const std::string address = free_address();
  auto listeners = bind(address, 3);
  REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
  std::set<int> descriptors;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    const auto own = listeners->of_worker(worker);
    REQUIRE(own.size() == 1);
    CHECK(own[0].owned);
    CHECK(own[0].peer_size == sizeof(sockaddr_in));
    CHECK(option(own[0].descriptor, SOL_SOCKET, SO_REUSEPORT) == 1);
    CHECK(option(own[0].descriptor, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK("127.0.0.1:" + std::to_string(port_of(own[0].descriptor)) == address);
    descriptors.insert(own[0].descriptor);
  }
  CHECK(descriptors.size() == 3);
}

TEST_CASE("sockets are bound at once but listen only when told to") {
  auto listeners = bind(free_address(), 2);
  REQUIRE(listeners.has_value());
  const int first = listeners->of_worker(0)[0].descriptor;
  const int second = listeners->of_worker(1)[0].descriptor;
  CHECK_FALSE(listens(first));
  REQUIRE(listeners->listen().has_value());
  CHECK(listens(first));
  CHECK(listens(second));
  close(first);
  close(second);
}

TEST_CASE("before listen() the sockets die with the listeners, afterwards they are their workers' to close") {
  const std::string address = free_address();
  int descriptor = -1;
  {
    auto listeners = bind(address);
    REQUIRE(listeners.has_value());
    descriptor = listeners->of_worker(0)[0].descriptor;
  }
  CHECK(fcntl(descriptor, F_GETFD) < 0);
  {
    auto listeners = bind(address);
    REQUIRE(listeners.has_value());
    descriptor = listeners->of_worker(0)[0].descriptor;
    REQUIRE(listeners->listen().has_value());
  }
  CHECK(listens(descriptor));
  close(descriptor);
}

TEST_CASE("a port in use is an error that names the address, the cause and what to do") {
  const Neighbour neighbour;
  CHECK(error_of(neighbour.text()) == "server.listen " + neighbour.text() +
                                          ": Address already in use; another process listens there: stop it or choose "
                                          "another port");
}

TEST_CASE("a second server on the same port is refused, although both share ports among their workers") {
  const std::string address = free_address();
  auto first = bind(address, 2);
  REQUIRE(first.has_value());
  const int sockets[] = {first->of_worker(0)[0].descriptor, first->of_worker(1)[0].descriptor};
  REQUIRE(first->listen().has_value());
  CHECK(error_of(address).find("Address already in use") != std::string::npos);
  for (const int socket : sockets) close(socket);
  CHECK(error_of(address) == "bound");
}

TEST_CASE("an address that no interface has is told apart from a port in use") {
  CHECK(error_of("192.0.2.1:8080").find("no interface of this machine has that address") != std::string::npos);
}

TEST_CASE("an error in one address lets go of all others") {
  const TemporaryDirectory directory;
  const Neighbour neighbour;
  const std::string address = free_address();
  const std::string path = directory.path() + "/s";
  CHECK_FALSE(Listeners::bind(listening_on({address, "unix:" + path, neighbour.text()}), 2).has_value());
  CHECK_FALSE(fs::exists(path));
  CHECK(error_of(address) == "bound");
}

TEST_CASE("text() names all addresses as they were written") {
  const TemporaryDirectory directory;
  const std::string address = free_address();
  const std::string unix_text = "unix:" + directory.path() + "/s";
  auto listeners = Listeners::bind(listening_on({address, unix_text}), 1);
  REQUIRE(listeners.has_value());
  CHECK(listeners->text() == address + ", " + unix_text);
}

TEST_CASE("one unix socket is shared by all workers, and none of them closes it") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  auto listeners = bind("unix:" + path, 3);
  REQUIRE(listeners.has_value());
  REQUIRE(listeners->listen().has_value());
  const int socket = listeners->of_worker(0)[0].descriptor;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    const auto own = listeners->of_worker(worker);
    REQUIRE(own.size() == 1);
    CHECK(own[0].descriptor == socket);
    CHECK_FALSE(own[0].owned);
    CHECK(own[0].peer_size == sizeof(sa_family_t));
  }
  CHECK(answers(path));
}

TEST_CASE("the name of a unix socket goes with the listeners, not with those they were moved from") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  {
    auto first = bind("unix:" + path);
    REQUIRE(first.has_value());
    {
      const Listeners second(std::move(*first));
      CHECK(fs::is_socket(path));
    }
    CHECK_FALSE(fs::exists(path));
    std::ofstream(path) << "somebody else's";
  }
  CHECK(fs::exists(path));
}

TEST_CASE("a unix socket that a killed process left behind is replaced") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  unix_listener(path).close();
  REQUIRE(fs::is_socket(path));
  auto listeners = bind("unix:" + path);
  REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
  REQUIRE(listeners->listen().has_value());
  CHECK(answers(path));
}

TEST_CASE("a unix socket that answers is refused and left alone") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  const Fd neighbour = unix_listener(path);
  CHECK(error_of("unix:" + path).starts_with("server.listen unix:" + path + ": Address already in use"));
  CHECK(answers(path));
}

TEST_CASE("a file that is no socket is never removed to make room for one") {
  const TemporaryDirectory directory;
  directory.file("/data", "precious");
  fs::create_symlink("data", directory.path() + "/link");
  fs::create_directory(directory.path() + "/directory");
  for (const char* name : {"/data", "/link", "/directory"}) {
    CAPTURE(name);
    CHECK(error_of("unix:" + directory.path() + name).find("Address already in use") != std::string::npos);
    CHECK(fs::exists(fs::symlink_status(directory.path() + name)));
  }
  CHECK(fs::file_size(directory.path() + "/data") == 8);
}

TEST_CASE("a unix socket in a directory that is missing is an error with that cause") {
  const TemporaryDirectory directory;
  CHECK(error_of("unix:" + directory.path() + "/none/s").find("No such file or directory") != std::string::npos);
}

TEST_CASE("an address without a host takes connections of both families") {
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.open()) {
    MESSAGE("this machine has no IPv6: not tested");
    return;
  }
  const uint16_t port = Neighbour().port;
  auto listeners = bind(":" + std::to_string(port));
  REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
  const int socket = listeners->of_worker(0)[0].descriptor;
  REQUIRE(listeners->listen().has_value());
  CHECK(option(socket, IPPROTO_IPV6, IPV6_V6ONLY) == 0);
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  CHECK(connect(client.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  close(socket);
}
