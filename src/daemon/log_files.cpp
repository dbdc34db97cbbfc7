// One open, and a duplicate of it for each worker: all append to the same file.
#include "log_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace uringd::daemon {
namespace {

std::unexpected<Error> refused(const std::string& path, int error_number) {
  std::string message = "log.access " + path + ": " + errno_text(error_number);
  if (error_number == EACCES) {
    message +=
        "; its directory must be writable by the user that uringd runs as, and with server.sandbox another directory "
        "than at the start needs a restart";
  }
  if (error_number == ENXIO) message += "; it is a pipe that nobody reads";
  return failure(std::move(message));
}

Result<Fd> open_log(const std::string& path) {
  if (path == "stdout") {
    Fd copy(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!copy.open()) return refused(path, errno);
    return copy;
  }
  // Without O_NONBLOCK the open of a pipe waits for its reader; with it every write to a full one would fail.
  Fd file(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
  if (!file.open()) return refused(path, errno);
  const int flags = fcntl(file.number(), F_GETFL);
  if (flags < 0 || fcntl(file.number(), F_SETFL, flags & ~O_NONBLOCK) != 0) return refused(path, errno);
  return file;
}

}  // namespace

Result<std::vector<server::LogTo>> open_access_log(const config::Config& config, uint32_t workers) {
  std::vector<server::LogTo> logs(workers);
  const std::string& path = config.log.access;
  if (path.empty()) return logs;
  auto file = open_log(path);
  if (!file) return std::unexpected(file.error());
  for (server::LogTo& log : logs) {
    log.format = config.log.format == config::LogFormat::json ? log::AccessFormat::json : log::AccessFormat::combined;
    log.file = Fd(fcntl(file->number(), F_DUPFD_CLOEXEC, 3));
    if (!log.file.open()) return refused(path, errno);
  }
  return logs;
}

}  // namespace uringd::daemon
