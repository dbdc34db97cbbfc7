// Server: the real binary, started with a configuration of its own, watched from outside and stopped for good.
// The binary's path is in the environment variable URINGD_BINARY. A Server that leaves its scope has been stopped with
// SIGTERM, has exited with 0 and has printed no sanitizer report: each of these is checked there, in every test.
// Declare Server before Clients: they then leave first. It owns one process and ends it by its id.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client.hpp"
#include "site.hpp"

namespace uringd::testing {

/// Whether tests (and so the server, which is built with the same flags) carry AddressSanitizer: its memory figures
/// mean nothing then and everything takes longer.
[[nodiscard]] constexpr bool sanitized() {
#if defined(__SANITIZE_ADDRESS__)
  return true;
#else
  return false;
#endif
}

/// The uid and gid of an ordinary user; only root can start the server as that.
constexpr uid_t kNobody = 65534;
[[nodiscard]] bool running_as_root();

/// What a test changes about the process and its configuration. The strings are TOML lines of the table they name.
struct Setup {
  std::string server;  // further lines of [server]
  std::string limits;
  std::string disk;
  std::string cache;
  std::string types;
  std::string site;                 // further lines of the first [[site]], whose root is Site::root()
  std::string headers;              // [[site.headers]] blocks of the first [[site]], verbatim
  std::string root;                 // not empty: the first [[site]]'s root in the place of that
  std::string more;                 // verbatim text at the end of the file: further sites
  std::vector<std::string> listen;  // besides 127.0.0.1:<port>
  bool as_nobody = false;
  std::optional<rlim_t> nofile;
  std::optional<rlim_t> memlock;
  int error_output = -1;  // a descriptor that becomes its stderr, in the place of the file that errors() reads
};

/// A port on loopback that nobody holds now, outside the range that outgoing connections take theirs from.
[[nodiscard]] int free_port();

/// What a run of the binary to its end gave. `exit_code` is -1 when a signal ended it or it had to be killed.
struct Finished {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs the binary with `arguments` and waits for its end, 20 s at most. `setup` gives user and limits only;
/// `environment` adds variables.
[[nodiscard]] Finished run_to_end(const std::vector<std::string>& arguments, const Setup& setup = {},
                                  const std::vector<std::pair<std::string, std::string>>& environment = {});

/// The configuration that a Server with that setup would write.
[[nodiscard]] std::string configuration(const Site& site, const Setup& setup, int port);

/// Repeats `done` every 10 ms until it is true or the time is over; what it said last.
bool wait_until(const std::function<bool()>& done, Milliseconds patience = kPatience);

class Server {
 public:
  /// Started, and accepting on port(). Fails the test with the server's own words if it does not come to that.
  explicit Server(const Site& site, const Setup& setup = {});
  /// The same with a command line of the test's own, which must make it listen on `port`.
  Server(const Site& site, const std::vector<std::string>& arguments, int port, const Setup& setup = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// For set-ups where refusing to start is a right answer too: nullptr when it ended with code 1 and at most a few
  /// lines on stderr (checked); else a running server.
  [[nodiscard]] static std::unique_ptr<Server> start_or_clean_refusal(const Site& site, const Setup& setup);

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool alive();
  [[nodiscard]] std::string errors() const;
  /// VmRSS of the process.
  [[nodiscard]] std::uint64_t resident_kib() const;

  /// Descriptors of sockets that the process has (those in its rings' tables are not among them).
  [[nodiscard]] std::size_t sockets() const;
  /// Whether the kernel can give a ring's sockets descriptors (Linux 6.7).
  [[nodiscard]] static bool gives_sockets_descriptors();
  /// What each of its threads waits for, by the kernel's word.
  [[nodiscard]] std::string where_it_waits() const;

  [[nodiscard]] Client connect(int receive_buffer_bytes = 0) const { return Client::tcp(port_, receive_buffer_bytes); }
  /// One answer over a connection of its own.
  Response get(std::string_view target, std::string_view fields = "") const;

  void signal(int number) const;
  /// The exit code, once it has ended by itself within `patience`; nullopt if it still runs. -1: a signal ended it.
  std::optional<int> wait_for_exit(Milliseconds patience = kPatience);
  /// SIGTERM, and the checks of the destructor, now.
  void stop();

 private:
  Server() = default;
  void spawn(const std::vector<std::string>& arguments, const Setup& setup);
  [[nodiscard]] bool wait_until_accepting();
  void check_errors_clean() const;

  pid_t pid_ = -1;
  int port_ = 0;
  std::string error_path_;
  std::string output_path_;
};

}  // namespace uringd::testing
