// Programs that are started, asked and ended: what a shell would do, if the guest had one. One thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

struct Ran {
  int status = -1;  // exit status; -1: it could not start, or a signal ended it
  std::string output;
};

/// Runs a program to its end; standard output and error together.
Ran run_program(const std::vector<std::string>& words);

/// A server in the background; killed at the latest with this object.
class Server {
 public:
  /// Standard output and error go to `log`, a file.
  Server(const std::vector<std::string>& words, const std::string& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Waits until it exits, and returns its exit status; -1 where it had to be killed or a signal ended it.
  int exit_status(int most_seconds);
  void send_signal(int number) const;

 private:
  pid_t process_ = -1;
};

void pause_briefly();
double seconds_now();

/// Calls `done` every few milliseconds until it is true; false where that takes longer.
template <class Done>
bool wait_until(int most_seconds, Done done) {
  const double end = seconds_now() + most_seconds;
  while (!done()) {
    if (seconds_now() > end) return false;
    pause_briefly();
  }
  return true;
}
