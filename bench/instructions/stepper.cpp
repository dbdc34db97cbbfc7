// See stepper.hpp. A thread that has nothing left to do is stopped at no place and in state S in /proc.
#include "stepper.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace uringd::bench {
namespace {

constexpr std::chrono::seconds patience{20};

/// A step is two switches between processes: on one CPU, ahead of everything else (where that is allowed), they take
/// some ten microseconds; beside other programs they would take as long as those like.
void schedule(pid_t thread, int policy, const cpu_set_t& cpus) {
  const sched_param priority{.sched_priority = policy == SCHED_FIFO ? 1 : 0};
  sched_setaffinity(thread, sizeof cpus, &cpus);
  sched_setscheduler(thread, policy, &priority);
}

}  // namespace

Stepper::Stepper(pid_t process, pid_t thread, const std::vector<std::uint64_t>& watched)
    : process_(process),
      thread_(thread),
      stat_path_("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) + "/stat"),
      watched_(watched.begin(), watched.end()) {
  attached_ = attach();
}

bool Stepper::attach() {
  int status = 0;
  if (ptrace(PTRACE_SEIZE, thread_, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) != 0 ||
      ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) != 0 || waitpid(thread_, &status, __WALL) != thread_ ||
      !WIFSTOPPED(status)) {
    refused_ = std::string("ptrace: ") + std::strerror(errno);
    return false;
  }
  stopped_ = true;
  // The main thread waits for signals, and each trap would wake it.
  if (process_ != thread_ && ptrace(PTRACE_SEIZE, process_, nullptr, PTRACE_O_EXITKILL) == 0) {
    ptrace(PTRACE_INTERRUPT, process_, nullptr, nullptr);
    waitpid(process_, &status, __WALL);
  }
  sched_getaffinity(thread_, sizeof cpus_, &cpus_);
  sched_getaffinity(0, sizeof own_cpus_, &own_cpus_);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  schedule(0, SCHED_FIFO, one);
  schedule(thread_, SCHED_FIFO, one);
  return true;
}

Stepper::~Stepper() {
  if (!attached_) return;
  int status = 0;
  if (!stopped_ && ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) == 0) waitpid(thread_, &status, __WALL);
  ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
  if (process_ != thread_) ptrace(PTRACE_DETACH, process_, nullptr, nullptr);
  schedule(thread_, SCHED_OTHER, cpus_);
  schedule(0, SCHED_OTHER, own_cpus_);
}

size_t Stepper::run(const std::function<bool()>& done, size_t stretch, Steps& steps) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (size_t count = 0;;) {
    if (!stopped_) {
      const Wait what = wait(true);
      if (what == Wait::gone || std::chrono::steady_clock::now() > end) return SIZE_MAX;
      if (what == Wait::asleep) {
        if (done()) return count;
        continue;
      }
    }
    if (!in_call_ && count++ == stretch && !step_stretch(steps)) return SIZE_MAX;
    go(false);
  }
}

/// From the return of a system call up to the next, which is counted but not made.
bool Stepper::step_stretch(Steps& steps) {
  for (std::uint64_t last = 0;;) {
    const std::uint64_t address = instruction_pointer();
    if (address != last) {  // else the next repetition of a string instruction
      last = address;
      ++steps.instructions;
      ++steps.by_address[address];
      if (watched_.contains(address)) ++steps.watched;
      if (is_system_call(address)) return true;
    }
    go(true);
    if (wait(false) != Wait::stopped) return false;
  }
}

bool Stepper::hold() {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!stopped_) {
    if (wait(true) == Wait::gone || std::chrono::steady_clock::now() > end) return false;
  }
  return true;
}

void Stepper::go(bool stepping) {
  ptrace(stepping ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, thread_, nullptr, signal_);
  signal_ = 0;
  stopped_ = false;
}

/// Until the thread has stopped or, where it may, sleeps. A wait that sleeps itself gives the thread the CPU at once.
Stepper::Wait Stepper::wait(bool may_sleep) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    int status = 0;
    const pid_t which = waitpid(thread_, &status, may_sleep ? __WALL | WNOHANG : __WALL);
    if (which < 0 || (which == thread_ && !WIFSTOPPED(status))) {
      attached_ = false;
      return Wait::gone;
    }
    if (which == thread_) {
      stopped_ = true;
      if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        in_call_ = !in_call_;
      } else if (WSTOPSIG(status) != SIGTRAP) {
        signal_ = WSTOPSIG(status);
      }
      return Wait::stopped;
    }
    if (in_call_ && sleeps()) return Wait::asleep;
    if (std::chrono::steady_clock::now() > end) return Wait::gone;
    usleep(20);
  }
}

bool Stepper::sleeps() const {
  char text[512];
  const int file = open(stat_path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return false;
  text[size] = 0;
  const char* name_end = std::strrchr(text, ')');  // PID (NAME) STATE …
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

bool Stepper::is_system_call(std::uint64_t address) {
  const auto [entry, is_new] = system_calls_.try_emplace(address, false);
  if (is_new) {
    errno = 0;
    // ptrace(2) takes the other process's addresses, and offsets, as pointers.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    const long bytes = ptrace(PTRACE_PEEKTEXT, thread_, reinterpret_cast<void*>(address), nullptr);
    entry->second = errno == 0 && (bytes & 0xffff) == 0x050f;  // 0f 05: SYSCALL
  }
  return entry->second;
}

std::uint64_t Stepper::instruction_pointer() const {
  // struct user begins with them. NOLINTNEXTLINE(performance-no-int-to-ptr): an offset, as above
  const auto at = reinterpret_cast<void*>(offsetof(user_regs_struct, rip));
  return static_cast<std::uint64_t>(ptrace(PTRACE_PEEKUSER, thread_, at, nullptr));
}

}  // namespace uringd::bench
