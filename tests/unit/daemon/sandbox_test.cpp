// server.sandbox, from inside: a child enters the sandbox and tries each thing, as root where the tests run as root, so
// that no file mode can be what stops it. The same child without a sandbox can do all of them.
#include <dirent.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "child.hpp"
#include "temporary_directory.hpp"
#include "uringd/daemon/privileges.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using daemon::enter_sandbox;
using daemon::SandboxPlan;
using uringd::testing::in_child;
using uringd::testing::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

/// A directory with a site, logs, a place for sockets and a copy of a program.
struct World : TemporaryDirectory {
  World() {
    for (const char* name : {"site/sub", "logs", "run", "bin", "releases/1", "releases/2"})
      fs::create_directories(at(name));
    file("/site/a.txt", "content");
    file("/site/b.txt", "content");
    file("/logs/access.log", "line\n");
    for (const char* name : {"bin/program", "site/program", "releases/1/program", "releases/2/program"})
      fs::copy_file("/bin/true", at(name));
    fs::create_directory_symlink("releases/1", at("current"));
  }
  [[nodiscard]] std::string at(const std::string& name) const { return path() + "/" + name; }
  [[nodiscard]] SandboxPlan plan() const {
    return {.log_directories = {at("logs")}, .socket_directories = {at("run")}, .program = at("bin/program")};
  }
};

std::string outcome(bool done) {
  if (done) return "done";
  return errno == EACCES ? "EACCES" : errno == EXDEV ? "EXDEV" : "errno " + std::to_string(errno);
}

std::string opened(const std::string& path, int flags, mode_t mode = 0600) {
  return outcome(::open(path.c_str(), flags | O_CLOEXEC, mode) >= 0);
}

std::string bound(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return outcome(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

/// execve(2) in a child of its own; only what execve itself says counts.
std::string executed(const std::string& path) {
  return in_child([&] {
    int result[2];
    if (pipe2(result, O_CLOEXEC) != 0) return std::string("no pipe");
    const pid_t child = fork();
    if (child == 0) {
      char* const arguments[] = {const_cast<char*>(path.c_str()), nullptr};
      execv(path.c_str(), arguments);
      const int error = errno;
      (void)!write(result[1], &error, sizeof error);
      _exit(1);
    }
    close(result[1]);
    int error = 0;
    const bool failed = read(result[0], &error, sizeof error) == sizeof error;
    waitpid(child, nullptr, 0);
    errno = error;
    return outcome(!failed);
  });
}

/// One openat by a kernel thread of a ring (io-wq), for writing.
std::string opened_by_ring(const std::string& path) {
  io_uring ring{};
  if (io_uring_queue_init(4, &ring, 0) != 0) return "no ring";
  io_uring_sqe* entry = io_uring_get_sqe(&ring);
  io_uring_prep_openat(entry, AT_FDCWD, path.c_str(), O_WRONLY | O_CLOEXEC, 0);
  entry->flags |= IOSQE_ASYNC;
  io_uring_submit_and_wait(&ring, 1);
  io_uring_cqe* completion = nullptr;
  io_uring_wait_cqe(&ring, &completion);
  const int result = completion->res;
  errno = -result;
  return outcome(result >= 0);
}

/// What `work` says under the rules of `plan`, or without any.
template <typename Work>
std::string in_sandbox(const SandboxPlan* plan, Work&& work) {
  return in_child([&] {
    if (plan != nullptr && !enter_sandbox(*plan).active) return std::string("no sandbox");
    return work();
  });
}

struct Attempt {
  std::string name;
  std::string (*make)(const World& world);
};

const Attempt denied[] = {
    {"open for writing", [](const World& w) { return opened(w.at("site/a.txt"), O_WRONLY); }},
    {"open for reading and writing", [](const World& w) { return opened(w.at("site/a.txt"), O_RDWR); }},
    {"open for appending", [](const World& w) { return opened(w.at("site/a.txt"), O_WRONLY | O_APPEND); }},
    {"open truncating", [](const World& w) { return opened(w.at("site/a.txt"), O_RDONLY | O_TRUNC); }},
    {"truncate", [](const World& w) { return outcome(truncate(w.at("site/a.txt").c_str(), 1) == 0); }},
    {"make a file", [](const World& w) { return opened(w.at("site/new"), O_WRONLY | O_CREAT); }},
    {"make a file without writing", [](const World& w) { return opened(w.at("site/empty"), O_RDONLY | O_CREAT); }},
    {"make a directory", [](const World& w) { return outcome(mkdir(w.at("site/dir").c_str(), 0700) == 0); }},
    {"make a FIFO", [](const World& w) { return outcome(mkfifo(w.at("site/fifo").c_str(), 0600) == 0); }},
    {"make a link", [](const World& w) { return outcome(symlink("/etc", w.at("site/etc").c_str()) == 0); }},
    {"make a hard link",
     [](const World& w) { return outcome(link(w.at("site/a.txt").c_str(), w.at("site/c.txt").c_str()) == 0); }},
    {"make a socket", [](const World& w) { return bound(w.at("site/socket")); }},
    {"rename", [](const World& w) { return outcome(rename(w.at("site/a.txt").c_str(), w.at("site/z").c_str()) == 0); }},
    {"remove a file", [](const World& w) { return outcome(unlink(w.at("site/b.txt").c_str()) == 0); }},
    {"remove a directory", [](const World& w) { return outcome(rmdir(w.at("site/sub").c_str()) == 0); }},
    {"execute what lies in a site", [](const World& w) { return executed(w.at("site/program")); }},
    {"open for writing through a ring", [](const World& w) { return opened_by_ring(w.at("site/b.txt")); }},
    {"open a device for writing", [](const World&) { return opened("/dev/null", O_WRONLY); }},
    {"remove a log", [](const World& w) { return outcome(unlink(w.at("logs/access.log").c_str()) == 0); }},
    {"make a directory among the logs",
     [](const World& w) { return outcome(mkdir(w.at("logs/d").c_str(), 0700) == 0); }},
    {"make a socket among the logs", [](const World& w) { return bound(w.at("logs/socket")); }},
    {"execute what lies among the logs",
     [](const World& w) {
       std::error_code ignored;
       fs::copy_file(w.at("bin/program"), w.at("logs/program"), ignored);
       return executed(w.at("logs/program"));
     }},
    {"make a file where the sockets are", [](const World& w) { return opened(w.at("run/new"), O_WRONLY | O_CREAT); }},
    {"make a file beside the program", [](const World& w) { return opened(w.at("bin/new"), O_WRONLY | O_CREAT); }},
    {"replace the program",
     [](const World& w) { return outcome(rename(w.at("site/program").c_str(), w.at("bin/program").c_str()) == 0); }},
};

const Attempt permitted[] = {
    {"read", [](const World& w) { return opened(w.at("site/a.txt"), O_RDONLY); }},
    {"list", [](const World& w) { return outcome(opendir(w.at("site").c_str()) != nullptr); }},
    {"append to a log", [](const World& w) { return opened(w.at("logs/access.log"), O_WRONLY | O_APPEND | O_CREAT); }},
    {"make a log", [](const World& w) { return opened(w.at("logs/new.log"), O_WRONLY | O_APPEND | O_CREAT); }},
    {"make a socket", [](const World& w) { return bound(w.at("run/socket")); }},
    {"change a socket's mode",
     [](const World& w) {
       const std::string made = bound(w.at("run/socket"));
       return made == "done" ? outcome(chmod(w.at("run/socket").c_str(), 0660) == 0) : made;
     }},
    {"remove a socket",
     [](const World& w) {
       const std::string made = bound(w.at("run/socket"));
       return made == "done" ? outcome(unlink(w.at("run/socket").c_str()) == 0) : made;
     }},
    {"execute the program", [](const World& w) { return executed(w.at("bin/program")); }},
};

std::string said(const Attempt& attempt, bool sandboxed) {
  const World world;
  const SandboxPlan plan = world.plan();
  return in_sandbox(sandboxed ? &plan : nullptr, [&] { return attempt.make(world); });
}

bool has_landlock() {
  const auto state = daemon::describe_sandbox();
  if (!state.active) MESSAGE("skipped: " << state.text);
  return state.active;
}

}  // namespace

TEST_CASE(
    "what a static file server need not do is denied with EACCES, and nothing but the sandbox denies it "
    "(landlock(7))") {
  if (!has_landlock()) return;
  for (const Attempt& attempt : denied) {
    CAPTURE(attempt.name);
    CHECK(said(attempt, true) == "EACCES");
    CHECK(said(attempt, false) == "done");
  }
}

TEST_CASE("a file of a site cannot be linked or moved among the logs, where files may be made (EXDEV, landlock(7))") {
  if (!has_landlock()) return;
  const Attempt link_it{"link", [](const World& w) {
                          return outcome(link(w.at("site/a.txt").c_str(), w.at("logs/c.txt").c_str()) == 0);
                        }};
  CHECK(said(link_it, true) == "EXDEV");
  CHECK(said(link_it, false) == "done");
}

TEST_CASE("reading, logs, sockets and the own program stay") {
  if (!has_landlock()) return;
  for (const Attempt& attempt : permitted) {
    CAPTURE(attempt.name);
    CHECK(said(attempt, true) == "done");
  }
}

TEST_CASE("what is open for writing stays so: a log, a pipe, a socket") {
  if (!has_landlock()) return;
  const World world;
  const SandboxPlan plan = world.plan();
  const int log = ::open(world.at("site/a.txt").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(log >= 0);
  CHECK(in_sandbox(&plan, [&] {
          int ends[2], pair[2];
          if (pipe(ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return outcome(false);
          const bool all = write(log, "x", 1) == 1 && write(ends[1], "x", 1) == 1 && write(pair[0], "x", 1) == 1;
          return outcome(all && ftruncate(log, 3) == 0);
        }) == "done");
  close(log);
  CHECK(fs::file_size(world.at("site/a.txt")) == 3);
}

TEST_CASE("threads and children that are started afterwards live under the same rules, and gain no privileges") {
  if (!has_landlock()) return;
  const World world;
  const SandboxPlan plan = world.plan();
  CHECK(in_sandbox(&plan, [&] {
          std::string result;
          std::thread([&] { result = opened(world.at("site/a.txt"), O_WRONLY); }).join();
          result += in_child([&] { return opened(world.at("site/a.txt"), O_WRONLY); });
          return result + std::to_string(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        }) == "EACCESEACCES1");
}

TEST_CASE("a successor is executed where a package upgrade or a switched link has put it, and one elsewhere is not") {
  if (!has_landlock()) return;
  for (const char* name : {"bin/program", "current/program"}) {
    CAPTURE(name);
    const World world;
    SandboxPlan plan = world.plan();
    plan.program = world.at(name);
    int turn[2], done[2];
    REQUIRE(pipe(turn) == 0);
    REQUIRE(pipe(done) == 0);
    std::thread packager([&] {  // as dpkg and deploys do: a new file renamed over the old one, a link replaced
      char byte = 0;
      (void)!read(turn[0], &byte, 1);
      fs::copy_file("/bin/true", world.at("bin/program.new"));
      fs::rename(world.at("bin/program.new"), world.at("bin/program"));
      fs::create_directory_symlink("releases/2", world.at("next"));
      fs::rename(world.at("next"), world.at("current"));
      (void)!write(done[1], "x", 1);
    });
    CHECK(in_sandbox(&plan, [&] {
            char byte = 0;
            if (write(turn[1], "x", 1) != 1 || read(done[0], &byte, 1) != 1) return std::string("not replaced");
            return executed(plan.program);
          }) == "done");
    close(turn[1]);  // the packager goes on even where no child asked
    packager.join();
    for (const int end : {turn[0], done[0], done[1]}) close(end);
  }
  const World world;
  const SandboxPlan plan = world.plan();
  CHECK(in_sandbox(&plan, [&] { return executed(world.at("releases/2/program")); }) == "EACCES");
}

TEST_CASE("links of the system itself, /bin and /usr/sbin, make nothing but the program's directory executable") {
  if (!has_landlock()) return;
  const World world;
  SandboxPlan plan = world.plan();
  plan.program = "/bin/true";
  CHECK(in_sandbox(&plan, [] { return executed("/bin/true"); }) == "done");
  CHECK(in_sandbox(&plan, [&] { return executed(world.at("bin/program")); }) == "EACCES");
}

TEST_CASE("a log directory that is a file or a device may be written to, and nothing beside it") {
  if (!has_landlock()) return;
  const World world;
  const SandboxPlan plan{.log_directories = {"/dev/null", world.at("logs/access.log"), world.at("missing")},
                         .socket_directories = {},
                         .program = {}};
  CHECK(in_sandbox(&plan, [&] { return opened("/dev/null", O_WRONLY); }) == "done");
  CHECK(in_sandbox(&plan, [&] { return opened("/dev/zero", O_WRONLY); }) == "EACCES");
  CHECK(in_sandbox(&plan, [&] { return opened(world.at("logs/access.log"), O_WRONLY | O_APPEND); }) == "done");
  CHECK(in_sandbox(&plan, [&] { return opened(world.at("logs/new"), O_WRONLY | O_CREAT); }) == "EACCES");
  CHECK(in_sandbox(&plan, [&] { return executed(world.at("bin/program")); }) == "EACCES");
}

TEST_CASE("the seventeenth layer is not entered, and that is said: a successor lives under its predecessor's") {
  if (!has_landlock()) return;
  CHECK(in_child([] {
          std::string last;
          for (int layer = 0; layer < 17; ++layer) last = enter_sandbox({}).text;
          return last;
        }) == "no room for more rules: 16 layers of Landlock lie over this process already");
}

TEST_CASE("describing the sandbox changes nothing, and says what entering it says") {
  if (!has_landlock()) return;
  const World world;
  CHECK(in_child([&] {
          const std::string text = daemon::describe_sandbox().text;
          const std::string still = opened(world.at("site/a.txt"), O_WRONLY);
          if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0) return std::string("entered");
          return enter_sandbox({}).text == text && still == "done" ? text.substr(0, 14) : "different";
        }) == "Landlock, ABI ");
}
