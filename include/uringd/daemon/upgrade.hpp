// Upgrade and Predecessor: a new process takes over from a running one (SIGUSR2) without a refused connection. The old
// one starts the program anew with one end of a socket pair, on which it sends its listening sockets (SCM_RIGHTS); the
// new one answers when it serves; the old one then lets it go on alone and drains. Until that answer the old one serves
// as before, and goes on for good where the new one ends, says why not, or is silent for too long.
//
//   old: starting ──► ready ──► confirmed          new: take() ──► ready() ──► confirmed()
//            └──────► failed (the new process is gone, or killed)
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/daemon/passed_sockets.hpp"

namespace uringd::daemon {

/// How this program was started, kept from main() on: what a successor is started with.
struct Invocation {
  std::string program;                 // argv[0] made absolute, links not resolved: a deploy may have switched them
  std::vector<std::string> arguments;  // argv, [0] included
  std::string directory;               // the working directory at start
  sigset_t blocked{};                  // signals at start: a shell or a manager may have blocked some,
  std::vector<int> ignored;            // or ignored some of those that we ignore
};
/// argv[0] without a slash is looked up in PATH, as the shell did. Before main() blocks or ignores any signal.
Invocation remember_invocation(std::span<char* const> arguments);

/// The old process' side. Main thread.
class Upgrade {
 public:
  enum class State : uint8_t { starting, ready, confirmed, failed };

  /// Starts the program with the same arguments, environment, working directory and stderr, signals as at our own
  /// start, no descriptor but 0 to 2 and the pair. `sandboxed`: the new process lives under our Landlock rules and must
  /// not add a layer. An error: it could not be started.
  /// `silence`: how long it may take until it serves.
  static Result<Upgrade> start(const Invocation& invocation, std::span<const HandedSocket> listeners, bool sandboxed,
                               std::chrono::milliseconds silence = std::chrono::seconds(60));
  Upgrade(Upgrade&&) noexcept;
  Upgrade& operator=(Upgrade&&) = delete;
  ~Upgrade();  // a new process that is not confirmed is killed and reaped

  /// Readable when on_event() has something to do.
  [[nodiscard]] int descriptor() const;
  /// After `descriptor()` was readable, or at deadline().
  void on_event();
  [[nodiscard]] State state() const;
  /// failed: why, for the log ("the new process ended with exit code 2").
  [[nodiscard]] const std::string& reason() const;
  [[nodiscard]] pid_t pid() const;
  /// ready → confirmed: it is the server now, unless it is gone this very moment (failed). descriptor() tells nothing
  /// more.
  void confirm();
  /// When it has been silent for too long: on_event() then. time_point::max() where nothing is waited for.
  [[nodiscard]] std::chrono::steady_clock::time_point deadline() const;

 private:
  struct Implementation;
  explicit Upgrade(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

/// The new process' side. Main thread.
class Predecessor {
 public:
  /// Nothing where nobody started us so; the environment variable that says it is removed.
  static Result<std::optional<Predecessor>> from_environment();

  [[nodiscard]] PassedSockets take_sockets();
  /// We live under its Landlock rules already.
  [[nodiscard]] bool sandboxed() const;
  /// We serve. Waits, some seconds at most, until the predecessor has confirmed it (it has told systemd of us by then).
  /// An error: it is gone or says no; we go on all the same.
  Result<void> ready(std::chrono::milliseconds patience = std::chrono::seconds(5));

 private:
  Fd channel_;
  PassedSockets sockets_;
  bool sandboxed_ = false;
};

}  // namespace uringd::daemon
