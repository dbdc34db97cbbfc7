// What a piece of code does to a process, found out in a child of the test: for what cannot be undone (credentials,
// Landlock). The child's account is one string; the test program itself stays as it was.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace uringd::testing {

/// What `work()` returned in a forked child; "died" where it did not come to that.
template <typename Work>
std::string in_child(Work&& work) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child < 0) return "no fork";
  if (child == 0) {
    close(ends[0]);
    const std::string said = work();
    (void)!write(ends[1], said.data(), said.size());
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char piece[4096];
  for (ssize_t size = 0; (size = read(ends[0], piece, sizeof piece)) > 0;)
    said.append(piece, static_cast<size_t>(size));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "died: " + said;
}

}  // namespace uringd::testing
