// Under a service manager without its library: NOTIFY_SOCKET (sd_notify(3)) with READY, RELOADING, STOPPING, MAINPID
// and STATUS, WATCHDOG that stops when a worker does, and LISTEN_FDS (sd_listen_fds(3)).
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctime>
#include <thread>

#include "daemon.hpp"
#include "load.hpp"
#include "notify_socket.hpp"
#include "operation_words.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() { site.file("a.txt", "a\n"); }
  [[nodiscard]] Launch with(const NotifySocket& socket, const std::string& watchdog_usec = "") const {
    Launch launch;
    launch.environment.emplace_back("NOTIFY_SOCKET", socket.name());
    if (!watchdog_usec.empty()) launch.environment.emplace_back("WATCHDOG_USEC", watchdog_usec);
    return launch;
  }
  Site site;
};

std::uint64_t monotonic_usec() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

// Whether that line comes at or after `from`.
bool comes(NotifySocket& socket, const std::string& line, std::size_t from = 0, Milliseconds patience = kPatience) {
  const std::size_t at = socket.wait_for(line, from, patience);
  return at < socket.all().size();
}

std::size_t count(NotifySocket& socket, const std::string& line, std::size_t from = 0) {
  std::size_t result = 0;
  for (std::size_t i = from; i < socket.all().size(); ++i) result += socket.all()[i].has(line);
  return result;
}

// A listening socket on loopback, as a manager has it.
class Passed {
 public:
  explicit Passed(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_, 64) == 0);
  }
  explicit Passed(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_, 64) == 0);
  }
  ~Passed() { ::close(fd_); }
  Passed(const Passed&) = delete;
  Passed& operator=(const Passed&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "READY=1 comes once, from the process itself, when it serves, with a STATUS") {
  for (const std::string& name : {site.outside("notify"), "@uringd-test-" + std::to_string(::getpid())}) {
    INFO(name);
    NotifySocket socket(name);
    Daemon daemon(site, {}, with(socket));
    const std::size_t ready = socket.wait_for("READY=1");
    INFO(socket.text());
    REQUIRE(ready < socket.all().size());
    CHECK(daemon.get("/a.txt").status == 200);
    CHECK(socket.all()[ready].from == daemon.pid());
    CHECK(count(socket, "READY=1") == 1);
    bool status = false;
    for (const auto& message : socket.all()) status = status || !message.value("STATUS").empty();
    CHECK(status);
    CHECK(count(socket, "WATCHDOG=1") == 0);  // nobody asked
    daemon.stop();
    CHECK(comes(socket, "STOPPING=1", ready));
    CHECK(count(socket, "STOPPING=1") == 1);
  }
}

TEST_CASE_FIXTURE(Tree, "without a start there is no READY, and a socket that is gone or full does no harm") {
  NotifySocket socket(site.outside("notify"));
  const Finished failed =
      run_to_end({"--config", site.outside("missing.toml")}, {}, {{"NOTIFY_SOCKET", socket.name()}});
  CHECK(failed.exit_code == 2);
  CHECK(count(socket, "READY=1") == 0);
  Daemon daemon(site, {}, with(socket, "200000"));
  CHECK(comes(socket, "READY=1"));
  std::this_thread::sleep_for(Milliseconds{1500});  // nobody reads: the queue of a datagram socket is short
  for (int i = 0; i < 20; ++i) daemon.reload();
  CHECK(daemon.get("/a.txt").status == 200);
  socket.close();
  for (int i = 0; i < 3; ++i) daemon.reload();
  CHECK(daemon.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "a reload says RELOADING=1 with MONOTONIC_USEC, then READY=1, also when the file is bad") {
  NotifySocket socket(site.outside("notify"));
  Daemon daemon(site, {}, with(socket));
  std::size_t at = socket.wait_for("READY=1") + 1;
  for (const bool good : {true, false, true}) {
    INFO("good: " << good);
    const std::uint64_t before = monotonic_usec();
    if (good) {
      daemon.configure({});
    } else {
      daemon.configure_text("[server\n");
    }
    daemon.reload();
    const std::size_t reloading = socket.wait_for("RELOADING=1", at);
    const std::size_t ready = socket.wait_for("READY=1", reloading);
    INFO(socket.text());
    REQUIRE(reloading < socket.all().size());
    REQUIRE(ready < socket.all().size());
    CHECK(ready > reloading);
    const std::string usec = socket.all()[reloading].value("MONOTONIC_USEC");
    REQUIRE(!usec.empty());
    CHECK(std::stoull(usec) >= before);
    CHECK(std::stoull(usec) <= monotonic_usec());
    at = ready + 1;
  }
}

TEST_CASE_FIXTURE(Tree, "WATCHDOG=1 comes in time while the workers turn, idle or busy") {
  NotifySocket socket(site.outside("notify"));
  Daemon daemon(site, {.server = "workers = 2"}, with(socket, "600000"));
  CHECK(comes(socket, "READY=1"));
  Load load(daemon.port(), {.connections = 4, .threads = 1, .requests = {get_request("/a.txt")}});
  for (int i = 0; i < 60; ++i) {
    (void)socket.all();
    if (i == 30) load.stop();
    std::this_thread::sleep_for(Milliseconds{50});
  }
  auto last = std::chrono::steady_clock::time_point{};
  Milliseconds longest{0};
  for (const auto& message : socket.all()) {
    if (!message.has("WATCHDOG=1")) continue;
    if (last.time_since_epoch().count() != 0) {
      longest = std::max(longest, std::chrono::duration_cast<Milliseconds>(message.at - last));
    }
    last = message.at;
  }
  CHECK(count(socket, "WATCHDOG=1") >= 7);
  if (!sanitized()) CHECK(longest < Milliseconds{600});
}

TEST_CASE_FIXTURE(Tree, "WATCHDOG=1 stops when one worker no longer turns, and comes again when it does") {
  NotifySocket socket(site.outside("notify"));
  Daemon daemon(site, {.server = "workers = 2"}, with(socket, "400000"));
  CHECK(comes(socket, "WATCHDOG=1"));
  const auto threads = daemon.threads();
  REQUIRE(threads.contains("uringd/1"));
  const pid_t worker = threads.at("uringd/1");
  if (::ptrace(PTRACE_SEIZE, worker, nullptr, nullptr) != 0) {
    MESSAGE("SKIPPED: ptrace is not allowed here");
    return;
  }
  REQUIRE(::ptrace(PTRACE_INTERRUPT, worker, nullptr, nullptr) == 0);
  int state = 0;
  REQUIRE(::waitpid(worker, &state, __WALL) == worker);
  std::this_thread::sleep_for(Milliseconds{1000});  // one interval may have been earned before
  const std::size_t before = count(socket, "WATCHDOG=1");
  std::this_thread::sleep_for(Milliseconds{1200});
  CHECK(count(socket, "WATCHDOG=1") == before);
  REQUIRE(::ptrace(PTRACE_DETACH, worker, nullptr, nullptr) == 0);
  CHECK(comes(socket, "WATCHDOG=1", socket.all().size(), Milliseconds{3000}));
}

TEST_CASE_FIXTURE(Tree, "a watchdog that is meant for another process is not fed") {
  NotifySocket socket(site.outside("notify"));
  Launch launch = with(socket, "200000");
  launch.environment.emplace_back("WATCHDOG_PID", std::to_string(::getpid()));
  Daemon daemon(site, {}, launch);
  CHECK(comes(socket, "READY=1"));
  std::this_thread::sleep_for(Milliseconds{800});
  CHECK(count(socket, "WATCHDOG=1") == 0);
}

TEST_CASE_FIXTURE(Tree, "an upgrade: MAINPID of the new process, then its READY=1; the watchdog is fed by it") {
  NotifySocket socket(site.outside("notify"));
  Daemon daemon(site, {}, with(socket, "1000000"));
  CHECK(comes(socket, "READY=1"));
  for (int i = 0; i < 3; ++i) {
    const std::size_t from = socket.all().size();
    const std::optional<pid_t> old = daemon.upgrade();
    REQUIRE(old.has_value());
    const std::string main = "MAINPID=" + std::to_string(daemon.pid());
    const std::size_t main_at = socket.wait_for(main, from);
    INFO(socket.text());
    REQUIRE(main_at < socket.all().size());
    std::size_t ready = socket.wait_for("READY=1", main_at);
    REQUIRE(ready < socket.all().size());
    CHECK(socket.all()[ready].from == daemon.pid());
    CHECK(daemon.exit_code(*old, Milliseconds{10000}) == 0);
    // systemd takes a message of a process that is not the main one for nothing, but STOPPING would end the service.
    for (std::size_t k = from; k < socket.all().size(); ++k) CHECK(!socket.all()[k].has("STOPPING=1"));
    const std::size_t after = socket.all().size();
    const std::size_t fed = socket.wait_for("WATCHDOG=1", after, Milliseconds{3000});
    REQUIRE(fed < socket.all().size());
    CHECK(socket.all()[fed].from == daemon.pid());
  }
}

TEST_CASE_FIXTURE(Tree, "an upgrade that fails tells the manager nothing of another process") {
  NotifySocket socket(site.outside("notify"));
  Daemon daemon(site, {}, with(socket));
  CHECK(comes(socket, "READY=1"));
  daemon.configure_text("[server]\nworkers = \"many\"\n");
  CHECK(!daemon.upgrade().has_value());
  INFO(socket.text());
  for (const auto& message : socket.all()) CHECK(message.value("MAINPID").empty());
  CHECK(count(socket, "STOPPING=1") == 0);
}

TEST_CASE_FIXTURE(Tree, "LISTEN_FDS: sockets that a manager passes stand for server.listen, with and without names") {
  for (const char* names : {"", "web:web-local"}) {
    INFO("names: " << names);
    const Passed tcp(free_port());
    const std::string path = site.outside("passed.sock");
    ::unlink(path.c_str());
    const Passed local(path);
    const std::string text = "[[site]]\nroot = \"" + site.root() + "\"\n";
    Launch launch;
    launch.passed = {tcp.fd(), local.fd()};
    launch.passed_names = names;
    {
      Daemon daemon(site, text, tcp.port(), launch);
      CHECK(daemon.get("/a.txt").body == "a\n");
      CHECK(Client::unix_socket(path).get("/a.txt").body == "a\n");
      CHECK(!Client::try_tcp(8080).connected());  // the default is not bound besides
      daemon.reload();
      CHECK(daemon.get("/a.txt").body == "a\n");
      REQUIRE(daemon.upgrade().has_value());
      CHECK(daemon.get("/a.txt").body == "a\n");
      CHECK(Client::unix_socket(path).get("/a.txt").body == "a\n");
    }
    CHECK(::access(path.c_str(), F_OK) == 0);  // the manager's, who will start us again
    // Asked while nobody runs: the manager's socket keeps it, the next one answers.
    Client client = Client::tcp(tcp.port());
    client.send(get_request("/a.txt"));
    Daemon next(site, text, tcp.port(), launch);
    CHECK(client.read_response().body == "a\n");
  }
}

TEST_CASE_FIXTURE(Tree,
                  "LISTEN_FDS: with server.listen written, a socket of its address is taken over, others closed") {
  const Passed wanted(free_port());
  const Passed other(free_port());
  Launch launch;
  launch.passed = {other.fd(), wanted.fd()};
  Daemon daemon(site, configuration(site, {}, wanted.port()), wanted.port(), launch);
  CHECK(daemon.get("/a.txt").body == "a\n");
  const std::string log = daemon.log();
  INFO(log);
  CHECK(log.find(" warn ") != std::string::npos);
  CHECK(log.find(std::to_string(other.port())) != std::string::npos);
}

TEST_CASE_FIXTURE(Tree, "LISTEN_FDS that are meant for another process are left alone") {
  const int port = free_port();
  const Passed other(free_port());
  Launch launch;
  launch.passed = {other.fd()};
  launch.passed_to = "1";
  Daemon daemon(site, configuration(site, {}, port), port, launch);
  CHECK(daemon.get("/a.txt").body == "a\n");
}

TEST_CASE_FIXTURE(Tree, "LISTEN_FDS with something that is no listening socket: exit 1 and one line") {
  const int port = free_port();
  const int plain = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  Launch launch;
  launch.passed = {plain};
  launch.wait = false;
  Daemon daemon(site, "[[site]]\nroot = \"" + site.root() + "\"\n", port, launch);
  ::close(plain);
  CHECK(daemon.wait_for_exit(Milliseconds{10000}) == 1);
  INFO(daemon.log());
  CHECK(lines_of(daemon.log()).size() == 1);
  CHECK(daemon.log().find("LISTEN_FDS") != std::string::npos);
}
