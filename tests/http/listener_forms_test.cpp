// How it listens (contract.md, server.listen): a unix socket's mode and its stale file, dual-stack addresses, objects
// with a backlog, several listeners at once, and how SO_REUSEPORT spreads connections over the workers.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <sstream>

#include "daemon.hpp"
#include "load.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() { site.file("a.txt", "a\n"); }
  Site site;
};

mode_t mode_of(const std::string& path) {
  struct stat attributes{};
  REQUIRE(::stat(path.c_str(), &attributes) == 0);
  return attributes.st_mode & 07777;
}

// "worker N: connections=M …" of each worker, in their order.
std::vector<std::uint64_t> connections_of_workers(const std::string& log) {
  std::vector<std::uint64_t> result;
  for (std::size_t at = log.find(": connections="); at != std::string::npos; at = log.find(": connections=", at + 1)) {
    result.push_back(std::stoull(log.substr(at + 14)));
  }
  return result;
}

// The backlog that the kernel has for a listening port: Send-Q of ss(8), from /proc/net/tcp it cannot be had.
int backlog_of(int port) {
  FILE* pipe = ::popen(("ss -Hltn 'sport = :" + std::to_string(port) + "' 2>/dev/null").c_str(), "r");
  if (!pipe) return -1;
  char line[512] = {};
  int backlog = -1;
  if (std::fgets(line, sizeof line, pipe)) {
    std::istringstream words(line);
    std::string state;
    int queued = 0;
    words >> state >> queued >> backlog;
  }
  ::pclose(pipe);
  return backlog;
}

std::string object(const std::string& address, const std::string& members) {
  return "{ address = \"" + address + "\", " + members + " }";
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "a unix socket has the mode that its object says, before anybody is served") {
  const int port = free_port();
  const std::string first = site.outside("first.sock");
  const std::string second = site.outside("second.sock");
  const std::string text =
      with_listen(configuration(site, {}, port), "[\"127.0.0.1:" + std::to_string(port) + "\", " +
                                                     object("unix:" + first, "mode = \"0600\"") + ", " +
                                                     object("unix:" + second, "mode = \"0666\"") + "]");
  Daemon daemon(site, text, port);
  CHECK(mode_of(first) == 0600);
  CHECK(mode_of(second) == 0666);
  CHECK(Client::unix_socket(first).get("/a.txt").status == 200);
  CHECK(Client::unix_socket(second).get("/a.txt").status == 200);
  daemon.configure_text(with_listen(text, "[\"127.0.0.1:" + std::to_string(port) + "\", " +
                                              object("unix:" + first, "mode = \"0660\"") + ", " +
                                              object("unix:" + second, "mode = \"0666\"") + "]"));
  daemon.reload();
  CHECK(Client::unix_socket(first).get("/a.txt").status == 200);
  CHECK(Client::unix_socket(second).get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "a unix socket that somebody listens on, and a file that is none, are not taken away") {
  const std::string socket = site.outside("uringd.sock");
  Daemon first(site, {.listen = {"unix:" + socket}});
  const auto refused = [&] {
    site.outside_file("second.toml", configuration(site, {.listen = {"unix:" + socket}}, free_port()));
    return run_to_end({"--config", site.outside("second.toml")});
  };
  const Finished in_use = refused();
  CHECK(in_use.exit_code == 1);
  CHECK(in_use.err.find(socket) != std::string::npos);
  CHECK(Client::unix_socket(socket).get("/a.txt").status == 200);
  first.stop();
  site.outside_file("uringd.sock", "somebody's notes");
  const Finished file = refused();
  CHECK(file.exit_code == 1);
  CHECK(file.err.find(socket) != std::string::npos);
  CHECK(file_bytes(socket) == "somebody's notes");
}

TEST_CASE_FIXTURE(Tree, "\":port\" is one dual-stack address: its IPv4 clients are IPv4 clients in the log") {
  const int port = free_port();
  const std::string file = site.outside("access.log");
  Daemon daemon(
      site,
      with_listen(configuration(site, {.more = access_log_table(file)}, port), "[\":" + std::to_string(port) + "\"]"),
      port);
  CHECK(Client::tcp(port).get("/a.txt", "Connection: close\r\n").status == 200);
  CHECK(Client::tcp6(port).get("/a.txt", "Connection: close\r\n").status == 200);
  daemon.stop();
  const std::string log = file_bytes(file);
  INFO(log);
  CHECK(count_of(log, "127.0.0.1 - - [") == 1);
  CHECK(count_of(log, "::1 - - [") == 1);
  CHECK(count_of(log, "::ffff:") == 0);
}

TEST_CASE_FIXTURE(Tree, "an IPv6 address and an IPv4 one of the same port live side by side") {
  const int port = free_port();
  Daemon daemon(site,
                with_listen(configuration(site, {}, port),
                            "[\"127.0.0.1:" + std::to_string(port) + "\", \"[::1]:" + std::to_string(port) + "\"]"),
                port);
  CHECK(Client::tcp(port).get("/a.txt").status == 200);
  CHECK(Client::tcp6(port).get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "twelve listeners on two workers: each serves, under load at once") {
  std::vector<std::string> addresses;
  std::vector<int> ports;
  for (int i = 0; i < 10; ++i) {
    ports.push_back(free_port());
    addresses.push_back("127.0.0.1:" + std::to_string(ports.back()));
  }
  const std::string socket = site.outside("uringd.sock");
  addresses.push_back("unix:" + socket);
  Daemon daemon(site, {.server = "workers = 2", .listen = addresses});
  ports.push_back(daemon.port());
  std::atomic<std::size_t> next{0};
  Load load(daemon.port(), {.connections = 44, .requests = {get_request("/a.txt")}, .connect = [&] {
                              return Client::tcp(ports[next++ % ports.size()]);
                            }});
  Load local(daemon.port(), {.connections = 4,
                             .threads = 1,
                             .requests = {get_request("/a.txt", "Connection: close\r\n")},
                             .connect = [&] { return Client::unix_socket(socket); }});
  CHECK(load.more_answers(2000));
  CHECK(local.more_answers(500));
  load.stop();
  local.stop();
  INFO(load.figures() << "; " << local.figures());
  CHECK(load.failures() == 0);
  CHECK(local.failures() == 0);
}

TEST_CASE_FIXTURE(Tree, "the backlog is what its object says, and holds clients while nobody accepts") {
  const int port = free_port();
  Daemon daemon(site,
                with_listen(configuration(site, {.server = "workers = 1"}, port),
                            "[" + object("127.0.0.1:" + std::to_string(port), "backlog = 37") + "]"),
                port);
  const int backlog = backlog_of(port);
  if (backlog >= 0) CHECK(backlog == 37);
  daemon.signal(SIGSTOP);
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(daemon.connect());
    clients.back().send(get_request("/a.txt"));
  }
  daemon.signal(SIGCONT);
  for (Client& client : clients) CHECK(client.read_response().status == 200);
}

TEST_CASE_FIXTURE(Tree, "SO_REUSEPORT spreads 2,000 connections over four workers: none has less than half its share") {
  Daemon daemon(site, {.server = "workers = 4"});
  for (int i = 0; i < 2000; ++i) {
    Client client = daemon.connect();
    CHECK(client.get("/a.txt", "Connection: close\r\n").status == 200);
  }
  daemon.stop();
  const std::vector<std::uint64_t> spread = connections_of_workers(daemon.log());
  REQUIRE(spread.size() == 4);
  MESSAGE("connections: " << spread[0] << ", " << spread[1] << ", " << spread[2] << ", " << spread[3]);
  std::uint64_t sum = 0;
  for (const std::uint64_t count : spread) {
    CHECK(count > 250);
    sum += count;
  }
  CHECK(sum == 2000);
}

TEST_CASE_FIXTURE(Tree, "a unix socket that several workers accept on loses no connection when many come at once") {
  const std::string socket = site.outside("uringd.sock");
  Daemon daemon(site, {.server = "workers = 2", .listen = {"unix:" + socket}});
  Load load(daemon.port(), {.connections = 32,
                            .requests = {get_request("/a.txt", "Connection: close\r\n")},
                            .connect = [&] { return Client::unix_socket(socket); }});
  CHECK(load.more_answers(3000));
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  daemon.stop();
  const std::vector<std::uint64_t> spread = connections_of_workers(daemon.log());
  REQUIRE(spread.size() == 2);
  MESSAGE("connections: " << spread[0] << ", " << spread[1]);
  CHECK(spread[0] + spread[1] == load.answers());
}

TEST_CASE_FIXTURE(Tree, "a port in use is one line that names it, exit 1, and nothing that was bound stays") {
  Daemon first(site);
  const std::string socket = site.outside("second.sock");
  const int free = free_port();
  site.outside_file("second.toml", with_listen(configuration(site, {}, free),
                                               "[\"127.0.0.1:" + std::to_string(free) + "\", \"unix:" + socket +
                                                   "\", \"127.0.0.1:" + std::to_string(first.port()) + "\"]"));
  const Finished run = run_to_end({"--config", site.outside("second.toml")});
  CHECK(run.exit_code == 1);
  CHECK(lines_of(run.err).size() == 1);
  CHECK(run.err.find("127.0.0.1:" + std::to_string(first.port())) != std::string::npos);
  CHECK(::access(socket.c_str(), F_OK) != 0);
  CHECK(first.get("/a.txt").status == 200);
}
