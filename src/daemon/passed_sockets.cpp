// What systemd passes begins at descriptor 3 and is told in the environment (sd_listen_fds(3)).
#include "uringd/daemon/passed_sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace uringd::daemon {
namespace {

constexpr int first_descriptor = 3;        // SD_LISTEN_FDS_START
constexpr int descriptors_most = 1 << 16;  // a number that was mistyped must not close the world

int option(int socket, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

std::string taken_from_environment(const char* name) {
  const char* value = getenv(name);
  std::string text = value ? value : "";
  unsetenv(name);
  return text;
}

template <typename Number>
bool parse(std::string_view text, Number& number) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && rest == text.data() + text.size();
}

// "a:b" → "a", and "b" is left. Without names systemd's own reader says "unknown".
std::string next_name(std::string_view& names) {
  const size_t end = names.find(':');
  const std::string_view name = names.substr(0, end);
  names = end == names.npos ? std::string_view{} : names.substr(end + 1);
  return name.empty() ? "unknown" : std::string(name);
}

}  // namespace

Result<PassedSocket> look_at_passed_socket(Fd descriptor) {
  const int number = descriptor.number();
  if (fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
    static_cast<void>(descriptor.release());  // nobody's: there is nothing to close
    return failure("is not open");
  }
  PassedSocket socket;
  socket.address_size = sizeof socket.address;
  if (getsockname(number, reinterpret_cast<sockaddr*>(&socket.address), &socket.address_size) != 0) {
    return failure("is no socket");
  }
  const int family = socket.address.ss_family;
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return failure("is a socket of an unknown family");
  if (option(number, SO_TYPE) != SOCK_STREAM) return failure("is no stream socket (ListenStream=)");
  if (option(number, SO_ACCEPTCONN) != 1) return failure("does not listen (Accept=no is needed)");
  socket.descriptor = std::move(descriptor);
  return socket;
}

Result<PassedSockets> PassedSockets::from_manager_environment() {
  const std::string pid_text = taken_from_environment("LISTEN_PID");
  const std::string count_text = taken_from_environment("LISTEN_FDS");
  const std::string names_text = taken_from_environment("LISTEN_FDNAMES");
  PassedSockets passed;
  pid_t pid = 0;
  if (!parse(pid_text, pid) || pid != getpid()) return passed;  // for a parent of ours, and long used up
  int count = 0;
  if (!parse(count_text, count) || count < 0 || count > descriptors_most) {
    return failure("LISTEN_FDS is \"" + count_text + "\"; expected the number of passed sockets");
  }
  std::string_view names = names_text;
  for (int place = 0; place < count; ++place) {
    const std::string name = next_name(names);
    const int number = first_descriptor + place;
    auto socket = look_at_passed_socket(Fd(number));
    if (!socket) {
      return failure("LISTEN_FDS: descriptor " + std::to_string(number) + " (" + name + ") " + socket.error().message);
    }
    socket->name = name;
    socket->from_manager = true;
    passed.sockets.push_back(std::move(*socket));
  }
  return passed;
}

}  // namespace uringd::daemon
