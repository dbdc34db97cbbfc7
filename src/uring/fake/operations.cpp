// What each operation of the fake kernel does, from its submission (checks of ownership, poison, cancels take effect)
// to its completion (bytes move, results are made). The rules that truly hold are kept: a socket's bytes stay in order,
// a cancel acts when it is submitted, a slot is free when its close has completed.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <initializer_list>
#include <type_traits>

#include "state.hpp"
#include "uringd/base/check.hpp"

namespace uringd::uring {

namespace {

bool is_send(const Operation& operation) {
  return operation.action == Action::send || operation.action == Action::send_message;
}

bool hears(const Operation& operation) {
  return operation.action == Action::receive || operation.action == Action::poll_readable;
}

size_t bytes_to_send(const Operation& operation) {
  if (operation.message == nullptr) return operation.from.size();
  size_t bytes = 0;
  for (size_t part = 0; part < operation.message->msg_iovlen; ++part) bytes += operation.message->msg_iov[part].iov_len;
  return bytes;
}

/// The first `count` bytes, read from the lender's memory only now.
void append_lent(const Operation& operation, size_t count, std::string& to) {
  if (operation.message == nullptr) {
    to.append(operation.from.data(), count);
    return;
  }
  for (size_t part = 0; count > 0; ++part) {
    const iovec& piece = operation.message->msg_iov[part];
    const size_t here = std::min(count, piece.iov_len);
    to.append(static_cast<const char*>(piece.iov_base), here);
    count -= here;
  }
}

int one_of(Random& random, std::initializer_list<int> errors) { return -errors.begin()[random.below(errors.size())]; }

// What the real ring keeps there is a struct statx; here it is the answer itself.
static_assert(sizeof(Attributes) <= sizeof(StatusBuffer));
static_assert(std::is_trivially_copyable_v<Attributes>);

std::span<char> bytes_of_status(StatusBuffer& status) {
  return {reinterpret_cast<char*>(status.bytes), sizeof status.bytes};
}

std::span<char> bytes_of_address(PeerAddress& peer) {
  return {reinterpret_cast<char*>(&peer.address), sizeof peer.address};
}

}  // namespace

void WorldState::begin(Operation& operation) {
  operation.due_ns = now + delay();
  for (const auto& other : flight) {
    if (other.get() == &operation || other->done || operation.tag.kind == Kind::nobody) continue;
    if (operation.action == Action::cancel && other->action == Action::cancel) continue;  // alike, and no one's target
    CHECK(other->tag != operation.tag);  // two operations of one tag: whose completion would it be?
  }
  switch (operation.action) {
    case Action::open:
    case Action::read:
    case Action::look:
    case Action::append:
    case Action::close_file: return begin_file(operation);
    case Action::accept_multishot:
    case Action::accept:
      CHECK(listeners.contains(operation.number));
      if (operation.peer != nullptr) garble(bytes_of_address(*operation.peer));
      return;
    case Action::cancel: return cancel(operation);
    case Action::timeout:
      for (const auto& other : flight) {
        CHECK(other.get() == &operation || other->done || other->action != Action::timeout);  // at most one is armed
      }
      operation.due_ns = operation.offset;
      return;
    default: return begin_socket(operation);
  }
}

void WorldState::begin_socket(Operation& operation) {
  CHECK(operation.socket.slot < slots.size());
  operation.client = slots[operation.socket.slot];
  CHECK(operation.client != nullptr);  // this direct slot is closed
  if (operation.peer != nullptr) garble(bytes_of_address(*operation.peer).first(operation.peer_size));
  for (const auto& other : flight) {
    if (other.get() == &operation || other->done || other->client != operation.client) continue;
    CHECK(other->action != Action::close || other->decided);  // used after its close; a chain that broke has none
    CHECK(!is_send(operation) || !is_send(*other));           // two sends on one socket
    CHECK(!hears(operation) || !hears(*other));               // two receives on one socket
    CHECK(!other->close_behind || operation.action == Action::cancel);           // its close may come any moment
    CHECK(!operation.close_behind);                                              // closed with a loan open
    CHECK(operation.action != Action::close || other->tag == operation.target);  // closed with a loan open
  }
}

void WorldState::begin_file(Operation& operation) {
  if (operation.action == Action::open) {
    CHECK(operation.number == top || roots.contains(operation.number));
    if (operation.walk == Walk::cached) {
      operation.due_ns = now;
    } else if (random.chance(mischief.slow)) {
      operation.due_ns = now + random.below(mischief.slowest_ns + 1);
    }
    return;
  }
  if (operation.tag.kind == Kind::mailbox) return;  // an eventfd of the program's, which no other thread writes to here
  if (operation.action == Action::close_file) {
    close_file(operation.number);
    if (operation.tag.kind != Kind::nobody) {  // a completion is wanted
      operation.decided = true;
      return;
    }
    operation.done = true;
    ++counters.completions;
    return;
  }
  CHECK(files.contains(operation.number));  // closed before, or never open
  if (operation.action == Action::read && operation.walk == Walk::cached) {
    operation.due_ns = now;
  } else if (random.chance(mischief.slow)) {
    operation.due_ns = now + random.below(mischief.slowest_ns + 1);
  }
  if (operation.action == Action::read) {
    CHECK(files[operation.number]->type != NodeType::other);  // reading a FIFO or device can wait for ever
    garble(operation.into);
  } else if (operation.action == Action::look) {
    garble(bytes_of_status(*operation.status));
  }
}

void WorldState::close_file(int number) {
  for (const auto& other : flight) {
    const bool uses_it =
        other->action == Action::read || other->action == Action::look || other->action == Action::append;
    CHECK(other->done || !uses_it || other->number != number);  // closed while being read, looked at or written
  }
  if (const auto socket = installed.extract(number)) return let_go(*socket.mapped());
  CHECK(files.erase(number) == 1);  // closed before, or never open
}

bool WorldState::ready(const Operation& operation) const {
  switch (operation.action) {
    case Action::read: return operation.tag.kind != Kind::mailbox;
    case Action::append: return !files.at(operation.number)->stuck;
    case Action::accept_multishot:
    case Action::accept: {
      const Listener& listener = listeners.at(operation.number);
      return !listener.open || !listener.waiting.empty();
    }
    case Action::receive:
    case Action::poll_readable: {
      const Client& client = *operation.client;
      return client.reset_ || client.inbound_end_ || !client.all_taken();
    }
    case Action::send:
    case Action::send_message:
    case Action::poll: {
      const Client& client = *operation.client;
      return client.reset_ || client.closed_ || client.outbound_end_ || client.outbound_.size() < client.window_;
    }
    default: return true;
  }
}

void WorldState::carry_out(Operation& operation) {
  switch (operation.action) {
    case Action::accept_multishot:
    case Action::accept: return accept(operation);
    case Action::peer_name: return peer_name(operation);
    case Action::receive: return receive(operation);
    case Action::poll_readable: return post(operation, POLLIN);
    case Action::send:
    case Action::send_message: return post(operation, transfer(operation));
    case Action::poll: return post(operation, operation.client->reset_ ? POLLERR | POLLHUP | POLLOUT : POLLOUT);
    case Action::unacknowledged:
      if (random.chance(mischief.no_unacknowledged)) return post(operation, -EOPNOTSUPP);
      return post(operation, static_cast<int>(operation.client->outbound_.size()));
    case Action::shutdown_write:
      if (operation.client->reset_) return post(operation, -ENOTCONN);
      operation.client->outbound_end_ = true;
      return post(operation, 0);
    case Action::close: return close_socket(operation);
    case Action::open: return open(operation);
    case Action::read: return read(operation);
    case Action::look: return look(operation);
    case Action::append: return append(operation);
    case Action::install: return install(operation);
    case Action::timeout: return post(operation, -ETIME);
    case Action::cancel:
    case Action::close_file: CHECK(!"decided when it was submitted");
  }
}

void WorldState::cancel(Operation& operation) {
  operation.decided = true;
  operation.outcome = -ENOENT;
  const auto found = std::find_if(flight.begin(), flight.end(), [&](const auto& other) {
    return other.get() != &operation && !other->done && other->tag == operation.target;
  });
  if (found == flight.end() || (*found)->decided) return;  // it never was, or its completion is on its way
  Operation& target = **found;
  const bool loses = random.chance(mischief.cancel_loses);
  switch (target.action) {
    case Action::open:
    case Action::read:
    case Action::look:
      if (loses) {  // a kernel worker has it, or the disk
        operation.outcome = one_of(random, {ENOENT, EALREADY});
        return;
      }
      break;
    case Action::append:
      if (loses && ready(target)) {  // it is being written
        operation.outcome = -EALREADY;
        return;
      }
      break;
    case Action::timeout:
      if (now >= target.offset) return;
      break;
    case Action::accept:
    case Action::accept_multishot:
    case Action::receive:
      if (loses && ready(target)) {
        target.ending = true;
        operation.outcome = -EALREADY;
        return;
      }
      break;
    case Action::send:
    case Action::send_message:
      if (loses && ready(target)) {
        target.decided = true;
        target.outcome = transfer(target);
        operation.outcome = -EALREADY;
        return;
      }
      break;
    case Action::poll:
    case Action::poll_readable: break;
    default: return;  // runs to its end at once
  }
  target.decided = true;
  target.outcome = -ECANCELED;
  target.due_ns = now + delay();
  operation.outcome = 0;
}

size_t WorldState::free_slot() {
  const size_t start = random.below(slots.size());
  for (size_t step = 0; step < slots.size(); ++step) {
    const size_t slot = (start + step) % slots.size();
    if (slots[slot] == nullptr) return slot;
  }
  return slots.size();
}

void WorldState::accept(Operation& operation) {
  Listener& listener = listeners.at(operation.number);
  if (!listener.open) return post(operation, -EINVAL);
  if (random.chance(mischief.accept_error))
    return post(operation, one_of(random, {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED}));
  const size_t slot = free_slot();
  if (slot == slots.size()) return post(operation, -ENFILE);
  Client& client = *listener.waiting.front();
  listener.waiting.pop_front();
  client.accepted_ = true;
  slots[slot] = &client;
  if (operation.peer != nullptr) {
    std::memcpy(&operation.peer->address, &client.address_, sizeof client.address_);
    operation.peer->size = sizeof client.address_;
  }
  const bool lasting = operation.action == Action::accept_multishot && !operation.ending;
  post(operation, static_cast<int>(slot), lasting && !random.chance(mischief.lost_more));
}

void WorldState::peer_name(Operation& operation) {
  if (operation.client->reset_) return post(operation, -ENOTCONN);
  if (operation.peer_size > sizeof operation.client->address_) return post(operation, -EINVAL);
  std::memcpy(&operation.peer->address, &operation.client->address_, operation.peer_size);
  post(operation, static_cast<int>(operation.peer_size));
}

void WorldState::receive(Operation& operation) {
  Client& client = *operation.client;
  if (client.reset_) return post(operation, -ECONNRESET);
  const size_t there = client.inbound_.size() - client.inbound_taken_;
  if (there == 0) return post(operation, 0);
  if (kernel_buffers() == 0 || random.chance(mischief.no_buffers)) return post(operation, -ENOBUFS);
  size_t count = std::min<size_t>(there, buffer_bytes);
  if (random.chance(mischief.short_receive)) count = 1 + random.below(count);
  uint16_t buffer = 0;
  take_buffer(buffer);
  std::memcpy(memory_of(buffer), client.inbound_.data() + client.inbound_taken_, count);
  client.inbound_taken_ += count;
  const bool nonempty = !client.all_taken();
  if (!nonempty) {
    client.inbound_.clear();
    client.inbound_taken_ = 0;
  }
  post(operation, static_cast<int>(count), !operation.once && !operation.ending && !random.chance(mischief.lost_more));
  completions.back().has_buffer = true;
  completions.back().socket_nonempty = nonempty;
  completions.back().buffer = buffer;
}

int WorldState::transfer(Operation& operation) {
  Client& client = *operation.client;
  if (client.reset_) return one_of(random, {EPIPE, ECONNRESET});
  if (client.outbound_end_) return -EPIPE;
  if (random.chance(mischief.send_error)) {
    client.was_reset_ = true;
    break_connection(client);
    return one_of(random, {EPIPE, ECONNRESET, ETIMEDOUT});
  }
  size_t count = bytes_to_send(operation);
  if (client.closed_) {  // taken by our side, answered with RST
    break_connection(client);
    return static_cast<int>(count);
  }
  count = std::min(count, client.window_ - std::min(client.window_, client.outbound_.size()));
  if (count > 1 && random.chance(mischief.short_send)) count = 1 + random.below(count);
  append_lent(operation, count, client.outbound_);
  return static_cast<int>(count);
}

// It has taken place, but its completion comes later: what is told meanwhile of a change was not seen by it.
void WorldState::finish(Operation& operation, int result) {
  if (!random.chance(mischief.late)) return post(operation, result);
  operation.decided = true;
  operation.outcome = result;
  operation.due_ns = now + random.below(mischief.latest_ns + 1);
}

void WorldState::open(Operation& operation) {
  if (operation.walk == Walk::cached && random.chance(mischief.uncached)) return finish(operation, -EAGAIN);
  if (random.chance(mischief.open_error)) return finish(operation, one_of(random, {EMFILE, ENFILE, EAGAIN, ENOMEM}));
  const std::shared_ptr<Node> from = operation.number == top ? tree.at(".") : roots.at(operation.number);
  const Tree::Opened opened = Tree::open_beneath(from, operation.path, operation.resolve);
  if (opened.error != 0) return finish(operation, opened.error);
  opened.node->seen = opened.node->attributes();
  files[next_number] = opened.node;
  finish(operation, next_number++);
}

void WorldState::read(Operation& operation) {
  const Node& node = *files.at(operation.number);
  if (node.type == NodeType::directory) return finish(operation, -EISDIR);
  if (operation.walk == Walk::cached && !operation.torn &&
      (random.chance(mischief.uncached) || random.chance(mischief.slow))) {
    return finish(operation, random.chance(500) ? -EAGAIN : -EOPNOTSUPP);
  }
  if (node.read_error != 0) return finish(operation, -node.read_error);
  if (random.chance(mischief.read_error)) return finish(operation, -EIO);
  if (!operation.torn && operation.into.size() > 1 && random.chance(mischief.torn_read)) {
    operation.torn = true;
    operation.half = operation.into.size() / 2;
    operation.first_half.resize(operation.half);
    operation.first_half.resize(node.read(operation.first_half, operation.offset));
    operation.due_ns = now + delay();
    return;
  }
  std::string bytes(operation.into.size(), '\0');
  std::copy(operation.first_half.begin(), operation.first_half.end(), bytes.begin());
  size_t count = operation.first_half.size();
  if (count == operation.half) count += node.read(std::span(bytes).subspan(count), operation.offset + count);
  if (count > 1 && random.chance(mischief.short_read)) count = 1 + random.below(count - 1);
  garble(operation.into);  // what the lender wrote meanwhile is lost
  std::copy_n(bytes.begin(), count, operation.into.begin());
  finish(operation, static_cast<int>(count));
}

void WorldState::look(Operation& operation) {
  garble(bytes_of_status(*operation.status));
  if (random.chance(mischief.read_error)) return finish(operation, -EIO);
  Node& node = *files.at(operation.number);
  const Attributes attributes = node.seen = node.attributes();
  std::memcpy(operation.status->bytes, &attributes, sizeof attributes);
  finish(operation, 0);
}

void WorldState::append(Operation& operation) {
  Node& node = *files.at(operation.number);
  CHECK(node.type == NodeType::regular || node.type == NodeType::other);
  CHECK(!node.generated);
  if (node.append_error != 0) return finish(operation, -node.append_error);
  if (random.chance(mischief.append_error)) return finish(operation, one_of(random, {ENOSPC, EIO, EINTR, EAGAIN}));
  size_t count = operation.from.size();
  const bool whole = node.type == NodeType::other && count <= PIPE_BUF;  // pipe(7)
  if (!whole && count > 1 && random.chance(mischief.short_append)) count = 1 + random.below(count - 1);
  node.content.append(operation.from.data(), count);
  changed(node);
  finish(operation, static_cast<int>(count));
}

void WorldState::install(Operation& operation) {
  if (random.chance(mischief.open_error)) return post(operation, one_of(random, {EMFILE, ENFILE, ENOMEM}));
  installed[next_number] = operation.client;
  post(operation, next_number++);
}

void WorldState::break_connection(Client& client) {
  client.reset_ = true;
  client.inbound_.clear();
  client.inbound_taken_ = 0;
  client.outbound_.clear();
}

void WorldState::close_socket(Operation& operation) {
  slots[operation.socket.slot] = nullptr;
  let_go(*operation.client);
  post(operation, 0);
}

void WorldState::close_behind(const Operation& send, int result) {
  auto close = std::make_unique<Operation>(
      Operation{.action = Action::close, .tag = send.close_tag, .socket = send.socket, .target = send.tag});
  Operation& begun = *close;
  flight.push_back(std::move(close));
  begin(begun);
  if (result >= 0 && static_cast<size_t>(result) == bytes_to_send(send)) {
    if (random.below(2) == 0) close_socket(begun);  // else in a later turn
    return;
  }
  begun.decided = true;
  begun.outcome = -ECANCELED;
}

void WorldState::let_go(Client& client) {
  const bool held =
      std::find(slots.begin(), slots.end(), &client) != slots.end() ||
      std::any_of(installed.begin(), installed.end(), [&](const auto& one) { return one.second == &client; });
  if (!held) server_closed(client);
}

void WorldState::server_closed(Client& client) {
  client.server_closed_ = true;
  if (client.reset_) return;
  if (client.all_taken()) {
    client.outbound_end_ = true;
    return;
  }
  client.was_reset_ = true;  // TCP: closing over unread bytes resets, and what the client has not read yet is lost
  break_connection(client);
}

void WorldState::close_listener(int number) {
  const auto found = listeners.find(number);
  CHECK(found != listeners.end());
  CHECK(found->second.open);  // closed before
  found->second.open = false;
  for (Client* client : found->second.waiting) {
    client->was_reset_ = true;
    break_connection(*client);
  }
  found->second.waiting.clear();
}

bool WorldState::can_read(const Client& client) {
  return client.reading_ && !client.closed_ &&
         (!client.outbound_.empty() || (client.outbound_end_ && !client.saw_end_));
}

void WorldState::drain_clients() {
  for (const auto& client : clients) {
    if (!can_read(*client)) continue;
    const size_t there = client->outbound_.size();
    const size_t count = random.below(2) == 0 ? there : random.below(there) + (there > 0 ? 1 : 0);
    client->received_.append(client->outbound_, 0, count);
    client->outbound_.erase(0, count);
    if (client->outbound_.empty() && client->outbound_end_) client->saw_end_ = true;
  }
}

}  // namespace uringd::uring
