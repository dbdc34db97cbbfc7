// The admin interface in the life of the process: what keeps it from starting, reload by POST and of its own keys,
// drain and upgrade as probes see them, unix sockets, and `uringd --health`.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "admin_client.hpp"
#include "daemon.hpp"

using namespace uringd::testing;

namespace {

struct Tree : AdminPlace {
  Tree() { site.file("a.txt", "a\n"); }
  [[nodiscard]] static bool ready(const Response& response) { return response.status == 200; }
  /// The exit code of `uringd --health ARGUMENTS`, and what it said.
  static Finished health(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "--health");
    return run_to_end(arguments);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Tree,
                  "a token file that others can read, or that is empty or missing, keeps the server from starting") {
  const std::string token = site.outside("token");
  const auto told = [&] {
    site.outside_file("c.toml", configuration(site, {.more = table()}, free_port()));
    const Finished finished = run_to_end({"--config", site.outside("c.toml")});
    CHECK(finished.exit_code == 2);
    CHECK(finished.err.contains("admin.token_file: found \""));
    return finished.err;
  };
  ::chmod(token.c_str(), 0644);
  CHECK(told().contains("others can read or write it (mode 0644)"));
  ::chmod(token.c_str(), 0600);
  std::ofstream(token) << "\n";
  CHECK(told().contains("is empty"));
  std::filesystem::remove(token);
  CHECK(told().contains("No such file or directory"));
}

TEST_CASE_FIXTURE(Tree, "an address in use keeps the server from starting, and is named as admin.listen") {
  Server first(site, {.more = table()});
  site.outside_file("c.toml", configuration(site, {.more = table()}, free_port()));
  const Finished second = run_to_end({"--config", site.outside("c.toml")});
  CHECK(second.exit_code == 1);
  CHECK(second.err.contains("admin.listen 127.0.0.1:" + std::to_string(admin_port) + ": Address already in use"));
}

TEST_CASE_FIXTURE(Tree, "POST /reload answers when the new configuration is in force, or with every error") {
  Daemon daemon(site, {.more = table()});
  CHECK(daemon.get("/a.txt").field("X-Config").empty());
  const std::string rule = "[[site.headers]]\nmatch = \"/**\"\nset = { X-Config = \"two\" }\n";
  daemon.configure({.headers = rule, .more = table()});
  const Response done = ask("POST", "/reload", kBearer);
  CHECK(done.status == 200);
  CHECK(done.body == "{\"reloaded\":true}\n");
  CHECK(daemon.get("/a.txt").field("X-Config") == "two");

  daemon.configure({.server = "workres = 1", .limits = "idle_timeout = \"x\"", .headers = rule, .more = table()});
  const Response refused = ask("POST", "/reload", kBearer);
  CHECK(refused.status == 422);
  CHECK(is_error(refused));
  CHECK(refused.body.contains("server.workres: unknown key; did you mean workers?"));
  CHECK(refused.body.contains("limits.idle_timeout"));
  CHECK(daemon.get("/a.txt").field("X-Config") == "two");
}

TEST_CASE_FIXTURE(Tree, "reloads that are asked for at once are all answered") {
  Daemon daemon(site, {.more = table()});
  std::vector<Client> clients;
  for (int count = 0; count < 8; ++count) clients.push_back(connect());
  for (Client& client : clients) client.send(admin_request("POST", "/reload", kBearer));
  daemon.signal(SIGHUP);
  for (Client& client : clients) CHECK(client.read_response("POST").status == 200);
}

TEST_CASE_FIXTURE(Tree, "a reload moves the interface, gives it another token, switches it off and on again") {
  Daemon daemon(site, {.more = table()});
  const int before = admin_port;
  admin_port = free_port();
  daemon.reload({.more = table()});
  CHECK(daemon.reloaded());
  CHECK(get("/healthz").status == 200);
  CHECK(wait_until([&] { return !Client::try_tcp(before).connected(); }));
  site.outside_file("other", "another\n");
  ::chmod(site.outside("other").c_str(), 0600);
  std::string text = table();
  text.replace(text.find("\"token\""), 7, "\"other\"");
  daemon.reload({.more = text});
  CHECK(ask("POST", "/reload", kBearer).status == 401);
  CHECK(ask("POST", "/reload", "Authorization: Bearer another\r\n").status == 200);
  daemon.reload(Setup{});
  CHECK(daemon.reloaded());
  CHECK(wait_until([&] { return !Client::try_tcp(admin_port).connected(); }));
  CHECK(daemon.get("/a.txt").status == 200);
  daemon.reload({.more = table()});
  CHECK(get("/cache").status == 200);
}

TEST_CASE_FIXTURE(Tree, "an interface that was off at the start is switched on by a reload") {
  Daemon daemon(site);
  CHECK(!Client::try_tcp(admin_port).connected());
  daemon.reload({.more = table()});
  CHECK(daemon.reloaded());
  CHECK(get("/healthz").status == 200);
  CHECK(ask("POST", "/reload", kBearer).status == 200);
}

TEST_CASE_FIXTURE(Tree, "a server that is leaving is not ready, is well, and reloads no more") {
  Server server(site, {.server = "shutdown_delay = \"2s\"", .more = table()});
  CHECK(ready(get("/readyz")));
  server.signal(SIGTERM);
  CHECK(wait_until([&] { return get("/readyz").status == 503; }));
  CHECK(is_error({.body = "{" + get("/readyz").body.substr(21), .fields = {{"Content-Type", "application/json"}}}));
  CHECK(get("/readyz").body.starts_with("{\"status\":\"draining\""));
  CHECK(get("/healthz").status == 200);
  CHECK(ask("POST", "/reload", kBearer).status == 503);
  CHECK(server.get("/a.txt").status == 200);
  CHECK(server.wait_for_exit() == 0);
}

TEST_CASE_FIXTURE(Tree, "while a download holds the drain up, probes are answered still; then all is gone at once") {
  site.sparse_file("large.bin", 200 << 20);
  Server server(site, {.server = "drain_timeout = \"20s\"", .more = table()});
  Client idle = connect();
  CHECK(idle.ask(admin_request("GET", "/healthz")).status == 200);
  Client download = server.connect(4096);
  download.send(get_request("/large.bin"));
  CHECK(download.read_head().status == 200);
  server.signal(SIGTERM);
  CHECK(wait_until([&] { return get("/readyz").status == 503; }));
  CHECK(get("/healthz").status == 200);
  CHECK(get("/cache").status == 503);
  download.close();
  CHECK(server.wait_for_exit(Milliseconds{3000}) == 0);
  CHECK(idle.wait_for_end() != Ending::open);
}

TEST_CASE_FIXTURE(Tree, "a successor has the interface, without a refused connection") {
  Daemon daemon(site, {.more = table()});
  bool stop = false;
  int refused = 0, answered = 0;
  std::thread prober([&] {
    while (!stop) {
      Client client = Client::try_tcp(admin_port);
      if (!client.connected()) {
        ++refused;
        continue;
      }
      client.send(admin_request("GET", "/healthz", "Connection: close\r\n"));
      answered += client.read_response_or_end().status == 200 ? 1 : 0;
    }
  });
  const auto old = daemon.upgrade();
  REQUIRE(old);
  CHECK(daemon.exit_code(*old) == 0);
  stop = true;
  prober.join();
  CHECK(refused == 0);
  CHECK(answered > 0);
  CHECK(ready(get("/readyz")));
  CHECK(ask("POST", "/reload", kBearer).status == 200);
}

TEST_CASE_FIXTURE(Tree,
                  "on a unix socket any Host will do, reading takes no token, and the file goes with the server") {
  const std::string path = site.outside("admin.sock");
  {
    Server server(site, {.more = table("", "unix:" + path)});
    Client client = Client::unix_socket(path);
    CHECK(client.ask(admin_request("GET", "/cache", "", "anything.example")).status == 200);
    CHECK(client.ask(admin_request("POST", "/reload"), "POST").status == 401);
    CHECK(client.ask(admin_request("POST", "/reload", kBearer), "POST").status == 200);
    CHECK(health({"unix:" + path}).exit_code == 0);
  }
  CHECK(!std::filesystem::exists(path));
  CHECK(health({"unix:" + path}).exit_code == 1);
}

TEST_CASE_FIXTURE(Tree, "uringd --health: 0 where the server is well, else 1 and why") {
  const std::string port = std::to_string(admin_port);
  site.outside_file("c.toml", configuration(site, {.more = table()}, free_port()));
  site.outside_file("off.toml", configuration(site, {}, free_port()));
  const std::string file = site.outside("c.toml");
  {
    Server server(site, {.more = table()});
    for (const std::string& url : {"http://127.0.0.1:" + port + "/healthz", "http://127.0.0.1:" + port,
                                   "http://localhost:" + port + "/readyz"}) {
      INFO(url);
      const Finished finished = health({url});
      CHECK(finished.exit_code == 0);
      CHECK(finished.err.empty());
      CHECK(finished.out.empty());
    }
    CHECK(run_to_end({"--health=http://127.0.0.1:" + port}).exit_code == 0);
    CHECK(health({"-c", file}).exit_code == 0);
    const Finished missing = health({"http://127.0.0.1:" + port + "/nope"});
    CHECK(missing.exit_code == 1);
    CHECK(missing.err.contains("the server said 404 {\"error\""));
  }
  const Finished gone = health({"-c", file});
  CHECK(gone.exit_code == 1);
  CHECK(gone.err == "uringd: --health: Connection refused\n");
  CHECK(health({"-c", site.outside("off.toml")}).err.contains("admin.listen is \"\""));
  for (const char* url : {"https://127.0.0.1:1", "http://name.example:1", "http://"}) {
    CHECK(health({url}).exit_code == 1);
  }
}

TEST_CASE_FIXTURE(Tree, "as an ordinary user without rights on its token the server keeps it across reloads" *
                            doctest::skip(!running_as_root())) {
  ::chmod(site.outside("token").c_str(), 0600);
  Daemon daemon(site, {.server = "user = \"nobody\"", .more = table()});
  CHECK(ask("POST", "/reload", kBearer).status == 200);
  CHECK(daemon.says("another token needs a restart"));
  CHECK(ask("POST", "/reload", kBearer).status == 200);
  site.outside_file("other", "another\n");
  ::chmod(site.outside("other").c_str(), 0600);
  std::string text = table();
  text.replace(text.find("\"token\""), 7, "\"other\"");
  daemon.configure({.server = "user = \"nobody\"", .more = text});
  const Response refused = ask("POST", "/reload", kBearer);
  CHECK(refused.status == 422);
  CHECK(refused.body.contains("Permission denied"));
}

TEST_CASE_FIXTURE(Tree, "a probe after a long rest is no late one") {
  Server server(site, {.more = table()});
  Client client = connect();
  CHECK(client.ask(admin_request("GET", "/healthz")).status == 200);
  std::this_thread::sleep_for(Milliseconds{2600});
  CHECK(client.ask(admin_request("GET", "/healthz")).status == 200);
}

TEST_CASE_FIXTURE(Tree, "the admin thread is on no CPU of its own, and is nicer than those that serve") {
  Daemon daemon(site, {.server = "workers = 1\npin = true", .more = table()});
  const auto threads = daemon.threads();
  REQUIRE(threads.contains("uringd/admin"));
  cpu_set_t cpus;
  REQUIRE(sched_getaffinity(threads.at("uringd/admin"), sizeof cpus, &cpus) == 0);
  CHECK(CPU_COUNT(&cpus) == sysconf(_SC_NPROCESSORS_ONLN));
  CHECK(get("/healthz").status == 200);
}
