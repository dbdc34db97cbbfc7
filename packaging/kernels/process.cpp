// fork and exec; between them nothing is allocated.
#include "process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>

namespace {

/// The child's number, or -1.
pid_t start(const std::vector<std::string>& words, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(arguments.front(), arguments.data());
  _exit(127);
}

int exit_status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

}  // namespace

Ran run_program(const std::vector<std::string>& words) {
  Ran ran;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return ran;
  const pid_t child = start(words, ends[1]);
  close(ends[1]);
  std::array<char, 4096> piece{};
  for (ssize_t got = 0; (got = read(ends[0], piece.data(), piece.size())) > 0;) {
    ran.output.append(piece.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) == child) ran.status = exit_status_of(status);
  return ran;
}

Server::Server(const std::vector<std::string>& words, const std::string& log) {
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  process_ = start(words, file);
  close(file);
}

Server::~Server() {
  if (process_ > 0) exit_status(0);
}

void Server::send_signal(int number) const {
  if (process_ > 0) kill(process_, number);
}

int Server::exit_status(int most_seconds) {
  int status = 0;
  if (process_ <= 0) return -1;
  if (!wait_until(most_seconds, [&] { return waitpid(process_, &status, WNOHANG) == process_; })) {
    kill(process_, SIGKILL);
    waitpid(process_, &status, 0);
  }
  process_ = -1;
  return exit_status_of(status);
}

void pause_briefly() {
  constexpr useconds_t microseconds = 5000;
  usleep(microseconds);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
