// Upgrade and Predecessor, with a real second process (successor.cpp) that does well or badly.
#include "uringd/daemon/upgrade.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "listening.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;
using daemon::HandedSocket;
using daemon::Invocation;
using daemon::PassedSockets;
using daemon::Upgrade;
using State = daemon::Upgrade::State;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Case {
  explicit Case(const std::string& behaviour) {
    invocation.program = fs::read_symlink("/proc/self/exe").parent_path().string() + "/successor";
    REQUIRE_MESSAGE(fs::exists(invocation.program), invocation.program);
    invocation.arguments = {"successor", behaviour, directory.path() + "/report"};
    invocation.directory = directory.path();
  }
  void begin(std::span<const HandedSocket> sockets = {}, std::chrono::milliseconds silence = 20s,
             bool sandboxed = false) {
    auto started = Upgrade::start(invocation, sockets, sandboxed, silence);
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
    upgrade.emplace(std::move(*started));
  }
  /// As the main thread: until the state is another, or 10 s.
  State wait_while(State state) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (upgrade->state() == state && std::chrono::steady_clock::now() < end) {
      pollfd event{upgrade->descriptor(), POLLIN, 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(std::min(upgrade->deadline(), end) -
                                                                              std::chrono::steady_clock::now());
      poll(&event, 1, static_cast<int>(std::max<int64_t>(left.count() + 1, 0)));
      upgrade->on_event();
    }
    return upgrade->state();
  }
  /// What the new process wrote, once it wrote a line of `name`.
  std::multimap<std::string, std::string> report(const std::string& name = "confirmed") const {
    std::multimap<std::string, std::string> found;
    for (int attempt = 0; attempt < 1000 && !found.contains(name); ++attempt) {
      std::this_thread::sleep_for(5ms);
      found.clear();
      std::ifstream file(directory.path() + "/report");
      for (std::string line; std::getline(file, line);) {
        found.emplace(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
      }
    }
    return found;
  }

  TemporaryDirectory directory;
  Invocation invocation;
  std::optional<Upgrade> upgrade;
};

std::string value(const std::multimap<std::string, std::string>& report, const std::string& name) {
  const auto found = report.find(name);
  return found == report.end() ? "(nothing)" : found->second;
}

/// Of a mask as /proc/PID/status has it. Signals 32 and 33 are the C library's own: its posix_spawn ignores them.
uint64_t signals_in(const std::string& mask) { return std::stoull(mask, nullptr, 16) & 0x7fffffff; }

bool lives(pid_t pid) { return kill(pid, 0) == 0; }

/// A signal is blocked, or ignored, for as long as this lives.
struct BlockedSignals {
  BlockedSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    pipe_before = signal(SIGPIPE, SIG_IGN);
    io_before = signal(SIGIO, SIG_IGN);
  }
  ~BlockedSignals() {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    signal(SIGPIPE, pipe_before);
    signal(SIGIO, io_before);
  }
  sigset_t before{};
  sighandler_t pipe_before = nullptr, io_before = nullptr;
};

}  // namespace

TEST_CASE("300 sockets arrive in order with their names and owners, and the new process serves on them") {
  std::vector<Fd> sockets;
  std::vector<HandedSocket> handed;
  for (int place = 0; place < 300; ++place) {
    sockets.push_back(std::move(Neighbour().socket));
    handed.push_back({sockets.back().number(), place == 7 ? "a name" : "", place % 3 == 0, place == 7});
  }
  Case test("serve");
  test.begin(handed, 20s, true);
  REQUIRE(test.wait_while(State::starting) == State::ready);
  CHECK(test.upgrade->deadline() == std::chrono::steady_clock::time_point::max());
  test.upgrade->confirm();
  CHECK(test.upgrade->state() == State::confirmed);
  const auto report = test.report();
  CHECK(value(report, "confirmed") == "yes");
  CHECK(value(report, "sockets") == "300");
  CHECK(value(report, "sandboxed") == "1");
  CHECK(value(report, "again") == "no");  // the variable is gone
  auto line = report.lower_bound("socket");
  for (int place = 0; place < 300; ++place, ++line) {
    CAPTURE(place);
    CHECK(line->second == std::to_string(cookie(sockets[place].number())) +
                              (place % 3 == 0 && place != 7 ? " 1" : " 0") + (place == 7 ? " 1 a name" : " 0 "));
  }
  const pid_t pid = test.upgrade->pid();
  test.upgrade.reset();  // a confirmed process lives on
  CHECK(lives(pid));
  const sockaddr_in address = loopback(port_of(sockets[0].number()));
  sockets.clear();
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(client.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  char answer[16] = {};
  CHECK(recv(client.number(), answer, sizeof answer, MSG_WAITALL) == 6);
  int status = -1;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("the new process has 0 to 2 and the channel, whatever was open without close-on-exec") {
  const Fd leaked(open("/dev/null", O_RDONLY));
  const Fd far(fcntl(leaked.number(), F_DUPFD, 700));
  Case test("serve");
  test.begin();
  REQUIRE(test.wait_while(State::starting) == State::ready);
  // The report itself is one more.
  CHECK(value(test.report("sockets"), "descriptors") == "0 1 2 3 4 ");
}

/// SigIgn of this process, signals 1 to 31.
uint64_t ignored_by_us() {
  uint64_t set = 0;
  for (int number = 1; number < 32; ++number) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) set |= uint64_t{1} << (number - 1);
  }
  return set;
}

TEST_CASE("signals are as they were at our start: what main() blocks and ignores is not inherited") {
  setenv("URINGD_TEST_VARIABLE", "kept", 1);
  const auto ignored_now = ignored_by_us();  // a shell may have ignored some before the test
  Case test("serve");
  Invocation before = daemon::remember_invocation({});
  const BlockedSignals main_program;
  test.invocation.blocked = before.blocked;
  test.invocation.ignored = before.ignored;
  test.begin();
  REQUIRE(test.wait_while(State::starting) == State::ready);
  const auto report = test.report("sockets");
  CHECK(signals_in(value(report, "blocked")) == 0);
  CHECK(signals_in(value(report, "ignored")) == ignored_now);
  CHECK(value(report, "directory") == fs::canonical(test.directory.path()).string());
  CHECK(value(report, "URINGD_TEST_VARIABLE") == "kept");
}

TEST_CASE("what was ignored or blocked before our start stays so (a shell's nohup or trap)") {
  const BlockedSignals shell;
  const Invocation remembered = daemon::remember_invocation({});
  CHECK(remembered.ignored == std::vector<int>{SIGPIPE, SIGIO});
  Case test("serve");
  test.invocation.blocked = remembered.blocked;
  test.invocation.ignored = remembered.ignored;
  test.begin();
  REQUIRE(test.wait_while(State::starting) == State::ready);
  const auto report = test.report("sockets");
  CHECK(signals_in(value(report, "blocked")) ==
        (1U << (SIGTERM - 1) | 1U << (SIGINT - 1) | 1U << (SIGHUP - 1) | 1U << (SIGUSR1 - 1) | 1U << (SIGUSR2 - 1)));
  CHECK(signals_in(value(report, "ignored")) == (ignored_by_us() | 1U << (SIGPIPE - 1) | 1U << (SIGIO - 1)));
}

TEST_CASE("a watchdog that systemd meant for us by number is for whom we start; another's number is kept") {
  for (const std::string& pid : {std::to_string(getpid()), std::string("1")}) {
    setenv("WATCHDOG_PID", pid.c_str(), 1);
    Case test("serve");
    test.begin();
    REQUIRE(test.wait_while(State::starting) == State::ready);
    CHECK(value(test.report("sockets"), "WATCHDOG_PID") == (pid == "1" ? "1" : "(nothing)"));
  }
  unsetenv("WATCHDOG_PID");
}

TEST_CASE("a new process that ends is told with its exit code, one that is killed with its signal") {
  for (const auto& [behaviour, reason] : std::map<std::string, std::string>{
           {"exit", "the new process ended with exit code 2"},
           {"killed", "the new process was killed by signal 9 (Killed)"},
       }) {
    Case test(behaviour);
    test.begin();
    const pid_t pid = test.upgrade->pid();
    CHECK(test.wait_while(State::starting) == State::failed);
    CHECK(test.upgrade->reason() == reason);
    CHECK(test.upgrade->deadline() == std::chrono::steady_clock::time_point::max());
    CHECK(waitpid(pid, nullptr, WNOHANG) == -1);  // reaped
  }
}

TEST_CASE("a new process that is silent for too long is killed and reaped") {
  Case test("silent");
  test.begin({}, 300ms);
  const pid_t pid = test.upgrade->pid();
  test.upgrade->on_event();
  CHECK(test.upgrade->state() == State::starting);
  const auto begun = std::chrono::steady_clock::now();
  CHECK(test.wait_while(State::starting) == State::failed);
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  CHECK(test.upgrade->reason() == "the new process was silent for 0 s: killed");
  CHECK_FALSE(lives(pid));
  CHECK(waitpid(pid, nullptr, WNOHANG) == -1);
}

TEST_CASE("a new process that gives up its end of the channel and goes on is killed after 2 s") {
  Case test("shut");
  test.begin();
  const pid_t pid = test.upgrade->pid();
  const auto begun = std::chrono::steady_clock::now();
  CHECK(test.wait_while(State::starting) == State::failed);
  CHECK(std::chrono::steady_clock::now() - begun < 8s);
  CHECK(test.upgrade->reason() == "the new process gave up its end of the channel: killed");
  CHECK_FALSE(lives(pid));
}

TEST_CASE("a new process that ends between ready and confirmed has failed") {
  Case test("ready then gone");
  test.begin();
  State state = test.wait_while(State::starting);
  if (state == State::ready) state = test.wait_while(State::ready);
  CHECK(state == State::failed);
  CHECK(test.upgrade->reason() == "the new process ended with exit code 7");
}

TEST_CASE("confirm() of a process that has gone meanwhile is a failure, not a server less") {
  Case test("ready then gone");
  test.begin();
  while (test.upgrade->state() == State::starting) {
    pollfd event{test.upgrade->descriptor(), POLLIN, 0};
    poll(&event, 1, 1000);
    test.upgrade->on_event();
    if (test.upgrade->state() == State::failed) return;  // it was quicker than we
  }
  std::this_thread::sleep_for(300ms);
  test.upgrade->confirm();
  CHECK(test.upgrade->state() == State::failed);
  CHECK(test.upgrade->reason() == "the new process is gone before it was confirmed");
}

TEST_CASE("an upgrade that is given up kills and reaps the new process") {
  Case test("silent");
  test.begin();
  const pid_t pid = test.upgrade->pid();
  REQUIRE(lives(pid));
  const Upgrade moved(std::move(*test.upgrade));
  test.upgrade.reset();
  CHECK(lives(pid));  // the one that was moved from owns nothing
  {
    Case other("silent");
    other.begin();
    const pid_t gone = other.upgrade->pid();
    other.upgrade.reset();
    CHECK_FALSE(lives(gone));
  }
}

TEST_CASE("a program that is missing, or may not be executed, or is none: an error that names it") {
  Case test("serve");
  const auto error = [&] {
    const auto started = Upgrade::start(test.invocation, {}, false);
    return started ? "started" : started.error().message;
  };
  test.invocation.program = test.directory.path() + "/none";
  CHECK(error() == "cannot start " + test.invocation.program + ": No such file or directory");
  test.directory.file("/none", "text");
  CHECK(error() == "cannot start " + test.invocation.program + ": Permission denied");
  chmod(test.invocation.program.c_str(), 0755);
  CHECK(error() == "cannot start " + test.invocation.program + ": Exec format error");
  test.invocation.directory = test.directory.path() + "/gone";
  CHECK(error() == "the working directory " + test.invocation.directory + " is gone: No such file or directory");
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a new process whose predecessor is silent after ready, or gone, says so and goes on") {
  const Fd socket = std::move(Neighbour().socket);
  const HandedSocket handed{socket.number(), "", true, false};
  Case silent("impatient");
  silent.begin({&handed, 1});
  CHECK(value(silent.report(), "confirmed") == "the old process has not confirmed in 50 ms");
}

TEST_CASE("without the variable there is no predecessor; one that names no channel is an error") {
  unsetenv("URINGD_UPGRADE_CHANNEL");
  const auto nobody = daemon::Predecessor::from_environment();
  REQUIRE(nobody.has_value());
  CHECK_FALSE(nobody->has_value());
  for (const char* value : {"", "x", "-1", "0", "99999"}) {
    setenv("URINGD_UPGRADE_CHANNEL", value, 1);
    const auto claimed = daemon::Predecessor::from_environment();
    REQUIRE_FALSE(claimed.has_value());
    CHECK(claimed.error().message == "URINGD_UPGRADE_CHANNEL is \"" + std::string(value) +
                                         "\", which is no upgrade's channel; it is set by a running uringd only: "
                                         "unset it");
    CHECK(getenv("URINGD_UPGRADE_CHANNEL") == nullptr);
  }
}

TEST_CASE("what a predecessor says in another version's way is refused") {
  for (const std::string& text :
       {std::string("uringd-upgrade 2 sandboxed=0 total=0\n"), std::string("\n"),
        std::string("uringd-upgrade 1 sandboxed=0 total=1\n"), std::string("uringd-upgrade 1 sandboxed=0\n")}) {
    CAPTURE(text);
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    const Fd ours(ends[0]);
    REQUIRE(send(ours.number(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    setenv("URINGD_UPGRADE_CHANNEL", std::to_string(ends[1]).c_str(), 1);
    const auto predecessor = daemon::Predecessor::from_environment();
    REQUIRE_FALSE(predecessor.has_value());
    CHECK(predecessor.error().message.starts_with("the process to take over from: "));
  }
}

TEST_CASE("the program is remembered by its name as it was given, links not resolved") {
  const TemporaryDirectory directory;
  fs::create_symlink("/bin/sh", directory.path() + "/current");
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  std::string with_slash = "./current";
  std::string option_text = "-x";
  std::vector<char*> arguments{with_slash.data(), option_text.data()};
  Invocation invocation = daemon::remember_invocation(arguments);
  CHECK(fs::equivalent(invocation.program, "/bin/sh"));
  CHECK(invocation.program.starts_with("/"));
  CHECK(invocation.program.ends_with("/current"));
  CHECK(invocation.arguments == std::vector<std::string>{"./current", "-x"});
  CHECK(invocation.directory == fs::current_path().string());

  const std::string path = getenv("PATH");
  setenv("PATH", ("/nowhere:" + directory.path()).c_str(), 1);
  std::string name = "current";
  arguments = {name.data()};
  CHECK(daemon::remember_invocation(arguments).program == directory.path() + "/current");
  setenv("PATH", "/nowhere::/usr/bin", 1);  // an empty part is the working directory
  CHECK(fs::equivalent(daemon::remember_invocation(arguments).program, "/bin/sh"));
  setenv("PATH", path.c_str(), 1);
  fs::current_path(before);
}
