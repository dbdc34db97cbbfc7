// Notifier, heard by a datagram socket as systemd has one (sd_notify(3), sd_watchdog_enabled(3)).
#include "uringd/daemon/notifier.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using daemon::Notifier;
using uringd::testing::TemporaryDirectory;

namespace {

struct Manager {
  /// "@name" is abstract.
  explicit Manager(std::string name, bool quiet = false) : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    if (quiet) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool abstract = name[0] == '@';
    std::memcpy(address.sun_path, name.data(), name.size());
    if (abstract) address.sun_path[0] = '\0';
    const size_t size = offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1);
    REQUIRE(bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0);
  }
  ~Manager() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  }
  std::string heard() const {
    char text[512];
    const ssize_t size = recv(socket.number(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "(nothing)" : std::string(text, static_cast<size_t>(size));
  }
  Fd socket;
};

int64_t monotonic_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

TEST_CASE("each call is one datagram with the assignments of sd_notify(3)") {
  const TemporaryDirectory directory;
  const Manager manager(directory.path() + "/notify");
  Notifier notifier = Notifier::from_environment();
  notifier.ready("serving");
  CHECK(manager.heard() == "READY=1\nSTATUS=serving");
  notifier.stopping("draining");
  CHECK(manager.heard() == "STOPPING=1\nSTATUS=draining");
  notifier.status("3 connections");
  CHECK(manager.heard() == "STATUS=3 connections");
  notifier.alive();
  CHECK(manager.heard() == "WATCHDOG=1");
  notifier.main_process(4711);
  CHECK(manager.heard() == "MAINPID=4711");
  CHECK(manager.heard() == "(nothing)");
}

TEST_CASE("RELOADING=1 carries the monotonic time in microseconds (sd_notify(3), Type=notify-reload)") {
  const TemporaryDirectory directory;
  const Manager manager(directory.path() + "/notify");
  Notifier notifier = Notifier::from_environment();
  const int64_t before = monotonic_us();
  notifier.reloading();
  const std::string begin = "RELOADING=1\nMONOTONIC_USEC=";
  const std::string heard = manager.heard();
  REQUIRE(heard.starts_with(begin));
  const int64_t told = std::stoll(heard.substr(begin.size()));
  CHECK(told >= before);
  CHECK(told <= monotonic_us());
}

TEST_CASE("a name that begins with @ is an abstract socket (unix(7)), and exactly as long as it is") {
  const std::string name = "@uringd-notifier-test-" + std::to_string(getpid());
  const Manager manager(name);
  Notifier notifier = Notifier::from_environment();
  notifier.alive();
  CHECK(manager.heard() == "WATCHDOG=1");
}

TEST_CASE("a status with line breaks does not become an assignment of its own") {
  const TemporaryDirectory directory;
  const Manager manager(directory.path() + "/notify");
  Notifier notifier = Notifier::from_environment();
  notifier.status("bad\nMAINPID=1");
  CHECK(manager.heard() == "STATUS=bad MAINPID=1");
}

TEST_CASE("the variables stay for a successor, the socket does not (it is closed on exec)") {
  const TemporaryDirectory directory;
  const Manager manager(directory.path() + "/notify");
  const Notifier notifier = Notifier::from_environment();
  REQUIRE(getenv("NOTIFY_SOCKET") != nullptr);
  CHECK(std::string(getenv("NOTIFY_SOCKET")) == directory.path() + "/notify");
}

TEST_CASE("a manager that hears nothing any more, or is not there, holds nobody up") {
  const TemporaryDirectory directory;
  {
    const Manager full(directory.path() + "/full");
    Notifier notifier = Notifier::from_environment();
    const auto begun = std::chrono::steady_clock::now();
    for (int number = 0; number < 10'000; ++number) notifier.status(std::string(200, 'x'));
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
    CHECK(full.heard() != "(nothing)");
  }
  for (const std::string& name : {directory.path() + "/nobody", std::string("relative"), std::string(""),
                                  std::string("@"), std::string("/"), "/" + std::string(200, 'x')}) {
    CAPTURE(name);
    const Manager nobody(name, true);
    setenv("WATCHDOG_USEC", "1000000", 1);
    Notifier notifier = Notifier::from_environment();
    notifier.ready("serving");
    notifier.alive();
    CHECK(nobody.heard() == "(nothing)");
  }
  unsetenv("NOTIFY_SOCKET");
  Notifier silent = Notifier::from_environment();
  silent.ready("serving");
  CHECK_FALSE(silent.watchdog_interval().has_value());
}

TEST_CASE("the watchdog's interval is half of WATCHDOG_USEC, where it is meant for us (sd_watchdog_enabled(3))") {
  const TemporaryDirectory directory;
  const Manager manager(directory.path() + "/notify");
  const auto interval = [](const char* period, const std::string& pid) {
    setenv("WATCHDOG_USEC", period, 1);
    pid.empty() ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", pid.c_str(), 1);
    const auto found = Notifier::from_environment().watchdog_interval();
    return found ? found->count() : -1;
  };
  const std::string self = std::to_string(getpid());
  CHECK(interval("30000000", self) == 15'000'000);
  CHECK(interval("3000001", "") == 1'500'000);
  CHECK(interval("30000000", "1") == -1);
  CHECK(interval("30000000", "x") == -1);
  CHECK(interval("0", self) == -1);
  CHECK(interval("-5", self) == -1);
  CHECK(interval("soon", self) == -1);
  CHECK(interval("99999999999999999999", self) == -1);
}
