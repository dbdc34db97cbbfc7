// privileges: who this process is (server.user), and what it may still do (server.sandbox). For the main thread, before
// any other thread and any ring exists; sockets are open by then.
#pragma once

#include <string>
#include <vector>

#include "uringd/base/result.hpp"

namespace uringd::daemon {

/// Becomes `user` ("www-data", "33", "www-data:adm", "33:4"): supplementary groups, group, user, capabilities, in that
/// order; then verifies that nothing of it can be taken back, in every thread. Does nothing where we are that user
/// already. The error says whether the user is unknown or whether we may not.
Result<void> become_user(const std::string& user);

/// What a sandboxed process may still write.
struct SandboxPlan {
  std::vector<std::string> log_directories;     // of log.access: files are made and appended to
  std::vector<std::string> socket_directories;  // of unix sockets: made and removed
  std::string program;                          // its directory, and its interpreter's: may be executed (SIGUSR2)
};

/// What became of it, for the log and --features.
struct SandboxState {
  bool active = false;
  std::string text;  // "Landlock, ABI 7", or why not
};

/// Landlock against writing, making, removing, truncating and executing, for this thread and all that it starts from
/// now on. Reading is not restricted: roots are confined by openat2, and switch. A kernel without Landlock: not active,
/// said why.
SandboxState enter_sandbox(const SandboxPlan& plan);
/// What enter_sandbox() would do, without doing it.
SandboxState describe_sandbox();

}  // namespace uringd::daemon
