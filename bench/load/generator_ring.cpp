// See generator_ring.hpp.
#include "generator_ring.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace uringd::load {

namespace {

constexpr unsigned depth = 4096;
constexpr unsigned buffer_size = 32 << 10;
constexpr unsigned least_buffers = 16, most_buffers = 1024;
constexpr int group = 0;
constexpr int64_t second_ns = 1'000'000'000;

[[noreturn]] void die(const char* what, int error) {
  std::fprintf(stderr, "uringd_load: %s: %s\n", what, std::strerror(error));
  std::exit(1);
}

void set_receive(io_uring_sqe* sqe, Tag tag) {
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = group;
  tag.kind = Kind::receive;
  sqe->user_data = tag.packed();
}

}  // namespace

Ring::Ring(unsigned connections, const sockaddr_in& server)
    : server_{server}, buffer_count_{std::clamp(std::bit_ceil(connections), least_buffers, most_buffers)} {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = 4 * depth;
  int result = io_uring_queue_init_params(depth, &ring_, &params);
  if (result < 0) die("io_uring_setup", -result);
  if ((result = io_uring_register_ring_fd(&ring_)) < 0) die("register the ring's descriptor", -result);
  buffers_ = io_uring_setup_buf_ring(&ring_, buffer_count_, group, 0, &result);
  if (buffers_ == nullptr) die("register the buffer ring", -result);
  memory_.resize(size_t{buffer_count_} * buffer_size);
  for (unsigned id = 0; id != buffer_count_; ++id) give_back(id);
}

Ring::~Ring() { io_uring_queue_exit(&ring_); }

void Ring::connect_and_ask(int socket, std::string_view request, Tag tag) {
  reserve(3);  // a chain never spans two submissions
  connect(socket, tag)->flags |= IOSQE_IO_LINK;
  io_uring_sqe* sqe = next();
  io_uring_prep_send(sqe, socket, request.data(), request.size(), MSG_NOSIGNAL | MSG_WAITALL);
  sqe->flags |= IOSQE_IO_LINK;
  tag.kind = Kind::send;
  sqe->user_data = tag.packed();
  receive_some(socket, 0, tag);
}

io_uring_sqe* Ring::connect(int socket, Tag tag) {
  io_uring_sqe* sqe = next();
  io_uring_prep_connect(sqe, socket, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
  tag.kind = Kind::connect;
  sqe->user_data = tag.packed();
  return sqe;
}

void Ring::send(int socket, std::string_view bytes, Tag tag) {
  io_uring_sqe* sqe = next();
  io_uring_prep_send(sqe, socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_WAITALL);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  tag.kind = Kind::send;
  sqe->user_data = tag.packed();
}

void Ring::receive_all(int socket, Tag tag) {
  io_uring_sqe* sqe = next();
  io_uring_prep_recv_multishot(sqe, socket, nullptr, 0, 0);
  set_receive(sqe, tag);
}

void Ring::receive_some(int socket, unsigned most, Tag tag) {
  io_uring_sqe* sqe = next();
  io_uring_prep_recv(sqe, socket, nullptr, most, 0);
  set_receive(sqe, tag);
}

void Ring::drop(int socket, unsigned most, Tag tag) {
  io_uring_sqe* sqe = next();
  io_uring_prep_recv(sqe, socket, nullptr, most, MSG_TRUNC);
  tag.kind = Kind::drop;
  sqe->user_data = tag.packed();
}

void Ring::close(int socket, Tag tag) {
  io_uring_sqe* sqe = next();
  io_uring_prep_close(sqe, socket);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  tag.kind = Kind::close;
  sqe->user_data = tag.packed();
}

void Ring::reserve(unsigned count) {
  if (io_uring_sq_space_left(&ring_) >= count) return;
  ++enters_;
  io_uring_submit(&ring_);
}

io_uring_sqe* Ring::next() {
  reserve(1);
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) die("submission queue", EBUSY);
  return sqe;
}

void Ring::hand_over_and_wait(int64_t timeout_ns) {
  __kernel_timespec timeout{timeout_ns / second_ns, timeout_ns % second_ns};
  io_uring_cqe* cqe = nullptr;
  ++enters_;
  int result = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &timeout, nullptr);
  if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY) die("io_uring_enter", -result);
}

std::string_view Ring::bytes_of(const io_uring_cqe& cqe) const {
  if ((cqe.flags & IORING_CQE_F_BUFFER) == 0 || cqe.res <= 0) return {};
  return {memory_.data() + size_t{cqe.flags >> IORING_CQE_BUFFER_SHIFT} * buffer_size, static_cast<size_t>(cqe.res)};
}

void Ring::give_back(unsigned id) {
  io_uring_buf_ring_add(buffers_, memory_.data() + size_t{id} * buffer_size, buffer_size, static_cast<uint16_t>(id),
                        static_cast<int>(buffer_count_ - 1), 0);
  io_uring_buf_ring_advance(buffers_, 1);
}

}  // namespace uringd::load
