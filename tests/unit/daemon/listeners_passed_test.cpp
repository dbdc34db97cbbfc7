// Listeners that were not opened here: a manager's sockets by name and by address, a predecessor's sets of another
// size.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "listening.hpp"
#include "temporary_directory.hpp"
#include "uringd/daemon/listeners.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;
using daemon::Listeners;
using daemon::PassedSockets;
namespace fs = std::filesystem;

namespace {

void pass(PassedSockets& passed, Fd socket, const std::string& name, bool from_manager, bool only_ours) {
  auto looked_at = daemon::look_at_passed_socket(std::move(socket));
  REQUIRE_MESSAGE(looked_at.has_value(), looked_at.error().message);
  looked_at->name = name;
  looked_at->from_manager = from_manager;
  looked_at->only_ours = only_ours;
  passed.sockets.push_back(std::move(*looked_at));
}

/// As a predecessor with `count` workers passes it.
PassedSockets set_of(size_t count, std::string& address) {
  PassedSockets passed;
  uint16_t port = 0;
  for (size_t place = 0; place < count; ++place) {
    Neighbour neighbour(port, true);
    port = neighbour.port;
    address = neighbour.text();
    pass(passed, std::move(neighbour.socket), "", false, true);
  }
  return passed;
}

std::vector<uint64_t> cookies_of(const Listeners& listeners, uint32_t worker) {
  std::vector<uint64_t> cookies;
  for (const auto& listener : of_worker(listeners, worker)) cookies.push_back(cookie(listener.descriptor.number()));
  return cookies;
}
std::vector<uint64_t> cookies_of(const PassedSockets& passed) {
  std::vector<uint64_t> cookies;
  for (const auto& socket : passed.sockets) cookies.push_back(cookie(socket.descriptor.number()));
  return cookies;
}

struct Opened {
  Opened(const std::vector<std::string>& addresses, uint32_t workers, PassedSockets passed, bool by_default = false)
      : listeners(Listeners::open(listening_on(addresses), by_default, workers, std::move(passed), warnings)) {}
  std::vector<std::string> warnings;
  Result<Listeners> listeners;
};

}  // namespace

TEST_CASE("a predecessor's set of 5 for 2 workers: the first accepts on 0, 2 and 4, the second on 1 and 3") {
  std::string address;
  PassedSockets passed = set_of(5, address);
  const std::vector<uint64_t> all = cookies_of(passed);
  const Opened opened({address}, 2, std::move(passed));
  REQUIRE_MESSAGE(opened.listeners.has_value(), opened.listeners.error().message);
  CHECK(opened.warnings.empty());
  CHECK(cookies_of(*opened.listeners, 0) == std::vector<uint64_t>{all[0], all[2], all[4]});
  CHECK(cookies_of(*opened.listeners, 1) == std::vector<uint64_t>{all[1], all[3]});
  std::set<uint32_t> ids;
  for (uint32_t worker = 0; worker < 2; ++worker) {
    for (const auto& listener : of_worker(*opened.listeners, worker)) {
      CHECK(listener.only_ours);
      CHECK(option(listener.descriptor.number(), IPPROTO_TCP, TCP_NODELAY) == 1);
      ids.insert(listener.id);
    }
  }
  CHECK(ids.size() == 5);
}

TEST_CASE("a predecessor's set of 2 for 4 workers grows by two sockets of the same port") {
  std::string address;
  PassedSockets passed = set_of(2, address);
  const std::vector<uint64_t> all = cookies_of(passed);
  Opened opened({address}, 4, std::move(passed));
  REQUIRE_MESSAGE(opened.listeners.has_value(), opened.listeners.error().message);
  REQUIRE(opened.listeners->listen().has_value());
  std::set<uint64_t> sockets;
  for (uint32_t worker = 0; worker < 4; ++worker) {
    const auto own = of_worker(*opened.listeners, worker);
    REQUIRE(own.size() == 1);
    CHECK(own[0].only_ours);
    CHECK(listens(own[0].descriptor.number()));
    CHECK("127.0.0.1:" + std::to_string(port_of(own[0].descriptor.number())) == address);
    sockets.insert(cookie(own[0].descriptor.number()));
    if (worker < 2) CHECK(cookie(own[0].descriptor.number()) == all[worker]);
  }
  CHECK(sockets.size() == 4);
}

TEST_CASE("where the kernel gives no further socket of a port, workers share, and none of them shuts it down") {
  Neighbour alone;  // without SO_REUSEPORT nobody binds beside it
  const std::string address = alone.text();
  PassedSockets passed;
  pass(passed, std::move(alone.socket), "", false, true);
  const uint64_t socket = cookies_of(passed)[0];
  const Opened opened({address}, 3, std::move(passed));
  REQUIRE_MESSAGE(opened.listeners.has_value(), opened.listeners.error().message);
  for (uint32_t worker = 0; worker < 3; ++worker) {
    CHECK(cookies_of(*opened.listeners, worker) == std::vector<uint64_t>{socket});
    CHECK_FALSE(of_worker(*opened.listeners, worker)[0].only_ours);
  }
}

TEST_CASE("a manager's socket is found by its address; all workers accept on it, and nobody shuts it down") {
  Neighbour managed;
  const std::string address = managed.text();
  PassedSockets passed;
  pass(passed, std::move(managed.socket), "web", true, false);
  const uint64_t socket = cookies_of(passed)[0];
  Opened opened({address}, 2, std::move(passed));
  REQUIRE(opened.listeners.has_value());
  for (uint32_t worker = 0; worker < 2; ++worker) {
    CHECK(cookies_of(*opened.listeners, worker) == std::vector<uint64_t>{socket});
    CHECK_FALSE(of_worker(*opened.listeners, worker)[0].only_ours);
  }
  const auto handed = opened.listeners->descriptors();
  REQUIRE(handed.size() == 1);
  CHECK(handed[0].name == "web");
  CHECK(handed[0].from_manager);
  CHECK_FALSE(handed[0].only_ours);
}

TEST_CASE("fd:NAME takes all of a manager's sockets of that name, of either family") {
  const TemporaryDirectory directory;
  PassedSockets passed;
  Neighbour tcp;
  const uint16_t port = tcp.port;
  pass(passed, std::move(tcp.socket), "web", true, false);
  pass(passed, unix_listener(directory.path() + "/s"), "web", true, false);
  pass(passed, unix_listener(directory.path() + "/other"), "other", true, false);
  Opened opened({"fd:web"}, 2, std::move(passed));
  REQUIRE_MESSAGE(opened.listeners.has_value(), opened.listeners.error().message);
  const auto own = of_worker(*opened.listeners, 1);
  REQUIRE(own.size() == 2);
  CHECK(own[0].peer_size == sizeof(sockaddr_in));
  CHECK(own[1].peer_size == sizeof(sa_family_t));
  CHECK(port_of(own[0].descriptor.number()) == port);
  CHECK(opened.listeners->text() == "fd:web");
  REQUIRE(opened.warnings.size() == 1);
  CHECK(opened.warnings[0] == "the socket unix:" + directory.path() +
                                  "/other (other) was passed, but server.listen does not name it: closed");
  opened.listeners->let_go();
  CHECK(fs::exists(directory.path() + "/s"));  // the manager's to remove
}

TEST_CASE("fd:NAME without such a socket is an error that names the others") {
  PassedSockets passed;
  pass(passed, std::move(Neighbour().socket), "http", true, false);
  CHECK(Opened({"fd:web"}, 1, std::move(passed)).listeners.error().message ==
        "server.listen fd:web: no socket of that name was passed (LISTEN_FDNAMES); left are fd:http");
  CHECK(Opened({"fd:web"}, 1, {}).listeners.error().message ==
        "server.listen fd:web: no socket of that name was passed (LISTEN_FDNAMES); start by way of a systemd socket "
        "unit with FileDescriptorName=");
}

TEST_CASE("where server.listen is not written, a manager's sockets stand for it, and without them the default") {
  const std::string standard = free_address();
  PassedSockets passed;
  pass(passed, std::move(Neighbour().socket), "a", true, false);
  pass(passed, std::move(Neighbour().socket), "b", true, false);
  Opened by_manager({standard}, 1, std::move(passed), true);
  REQUIRE(by_manager.listeners.has_value());
  CHECK(by_manager.listeners->text() == "fd:a, fd:b");
  CHECK(by_manager.warnings.empty());

  PassedSockets unasked;
  pass(unasked, std::move(Neighbour().socket), "a", true, false);
  Opened written({standard}, 1, std::move(unasked), false);
  REQUIRE(written.listeners.has_value());
  CHECK(written.listeners->text() == standard);
  CHECK(written.warnings.size() == 1);

  std::string followed;
  Opened successor({standard}, 1, set_of(1, followed), true);
  REQUIRE(successor.listeners.has_value());
  CHECK(successor.listeners->text() == standard);
}

TEST_CASE("[::] of both families is not [::] of IPv6 alone (ipv6(7) IPV6_V6ONLY)") {
  const uint16_t port = Neighbour().port;
  Fd both(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!both.open()) return;
  const int off = 0;
  setsockopt(both.number(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  REQUIRE(::bind(both.number(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  REQUIRE(::listen(both.number(), 1) == 0);
  const uint64_t socket = cookie(both.number());
  PassedSockets passed;
  pass(passed, std::move(both), "", false, true);
  {
    PassedSockets copy;
    pass(copy, Fd(dup(passed.sockets[0].descriptor.number())), "", false, true);
    const Opened six_alone({"[::]:" + std::to_string(port)}, 1, std::move(copy));
    CHECK_FALSE(six_alone.listeners.has_value());  // not taken for it, and in the way
  }
  const Opened of_both({":" + std::to_string(port)}, 1, std::move(passed));
  REQUIRE_MESSAGE(of_both.listeners.has_value(), of_both.listeners.error().message);
  CHECK(cookies_of(*of_both.listeners, 0) == std::vector<uint64_t>{socket});
}

TEST_CASE("a predecessor's unix socket goes on, and its name is the successor's to remove once that one is gone") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  std::vector<std::string> warnings;
  PassedSockets passed;
  {
    auto old = Listeners::open(listening_on({"unix:" + path}), false, 2, {}, warnings);
    REQUIRE(old.has_value());
    REQUIRE(old->listen().has_value());
    for (const auto& handed : old->descriptors()) {
      pass(passed, Fd(dup(handed.descriptor)), handed.name, handed.from_manager, handed.only_ours);
    }
    static_cast<void>(old->hand_over());
  }
  CHECK(fs::exists(path));
  PassedSockets again;
  for (const auto& socket : passed.sockets) {
    pass(again, Fd(dup(socket.descriptor.number())), socket.name, socket.from_manager, socket.only_ours);
  }
  {
    Opened failed({"unix:" + path}, 1, std::move(again));  // ends before it is confirmed: the old one goes on
    REQUIRE(failed.listeners.has_value());
  }
  CHECK(fs::exists(path));
  {
    Opened successor({"unix:" + path}, 1, std::move(passed));
    REQUIRE(successor.listeners.has_value());
    REQUIRE(successor.listeners->listen().has_value());
    successor.listeners->take_names();
    CHECK(answers(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("what has taken the place of a unix socket's file stays at the end") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  std::vector<std::string> warnings;
  {
    auto listeners = Listeners::open(listening_on({"unix:" + path}), false, 1, {}, warnings);
    REQUIRE(listeners.has_value());
    fs::remove(path);
    std::ofstream(path) << "somebody's data";
  }
  CHECK(fs::exists(path));
}

TEST_CASE("hand_over() tells every worker not to shut down what the successor accepts on") {
  const TemporaryDirectory directory;
  const std::string address = free_address();
  std::vector<std::string> warnings;
  auto old = Listeners::open(listening_on({address, "unix:" + directory.path() + "/s"}), false, 2, {}, warnings);
  REQUIRE(old.has_value());
  const uint32_t first = of_worker(*old, 0)[0].id;
  const uint32_t second = of_worker(*old, 1)[0].id;
  const auto changes = old->hand_over();
  REQUIRE(changes.size() == 2);
  for (const auto& change : changes) {
    CHECK(change.kind == server::Worker::ListenerChange::Kind::change);
    CHECK_FALSE(change.listener.only_ours);
    CHECK_FALSE(change.listener.descriptor.open());
    CHECK(change.listener.id == (change.worker == 0 ? first : second));
  }
  CHECK(old->descriptors().empty());
}
