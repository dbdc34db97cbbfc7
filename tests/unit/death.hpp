// death_text: what a CHECK that fails says, seen from outside. The code runs in a forked child, so that the test
// program itself goes on. Only for single-threaded moments of a test.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace uringd::testing {

/// What `code` wrote to stderr before it ended in SIGABRT; "survived" where it returned, "exited" where it ended
/// otherwise.
template <typename Code>
std::string death_text(Code&& code) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child < 0) return "no fork";
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);  // doctest's handler would report the test as crashed
    dup2(ends[1], STDERR_FILENO);
    code();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char piece[512];
  for (ssize_t size = 0; (size = read(ends[0], piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<size_t>(size));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) return text;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "survived" : "exited: " + text;
}

/// Did `code` end in a failed CHECK of exactly this expression?
template <typename Code>
bool dies_of(const std::string& expression, Code&& code) {
  return death_text(code).find("CHECK failed: " + expression + "\n") != std::string::npos;
}

}  // namespace uringd::testing
