// The socket operations of Ring. Sockets are slots of the direct table (IOSQE_FIXED_FILE); the kernel chooses the slot
// of an accepted one. No operation here waits, and each is one entry, except the chains
// cancel_and_close() and send_and_close().
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "implementation.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::uring {

namespace {

// Up to here the kernel may finish a short send by itself; beyond, a completion that comes only when all is gone would
// make an honest slow client look stalled.
constexpr size_t wait_all_bytes = Ring::most_last_bytes;

int send_flags(size_t bytes) { return MSG_NOSIGNAL | (bytes <= wait_all_bytes ? MSG_WAITALL : 0); }

int slot_of(Direct socket) {
  CHECK(socket.valid());
  return static_cast<int>(socket.slot);
}

}  // namespace

void Ring::accept_multishot(int listener, Tag tag) {
  io_uring_prep_multishot_accept_direct(implementation_->entry(tag), listener, nullptr, nullptr, 0);
}

void Ring::accept(int listener, PeerAddress& peer, Tag tag) {
  peer.size = sizeof peer.address;
  io_uring_prep_accept_direct(implementation_->entry(tag), listener, reinterpret_cast<sockaddr*>(&peer.address),
                              &peer.size, 0, IORING_FILE_INDEX_ALLOC);
}

bool Ring::connection_waits(int listener) const {
  pollfd readable{listener, POLLIN, 0};
  return ::poll(&readable, 1, 0) == 1 && (readable.revents & POLLIN) != 0;
}

void Ring::peer_name(Direct socket, PeerAddress& peer, Tag tag) {
  CHECK(implementation_->setup.peer_name);
  CHECK(peer.size > 0);
  CHECK(peer.size <= sizeof peer.address);
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_GETSOCKOPT, slot_of(socket), SOL_SOCKET, SO_PEERNAME, &peer.address,
                         static_cast<int>(peer.size));
  sqe->flags |= IOSQE_FIXED_FILE;
}

void Ring::unacknowledged(Direct socket, Tag tag) {
  CHECK(implementation_->setup.peer_name);
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_SIOCOUTQ, slot_of(socket), 0, 0, nullptr, 0);
  sqe->flags |= IOSQE_FIXED_FILE;
}

void Ring::receive_multishot(Direct socket, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_recv_multishot(sqe, slot_of(socket), nullptr, 0, 0);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  sqe->buf_group = BufferRing::group;
}

void Ring::receive_once(Direct socket, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_recv(sqe, slot_of(socket), nullptr, 0, 0);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  sqe->buf_group = BufferRing::group;
}

void Ring::poll_readable(Direct socket, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_poll_add(sqe, slot_of(socket), POLLIN);
  sqe->flags |= IOSQE_FIXED_FILE;
}

void Ring::send(Direct socket, std::span<const char> bytes, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_send(sqe, slot_of(socket), bytes.data(), bytes.size(), send_flags(bytes.size()));
  sqe->flags |= IOSQE_FIXED_FILE;
}

void Ring::send_message(Direct socket, const msghdr& message, Tag tag) {
  size_t bytes = 0;
  for (size_t part = 0; part < message.msg_iovlen; ++part) bytes += message.msg_iov[part].iov_len;
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_sendmsg(sqe, slot_of(socket), &message, static_cast<unsigned>(send_flags(bytes)));
  sqe->flags |= IOSQE_FIXED_FILE;
}

// Not MSG_MORE, which would let the end travel in the bytes' own packet: where the client has sent something that
// nobody has read, a close throws away what is held back (tcp_close, RFC 2525 2.17), and that was the whole answer.
void Ring::send_and_close(Direct socket, std::span<const char> bytes, Tag send_tag, Tag close_tag) {
  CHECK(bytes.size() <= most_last_bytes);  // MSG_WAITALL: a short send breaks the chain
  implementation_->reserve(2);
  io_uring_sqe* sqe = implementation_->entry(send_tag);
  io_uring_prep_send(sqe, slot_of(socket), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_WAITALL);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK;
  close(socket, close_tag);
}

void Ring::send_message_and_close(Direct socket, const msghdr& message, Tag send_tag, Tag close_tag) {
  implementation_->reserve(2);
  io_uring_sqe* sqe = implementation_->entry(send_tag);
  io_uring_prep_sendmsg(sqe, slot_of(socket), &message, MSG_NOSIGNAL | MSG_WAITALL);
  sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK;
  close(socket, close_tag);
}

void Ring::poll_writable(Direct socket, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_poll_add(sqe, slot_of(socket), POLLOUT);
  sqe->flags |= IOSQE_FIXED_FILE;
}

void Ring::shutdown_write(Direct socket, Tag tag) {
  io_uring_sqe* sqe = implementation_->entry(tag);
  io_uring_prep_shutdown(sqe, slot_of(socket), SHUT_WR);
  sqe->flags |= IOSQE_FIXED_FILE;
}

void Ring::install(Direct socket, Tag tag) {
  CHECK(implementation_->setup.install);
  io_uring_prep_fixed_fd_install(implementation_->entry(tag), slot_of(socket), 0);  // close-on-exec is its default
}

void Ring::close(Direct socket, Tag tag) {
  io_uring_prep_close_direct(implementation_->entry(tag), static_cast<unsigned>(slot_of(socket)));
}

void Ring::cancel(Tag target, Tag tag) { io_uring_prep_cancel64(implementation_->entry(tag), target.pack(), 0); }

void Ring::cancel_and_close(Tag target, Tag cancel_tag, Direct socket, Tag close_tag) {
  implementation_->reserve(2);
  io_uring_sqe* sqe = implementation_->entry(cancel_tag);
  io_uring_prep_cancel64(sqe, target.pack(), 0);
  sqe->flags |= IOSQE_IO_HARDLINK;  // a cancel that loses must not keep the socket open
  close(socket, close_tag);
}

void Ring::close_listener(int listener) {
  ::shutdown(listener, SHUT_RDWR);
  ::close(listener);
}

}  // namespace uringd::uring
