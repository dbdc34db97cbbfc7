// Stepper: one thread of another process, run one instruction at a time (ptrace(2) PTRACE_SINGLESTEP) and counted: what
// user space does, exactly and without a clock. Kernel work is not counted; a system call is one instruction, and so is
// a repeated string instruction (rep movsb), which traps once for each repetition. Code of the vDSO counts.
//
// A stretch is what the thread does from one return of a system call to the next system call, that one included. A step
// takes some ten microseconds, so a stepped thread finds that tens of milliseconds went by and spends the next stretch
// on its timers. Therefore one stretch of a run is stepped and the others run free (PTRACE_SYSCALL): the whole is put
// together from several runs.
//
// x86-64 only. Only the thread that made the Stepper may use it. States: asleep (in a system call) or stopped. A
// Stepper that goes lets its thread run on; if this process dies, the kernel kills the other (PTRACE_O_EXITKILL).
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace uringd::bench {

/// What a thread did in the stretch that was stepped.
struct Steps {
  std::uint64_t instructions = 0;
  std::uint64_t watched = 0;                                    // calls of a watched function
  std::unordered_map<std::uint64_t, std::uint64_t> by_address;  // instructions
};

class Stepper {
 public:
  /// Watches the functions that begin at `watched`.
  Stepper(pid_t process, pid_t thread, const std::vector<std::uint64_t>& watched);
  ~Stepper();
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  /// Why the thread could not be attached to; "" where it was.
  [[nodiscard]] const std::string& refused() const { return refused_; }

  /// Lets the thread run until it sleeps in a system call while `done()` is true, which is asked only then; steps
  /// stretch number `stretch` (from 0). How many stretches there were; SIZE_MAX: 20 s went by first, or the thread
  /// ended.
  size_t run(const std::function<bool()>& done, size_t stretch, Steps& steps);
  /// Waits for a thread that sleeps to come back from its system call, and leaves it stopped there. False as above.
  bool hold();

 private:
  enum class Wait { stopped, asleep, gone };

  bool attach();
  void go(bool stepping);
  Wait wait(bool may_sleep);
  bool step_stretch(Steps& steps);
  [[nodiscard]] bool sleeps() const;
  [[nodiscard]] bool is_system_call(std::uint64_t address);
  [[nodiscard]] std::uint64_t instruction_pointer() const;

  const pid_t process_;
  const pid_t thread_;
  const std::string stat_path_;
  const std::unordered_set<std::uint64_t> watched_;
  std::string refused_;
  cpu_set_t cpus_{};      // the thread's, before
  cpu_set_t own_cpus_{};  // this thread's, before
  bool attached_ = false;
  bool stopped_ = false;
  bool in_call_ = false;                                  // stopped at a system call's beginning, or asleep in it
  int signal_ = 0;                                        // to hand on when it goes on
  std::unordered_map<std::uint64_t, bool> system_calls_;  // by address: whether that instruction is one
};

}  // namespace uringd::bench
