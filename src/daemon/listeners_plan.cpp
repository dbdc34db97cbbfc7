// A reload's part of Listeners: what is new is bound and listens before anything else changes, on a thread that may
// wait; what changes then cannot fail.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adopt.hpp"
#include "bind.hpp"
#include "uringd/base/check.hpp"
#include "uringd/daemon/listeners.hpp"

namespace uringd::daemon {
namespace {

using config::ListenAddress;
using server::Worker;
using Kind = Worker::ListenerChange::Kind;

// Two addresses of one port, one of which is every host's.
bool overlap(const ListenAddress& a, const ListenAddress& b) {
  if (a.kind != ListenAddress::Kind::tcp || b.kind != ListenAddress::Kind::tcp) return false;
  const auto port_and_any = [](const ListenAddress& address) {
    if (address.address.ss_family == AF_INET) {
      const auto& four = reinterpret_cast<const sockaddr_in&>(address.address);
      return std::pair(four.sin_port, four.sin_addr.s_addr == INADDR_ANY);
    }
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address.address);
    return std::pair(six.sin6_port, IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr) != 0);
  };
  const auto [port_a, any_a] = port_and_any(a);
  const auto [port_b, any_b] = port_and_any(b);
  return port_a == port_b && (any_a || any_b);
}

// Another user's file keeps its mode: root made it before this process dropped to its user.
bool may_change_mode(const ListenAddress& address) {
  struct stat status{};
  return geteuid() == 0 || (lstat(path_of(address), &status) == 0 && status.st_uid == geteuid());
}

// What a socket that stays has of the new configuration at once; its file's mode where that is ours to change.
void keep(const Listeners::Socket& socket, const ListenAddress& old, int orphan_ms) {
  const ListenAddress& address = socket.address;
  if (address.mode && address.mode != old.mode) {
    static_cast<void>(fchmodat(AT_FDCWD, path_of(address), *address.mode, AT_SYMLINK_NOFOLLOW));
  }
  for (const Fd& descriptor : socket.descriptors) {
    if (address.kind == ListenAddress::Kind::tcp) set_inherited_options(descriptor.number(), orphan_ms);
    if (address.backlog != old.backlog && !socket.from_manager) {
      static_cast<void>(::listen(descriptor.number(), address.backlog));
    }
  }
}

}  // namespace

const Listeners::Socket* Listeners::find(const ListenAddress& address) const {
  for (const Socket& socket : sockets_) {
    if (same_address(socket.address, address)) return &socket;
  }
  return nullptr;
}

// server.listen is written nowhere, and a manager's sockets stand for it: they go on to.
std::vector<ListenAddress> Listeners::standing_for_default() const {
  std::vector<ListenAddress> addresses;
  for (const Socket& socket : sockets_) {
    if (socket.address.kind == ListenAddress::Kind::passed) addresses.push_back(socket.address);
  }
  return addresses;
}

// The bind without SO_REUSEPORT is refused where this process itself listens on another host of that port (":8080"
// after "127.0.0.1:8080"); with it the kernel allows it among sockets of one user that all have it.
Result<Listeners::Socket> Listeners::open_for_reload(const ListenAddress& address, const config::Config& config) const {
  auto socket = bind_new(address, config);
  if (!socket && socket.error() == EACCES) {
    return failure(bind_error(key_, address, EACCES).message +
                   "; a process that has dropped its user or is sandboxed cannot have it any more: restart it");
  }
  if (!socket && socket.error() == EADDRINUSE) {
    for (const Socket& neighbour : sockets_) {
      if (!overlap(neighbour.address, address)) continue;
      socket = Socket{};
      socket->address = address;
      socket->only_ours = true;
      socket->descriptors = bind_beside(address, workers_, orphan_timeout_ms(config));
      if (socket->descriptors.size() == workers_) break;
      return failure(key_ + " " + address.text + ": " + errno_text(EADDRINUSE) + "; this process itself listens on " +
                     neighbour.address.text +
                     ", which has the same port: restart it, or reload without that address first");
    }
  }
  if (!socket) return std::unexpected(bind_error(key_, address, socket.error()));
  for (const Fd& descriptor : socket->descriptors) {
    if (::listen(descriptor.number(), address.backlog) != 0) return std::unexpected(bind_error(key_, address, errno));
  }
  return std::move(*socket);
}

Result<Listeners::Plan> Listeners::plan(const config::Config& config, bool by_default) const {
  Plan plan;
  plan.next_id = next_id_;
  plan.orphan_timeout_ms = orphan_timeout_ms(config);
  std::vector<ListenAddress> wanted = by_default ? standing_for_default() : std::vector<ListenAddress>{};
  if (wanted.empty()) wanted = config.server.listen;
  for (const ListenAddress& configured : wanted) {
    const ListenAddress address = for_this_machine(configured);
    if (const Socket* stays = find(address)) {
      Socket kept;
      kept.id = stays->id;
      kept.address = address;
      if (address.mode && address.mode != stays->address.mode && !may_change_mode(address)) {
        plan.warnings.push_back(key_ + " " + address.text + ": its file is another user's: a restart gives it " +
                                "its mode");
      }
      plan.sockets.push_back(std::move(kept));
      continue;
    }
    if (address.kind == ListenAddress::Kind::passed) {
      return failure(key_ + " " + address.text +
                     ": this process has no socket of that name; sockets are passed at start only: restart it");
    }
    auto socket = open_for_reload(address, config);
    if (!socket) return std::unexpected(socket.error());
    socket->id = plan.next_id;
    plan.next_id += static_cast<uint32_t>(socket->descriptors.size());
    if (auto given = give_to_workers(*socket, plan.additions); !given) return std::unexpected(given.error());
    plan.sockets.push_back(std::move(*socket));
  }
  return plan;
}

std::vector<Worker::ListenerChange> Listeners::carry_out(Plan plan) {
  std::vector<Worker::ListenerChange> changes = std::move(plan.additions);
  const auto tell = [&](Kind kind, const Socket& socket) {
    for (uint32_t worker = 0; worker < workers_; ++worker) {
      for (const size_t place : dealt_to(worker, socket)) {
        changes.push_back({kind, worker, listener_of(socket, place)});
      }
    }
  };
  std::vector<Socket> before = std::exchange(sockets_, {});
  for (Socket& planned : plan.sockets) {
    const auto stays = std::ranges::find(before, planned.id, &Socket::id);
    if (stays == before.end()) {
      sockets_.push_back(std::move(planned));
      continue;
    }
    CHECK(planned.descriptors.empty());
    const ListenAddress old = std::exchange(stays->address, planned.address);
    if (old.proxy_protocol != stays->address.proxy_protocol) tell(Kind::change, *stays);
    keep(*stays, old, plan.orphan_timeout_ms);
    sockets_.push_back(std::move(*stays));
    before.erase(stays);
  }
  for (const Socket& socket : before) tell(Kind::remove, socket);
  next_id_ = plan.next_id;
  return changes;
}

}  // namespace uringd::daemon
