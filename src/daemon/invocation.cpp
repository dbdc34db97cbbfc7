// What a successor must be started with has to be known before anything changes it.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "uringd/daemon/upgrade.hpp"

namespace uringd::daemon {
namespace {

// As execvp(3) does; an empty part of PATH is the working directory.
std::string found_in_path(const std::string& name, const std::string& directory) {
  const char* const value = getenv("PATH");
  std::string_view rest = value ? value : "/usr/local/bin:/usr/bin:/bin";
  for (;;) {
    const size_t end = rest.find(':');
    const std::filesystem::path folder = std::filesystem::path(directory) / rest.substr(0, end);
    std::string candidate = (folder / name).string();
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    if (end == rest.npos) return {};
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

Invocation remember_invocation(std::span<char* const> arguments) {
  Invocation invocation;
  for (const char* argument : arguments) invocation.arguments.emplace_back(argument);
  std::error_code ignored;
  invocation.directory = std::filesystem::current_path(ignored).string();
  const std::string name = invocation.arguments.empty() ? std::string{} : invocation.arguments.front();
  if (name.contains('/')) {
    invocation.program = (std::filesystem::path(invocation.directory) / name).string();
  } else if (!name.empty()) {
    invocation.program = found_in_path(name, invocation.directory);
  }
  if (invocation.program.empty()) {
    invocation.program = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
  }
  sigemptyset(&invocation.blocked);
  pthread_sigmask(SIG_BLOCK, nullptr, &invocation.blocked);
  for (const int number : {SIGPIPE, SIGXFSZ, SIGIO}) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) invocation.ignored.push_back(number);
  }
  return invocation;
}

}  // namespace uringd::daemon
