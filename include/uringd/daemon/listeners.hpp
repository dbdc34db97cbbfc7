// Listeners: the listening sockets of the process, and how they change. Each TCP address has one socket per worker
// (SO_REUSEPORT), so that the kernel spreads connections; a unix socket and one that a manager passed are one socket
// that all workers accept on. The main thread owns the originals; every worker accepts on a duplicate of its own, which
// it closes when it has stopped. A predecessor's set of another size is dealt out: worker i of W has sockets i, i + W,
// …
//
//   opened (bound, not listening) ──► listening ◄──► plan ─ carry_out (a reload)
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/daemon/passed_sockets.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::daemon {

/// The file of a unix socket that this process made: removed with its owner, unless kept. Nobody new finds the socket
/// then; who is in its backlog is still accepted.
class SocketFile {
 public:
  SocketFile() = default;
  /// Of the socket that lies at `path` now: another file that takes its place is not ours to remove.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}
  SocketFile& operator=(SocketFile&& other) noexcept {
    if (this != &other) {
      remove();
      path_ = std::exchange(other.path_, {});
      device_ = other.device_;
      inode_ = other.inode_;
    }
    return *this;
  }
  ~SocketFile() { remove(); }

  void remove();
  void keep() { path_.clear(); }

 private:
  std::string path_;
  uint64_t device_ = 0, inode_ = 0;
};

class Listeners {
 public:
  /// Sockets for all of config.server.listen: those that were passed are taken over, the others bound. `by_default`:
  /// server.listen is written nowhere, so a manager's sockets stand for it. The error names the address and the cause.
  /// What was passed and is not asked for is closed, with a line in `warnings`. `key`: what the addresses are written
  /// under, for messages.
  static Result<Listeners> open(const config::Config& config, bool by_default, uint32_t workers, PassedSockets passed,
                                std::vector<std::string>& warnings, std::string key = "server.listen");
  Listeners(Listeners&&) = default;
  Listeners& operator=(Listeners&&) = delete;
  ~Listeners() = default;  // removes the unix sockets' names

  /// listen(2) on all of them but a manager's, whose backlog is the manager's.
  [[nodiscard]] Result<void> listen();
  /// Duplicates of the sockets that one worker accepts on. An error: no descriptors left.
  [[nodiscard]] Result<std::vector<server::Worker::Listener>> of_worker(uint32_t worker) const;

  /// What another configuration changes. Sockets of addresses that both have stay; an address whose proxy_protocol,
  /// backlog or mode is another keeps its sockets too.
  struct Plan;
  /// Binds and listens on what is new; *this is not changed. Any thread, while nobody changes *this.
  [[nodiscard]] Result<Plan> plan(const config::Config& config, bool by_default) const;
  /// Makes it so, and says what each worker is to be told. Main thread.
  [[nodiscard]] std::vector<server::Worker::ListenerChange> carry_out(Plan plan);

  /// The process that we follow is gone: the names of the unix sockets that it passed are ours to remove.
  void take_names();
  /// At a stop: removes the unix sockets' names, and closes the originals, so that a worker that closes its duplicates
  /// is the last to hold them.
  void let_go();
  /// A successor is the server now: the names are its own, and workers must not shut down what it accepts on. What each
  /// worker is to be told before it drains. The originals are closed.
  [[nodiscard]] std::vector<server::Worker::ListenerChange> hand_over();
  /// The originals, those of one address side by side, in the order of the workers: for a successor.
  [[nodiscard]] std::vector<HandedSocket> descriptors() const;
  /// "127.0.0.1:8080, unix:/run/uringd.sock"
  [[nodiscard]] std::string text() const;

  /// One address and its sockets.
  struct Socket {
    uint32_t id = 0;  // names its first descriptor to the workers; the others count on from there
    config::ListenAddress address;
    std::vector<Fd> descriptors;
    std::string name;        // that a manager gave it
    bool shared = false;     // every worker accepts on all of them; else they are dealt out
    bool only_ours = false;  // bound by us, or by whom we follow
    bool from_manager = false;
    SocketFile file;
    std::string passed_file;  // its name, while a predecessor may still go on
  };

 private:
  Listeners(uint32_t workers, std::string key) : workers_(workers), key_(std::move(key)) {}
  [[nodiscard]] std::vector<size_t> dealt_to(uint32_t worker, const Socket& socket) const;
  [[nodiscard]] server::Worker::Listener listener_of(const Socket& socket, size_t place) const;
  [[nodiscard]] Result<void> give_to_workers(const Socket& socket,
                                             std::vector<server::Worker::ListenerChange>& additions) const;
  [[nodiscard]] const Socket* find(const config::ListenAddress& address) const;
  [[nodiscard]] std::expected<Socket, int> bind_new(const config::ListenAddress& address,
                                                    const config::Config& config) const;
  [[nodiscard]] Result<Socket> open_for_reload(const config::ListenAddress& address,
                                               const config::Config& config) const;
  [[nodiscard]] std::vector<config::ListenAddress> standing_for_default() const;

  std::vector<Socket> sockets_;
  uint32_t workers_;
  std::string key_;
  uint32_t next_id_ = 0;
};

struct Listeners::Plan {
  std::vector<Socket> sockets;  // all of them, in the order of the configuration; those that stay have no
                                // descriptors here, but their id
  std::vector<server::Worker::ListenerChange> additions;
  std::vector<std::string> warnings;  // what needs a restart, for the log
  uint32_t next_id = 0;
  int orphan_timeout_ms = 0;
};

}  // namespace uringd::daemon
