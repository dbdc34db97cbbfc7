// The old process' end of an upgrade. posix_spawn(3) and not fork(2): a child that shares our memory only until it
// execs copies nothing that a ring's operations are writing to. A pidfd tells of its end, so that no signal handler is
// needed; an epoll descriptor over channel and pidfd is what the main thread waits on.
#include "uringd/daemon/upgrade.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "upgrade_channel.hpp"
#include "uringd/base/check.hpp"

extern char** environ;

namespace uringd::daemon {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int childs_end = 3;
constexpr auto ending = std::chrono::seconds(2);  // between the channel's end and the process'
constexpr int reap_timeout_ms = 1000;             // after SIGKILL; a process that hangs in the kernel is left to init

Result<void> send_sockets(int channel, std::span<const HandedSocket> sockets, bool sandboxed) {
  const std::string head = std::string(channel::version) + "sandboxed=" + (sandboxed ? "1" : "0") +
                           " total=" + std::to_string(sockets.size()) + "\n";
  for (size_t sent = 0; sent == 0 || sent < sockets.size();) {
    const auto some = sockets.subspan(sent, std::min(channel::sockets_per_message, sockets.size() - sent));
    std::string text = head;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * channel::sockets_per_message)> control{};
    iovec part{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!some.empty()) {
      header.msg_control = control.data();
      header.msg_controllen = CMSG_SPACE(sizeof(int) * some.size());
      cmsghdr* const rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * some.size());
      for (size_t place = 0; place < some.size(); ++place) {
        const HandedSocket& socket = some[place];
        std::memcpy(CMSG_DATA(rights) + place * sizeof(int), &socket.descriptor, sizeof(int));
        text += socket.from_manager ? "manager " : socket.only_ours ? "ours " : "shared ";
        text += socket.name + "\n";
      }
    }
    part = {text.data(), text.size()};
    if (sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      return failure("cannot pass " + std::to_string(sockets.size()) + " listening sockets: " + errno_text(errno));
    }
    if (some.empty()) break;
    sent += some.size();
  }
  return {};
}

// Ours, and where the channel is. A watchdog that was meant for us by number is the new process' as well: it becomes
// the main process of the same service (sd_watchdog_enabled(3)).
std::vector<std::string> environment_of_child() {
  const std::string own_watchdog = "WATCHDOG_PID=" + std::to_string(getpid());
  const std::string channel = std::string(channel::variable) + "=";
  std::vector<std::string> variables;
  for (char** variable = environ; *variable; ++variable) {
    if (own_watchdog != *variable && !std::string_view(*variable).starts_with(channel)) {
      variables.emplace_back(*variable);
    }
  }
  variables.push_back(channel + std::to_string(childs_end));
  return variables;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

sigset_t set_to_default(const Invocation& invocation) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGPIPE, SIGXFSZ, SIGIO}) {
    if (std::ranges::find(invocation.ignored, number) == invocation.ignored.end()) sigaddset(&set, number);
  }
  return set;
}

Result<pid_t> spawn(const Invocation& invocation, int channel) {
  // Ours are all closed on exec; what a shell leaked to us when it started us is to end with us.
  syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  std::vector<std::string> arguments = invocation.arguments;
  std::vector<std::string> variables = environment_of_child();
  const sigset_t defaults = set_to_default(invocation);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawnattr_init(&attributes) == 0);
  posix_spawn_file_actions_adddup2(&actions, channel, childs_end);  // 3 to 3: not closed on exec any more (POSIX)
  posix_spawn_file_actions_addchdir_np(&actions, invocation.directory.c_str());
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &invocation.blocked);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  pid_t pid = 0;
  const int error_number = posix_spawn(&pid, invocation.program.c_str(), &actions, &attributes,
                                       pointers_to(arguments).data(), pointers_to(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error_number == 0) return pid;
  struct stat status{};
  if (stat(invocation.directory.c_str(), &status) != 0) {
    return failure("the working directory " + invocation.directory + " is gone: " + errno_text(errno));
  }
  return failure("cannot start " + invocation.program + ": " + errno_text(error_number));
}

std::string in_words(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return "was killed by signal " + std::to_string(number) + " (" + strsignal(number) + ")";
  }
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

struct Upgrade::Implementation {
  Fd channel, process, events;
  pid_t pid = -1;
  bool reaped = false;
  State state = State::starting;
  std::string reason;
  std::string silence;  // what is said when deadline has passed
  SteadyClock::time_point deadline = SteadyClock::time_point::max();

  ~Implementation() {
    if (state != State::confirmed) kill_and_reap();
  }

  bool watch(int descriptor) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    return epoll_ctl(events.number(), EPOLL_CTL_ADD, descriptor, &event) == 0;
  }

  void fail(const std::string& why) {
    kill_and_reap();
    state = State::failed;
    reason = "the new process " + why;
    deadline = SteadyClock::time_point::max();
    channel.close();
    process.close();
  }

  void kill_and_reap() {
    if (reaped || pid <= 0) return;
    kill(pid, SIGKILL);
    pollfd event{process.number(), POLLIN, 0};
    if (process.open()) poll(&event, 1, reap_timeout_ms);
    reaped = waitpid(pid, nullptr, WNOHANG) == pid;
  }

  // Reads what it says; false at the end of the channel.
  bool hear() {
    char byte = 0;
    const ssize_t size = recv(channel.number(), &byte, 1, MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    if (byte == channel::ready && state == State::starting) {
      state = State::ready;
      deadline = SteadyClock::time_point::max();
    }
    return true;
  }
};

Upgrade::Upgrade(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Upgrade::Upgrade(Upgrade&&) noexcept = default;
Upgrade::~Upgrade() = default;

Result<Upgrade> Upgrade::start(const Invocation& invocation, std::span<const HandedSocket> listeners, bool sandboxed,
                               std::chrono::milliseconds silence) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return failure("no channel to a new process: " + errno_text(errno));
  }
  auto self = std::make_unique<Implementation>();
  self->channel = Fd(ends[0]);
  const Fd theirs(ends[1]);
  self->events = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!self->events.open()) return failure("no channel to a new process: " + errno_text(errno));
  if (auto sent = send_sockets(ends[0], listeners, sandboxed); !sent) return std::unexpected(sent.error());
  const auto pid = spawn(invocation, theirs.number());
  if (!pid) return std::unexpected(pid.error());
  self->pid = *pid;
  self->process = Fd(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  if (!self->process.open() || !self->watch(self->process.number()) || !self->watch(self->channel.number())) {
    return failure("cannot watch the new process: " + errno_text(errno));
  }
  const auto seconds = std::chrono::round<std::chrono::seconds>(silence).count();
  self->silence = "was silent for " + std::to_string(seconds) + " s: killed";
  self->deadline = SteadyClock::now() + silence;
  return Upgrade(std::move(self));
}

int Upgrade::descriptor() const { return implementation_->events.number(); }
Upgrade::State Upgrade::state() const { return implementation_->state; }
const std::string& Upgrade::reason() const { return implementation_->reason; }
pid_t Upgrade::pid() const { return implementation_->pid; }
SteadyClock::time_point Upgrade::deadline() const { return implementation_->deadline; }

void Upgrade::on_event() {
  Implementation& self = *implementation_;
  if (self.state != State::starting && self.state != State::ready) return;
  const bool over = self.channel.open() && !self.hear();
  int status = 0;
  const pid_t waited = waitpid(self.pid, &status, WNOHANG);
  if (waited == self.pid || (waited < 0 && errno == ECHILD)) {
    self.reaped = true;
    return self.fail(waited == self.pid ? in_words(status) : "ended");
  }
  if (over) {  // its exit code comes in a moment
    self.channel.close();
    self.silence = "gave up its end of the channel: killed";
    self.deadline = std::min(self.deadline, SteadyClock::now() + ending);
  }
  if (SteadyClock::now() >= self.deadline) self.fail(self.silence);
}

void Upgrade::confirm() {
  Implementation& self = *implementation_;
  CHECK(self.state == State::ready);
  if (!self.channel.open() || send(self.channel.number(), &channel::confirmed, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
    return self.fail("is gone before it was confirmed");
  }
  self.state = State::confirmed;
  self.channel.close();  // the byte stays for it to read
  self.process.close();
}

}  // namespace uringd::daemon
