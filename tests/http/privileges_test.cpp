// server.user and server.sandbox on the real program, seen from outside: /proc of its threads, and what it serves. What
// the sandbox denies is tried from inside by the unit tests.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "harness.hpp"

using namespace uringd::testing;
namespace fs = std::filesystem;

namespace {

bool root() {
  if (running_as_root()) return true;
  MESSAGE("skipped: only root can drop to another user");
  return false;
}

/// The different values that the threads of a process have on one line of their status.
std::set<std::string> in_threads(const Server& server, std::string_view name) {
  std::set<std::string> values;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(server.pid()) + "/task")) {
    std::ifstream file(task.path() / "status");
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with(name)) continue;
      line = line.substr(name.size());
      line.erase(line.find_last_not_of(" \t") + 1);
      std::replace(line.begin(), line.end(), '\t', ' ');
      values.insert(line);
    }
  }
  return values;
}

using Values = std::set<std::string>;
const Values kNoCapabilities{" 0000000000000000"};

struct World {
  World() {
    site.file("a.txt", "a\n");
    site.file("secret.txt", "for root\n", 0600);
    site.file("big.bin", pattern(3 << 20));
  }
  Site site;
};

/// A port below 1024 that nobody holds; 0 where there is none.
int low_port() {
  for (int port = 1023; port > 600; --port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (free) return port;
  }
  return 0;
}

}  // namespace

TEST_CASE_FIXTURE(World, "started as root with server.user, every thread is that user, and no capability is left") {
  if (!root()) return;
  const passwd* nobody = ::getpwnam("nobody");
  REQUIRE(nobody != nullptr);
  const std::string uid = " " + std::to_string(nobody->pw_uid);
  const std::string gid = " " + std::to_string(nobody->pw_gid);
  Server server(site, {.server = "user = \"nobody\"\nworkers = 2"});
  CHECK(server.get("/a.txt").body == "a\n");
  CHECK(server.get("/big.bin").body == pattern(3 << 20));  // kernel threads of the rings are there now
  CHECK(in_threads(server, "Uid:") == Values{uid + uid + uid + uid});
  CHECK(in_threads(server, "Gid:") == Values{gid + gid + gid + gid});
  CHECK(in_threads(server, "Groups:") == Values{gid});
  for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"}) {
    CAPTURE(set);
    CHECK(in_threads(server, set) == kNoCapabilities);
  }
}

TEST_CASE_FIXTURE(World, "a file that only root may read is 403 once root is dropped, and 200 while it is not") {
  if (!root()) return;
  {
    Server server(site, {.server = "user = \"65534:65534\""});
    CHECK(server.get("/secret.txt").status == 403);
    CHECK(server.get("/a.txt").status == 200);
  }
  Server server(site);
  CHECK(server.get("/secret.txt").body == "for root\n");
}

TEST_CASE_FIXTURE(World, "a port below 1024 is bound before root is dropped") {
  if (!root()) return;
  const int port = low_port();
  REQUIRE(port > 0);
  site.outside_file("config.toml", configuration(site, {.server = "user = \"nobody\""}, port));
  Server server(site, {"--config", site.outside("config.toml")}, port);
  CHECK(server.get("/a.txt").body == "a\n");
  CHECK(server.get("/secret.txt").status == 403);
}

TEST_CASE_FIXTURE(World, "a file that changes is noticed by a server that has dropped root: its watches still work") {
  if (!root()) return;
  Server server(site, {.server = "user = \"nobody\""});
  CHECK(server.get("/a.txt").body == "a\n");
  for (int round = 0; round < 5; ++round) {
    const std::string text = "changed " + std::to_string(round) + "\n";
    site.replace("a.txt", text);
    CHECK(wait_until([&] { return server.get("/a.txt").body == text; }));
  }
}

TEST_CASE_FIXTURE(World, "server.user that it is started as already changes nothing and needs no root") {
  if (!root()) return;
  Server server(site, {.server = "user = \"65534\"", .as_nobody = true});
  CHECK(server.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(World, "the sandbox is on by default, in every thread, as root and as an ordinary user") {
  for (const bool as_nobody : {false, true}) {
    if (as_nobody && !running_as_root()) continue;
    CAPTURE(as_nobody);
    Server server(site, {.server = "workers = 2", .as_nobody = as_nobody});
    CHECK(server.get("/big.bin").body == pattern(3 << 20));
    CHECK(in_threads(server, "NoNewPrivs:") == Values{" 1"});
  }
  Server open(site, {.server = "sandbox = false"});
  CHECK(open.get("/big.bin").body == pattern(3 << 20));
  CHECK(in_threads(open, "NoNewPrivs:") == Values{" 0"});
}

TEST_CASE_FIXTURE(World, "a sandboxed server makes its log and its socket, and makes the log anew after SIGUSR1") {
  fs::create_directories(site.outside("logs"));
  fs::create_directories(site.outside("run"));
  const std::string log = site.outside("logs/access.log");
  const std::string socket = site.outside("run/uringd.sock");
  Server server(site, {.more = "[log]\naccess = \"" + log + "\"\n", .listen = {"unix:" + socket}});
  CHECK(server.get("/a.txt").status == 200);
  CHECK(fs::is_socket(socket));
  CHECK(wait_until([&] { return fs::exists(log) && fs::file_size(log) > 0; }));
  fs::rename(log, log + ".1");
  server.signal(SIGUSR1);
  CHECK(wait_until([&] { return fs::exists(log); }));
  // what is asked between the making of the file and its taking over is still a line of the file before
  CHECK(wait_until([&] { return server.get("/a.txt").status == 200 && fs::file_size(log) > 0; }));
  server.stop();
  CHECK(!fs::exists(socket));
}

TEST_CASE("--features says what of the sandbox there is") {
  const Finished run = run_to_end({"--features"});
  CHECK(run.exit_code == 0);
  CHECK(run.out.find("\nring restrictions: ") != std::string::npos);
  CHECK(run.out.find("\nsandbox: ") != std::string::npos);
  const bool landlock = ::syscall(444, nullptr, 0, 1) > 0;  // landlock_create_ruleset: its version
  CHECK((run.out.find("\nsandbox: Landlock, ABI ") != std::string::npos) == landlock);
  CHECK((run.out.find("\nsandbox: not available: ") != std::string::npos) == !landlock);
}
