// Every signal in every state, and reload, upgrade and stop in every order, close together and apart: the service ends
// with 0 when it is told to, never before, and whoever it answers it answers whole.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <thread>

#include "daemon.hpp"
#include "load.hpp"
#include "map_files.hpp"
#include "operation_words.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("large.bin", pattern(24 << 20, 1));
    site.outside_file("map.txt", many_lines(50000, "x"));  // a reload lasts some time
  }
  [[nodiscard]] Setup setup(const std::string& server = "") const {
    return {.server = "workers = 2\ndrain_timeout = \"5s\"\n" + server, .more = map_table("m", "map.txt")};
  }
  Site site;
};

constexpr std::array<int, 5> kSignals = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
constexpr Milliseconds kSoon{sanitized() ? 20000 : 10000};

const char* name_of(int number) {
  switch (number) {
    case SIGHUP: return "SIGHUP";
    case SIGUSR1: return "SIGUSR1";
    case SIGUSR2: return "SIGUSR2";
    case SIGTERM: return "SIGTERM";
    default: return "SIGINT";
  }
}

bool stops(int number) { return number == SIGTERM || number == SIGINT; }

// The service after a signal whose effect may be under way: a successor may have taken over, or be about to.
void settle(Daemon& daemon, std::size_t mark) {
  wait_until(
      [&] {
        return daemon.says(words::kServesNow, mark, Milliseconds{0}) ||
               daemon.says(words::kNotUpgraded, mark, Milliseconds{0});
      },
      Milliseconds{8000});
  daemon.follow(mark);
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "signals in each state: idle, busy, reloading, upgrading") {
  const struct {
    const char* name;
    std::function<void(Daemon&)> enter;
  } states[] = {
      {"idle", [](Daemon&) {}},
      {"right after the start", [](Daemon&) {}},
      {"reloading", [](Daemon& daemon) { daemon.signal(SIGHUP); }},
      {"reopening", [](Daemon& daemon) { daemon.signal(SIGUSR1); }},
      {"upgrading", [](Daemon& daemon) { daemon.signal(SIGUSR2); }},
  };
  for (const auto& state : states) {
    for (const int number : kSignals) {
      INFO(state.name << ", " << name_of(number));
      Daemon daemon(site, setup());
      const pid_t first = daemon.pid();
      Client client = daemon.connect();
      CHECK(client.get("/a.txt").status == 200);
      const std::size_t mark = daemon.mark();
      state.enter(daemon);
      daemon.signal(number);
      if (stops(number)) {
        CHECK(daemon.exit_code(first, kSoon) == 0);
        daemon.follow(mark);  // an upgrade that was further than the stop: the successor is stopped below
        continue;
      }
      if (number == SIGUSR2 || std::string_view(state.name) == "upgrading") settle(daemon, mark);
      CHECK(daemon.get("/a.txt").status == 200);
    }
  }
}

TEST_CASE_FIXTURE(Tree, "signals while it waits for shutdown_delay or drains do not keep it from its end") {
  for (const int number : kSignals) {
    INFO(name_of(number));
    {
      Daemon daemon(site, setup("shutdown_delay = \"700ms\""));
      daemon.signal(SIGTERM);
      std::this_thread::sleep_for(Milliseconds{100});
      daemon.signal(number);
      CHECK(daemon.wait_for_exit(kSoon) == 0);
      CHECK(!Client::try_tcp(daemon.port()).connected());
    }
    Daemon daemon(site, setup());
    Client slow = daemon.connect(32 * 1024);
    slow.send(get_request("/large.bin"));
    const Response head = slow.read_head();
    daemon.signal(SIGTERM);
    std::this_thread::sleep_for(Milliseconds{200});
    daemon.signal(number);
    const std::uint64_t size = head.content_length();
    if (!stops(number)) {
      CHECK(!daemon.wait_for_exit(Milliseconds{500}).has_value());
      CHECK(slow.read_body(size, [](std::string_view) {}) == size);
    }
    CHECK(daemon.wait_for_exit(kSoon) == 0);
    CHECK(!Client::try_tcp(daemon.port()).connected());
  }
}

TEST_CASE_FIXTURE(Tree, "reload, upgrade and stop in every order: who is answered is answered whole, all end with 0") {
  std::array<int, 3> order = {SIGHUP, SIGTERM, SIGUSR2};
  std::sort(order.begin(), order.end());
  do {
    for (const int gap_ms : {0, 3, 30, 300}) {
      INFO(name_of(order[0]) << ", " << name_of(order[1]) << ", " << name_of(order[2]) << ", gaps of " << gap_ms
                             << " ms");
      Daemon daemon(site, setup());
      const pid_t first = daemon.pid();
      Load load(daemon.port(),
                {.connections = 8, .threads = 1, .requests = {get_request("/a.txt")}, .until_closed = true});
      CHECK(load.more_answers(50));
      const std::size_t mark = daemon.mark();
      for (const int number : order) {
        // A process that has gone cannot be told anything; its successor is another's business.
        if (daemon.exit_code(first, Milliseconds{0})) break;
        daemon.signal(number);
        std::this_thread::sleep_for(Milliseconds{gap_ms});
      }
      CHECK(daemon.exit_code(first, kSoon) == 0);
      load.stop();
      INFO(load.figures() << "; log: " << daemon.log_since(mark));
      CHECK(load.cut() == 0);
      CHECK(load.wrong() == 0);
      if (!daemon.follow(mark)) continue;
      // A successor that was told to serve does: nobody stopped it.
      CHECK(daemon.get("/a.txt").status == 200);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE_FIXTURE(Tree, "a storm of reloads, reopenings and upgrades under load fails no request") {
  const std::string file = site.outside("access.log");
  Setup with_log = setup();
  with_log.more += access_log_table(file);
  Daemon daemon(site, with_log);
  Load load(daemon.port(), {.connections = 16, .requests = {get_request("/a.txt")}});
  for (int i = 0; i < 60; ++i) {
    if (i % 15 == 7) {
      const std::size_t mark = daemon.mark();
      daemon.signal(SIGUSR2);
      daemon.signal(SIGHUP);
      daemon.signal(SIGUSR1);
      settle(daemon, mark);
    }
    daemon.signal(i % 2 ? SIGHUP : SIGUSR1);
    std::this_thread::sleep_for(Milliseconds{20});
  }
  CHECK(load.more_answers(200));
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  daemon.stop();
  CHECK(lines_of(file_bytes(file)).size() == load.answers());
}

TEST_CASE_FIXTURE(Tree, "signals that mean nothing here change nothing") {
  Daemon daemon(site, setup());
  Client client = daemon.connect();
  for (const int number : {SIGPIPE, SIGCHLD, SIGURG, SIGWINCH, SIGCONT}) {
    INFO(number);
    daemon.signal(number);
    std::this_thread::sleep_for(Milliseconds{30});
    CHECK(client.get("/a.txt").status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "SIGUSR1 without an access log, twenty at once, is no trouble") {
  Daemon daemon(site, setup());
  for (int i = 0; i < 20; ++i) daemon.signal(SIGUSR1);
  CHECK(daemon.get("/a.txt").status == 200);
  CHECK(daemon.log().find(" error ") == std::string::npos);
}

// The signal went to the process that was the service then; whoever serves now must have heard of it.
TEST_CASE_FIXTURE(Tree, "a SIGHUP or SIGUSR1 while an upgrade is under way is not lost with the old process") {
  const std::string file = site.outside("access.log");
  const auto numbered = [&](int number) {
    Setup result = setup();
    result.site = "cache_control = \"number=" + std::to_string(number) + "\"";
    result.more += access_log_table(file);
    return result;
  };
  Daemon daemon(site, numbered(0));
  for (int i = 1; i <= 12; ++i) {
    const pid_t old = daemon.pid();
    const std::size_t mark = daemon.mark();
    daemon.signal(SIGUSR2);
    std::this_thread::sleep_for(Milliseconds{i * 6});
    daemon.configure(numbered(i));
    std::filesystem::rename(file, file + "." + std::to_string(i));
    daemon.signal(SIGHUP);
    daemon.signal(SIGUSR1);
    const bool was_gone = daemon.exit_code(old, Milliseconds{1}).has_value();
    settle(daemon, mark);
    if (was_gone) break;  // nobody heard them
    const std::string value = "number=" + std::to_string(i);
    INFO("signals " << i * 6 << " ms after SIGUSR2; log: " << daemon.log_since(mark));
    REQUIRE(wait_until([&] { return daemon.get("/a.txt").field("Cache-Control") == value; }, Milliseconds{5000}));
    REQUIRE(wait_until([&] { return std::filesystem::exists(file) && !file_bytes(file).empty(); }, Milliseconds{5000}));
    CHECK(daemon.exit_code(old, kSoon) == 0);
  }
}
