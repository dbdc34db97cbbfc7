// io_uring disabled by sysctl (kernel.io_uring_disabled). The value is the whole machine's, so this runs alone
// (is_parallel: false) and puts the old one back whatever happens, also when the test is killed: a child that waits for
// its end does it then.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "harness.hpp"
#include "launched.hpp"

using namespace uringd::testing;

namespace {

constexpr const char* kSwitch = "/proc/sys/kernel/io_uring_disabled";

bool write_switch(const std::string& value) {
  const int file = ::open(kSwitch, O_WRONLY | O_CLOEXEC);
  const bool written = file >= 0 && ::write(file, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  if (file >= 0) ::close(file);
  return written;
}

std::string read_switch() {
  char value[16] = {};
  const int file = ::open(kSwitch, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t size = ::read(file, value, sizeof value - 1);
  ::close(file);
  return size > 0 ? std::string(value, static_cast<size_t>(size)) : std::string();
}

/// The switch at another value for a while.
class Switched {
 public:
  explicit Switched(const std::string& value) : before_(read_switch()) {
    if (before_.empty() || ::pipe2(life_, O_CLOEXEC) != 0) return;
    guard_ = ::fork();
    if (guard_ == 0) {
      ::signal(SIGINT, SIG_IGN);
      ::signal(SIGTERM, SIG_IGN);
      ::close(life_[1]);
      char byte = 0;
      (void)!::read(life_[0], &byte, 1);  // ends when the test does
      ::_exit(write_switch(before_) ? 0 : 1);
    }
    ::close(life_[0]);
    works = guard_ > 0 && write_switch(value);
  }
  Switched(const Switched&) = delete;
  Switched& operator=(const Switched&) = delete;
  ~Switched() {
    if (guard_ <= 0) return;
    ::close(life_[1]);
    int status = 1;
    ::waitpid(guard_, &status, 0);
    CHECK((!works || read_switch() == before_));
  }
  bool works = false;

 private:
  std::string before_;
  int life_[2] = {-1, -1};
  pid_t guard_ = -1;
};

void refuses(const Setup& setup, const std::string& line) {
  Site site;
  const int port = free_port();
  site.outside_file("config.toml", configuration(site, setup, port));
  Knocker knocker(port);
  const Finished run = run_to_end({"--config", site.outside("config.toml")}, setup);
  CHECK(knocker.stop() == 0);
  INFO(run.err);
  CHECK(run.exit_code == 1);
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  CHECK(run.err.starts_with(line));
}

}  // namespace

TEST_CASE("io_uring disabled for everybody (sysctl 2): one line names the sysctl, and --features says the same") {
  const Switched off("2");
  if (!off.works) {
    MESSAGE("skipped: " << kSwitch << " cannot be written here");
    return;
  }
  const std::string line =
      "uringd: io_uring is not available: disabled on this system (sysctl kernel.io_uring_disabled is 2): as root, "
      "`sysctl -w kernel.io_uring_disabled=0`\n";
  refuses({}, line);
  const Finished features = run_to_end({"--features"});
  CHECK(features.exit_code == 1);
  CHECK(features.err == line);
}

TEST_CASE("io_uring disabled for ordinary users (sysctl 1): root serves, others are told of the group") {
  const Switched off("1");
  if (!off.works) {
    MESSAGE("skipped: " << kSwitch << " cannot be written here");
    return;
  }
  Site site;
  site.file("a.txt", "a\n");
  {
    CHECK(Server(site).get("/a.txt").status == 200);
  }
  const std::string line = "uringd: io_uring is not available: allowed only to group ";
  refuses({.as_nobody = true}, line);
  refuses({.server = "user = \"nobody\""}, line);  // rings are made by who the server becomes
}
