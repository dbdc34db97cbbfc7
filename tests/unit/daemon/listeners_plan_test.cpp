// Listeners at a reload: what stays, what is added, removed or changed, and that a plan that is not carried out leaves
// no trace.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
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
using Change = server::Worker::ListenerChange;
namespace fs = std::filesystem;

namespace {

Listeners listening(const config::Config& config, uint32_t workers, PassedSockets passed = {}) {
  std::vector<std::string> warnings;
  auto listeners = Listeners::open(config, false, workers, std::move(passed), warnings);
  REQUIRE_MESSAGE(listeners.has_value(), listeners.error().message);
  REQUIRE(listeners->listen().has_value());
  return std::move(*listeners);
}

std::vector<Change> reload(Listeners& listeners, const config::Config& config) {
  auto plan = listeners.plan(config, false);
  REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
  CHECK(plan->warnings.empty());
  return listeners.carry_out(std::move(*plan));
}

uint32_t id_of(const Listeners& listeners, uint32_t worker, size_t place = 0) {
  return of_worker(listeners, worker)[place].id;
}

}  // namespace

TEST_CASE("the same addresses in another order change nothing") {
  const TemporaryDirectory directory;
  const std::string first = free_address();
  const std::string second = "unix:" + directory.path() + "/s";
  Listeners listeners = listening(listening_on({first, second}), 2);
  const uint64_t before = cookie(of_worker(listeners, 1)[0].descriptor.number());
  CHECK(reload(listeners, listening_on({second, first})).empty());
  CHECK(listeners.text() == second + ", " + first);
  CHECK(cookie(of_worker(listeners, 1)[1].descriptor.number()) == before);
  CHECK(answers(directory.path() + "/s"));
}

TEST_CASE("a new address listens before it is carried out, and each worker is given its own socket of it") {
  const std::string first = free_address();
  const Neighbour other_port;
  const std::string second = free_address();
  Listeners listeners = listening(listening_on({first}), 2);
  auto plan = listeners.plan(listening_on({first, second}), false);
  REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
  CHECK(reaches(static_cast<uint16_t>(std::stoi(second.substr(second.rfind(':') + 1)))));
  CHECK(listeners.text() == first);
  auto changes = listeners.carry_out(std::move(*plan));
  CHECK(listeners.text() == first + ", " + second);
  REQUIRE(changes.size() == 2);
  for (uint32_t worker = 0; worker < 2; ++worker) {
    CHECK(changes[worker].kind == Change::Kind::add);
    CHECK(changes[worker].worker == worker);
    CHECK(changes[worker].listener.only_ours);
    CHECK(changes[worker].listener.id == id_of(listeners, worker, 1));
    CHECK(cookie(changes[worker].listener.descriptor.number()) ==
          cookie(of_worker(listeners, worker)[1].descriptor.number()));
  }
}

TEST_CASE("a plan that is not carried out leaves no port, no name and no change behind") {
  const TemporaryDirectory directory;
  const std::string first = free_address();
  const std::string second = free_address();
  const std::string path = directory.path() + "/s";
  Listeners listeners = listening(listening_on({first}), 2);
  {
    auto plan = listeners.plan(listening_on({second, "unix:" + path}), false);
    REQUIRE(plan.has_value());
    CHECK(answers(path));
  }
  CHECK_FALSE(fs::exists(path));
  CHECK(listeners.text() == first);
  std::vector<std::string> warnings;
  CHECK(Listeners::open(listening_on({second}), false, 1, {}, warnings).has_value());
}

TEST_CASE("a removed address is told to every worker that has it, and a unix socket's name goes at once") {
  const TemporaryDirectory directory;
  const std::string first = free_address();
  const std::string second = free_address();
  const std::string path = directory.path() + "/s";
  Listeners listeners = listening(listening_on({first, "unix:" + path, second}), 2);
  const auto own = of_worker(listeners, 0);
  const uint32_t shared = own[1].id;
  const uint32_t last = own[2].id;
  const uint32_t last_of_other = id_of(listeners, 1, 2);
  const auto changes = reload(listeners, listening_on({first}));
  CHECK_FALSE(fs::exists(path));
  REQUIRE(changes.size() == 4);
  std::multimap<uint32_t, uint32_t> removed;
  for (const Change& change : changes) {
    CHECK(change.kind == Change::Kind::remove);
    removed.emplace(change.worker, change.listener.id);
  }
  CHECK(removed == std::multimap<uint32_t, uint32_t>{{0, shared}, {0, last}, {1, shared}, {1, last_of_other}});
  CHECK(listens(own[2].descriptor.number()));  // until the worker has accepted what is queued
}

TEST_CASE("another proxy_protocol keeps the sockets and is told to each worker") {
  const std::string address = free_address();
  config::Config config = listening_on({address});
  Listeners listeners = listening(config, 2);
  const uint64_t before = cookie(of_worker(listeners, 1)[0].descriptor.number());
  config.server.listen[0].proxy_protocol = true;
  const auto changes = reload(listeners, config);
  REQUIRE(changes.size() == 2);
  for (const Change& change : changes) {
    CHECK(change.kind == Change::Kind::change);
    CHECK(change.listener.proxy_protocol);
    CHECK(change.listener.only_ours);
    CHECK_FALSE(change.listener.descriptor.open());
    CHECK(change.listener.id == id_of(listeners, change.worker));
  }
  CHECK(cookie(of_worker(listeners, 1)[0].descriptor.number()) == before);
  CHECK(of_worker(listeners, 1)[0].proxy_protocol);
  CHECK(reload(listeners, config).empty());
}

TEST_CASE("another backlog is the sockets' own from then on, without a change for the workers (listen(2))") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  config::Config config = listening_on({"unix:" + path});
  config.server.listen[0].backlog = 0;
  Listeners listeners = listening(config, 1);
  const auto connects = [&] {
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = unix_address(path);
    return connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  while (connects()) {
  }
  config.server.listen[0].backlog = 100;
  CHECK(reload(listeners, config).empty());
  CHECK(connects());
}

TEST_CASE("another mode is the unix socket's from then on") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/s";
  config::Config config = listening_on({"unix:" + path});
  config.server.listen[0].mode = 0600;
  Listeners listeners = listening(config, 1);
  config.server.listen[0].mode = 0666;
  CHECK(reload(listeners, config).empty());
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0666);
}

TEST_CASE("ids are never used again: an address that went and came back is another listener") {
  const TemporaryDirectory directory;
  const std::string stays = free_address();
  const std::string goes = "unix:" + directory.path() + "/s";
  Listeners listeners = listening(listening_on({stays, goes}), 2);
  std::set<uint32_t> ids{id_of(listeners, 0, 1)};
  for (int round = 0; round < 3; ++round) {
    static_cast<void>(reload(listeners, listening_on({stays})));
    const auto changes = reload(listeners, listening_on({stays, goes}));
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].listener.id == changes[1].listener.id);
    ids.insert(changes[0].listener.id);
  }
  CHECK(ids.size() == 4);
}

TEST_CASE("every host of a port that this process has for one host: the old sockets stay open until they are told") {
  const Neighbour probe;
  const std::string one_host = free_address();
  const std::string port = one_host.substr(one_host.rfind(':'));
  Listeners listeners = listening(listening_on({one_host}), 2);
  const auto own = of_worker(listeners, 0);
  auto plan = listeners.plan(listening_on({port}), false);
  REQUIRE_MESSAGE(plan.has_value(), plan.error().message);
  CHECK(listens(own[0].descriptor.number()));
  const auto changes = listeners.carry_out(std::move(*plan));
  CHECK(changes.size() == 4);
  CHECK(listeners.text() == port);
}

TEST_CASE("where the kernel refuses the same port with another host, the error says what is in the way") {
  Neighbour alone;  // a manager's: without SO_REUSEPORT
  const std::string address = alone.text();
  const std::string port = ":" + std::to_string(alone.port);
  PassedSockets passed;
  auto looked_at = daemon::look_at_passed_socket(std::move(alone.socket));
  REQUIRE(looked_at.has_value());
  looked_at->from_manager = true;
  passed.sockets.push_back(std::move(*looked_at));
  const Listeners listeners = listening(listening_on({address}), 1, std::move(passed));
  const auto plan = listeners.plan(listening_on({port}), false);
  REQUIRE_FALSE(plan.has_value());
  CHECK(plan.error().message == "server.listen " + port + ": Address already in use; this process itself listens on " +
                                    address +
                                    ", which has the same port: restart it, or reload without that address first");
}

TEST_CASE("a port that another process has is refused at a reload as at the start") {
  const Neighbour neighbour;
  const Listeners listeners = listening(listening_on({free_address()}), 1);
  const auto plan = listeners.plan(listening_on({neighbour.text()}), false);
  REQUIRE_FALSE(plan.has_value());
  CHECK(plan.error().message.find("another process listens there") != std::string::npos);
}

TEST_CASE("what a dropped user can no longer open needs a restart: a low port, a unix socket, its mode") {
  const TemporaryDirectory directory;
  if (geteuid() != 0) {
    MESSAGE("not root: not tested");
    return;
  }
  const std::string path = directory.path() + "/s";
  config::Config config = listening_on({free_address(), "unix:" + path});
  const Listeners listeners = listening(config, 1);
  REQUIRE(seteuid(65534) == 0);
  const auto low_port = listeners.plan(listening_on({"127.0.0.1:81"}), false);
  const auto other_path = listeners.plan(listening_on({"unix:" + path + "2"}), false);
  config.server.listen[1].mode = 0666;
  const auto other_mode = listeners.plan(config, false);
  REQUIRE(seteuid(0) == 0);
  const std::string way_out =
      "; a process that has dropped its user or is sandboxed cannot have it any more: restart it";
  REQUIRE_FALSE(low_port.has_value());
  CHECK(low_port.error().message ==
        "server.listen 127.0.0.1:81: Permission denied; ports below 1024 need root or "
        "CAP_NET_BIND_SERVICE" +
            way_out);
  REQUIRE_FALSE(other_path.has_value());
  CHECK(other_path.error().message == "server.listen unix:" + path +
                                          "2: Permission denied; this user may not make a "
                                          "socket in that directory" +
                                          way_out);
  REQUIRE(other_mode.has_value());
  CHECK(other_mode->warnings == std::vector<std::string>{"server.listen unix:" + path + ": its file is another " +
                                                         "user's: a restart gives it its mode"});
}

TEST_CASE("a name of a manager's socket that was not passed at the start needs a restart") {
  const Listeners listeners = listening(listening_on({free_address()}), 1);
  const auto plan = listeners.plan(listening_on({"fd:web"}), false);
  REQUIRE_FALSE(plan.has_value());
  CHECK(plan.error().message ==
        "server.listen fd:web: this process has no socket of that name; sockets are passed at "
        "start only: restart it");
}

TEST_CASE("a manager's sockets go on standing for server.listen as long as it is not written") {
  Neighbour managed;
  auto looked_at = daemon::look_at_passed_socket(std::move(managed.socket));
  REQUIRE(looked_at.has_value());
  looked_at->from_manager = true;
  looked_at->name = "web";
  PassedSockets passed;
  passed.sockets.push_back(std::move(*looked_at));
  const config::Config standard = listening_on({free_address()});
  std::vector<std::string> warnings;
  auto listeners = Listeners::open(standard, true, 1, std::move(passed), warnings);
  REQUIRE(listeners.has_value());
  auto plan = listeners->plan(standard, true);
  REQUIRE(plan.has_value());
  CHECK(listeners->carry_out(std::move(*plan)).empty());
  CHECK(listeners->text() == "fd:web");
  auto written = listeners->plan(standard, false);
  REQUIRE(written.has_value());
  CHECK(listeners->carry_out(std::move(*written)).size() == 2);
  CHECK(listeners->text() == standard.server.listen[0].text);
}
