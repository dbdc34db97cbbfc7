// What this system does not let the server do at start: one line on stderr that says what, and what to do about it; an
// exit code; and no port that was open for a moment. 1: the world is not as it must be; 2: the configuration is wrong.
// Where a lesser server is possible (small limits, no sandbox), it serves.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "harness.hpp"
#include "launched.hpp"

using namespace uringd::testing;
namespace fs = std::filesystem;

namespace {

/// A run that must fail, with the port that it never opened.
struct Failed {
  Finished run;
  int opened = 0;
  [[nodiscard]] bool says(const std::string& what) const { return run.err.find(what) != std::string::npos; }
  [[nodiscard]] bool one_line() const {
    return std::count(run.err.begin(), run.err.end(), '\n') == 1 && run.err.ends_with('\n') &&
           run.err.starts_with("uringd: ");
  }
};

struct World {
  World() { site.file("a.txt", "a\n"); }
  /// The whole configuration file is `text`, which makes the server listen on `port`.
  Failed fails_with(const std::string& text, const Setup& setup = {}, const Launched* launched = nullptr) const {
    site.outside_file("config.toml", text);
    std::vector<std::string> arguments{"--config", site.outside("config.toml")};
    if (launched != nullptr) arguments = launched->around(arguments);
    Knocker knocker(port);
    Failed failed{run_to_end(arguments, setup)};
    failed.opened = knocker.stop();
    return failed;
  }
  Failed fails(const Setup& setup, const Launched* launched = nullptr) const {
    return fails_with(configuration(site, setup, port), setup, launched);
  }

  Site site;
  int port = free_port();
};

void check(const Failed& failed, int exit_code, const std::string& line) {
  INFO(failed.run.err);
  CHECK(failed.run.exit_code == exit_code);
  CHECK(failed.one_line());
  CHECK(failed.says(line));
  CHECK(failed.run.out.empty());
  CHECK(failed.opened == 0);
}

bool root() {
  if (running_as_root()) return true;
  MESSAGE("skipped: only root can start the server as somebody else");
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(World, "a port that another program listens on is named, and what to do") {
  const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(holder, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(holder, 8) == 0);
  site.outside_file("config.toml", configuration(site, {}, port));
  const Finished run = run_to_end({"--config", site.outside("config.toml")});
  ::close(holder);
  CHECK(run.exit_code == 1);
  CHECK(run.err == "uringd: server.listen 127.0.0.1:" + std::to_string(port) +
                       ": Address already in use; another process listens there: stop it or choose another port\n");
}

TEST_CASE_FIXTURE(World, "a port that another uringd listens on is named too, whoever that one runs as") {
  for (const bool as_nobody : {false, true}) {
    if (as_nobody && !running_as_root()) continue;
    CAPTURE(as_nobody);
    Server first(site, {.as_nobody = as_nobody});
    Knocker knocker(first.port());  // that it hears an open port is what the other tests rely on
    site.outside_file("config.toml", configuration(site, {}, first.port()));
    const Finished run = run_to_end({"--config", site.outside("config.toml")});
    CHECK(run.exit_code == 1);
    CHECK(run.err == "uringd: server.listen 127.0.0.1:" + std::to_string(first.port()) +
                         ": Address already in use; another process listens there: stop it or choose another port\n");
    for (int i = 0; i < 10; ++i) CHECK(first.get("/a.txt").status == 200);
    CHECK(knocker.stop() > 0);
  }
}

TEST_CASE_FIXTURE(World, "of two addresses the second is in use: the first is not opened either") {
  Server holder(site);
  const Failed failed = fails({.listen = {"127.0.0.1:" + std::to_string(holder.port())}});
  check(failed, 1, "server.listen 127.0.0.1:" + std::to_string(holder.port()) + ": Address already in use");
}

TEST_CASE_FIXTURE(World, "a port below 1024 without root: one line that says what it needs") {
  if (!root()) return;
  const Failed failed = fails_with("[server]\nlisten = [\"127.0.0.1:" + std::to_string(port) +
                                       "\", \"127.0.0.1:81\"]\n[[site]]\nroot = \"" + site.root() + "\"\n",
                                   {.as_nobody = true});
  if (failed.run.exit_code != 1) MESSAGE("net.ipv4.ip_unprivileged_port_start may be below 81 here");
  check(failed, 1, "ports below 1024 need root or CAP_NET_BIND_SERVICE");
}

TEST_CASE_FIXTURE(World, "a seccomp filter that denies one of the three calls is found out, whichever and however") {
  for (const char* call : {"io_uring_setup", "io_uring_enter", "io_uring_register"}) {
    for (const bool permitted : {false, true}) {
      const Launched launched(call, permitted ? "ENOSYS" : "EPERM");
      CAPTURE(call);
      CAPTURE(permitted);
      const std::string verb =
          permitted ? "answers " + std::string(call) + " with \"not implemented\"" : "denies " + std::string(call);
      check(fails({}, &launched), 1,
            "uringd: io_uring is not available: a seccomp filter, as containers have, " + verb +
                ": allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile: podman and "
                "docker take --security-opt seccomp=FILE, where FILE is uringd's seccomp.json (");
    }
  }
}

TEST_CASE_FIXTURE(World,
                  "a seccomp filter that denies Landlock or ring restrictions costs the sandbox, not the server") {
  constexpr std::pair<const char*, const char*> denied[] = {{"landlock_create_ruleset", "ENOSYS"},
                                                            {"landlock_create_ruleset", "EPERM"},
                                                            {"landlock_restrict_self", "EPERM"},
                                                            {"io_uring_register:11", "EPERM"},  // ..._RESTRICTIONS
                                                            {"io_uring_register:11", "EINVAL"}};
  for (const auto& [call, error] : denied) {
    CAPTURE(call);
    CAPTURE(error);
    const Launched launched(call, error);
    site.outside_file("config.toml", configuration(site, {.server = "sandbox = true"}, port));
    Server server(site, launched.around({"--config", site.outside("config.toml")}), port);
    CHECK(server.get("/a.txt").body == "a\n");
    server.stop();  // it serves before it tells of its sandbox: only now are all its lines there
    INFO(server.errors());
    if (std::string_view(call).starts_with("landlock")) {
      const char* why = std::string_view(error) == "EPERM" ? "denies landlock_" : "no Landlock";
      CHECK(server.errors().find(why) != std::string::npos);
    }
    port = free_port();
  }
}

TEST_CASE_FIXTURE(World, "a memory lock of 0 for an ordinary user: one line with the limit and how to raise it") {
  if (!root()) return;
  check(fails({.as_nobody = true, .memlock = 0}), 1, "the memory-lock limit is 0 bytes");
}

TEST_CASE_FIXTURE(World, "a memory lock of 64 KiB for an ordinary user: a smaller server that serves, or one line") {
  if (!root()) return;
  const auto server =
      Server::start_or_clean_refusal(site, {.server = "workers = 1", .as_nobody = true, .memlock = 65536});
  if (server == nullptr) return;
  for (int i = 0; i < 20; ++i) CHECK(server->get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(World, "a server that drops root counts against its new user's memory lock, and says so") {
  if (!root()) return;
  check(fails({.server = "user = \"65533:65533\"", .memlock = 0}), 1, "the memory-lock limit is 0 bytes");
}

TEST_CASE_FIXTURE(World, "with 64 descriptors a small server serves, or one line says which limit it is") {
  const auto server = Server::start_or_clean_refusal(site, {.server = "workers = 1", .nofile = 64});
  if (server == nullptr) return;
  for (int i = 0; i < 20; ++i) CHECK(server->get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(World, "a configuration that this user may not read is named, exit code 2") {
  if (!root()) return;
  site.outside_file("secret.toml", configuration(site, {}, port));
  fs::permissions(site.outside("secret.toml"), fs::perms::owner_read);
  Knocker knocker(port);
  const Finished run = run_to_end({"--config", site.outside("secret.toml")}, {.as_nobody = true});
  check({run, knocker.stop()}, 2, "secret.toml: Permission denied");
}

TEST_CASE_FIXTURE(World, "a user that does not exist is named, with the one that may be meant") {
  check(fails({.server = "user = \"nobdy\""}), 1,
        "uringd: server.user = \"nobdy\": no such user; did you mean \"nobody\"?\n");
  check(fails({.server = "user = \"nobody:no-such-group\""}), 1, "no such group \"no-such-group\"");
}

TEST_CASE_FIXTURE(World, "server.user without root says who started it and what to do") {
  if (!root()) return;
  check(
      fails({.server = "user = \"www-data\"", .as_nobody = true}), 1,
      "uringd: server.user = \"www-data\": needs root: started as uid 65534; start as root or leave server.user out\n");
}

TEST_CASE_FIXTURE(World, "an access log that cannot be written is named, with the cause") {
  const std::string text = configuration(site, {}, port);
  check(fails_with(text + "[log]\naccess = \"no-such-directory/access.log\"\n"), 1,
        "no-such-directory/access.log: No such file or directory");
  check(fails_with(text + "[log]\naccess = \"root\"\n"), 2, "which is a directory; expected a file");
  if (!root()) return;
  fs::create_directory(site.outside("logs"));
  fs::permissions(site.outside("logs"), fs::perms::owner_all);
  const std::string to_logs = text + "[log]\naccess = \"logs/access.log\"\n";
  check(fails_with(to_logs, {.as_nobody = true}), 1, "logs/access.log: Permission denied");
  // Root could write there: what counts is who the server will be when it opens the log again.
  const std::string dropping = configuration(site, {.server = "user = \"nobody\""}, port);
  check(fails_with(dropping + "[log]\naccess = \"logs/access.log\"\n"), 1, "logs/access.log: Permission denied");
}

TEST_CASE_FIXTURE(World, "a unix socket's path that a regular file holds is named, and the file stays") {
  site.outside_file("taken", "precious\n");
  const Failed failed = fails({.listen = {"unix:" + site.outside("taken")}});
  check(failed, 1, "server.listen unix:" + site.outside("taken"));
  CHECK(file_bytes(site.outside("taken")) == "precious\n");
}

TEST_CASE_FIXTURE(World, "a unix socket in a directory that does not exist, or is not ours, is named") {
  check(fails({.listen = {"unix:" + site.outside("missing/socket")}}), 1, "missing/socket: No such file or directory");
  if (!root()) return;
  fs::create_directory(site.outside("closed"));
  fs::permissions(site.outside("closed"), fs::perms::owner_all);
  check(fails({.listen = {"unix:" + site.outside("closed/socket")}, .as_nobody = true}), 1,
        "closed/socket: Permission denied");
}
