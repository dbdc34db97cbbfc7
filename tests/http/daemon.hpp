// Daemon: the real binary as an operator has it: with a configuration file that changes, an environment, sockets that a
// manager passes, signals, and successors that take its place (SIGUSR2). Server (harness.hpp) is one process with one
// configuration; this is a service. It follows the service from process to process by the log, ends every process of it
// by its id, and checks that each exited with 0 and printed no sanitizer report. Declare it before Clients and Loads
// where they must leave first. One thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness.hpp"
#include "notify_socket.hpp"

namespace uringd::testing {

/// How the first process is started, beside its configuration.
struct Launch {
  std::vector<std::pair<std::string, std::string>> environment;
  std::string program;                   // its path; empty: URINGD_BINARY
  std::vector<std::string> arguments;    // empty: --config PATH
  int output = -1;                       // becomes its stdout, in the place of the file that output() reads
  std::vector<int> passed;               // become descriptors 3, 4, … with LISTEN_PID and LISTEN_FDS
  std::string passed_names;              // LISTEN_FDNAMES
  std::optional<std::string> passed_to;  // LISTEN_PID, in the place of its own
  bool as_nobody = false;
  bool wait = true;  // until it listens
};

/// `text` with another value of server.listen: a TOML array.
[[nodiscard]] std::string with_listen(std::string text, const std::string& array);

/// "[log]" with an access log.
[[nodiscard]] std::string access_log_table(const std::string& file, std::string_view lines = "");

/// The lines of `text`, without their ends.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

/// Occurrences that do not overlap.
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view words);

class Daemon {
 public:
  explicit Daemon(const Site& site, const Setup& setup = {}, const Launch& launch = {});
  /// The configuration verbatim; it must make the daemon listen on `port` (what port() says).
  Daemon(const Site& site, const std::string& text, int port, const Launch& launch = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& configuration_path() const { return configuration_path_; }
  [[nodiscard]] Client connect(int receive_buffer_bytes = 0) const { return Client::tcp(port_, receive_buffer_bytes); }
  /// One answer over a connection of its own.
  Response get(std::string_view target, std::string_view fields = "") const;

  /// Writes the file, as one rename; nobody is told.
  void configure(const Setup& setup) const;
  void configure_text(std::string_view text) const;
  /// SIGHUP, and waits until it has been done with; what the log said meanwhile (of lines that repeat it says five in
  /// ten seconds).
  std::string reload();
  std::string reload(const Setup& setup);
  /// Whether the last reload() put a configuration in force.
  [[nodiscard]] bool reloaded() const { return reloaded_; }
  /// SIGUSR2, and waits until a successor serves, which then is pid(); the process before, which drains. nullopt: the
  /// log says that it went on itself.
  std::optional<pid_t> upgrade();
  /// Takes note of an upgrade that the log tells of since `mark`, of a signal that the test sent itself.
  bool follow(std::size_t mark);

  void signal(int number) const;
  /// Of the process or a process before it; nullopt: it still runs. -1: a signal ended it.
  std::optional<int> exit_code(pid_t pid, Milliseconds patience = kPatience);
  std::optional<int> wait_for_exit(Milliseconds patience = kPatience) { return exit_code(pid_, patience); }
  [[nodiscard]] bool alive();
  /// SIGTERM and the checks of the destructor, now.
  void stop();

  /// All that its processes wrote to stderr.
  [[nodiscard]] std::string log() const;
  [[nodiscard]] std::size_t mark() const { return log().size(); }
  [[nodiscard]] std::string log_since(std::size_t mark) const;
  /// Whether these words come after `mark` in time.
  [[nodiscard]] bool says(std::string_view words, std::size_t mark = 0, Milliseconds patience = kPatience) const;
  [[nodiscard]] std::string output() const;

  [[nodiscard]] std::uint64_t resident_kib() const;
  [[nodiscard]] std::size_t descriptors() const;
  /// Entries in use of its rings' direct tables (fdinfo, UserFiles).
  [[nodiscard]] std::size_t direct_slots() const;
  /// "uringd/0" → its thread's id.
  [[nodiscard]] std::map<std::string, pid_t> threads() const;

 private:
  void spawn(const Launch& launch);
  [[nodiscard]] bool wait_for_ready();
  void wait_until_listening();
  std::optional<int> reap(pid_t pid, Milliseconds patience);
  void end(pid_t pid);
  void end_strangers() const;
  void check_log_clean() const;

  const Site& site_;
  int port_ = 0;
  pid_t pid_ = -1;
  std::vector<pid_t> before_;               // processes of the service before pid_ that were not seen to end
  std::map<pid_t, int> ended_;              // with their exit codes
  std::set<pid_t> asked_;                   // whose exit code the test has asked for: it is the test's to check
  std::unique_ptr<NotifySocket> notified_;  // nothing: the test has one of its own
  std::vector<std::chrono::steady_clock::time_point> reloads_;
  bool reloaded_ = false;
  std::string configuration_path_;
  std::string error_path_;
  std::string output_path_;
};

}  // namespace uringd::testing
