// PassedSockets as systemd passes them: descriptors from 3 on, told in the environment (sd_listen_fds(3)). Each case
// runs in a process of its own, whose descriptors 3 and 4 may be anything.
#include "uringd/daemon/passed_sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "listening.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;
using daemon::PassedSockets;

namespace {

/// What a child process says that has `first` and `second` as its descriptors 3 and 4, and `pid` as LISTEN_PID
/// ("self").
std::string in_child(int first, int second, const std::string& pid, const char* count, const char* names,
                     const std::function<std::string(Result<PassedSockets>)>& say) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int output = fcntl(ends[1], F_DUPFD, 100);
    const int copies[] = {fcntl(first, F_DUPFD, 100), fcntl(second, F_DUPFD, 100)};
    for (int place = 0; place < 2; ++place) {
      close(3 + place);
      if (copies[place] >= 0) dup2(copies[place], 3 + place);
    }
    setenv("LISTEN_PID", pid == "self" ? std::to_string(getpid()).c_str() : pid.c_str(), 1);
    setenv("LISTEN_FDS", count, 1);
    names ? setenv("LISTEN_FDNAMES", names, 1) : unsetenv("LISTEN_FDNAMES");
    std::string text = say(PassedSockets::from_manager_environment());
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
      if (getenv(name)) text += " (" + std::string(name) + " is left)";
    }
    _exit(write(output, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  const Fd input(ends[0]);
  std::string text(4096, '\0');
  size_t size = 0;
  for (ssize_t some = 0; (some = read(input.number(), text.data() + size, text.size() - size)) > 0;) {
    size += static_cast<size_t>(some);
  }
  waitpid(child, nullptr, 0);
  text.resize(size);
  return text;
}

std::string describe(Result<PassedSockets> passed) {
  if (!passed) return passed.error().message;
  std::string text;
  for (const auto& socket : passed->sockets) {
    text += socket.name + (socket.from_manager ? " manager" : "") + (socket.only_ours ? " ours" : "") + " " +
            std::to_string(port_of(socket.descriptor.number())) +
            (fcntl(socket.descriptor.number(), F_GETFD) == FD_CLOEXEC ? " cloexec" : "") + ";";
  }
  return text.empty() ? "none" : text;
}

}  // namespace

TEST_CASE("systemd's sockets come in order with their names, closed on exec, and the variables are gone") {
  const Neighbour a;
  const Neighbour b;
  CHECK(in_child(a.socket.number(), b.socket.number(), "self", "2", "http:api", describe) ==
        "http manager " + std::to_string(a.port) + " cloexec;api manager " + std::to_string(b.port) + " cloexec;");
  CHECK(in_child(a.socket.number(), -1, "self", "1", nullptr, describe) ==
        "unknown manager " + std::to_string(a.port) + " cloexec;");
  CHECK(in_child(a.socket.number(), b.socket.number(), "self", "2", "http", describe).find(";unknown manager") !=
        std::string::npos);
}

TEST_CASE("what was for another process is not taken, and its variables go all the same") {
  const Neighbour a;
  for (const char* pid : {"1", "", "x", "0"}) {
    CHECK(in_child(a.socket.number(), -1, pid, "1", "http", describe) == "none");
  }
  CHECK(in_child(a.socket.number(), -1, "self", "0", nullptr, describe) == "none");
}

TEST_CASE("what is no listening stream socket is an error that says which descriptor, and why") {
  const Fd unbound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Fd datagram(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Neighbour good;
  const auto second = [&](int socket) { return in_child(good.socket.number(), socket, "self", "2", "a:b", describe); };
  CHECK(second(unbound.number()) == "LISTEN_FDS: descriptor 4 (b) does not listen (Accept=no is needed)");
  CHECK(second(datagram.number()) == "LISTEN_FDS: descriptor 4 (b) is no stream socket (ListenStream=)");
  CHECK(second(file.number()) == "LISTEN_FDS: descriptor 4 (b) is no socket");
  CHECK(second(-1) == "LISTEN_FDS: descriptor 4 (b) is not open");
}

TEST_CASE("a count that is no number of sockets is an error that shows it") {
  for (const char* count : {"", "x", "-1", "1x", "99999999999", "1000000"}) {
    CHECK(in_child(-1, -1, "self", count, nullptr, describe) ==
          "LISTEN_FDS is \"" + std::string(count) + "\"; expected the number of passed sockets");
  }
}
