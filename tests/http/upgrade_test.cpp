// SIGUSR2 (contract.md, Signals): a new process takes the listening sockets over, says that it serves, and the old one
// drains: no connection is refused or reset, no request is lost. Where the new one does not come up, the old one goes
// on and says why. A connection that ends after an answer with "Connection: close" is no loss.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "changing_download.hpp"
#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "operation_words.hpp"
#include "slow_disk.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("medium.bin", medium);
    site.file("large.bin", content);
  }
  /// A name of the binary that a test may switch.
  std::string program() const {
    const std::string link = site.outside("bin/uringd");
    std::filesystem::create_directories(site.outside("bin"));
    std::filesystem::copy_file(std::getenv("URINGD_BINARY"), site.outside("bin/real"));
    std::filesystem::permissions(site.outside("bin/real"), std::filesystem::perms{0755});
    std::filesystem::create_symlink("real", link);
    return link;
  }
  void put_script(const std::string& text) const {
    const std::string path = site.outside("bin/script");
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    std::filesystem::remove(site.outside("bin/uringd"));
    std::filesystem::create_symlink("script", site.outside("bin/uringd"));
  }
  void put_real() const {
    std::filesystem::remove(site.outside("bin/uringd"));
    std::filesystem::create_symlink("real", site.outside("bin/uringd"));
  }
  const std::string medium = pattern(150000, 2);
  const std::string content = pattern(Download::kSize, 3);
  Site site;
};

bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

// A connection for each request: whoever is refused or reset is a failure.
Client one_request_each(int port) { return Client::try_tcp(port); }

}  // namespace

TEST_CASE_FIXTURE(Tree, "20 upgrades under load: no request fails, and every process before exits with 0") {
  const std::string file = site.outside("access.log");
  Daemon daemon(site, {.server = "workers = 2", .more = access_log_table(file)});
  Load kept(daemon.port(),
            {.connections = 16, .threads = 1, .requests = {get_request("/a.txt"), get_request("/medium.bin")}});
  Load fresh(daemon.port(), {.connections = 4,
                             .threads = 1,
                             .requests = {get_request("/a.txt", "Connection: close\r\n")},
                             .connect = [&] { return one_request_each(daemon.port()); }});
  for (int i = 0; i < 20; ++i) {
    INFO("upgrade " << i);
    const std::optional<pid_t> old = daemon.upgrade();
    REQUIRE(old.has_value());
    CHECK(daemon.exit_code(*old, Milliseconds{10000}) == 0);
    CHECK(kept.more_answers(100));
  }
  kept.stop();
  fresh.stop();
  MESSAGE("kept: " << kept.figures() << "; fresh: " << fresh.figures());
  CHECK(kept.failures() == 0);
  CHECK(fresh.failures() == 0);
  CHECK(kept.renewed() >= 20);
  daemon.stop();
  // Two processes wrote into one file: whole lines, one for each answer.
  const std::vector<std::string> lines = lines_of(file_bytes(file));
  CHECK(lines.size() == kept.answers() + fresh.answers());
  std::size_t whole = 0;
  for (const std::string& line : lines) whole += line.starts_with("127.0.0.1 - - [") && line.ends_with(" \"-\" \"-\"");
  CHECK(whole == lines.size());
}

TEST_CASE_FIXTURE(Tree, "upgrades at 1, 2 and 4 workers, and between them: nobody is refused") {
  for (const int workers : {1, 2, 4}) {
    INFO(workers << " workers");
    Daemon daemon(site, {.server = "workers = " + std::to_string(workers)});
    Load kept(daemon.port(), {.connections = 8, .threads = 1, .requests = {get_request("/a.txt")}});
    Load fresh(daemon.port(),
               {.connections = 8, .threads = 1, .requests = {get_request("/a.txt", "Connection: close\r\n")}});
    for (const int next : {workers, 1, 3, workers}) {
      daemon.configure({.server = "workers = " + std::to_string(next)});
      const std::optional<pid_t> old = daemon.upgrade();
      REQUIRE(old.has_value());
      CHECK(daemon.exit_code(*old, Milliseconds{10000}) == 0);
      CHECK(daemon.threads().contains("uringd/" + std::to_string(next - 1)));
      CHECK(!daemon.threads().contains("uringd/" + std::to_string(next)));
      CHECK(fresh.more_answers(200));
    }
    kept.stop();
    fresh.stop();
    INFO("kept: " << kept.figures() << "; fresh: " << fresh.figures());
    CHECK(kept.failures() == 0);
    CHECK(fresh.failures() == 0);
  }
}

TEST_CASE_FIXTURE(Tree, "a unix socket and an IPv6 one are taken over too, and their names stay") {
  const std::string socket = site.outside("uringd.sock");
  const int port6 = free_port();
  Daemon daemon(site, {.server = "workers = 2", .listen = {"unix:" + socket, "[::1]:" + std::to_string(port6)}});
  struct stat first{};
  REQUIRE(::stat(socket.c_str(), &first) == 0);
  Load local(daemon.port(), {.connections = 4,
                             .threads = 1,
                             .requests = {get_request("/a.txt", "Connection: close\r\n")},
                             .connect = [&] { return Client::unix_socket(socket); }});
  Load six(daemon.port(), {.connections = 4, .threads = 1, .requests = {get_request("/medium.bin")}, .connect = [&] {
                             return Client::tcp6(port6);
                           }});
  for (int i = 0; i < 4; ++i) {
    const std::optional<pid_t> old = daemon.upgrade();
    REQUIRE(old.has_value());
    CHECK(daemon.exit_code(*old, Milliseconds{10000}) == 0);
    CHECK(local.more_answers(50));
    CHECK(six.more_answers(50));
  }
  local.stop();
  six.stop();
  INFO("unix: " << local.figures() << "; IPv6: " << six.figures());
  CHECK(local.failures() == 0);
  CHECK(six.failures() == 0);
  struct stat last{};
  REQUIRE(::stat(socket.c_str(), &last) == 0);
  CHECK(last.st_ino == first.st_ino);
  daemon.stop();
  CHECK(::access(socket.c_str(), F_OK) != 0);  // the last one takes it away
}

TEST_CASE_FIXTURE(Tree, "a download of the old process runs to its end while the new one serves") {
  Daemon daemon(site);
  Client slow = daemon.connect(32 * 1024);
  slow.send(get_request("/large.bin"));
  const Response head = slow.read_head();
  std::string body;
  slow.read_body(1 << 20, [&](std::string_view piece) { body += piece; });
  const std::optional<pid_t> old = daemon.upgrade();
  REQUIRE(old.has_value());
  CHECK(daemon.get("/a.txt").status == 200);
  CHECK(!daemon.exit_code(*old, Milliseconds{1500}).has_value());
  slow.read_body(head.content_length() - body.size(), [&](std::string_view piece) { body += piece; });
  CHECK((body == content));
  CHECK(daemon.exit_code(*old) == 0);
}

TEST_CASE_FIXTURE(Tree,
                  "one SIGTERM to an old process that drains for its successor cuts no download; a second one does") {
  Daemon daemon(site);
  Client slow = daemon.connect(32 * 1024);
  Client cut = daemon.connect(32 * 1024);
  for (Client* client : {&slow, &cut}) client->send(get_request("/large.bin"));
  const Response head = slow.read_head();
  cut.read_head();
  const std::optional<pid_t> old = daemon.upgrade();
  REQUIRE(old.has_value());
  kill(*old, SIGTERM);
  std::string body;
  slow.read_body(head.content_length(), [&](std::string_view piece) { body += piece; });
  CHECK((body == content));
  CHECK(!daemon.exit_code(*old, Milliseconds{100}).has_value());
  kill(*old, SIGTERM);
  CHECK(daemon.exit_code(*old, Milliseconds{3000}) == 0);
  CHECK(cut.read_body(head.content_length(), [](std::string_view) {}) < head.content_length());
  CHECK(daemon.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "drain_timeout bounds how long the old process stays for a client that does not read") {
  Daemon daemon(site, {.server = "drain_timeout = \"1s\""});
  Client stuck = daemon.connect(16 * 1024);
  stuck.send(get_request("/large.bin"));
  CHECK(stuck.read_head().status == 200);
  const std::optional<pid_t> old = daemon.upgrade();
  REQUIRE(old.has_value());
  CHECK(daemon.exit_code(*old, Milliseconds{6000}) == 0);
  CHECK(daemon.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "the new process reads the configuration and the binary's name anew") {
  const std::string path = program();
  Daemon daemon(site, {}, {.program = path});
  std::filesystem::copy_file(site.outside("bin/real"), site.outside("bin/second"));
  std::filesystem::remove(path);
  std::filesystem::create_symlink("second", path);
  daemon.configure({.site = "cache_control = \"max-age=5\""});
  REQUIRE(daemon.upgrade().has_value());
  CHECK(daemon.get("/a.txt").field("Cache-Control") == "max-age=5");
  const std::string exe = std::filesystem::read_symlink("/proc/" + std::to_string(daemon.pid()) + "/exe");
  CHECK(exe == std::filesystem::canonical(site.outside("bin/second")));
}

TEST_CASE_FIXTURE(Tree, "a new process that does not come up: the old one goes on, says why, and may try again") {
  for (const char* sandbox : {"true", "false"}) {
    INFO("sandbox " << sandbox);
    std::filesystem::remove_all(site.outside("bin"));
    const Setup good{.server = "workers = 2\nsandbox = " + std::string(sandbox)};
    Daemon daemon(site, good, {.program = program()});
    Load load(daemon.port(), {.connections = 8, .threads = 1, .requests = {get_request("/a.txt")}});
    const auto fails = [&](const char* what, const char* because) {
      INFO(what);
      const std::size_t mark = daemon.mark();
      CHECK(!daemon.upgrade().has_value());
      const std::string log = daemon.log_since(mark);
      INFO(log);
      CHECK(says(log, "upgrade"));
      CHECK(says(log, because));
      CHECK(load.more_answers(100));
    };
    std::filesystem::remove(site.outside("bin/uringd"));
    fails("no binary", "No such file");
    put_script("exit 3");
    fails("a binary that ends at once", sandbox[0] == 't' ? "upgrade" : "exit code 3");
    put_script("kill -SEGV $$");
    fails("a binary that crashes", sandbox[0] == 't' ? "upgrade" : "signal");
    put_real();
    daemon.configure_text("[server]\nworkers = \"many\"\n");
    fails("a broken configuration", "workers");
    daemon.configure({.more = "[maps.m]\nfile = \"no-such.txt\"\nkind = \"txt\"\n"});
    fails("a missing map", "no-such.txt");
    daemon.configure({.more = access_log_table("/nonexistent/x.log")});
    fails("a log that cannot be opened", "/nonexistent/x.log");
    load.stop();
    INFO(load.figures());
    CHECK(load.failures() == 0);
    CHECK(load.renewed() == 0);
    daemon.configure(good);
    CHECK(daemon.upgrade().has_value());
    CHECK(daemon.get("/a.txt").status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "a new process that hangs does not keep the old one from serving and stopping") {
  Daemon daemon(site, {.server = "sandbox = false"}, {.program = program()});
  put_script("exec sleep 100");
  daemon.signal(SIGUSR2);
  std::this_thread::sleep_for(Milliseconds{500});
  CHECK(daemon.get("/a.txt").status == 200);
  daemon.signal(SIGUSR2);  // one is under way already
  daemon.signal(SIGHUP);
  CHECK(daemon.get("/a.txt").status == 200);
  daemon.signal(SIGTERM);
  CHECK(daemon.wait_for_exit(Milliseconds{5000}) == 0);
}

TEST_CASE_FIXTURE(Tree, "an address that only the new configuration has is bound by the new process") {
  const int second = free_port();
  const int third = free_port();
  const std::string two = "127.0.0.1:" + std::to_string(second);
  const std::string three = "127.0.0.1:" + std::to_string(third);
  Daemon daemon(site, {.listen = {two}});
  CHECK(Client::tcp(second).get("/a.txt").status == 200);
  daemon.configure({.listen = {three}});
  const std::optional<pid_t> old = daemon.upgrade();
  REQUIRE(old.has_value());
  CHECK(daemon.exit_code(*old, Milliseconds{10000}) == 0);
  CHECK(Client::tcp(third).get("/a.txt").status == 200);
  CHECK(!Client::try_tcp(second).connected());
  CHECK(daemon.get("/a.txt").status == 200);
}

TEST_CASE_FIXTURE(Tree, "reloads before and after an upgrade are upgraded and inherited: listeners of a reload too") {
  const int second = free_port();
  const std::string two = "127.0.0.1:" + std::to_string(second);
  Daemon daemon(site);
  daemon.reload({.listen = {two}});
  CHECK(Client::tcp(second).get("/a.txt").status == 200);
  Load load(second, {.connections = 4, .threads = 1, .requests = {get_request("/a.txt", "Connection: close\r\n")}});
  for (int i = 0; i < 3; ++i) {
    REQUIRE(daemon.upgrade().has_value());
    daemon.reload();
    CHECK(load.more_answers(50));
  }
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  daemon.reload({});
  CHECK(wait_until([&] { return !Client::try_tcp(second).connected(); }, Milliseconds{3000}));
}

TEST_CASE("an upgrade while a disk hangs: the new process serves, the old one ends within drain_timeout" *
          needs_slow_disk()) {
  SlowDisk slow;
  slow.files().file("cold.txt", "cold\n");
  Site site;
  site.file("a.txt", "a\n");
  Daemon daemon(site, {.server = "drain_timeout = \"1s\"", .more = site_table("slow.example", slow.root())});
  const Relief relief(slow);
  slow.hang("/cold.txt");
  Client waiting = daemon.connect();
  waiting.send(host_request("slow.example", "/cold.txt"));
  CHECK(wait_until([&] { return slow.waiting() > 0; }));
  const std::optional<pid_t> old = daemon.upgrade();
  REQUIRE(old.has_value());
  CHECK(daemon.get("/a.txt").status == 200);
  CHECK(daemon.says("stopped", 0, Milliseconds{6000}));
  slow.clear();
  CHECK(daemon.exit_code(*old) == 0);
}
