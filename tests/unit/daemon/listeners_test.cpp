// Listeners: what is bound, shared, dealt out, taken over and refused, on loopback and in a directory of the test's
// own.
#include "uringd/daemon/listeners.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "listening.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using daemon::Listeners;
using daemon::PassedSockets;
using uringd::testing::TemporaryDirectory;
using namespace uringd::testing;
namespace fs = std::filesystem;

namespace {

Result<Listeners> bound(const std::string& address, uint32_t workers = 1) {
  std::vector<std::string> warnings;
  auto listeners = Listeners::open(listening_on({address}), false, workers, {}, warnings);
  CHECK(warnings.empty());
  return listeners;
}
std::string error_of(const std::string& address) {
  const auto listeners = bound(address);
  return listeners ? "bound" : listeners.error().message;
}

}  // namespace

TEST_CASE("each worker has a socket of its own on the same port, by SO_REUSEPORT") {
  const std::string address = free_address();
  auto listeners = bound(address, 3);
  REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
  std::set<uint64_t> sockets;
  std::set<uint32_t> ids;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    const auto own = of_worker(*listeners, worker);
    REQUIRE(own.size() == 1);
    const int descriptor = own[0].descriptor.number();
    CHECK(own[0].only_ours);
    CHECK_FALSE(own[0].proxy_protocol);
    CHECK(own[0].peer_size == sizeof(sockaddr_in));
    CHECK(option(descriptor, SOL_SOCKET, SO_REUSEPORT) == 1);
    CHECK(option(descriptor, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK("127.0.0.1:" + std::to_string(port_of(descriptor)) == address);
    sockets.insert(cookie(descriptor));
    ids.insert(own[0].id);
  }
  CHECK(sockets.size() == 3);
  CHECK(ids.size() == 3);
}

TEST_CASE("a worker's listener is a duplicate: closed on exec, and the original outlives it") {
  auto listeners = bound(free_address());
  REQUIRE(listeners.has_value());
  uint64_t first = 0;
  {
    const auto own = of_worker(*listeners, 0);
    CHECK(fcntl(own[0].descriptor.number(), F_GETFD) == FD_CLOEXEC);
    first = cookie(own[0].descriptor.number());
  }
  CHECK(cookie(of_worker(*listeners, 0)[0].descriptor.number()) == first);
}

TEST_CASE("twice the send timeout is how long the kernel keeps what a cut off client does not take (tcp(7))") {
  config::Config config = listening_on({free_address()});
  config.limits.send_timeout = std::chrono::seconds(3);
  std::vector<std::string> warnings;
  auto listeners = Listeners::open(config, false, 1, {}, warnings);
  REQUIRE(listeners.has_value());
  CHECK(option(of_worker(*listeners, 0)[0].descriptor.number(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 6000);
}

TEST_CASE("sockets are bound at once but listen only when told to") {
  auto listeners = bound(free_address(), 2);
  REQUIRE(listeners.has_value());
  const auto first = of_worker(*listeners, 0);
  const auto second = of_worker(*listeners, 1);
  CHECK_FALSE(listens(first[0].descriptor.number()));
  REQUIRE(listeners->listen().has_value());
  CHECK(listens(first[0].descriptor.number()));
  CHECK(listens(second[0].descriptor.number()));
}

TEST_CASE("proxy_protocol of an address reaches its listeners and no others") {
  config::Config config = listening_on({free_address(), free_address()});
  config.server.listen[1].proxy_protocol = true;
  std::vector<std::string> warnings;
  auto listeners = Listeners::open(config, false, 2, {}, warnings);
  REQUIRE(listeners.has_value());
  for (uint32_t worker = 0; worker < 2; ++worker) {
    const auto own = of_worker(*listeners, worker);
    REQUIRE(own.size() == 2);
    CHECK_FALSE(own[0].proxy_protocol);
    CHECK(own[1].proxy_protocol);
  }
}

TEST_CASE("after let_go() the workers' duplicates are the last to hold a port") {
  const std::string address = free_address();
  auto listeners = bound(address);
  REQUIRE(listeners.has_value());
  REQUIRE(listeners->listen().has_value());
  {
    const auto own = of_worker(*listeners, 0);
    listeners->let_go();
    CHECK(listens(own[0].descriptor.number()));
    CHECK(error_of(address).find("Address already in use") != std::string::npos);
  }
  CHECK(error_of(address) == "bound");
}

TEST_CASE("a port in use is an error that names the address, the cause and what to do") {
  const Neighbour neighbour;
  CHECK(error_of(neighbour.text()) == "server.listen " + neighbour.text() +
                                          ": Address already in use; another process listens there: stop it or choose "
                                          "another port");
}

TEST_CASE("a second server on the same port is refused, although both share ports among their workers") {
  const std::string address = free_address();
  {
    auto first = bound(address, 2);
    REQUIRE(first.has_value());
    REQUIRE(first->listen().has_value());
    CHECK(error_of(address).find("Address already in use") != std::string::npos);
  }
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
  std::vector<std::string> warnings;
  CHECK_FALSE(
      Listeners::open(listening_on({address, "unix:" + path, neighbour.text()}), false, 2, {}, warnings).has_value());
  CHECK_FALSE(fs::exists(path));
  CHECK(error_of(address) == "bound");
}

TEST_CASE("text() names all addresses as they were written") {
  const TemporaryDirectory directory;
  const std::string address = free_address();
  const std::string unix_text = "unix:" + directory.path() + "/s";
  std::vector<std::string> warnings;
  auto listeners = Listeners::open(listening_on({address, unix_text}), false, 1, {}, warnings);
  REQUIRE(listeners.has_value());
  CHECK(listeners->text() == address + ", " + unix_text);
}

TEST_CASE("one unix socket is shared by all workers, and none of them may shut it down") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  auto listeners = bound("unix:" + path, 3);
  REQUIRE(listeners.has_value());
  REQUIRE(listeners->listen().has_value());
  std::set<uint64_t> sockets;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    const auto own = of_worker(*listeners, worker);
    REQUIRE(own.size() == 1);
    CHECK_FALSE(own[0].only_ours);
    CHECK(own[0].peer_size == sizeof(sa_family_t));
    sockets.insert(cookie(own[0].descriptor.number()));
  }
  CHECK(sockets.size() == 1);
  CHECK(answers(path));
}

TEST_CASE("the name of a unix socket goes with the listeners, not with those they were moved from") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  {
    auto first = bound("unix:" + path);
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

TEST_CASE("let_go() removes the names once: what is made there afterwards stays") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  {
    auto listeners = bound("unix:" + path);
    REQUIRE(listeners.has_value());
    listeners->let_go();
    CHECK_FALSE(fs::exists(path));
    std::ofstream(path) << "a successor's";
  }
  CHECK(fs::exists(path));
}

TEST_CASE("a unix socket has the mode that is written, whatever the umask, before it listens") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  const auto mode_of = [&] {
    struct stat status{};
    REQUIRE(lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
  };
  const mode_t old_mask = umask(027);
  {
    auto listeners = bound("unix:" + path);
    REQUIRE(listeners.has_value());
    CHECK(mode_of() == 0750);
  }
  for (const uint32_t mode : {0666U, 0600U, 0662U}) {
    config::Config config = listening_on({"unix:" + path});
    config.server.listen[0].mode = mode;
    std::vector<std::string> warnings;
    auto listeners = Listeners::open(config, false, 1, {}, warnings);
    REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
    CHECK(mode_of() == mode);
    CHECK_FALSE(answers(path));
  }
  umask(old_mask);
}

TEST_CASE("a unix socket that a killed process left behind is replaced") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  unix_listener(path).close();
  REQUIRE(fs::is_socket(path));
  auto listeners = bound("unix:" + path);
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
  uint16_t port = Neighbour().port;
  for (int again = 0; again < 5 && !bound(":" + std::to_string(port)); ++again) {  // a program beside us was quicker
    port = Neighbour().port;
  }
  auto listeners = bound(":" + std::to_string(port));
  REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
  REQUIRE(listeners->listen().has_value());
  const auto own = of_worker(*listeners, 0);
  CHECK(own[0].peer_size == sizeof(sockaddr_in6));
  CHECK(option(own[0].descriptor.number(), IPPROTO_IPV6, IPV6_V6ONLY) == 0);
  CHECK(reaches(port));
}
