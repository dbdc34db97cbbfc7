// PassedSockets: listening sockets that this process was started with: by systemd (LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES; sd_listen_fds(3)) or by the process that it follows (daemon/upgrade). Values; made once at start, on
// the main thread; what nobody takes is closed.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "uringd/base/fd.hpp"
#include "uringd/base/result.hpp"

namespace uringd::daemon {

struct PassedSocket {
  Fd descriptor;
  std::string name;            // of LISTEN_FDNAMES; of a predecessor's: the name that it had there, or empty
  sockaddr_storage address{};  // getsockname(2)
  socklen_t address_size = 0;
  bool only_ours = false;     // nobody keeps a copy for itself: may be shut down
  bool from_manager = false;  // systemd's, perhaps by way of a predecessor: one for all workers, and such sockets stand
                              // for server.listen where that is not written
};

struct PassedSockets {
  std::vector<PassedSocket> sockets;  // in the order in which they came: those of one address side by side

  /// What systemd passed; the three variables are removed from the environment, whoever they were for. An error where
  /// one is no listening stream socket.
  static Result<PassedSockets> from_manager_environment();
};

/// A listening socket on its way to a successor; borrows the descriptor.
struct HandedSocket {
  int descriptor = -1;
  std::string name;
  bool only_ours = false;
  bool from_manager = false;
};

/// `descriptor`, marked close-on-exec, with its address. An error where it is no listening stream socket of TCP or of a
/// unix path: "is not open", "does not listen" and so on, to be put after its name.
Result<PassedSocket> look_at_passed_socket(Fd descriptor);

}  // namespace uringd::daemon
