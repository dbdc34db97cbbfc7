// SlowDisk: see slow_disk.hpp. One child process, spoken to over two pipes, ended by closing them.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "harness.hpp"
#include "slow_disk.hpp"

namespace uringd::testing {
namespace {

std::string program() {
  const char* path = std::getenv("URINGD_SLOW_DISK");
  return path ? path : "";
}

// Mounting takes CAP_SYS_ADMIN, which root in a container may lack.
bool may_mount() {
  constexpr unsigned kSysAdmin = 21;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff:")) return (std::stoull(line.substr(7), nullptr, 16) >> kSysAdmin & 1) != 0;
  }
  return false;
}

const char* reason_to_skip() {
  if (program().empty()) return "URINGD_SLOW_DISK names no program (meson test sets it)";
  if (::access("/dev/fuse", R_OK | W_OK) != 0) return "/dev/fuse cannot be opened";
  if (!may_mount()) return "this user may not mount (CAP_SYS_ADMIN)";
  return nullptr;
}

}  // namespace

doctest::skip needs_slow_disk() {
  static const char* const kReason = [] {
    const char* reason = reason_to_skip();
    if (reason) std::fprintf(stderr, "SKIPPED: the tests that need a slow disk: %s\n", reason);
    return reason;
  }();
  return doctest::skip(kReason != nullptr);
}

SlowDisk::SlowDisk() {
  const std::string mount_point = root();
  REQUIRE(::mkdir(mount_point.c_str(), 0755) == 0);
  int orders[2];
  int answers[2];
  // Close-on-exec: the end of the input must come when we go, whatever a server that we started still holds.
  REQUIRE(::pipe2(orders, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(answers, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, orders[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
  std::string words[] = {program(), files_.root(), mount_point};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  const int error = ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(orders[0]);
  ::close(answers[1]);
  orders_ = orders[1];
  answers_ = answers[0];
  if (error != 0) FAIL(words[0] << ": " << std::strerror(error));
  const std::string said = answer();
  if (said != "ok mounted") FAIL("slow_disk did not mount: " << said);
}

SlowDisk::~SlowDisk() {
  ::close(orders_);
  int status = 0;
  const bool ended = wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  CHECK(ended);
  ::close(answers_);
  ::umount2(root().c_str(), MNT_DETACH);  // for the case that the program has died
}

void SlowDisk::rule(std::string_view operations, std::string_view prefix, std::string_view how) {
  const std::string list(operations);
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    order("rule " + list.substr(at, end - at) + " " + std::string(prefix) + " " + std::string(how));
    at = end + 1;
  }
}

std::uint64_t SlowDisk::seen(std::string_view operation, std::string_view prefix) {
  return order("seen " + std::string(operation) + " " + std::string(prefix));
}

std::uint64_t SlowDisk::order(const std::string& line) {
  const std::string text = line + "\n";
  REQUIRE(::write(orders_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const std::string said = answer();
  INFO(line);
  REQUIRE(said.starts_with("ok"));
  std::uint64_t number = 0;
  if (said.size() > 3) std::from_chars(said.data() + 3, said.data() + said.size(), number);
  return number;
}

std::string SlowDisk::answer() {
  std::string line;
  char next = 0;
  pollfd readable{answers_, POLLIN, 0};
  while (::poll(&readable, 1, static_cast<int>(kPatience.count())) == 1 && ::read(answers_, &next, 1) == 1) {
    if (next == '\n') return line;
    line += next;
  }
  return "(nothing after: " + line + ")";
}

}  // namespace uringd::testing
