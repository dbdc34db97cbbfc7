// The start and the end of listening, and which worker accepts on what.
#include "uringd/daemon/listeners.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "adopt.hpp"
#include "bind.hpp"

namespace uringd::daemon {
namespace {

using config::ListenAddress;
using server::Worker;

// What getsockopt(SO_PEERNAME) may be asked for: of an unnamed unix peer there are 2 bytes.
socklen_t peer_size_of(int socket) {
  int family = AF_INET6;
  socklen_t size = sizeof family;
  getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
  if (family == AF_UNIX) return sizeof(sa_family_t);
  return family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

Result<void> duplicate(const std::string& key, int original, const ListenAddress& address, Fd& copy) {
  copy = Fd(fcntl(original, F_DUPFD_CLOEXEC, 0));
  if (copy.open()) return {};
  return failure(key + " " + address.text + ": no descriptor for each worker: " + errno_text(errno) +
                 "; raise the limit of open files (ulimit -n, LimitNOFILE=)");
}

Error no_such_name(const std::string& key, const ListenAddress& address, const PassedSockets& passed) {
  std::string message = key + " " + address.text + ": no socket of that name was passed (LISTEN_FDNAMES";
  std::string names;
  for (const ListenAddress& other : names_of_manager(passed)) names += (names.empty() ? "" : ", ") + other.text;
  return {message + (names.empty() ? "); start by way of a systemd socket unit with FileDescriptorName="
                                   : "); left are " + names)};
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat found{};
  if (lstat(path_.c_str(), &found) != 0) return;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

void SocketFile::remove() {
  struct stat found{};
  const bool ours =
      !path_.empty() && lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
  if (ours) unlink(path_.c_str());
  path_.clear();
}

void Listeners::take_names() {
  for (Socket& socket : sockets_) {
    if (!socket.passed_file.empty()) socket.file = SocketFile(std::exchange(socket.passed_file, {}));
  }
}

Result<Listeners> Listeners::open(const config::Config& config, bool by_default, uint32_t workers, PassedSockets passed,
                                  std::vector<std::string>& warnings, std::string key) {
  Listeners listeners(workers, std::move(key));
  const std::vector<ListenAddress> by_manager = names_of_manager(passed);
  const bool stand_in = by_default && !by_manager.empty();
  for (const ListenAddress& configured : stand_in ? by_manager : config.server.listen) {
    const ListenAddress address = for_this_machine(configured);
    std::optional<Socket> socket = adopt(address, passed);
    if (socket && !socket->shared && socket->descriptors.size() < workers) {
      const size_t missing = workers - socket->descriptors.size();
      for (Fd& more : bind_beside(address, missing, orphan_timeout_ms(config))) {
        socket->descriptors.push_back(std::move(more));
      }
    }
    if (!socket) {
      if (address.kind == ListenAddress::Kind::passed)
        return std::unexpected(no_such_name(listeners.key_, address, passed));
      auto opened = listeners.bind_new(address, config);
      if (!opened) return std::unexpected(bind_error(listeners.key_, address, opened.error()));
      socket = std::move(*opened);
    }
    for (const Fd& descriptor : socket->descriptors) {
      if (peer_size_of(descriptor.number()) == sizeof(sa_family_t)) continue;
      set_inherited_options(descriptor.number(), orphan_timeout_ms(config));
    }
    socket->id = listeners.next_id_;
    listeners.next_id_ += static_cast<uint32_t>(socket->descriptors.size());
    listeners.sockets_.push_back(std::move(*socket));
  }
  for (const PassedSocket& socket : passed.sockets) {
    warnings.push_back("the socket " + text_of(socket) + " was passed, but " + listeners.key_ +
                       " does not name it: closed");
  }
  return listeners;
}

std::expected<Listeners::Socket, int> Listeners::bind_new(const ListenAddress& address,
                                                          const config::Config& config) const {
  auto descriptors = bind_address(address, workers_, orphan_timeout_ms(config));
  if (!descriptors) return std::unexpected(descriptors.error());
  Socket socket;
  socket.address = address;
  socket.descriptors = std::move(*descriptors);
  socket.shared = address.kind == ListenAddress::Kind::unix_path;
  socket.only_ours = !socket.shared;
  if (socket.shared) socket.file = SocketFile(path_of(address));
  return socket;
}

Result<void> Listeners::listen() {
  for (const Socket& socket : sockets_) {
    if (socket.from_manager) continue;
    for (const Fd& descriptor : socket.descriptors) {
      if (::listen(descriptor.number(), socket.address.backlog) == 0) continue;
      return std::unexpected(bind_error(key_, socket.address, errno));
    }
  }
  return {};
}

std::vector<size_t> Listeners::dealt_to(uint32_t worker, const Socket& socket) const {
  const size_t count = socket.descriptors.size();
  std::vector<size_t> places;
  if (socket.shared) {
    for (size_t place = 0; place < count; ++place) places.push_back(place);
  } else if (worker >= count && count > 0) {  // no socket of its own could be had
    places.push_back(worker % count);
  } else {
    for (size_t place = worker; place < count; place += workers_) places.push_back(place);
  }
  return places;
}

// Shut down by the worker that stops only where no other worker accepts on it.
Worker::Listener Listeners::listener_of(const Socket& socket, size_t place) const {
  Worker::Listener listener;
  listener.id = socket.id + static_cast<uint32_t>(place);
  listener.only_ours = socket.only_ours && !socket.shared && socket.descriptors.size() >= workers_;
  listener.proxy_protocol = socket.address.proxy_protocol;
  listener.peer_size = peer_size_of(socket.descriptors[place].number());
  return listener;
}

Result<std::vector<Worker::Listener>> Listeners::of_worker(uint32_t worker) const {
  std::vector<Worker::Listener> listeners;
  for (const Socket& socket : sockets_) {
    for (const size_t place : dealt_to(worker, socket)) {
      Worker::Listener listener = listener_of(socket, place);
      auto copied = duplicate(key_, socket.descriptors[place].number(), socket.address, listener.descriptor);
      if (!copied) return std::unexpected(copied.error());
      listeners.push_back(std::move(listener));
    }
  }
  return listeners;
}

Result<void> Listeners::give_to_workers(const Socket& socket, std::vector<Worker::ListenerChange>& additions) const {
  for (uint32_t worker = 0; worker < workers_; ++worker) {
    for (const size_t place : dealt_to(worker, socket)) {
      Worker::Listener listener = listener_of(socket, place);
      auto copied = duplicate(key_, socket.descriptors[place].number(), socket.address, listener.descriptor);
      if (!copied) return copied;
      additions.push_back({Worker::ListenerChange::Kind::add, worker, std::move(listener)});
    }
  }
  return {};
}

void Listeners::let_go() {
  for (Socket& socket : sockets_) {
    socket.file.remove();
    socket.descriptors.clear();
  }
}

std::vector<Worker::ListenerChange> Listeners::hand_over() {
  std::vector<Worker::ListenerChange> changes;
  for (Socket& socket : sockets_) {
    for (uint32_t worker = 0; worker < workers_; ++worker) {
      for (const size_t place : dealt_to(worker, socket)) {
        Worker::Listener listener = listener_of(socket, place);
        if (!listener.only_ours) continue;
        listener.only_ours = false;
        changes.push_back({Worker::ListenerChange::Kind::change, worker, std::move(listener)});
      }
    }
    socket.file.keep();
    socket.descriptors.clear();
  }
  return changes;
}

std::vector<HandedSocket> Listeners::descriptors() const {
  std::vector<HandedSocket> handed;
  for (const Socket& socket : sockets_) {
    for (const Fd& descriptor : socket.descriptors) {
      handed.push_back({descriptor.number(), socket.name, socket.only_ours, socket.from_manager});
    }
  }
  return handed;
}

std::string Listeners::text() const {
  std::string text;
  for (const Socket& socket : sockets_) {
    if (!text.empty()) text += ", ";
    text += socket.address.text;
  }
  return text;
}

}  // namespace uringd::daemon
