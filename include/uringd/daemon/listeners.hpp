// Listeners: the listening sockets of the process. Bound at once, so that a port in use is found before anything is
// built; listening only when the workers are ready. Each TCP address has one socket per worker (SO_REUSEPORT); a unix
// socket is one socket that all workers accept on.
#pragma once

#include <string>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"
#include "uringd/config/config.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::daemon {

class Listeners {
 public:
  /// The error names the address and the cause.
  static Result<Listeners> bind(const config::Config& config, uint32_t workers);
  Listeners(Listeners&&) = default;
  Listeners& operator=(Listeners&&) = delete;
  ~Listeners();
  /// Removes the unix sockets' names: nobody new finds them, who is in their backlog is still accepted.
  void remove_names();

  /// listen(2) on all of them; from then on those that are `owned` are their workers' to close.
  [[nodiscard]] Result<void> listen();
  /// The sockets of one worker; before listen(), which hands them over.
  [[nodiscard]] std::vector<server::Worker::Listener> of_worker(uint32_t worker) const;
  /// "127.0.0.1:8080, unix:/run/uringd.sock"
  [[nodiscard]] std::string text() const;

 private:
  struct Socket {
    config::ListenAddress address;
    std::vector<Fd> descriptors;  // one per worker, or one
  };
  Listeners() = default;
  std::vector<Socket> sockets_;
  bool names_removed_ = false;
};

}  // namespace uringd::daemon
