// uringd_floor PORT BODY_SIZE [close] [answer=BYTES]: the yardstick of every benchmark. It answers each blank line that
// a client sends with one fixed 200 of BODY_SIZE bytes: no parsing, no files, no timers, no limits. What it costs is
// the price of TCP and the ring; what uringd costs above it is ours. With `close` every connection gets one answer (the
// churn benchmark); with answer=BYTES the whole answer, head included, has that length, whatever BODY_SIZE says: the
// same as a 304 or a 404 that it is compared with.
//
// One thread, one ring (SINGLE_ISSUER | DEFER_TASKRUN, registered ring fd), multishot accept into direct descriptors,
// multishot recv over a buffer ring, plain SEND of whole answers laid end to end, so that n pipelined requests are one
// send. A connection: receiving and sending at once; it is closed when neither recv nor send is lent to the kernel.
// Bounds: 4,096 connections; further clients wait in the backlog. SIGTERM or SIGINT: prints its counts and exits.
#include <liburing.h>

#include <vector>

#include "floor.hpp"

namespace uringd::bench {
namespace {

constexpr unsigned buffer_count = 512;  // a power of two; as many as uringd has
constexpr unsigned buffer_size = 4096;
constexpr int buffer_group = 0;

enum class Kind : uint64_t { accept, recv, send, close, stop };

struct Connection {
  uint64_t owed = 0;       // bytes of answers asked for and not yet sent
  size_t phase = 0;        // bytes sent modulo one answer: where in the repeating text the next send begins
  unsigned matched = 0;    // characters of CRLFCRLF at the end of what came so far
  bool receiving = false;  // a recv is with the kernel
  bool sending = false;    // a send is with the kernel
  bool closing = false;    // its close goes with its last send
};

class Floor {
 public:
  explicit Floor(const Options& options) : close_(options.close), connections_(max_connections) {
    const std::string answer = make_answer(options);
    answer_size_ = answer.size();
    answers_ = laid_end_to_end(answer);
    raise_descriptor_limit();  // the direct table may not be larger than the soft limit
    set_up_ring();
    listener_ = listen_on(options.port, 0);
    arm_accept();
    io_uring_prep_read(next_sqe(Kind::stop), end_signals(0), &signal_, sizeof signal_, 0);
  }

  void run() {
    while (!stopped_) {
      int result = io_uring_submit_and_wait(&ring_, 1);
      if (result < 0 && result != -EINTR && result != -EBUSY) die("io_uring_enter", -result);
      ++enters_;
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* cqe = nullptr;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        ++count;
        on_completion(*cqe);
      }
      io_uring_cq_advance(&ring_, count);
      publish_buffers();
    }
    std::printf("requests %lu enters %lu\n", requests_, enters_);
  }

 private:
  void set_up_ring() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 4 * max_connections;
    int result = io_uring_queue_init_params(max_connections, &ring_, &params);
    if (result < 0) die("io_uring_setup", -result);
    if ((result = io_uring_register_ring_fd(&ring_)) < 0) die("register the ring's descriptor", -result);
    if ((result = io_uring_register_files_sparse(&ring_, max_connections)) < 0) die("register descriptors", -result);
    buffers_ = io_uring_setup_buf_ring(&ring_, buffer_count, buffer_group, 0, &result);
    if (buffers_ == nullptr) die("register the buffer ring", -result);
    memory_.resize(size_t{buffer_count} * buffer_size);
    for (unsigned i = 0; i < buffer_count; ++i) give_back(i);
    publish_buffers();
  }

  io_uring_sqe* next_sqe(Kind kind, unsigned slot = 0) {
    if (io_uring_sq_space_left(&ring_) == 0) io_uring_submit(&ring_);
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) die("submission queue", EBUSY);
    sqe->user_data = static_cast<uint64_t>(kind) << 32 | slot;  // the prep functions leave it alone
    return sqe;
  }

  void give_back(unsigned id) {
    char* buffer = memory_.data() + size_t{id} * buffer_size;
    io_uring_buf_ring_add(buffers_, buffer, buffer_size, static_cast<uint16_t>(id), buffer_count - 1, returned_++);
  }

  void publish_buffers() {
    io_uring_buf_ring_advance(buffers_, returned_);
    returned_ = 0;
  }

  void arm_accept() {
    accepting_ = true;
    io_uring_prep_multishot_accept_direct(next_sqe(Kind::accept), listener_, nullptr, nullptr, 0);
  }

  void arm_recv(unsigned slot) {
    connections_[slot].receiving = true;
    io_uring_sqe* sqe = next_sqe(Kind::recv, slot);
    // An armed multishot recv would keep the socket open after its close, so one answer means one recv.
    close_ ? io_uring_prep_recv(sqe, static_cast<int>(slot), nullptr, 0, 0)
           : io_uring_prep_recv_multishot(sqe, static_cast<int>(slot), nullptr, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffer_group;
  }

  void arm_send(unsigned slot) {
    Connection& connection = connections_[slot];
    connection.sending = true;
    size_t size = std::min<size_t>(connection.owed, answers_.size() - connection.phase);
    if (close_ && io_uring_sq_space_left(&ring_) < 2) io_uring_submit(&ring_);  // a chain is submitted whole
    io_uring_sqe* sqe = next_sqe(Kind::send, slot);
    io_uring_prep_send(sqe, static_cast<int>(slot), answers_.data() + connection.phase, size, MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE;
    if (close_) end_with(sqe, slot);
  }

  /// SEND -> CLOSE in one chain. A send that is cut short breaks the chain.
  void end_with(io_uring_sqe* send, unsigned slot) {
    connections_[slot].closing = true;
    send->msg_flags |= MSG_WAITALL;
    send->flags |= IOSQE_IO_LINK;
    --open_;
    io_uring_prep_close_direct(next_sqe(Kind::close, slot), slot);
  }

  void on_completion(const io_uring_cqe& cqe) {
    auto slot = static_cast<unsigned>(cqe.user_data);
    switch (static_cast<Kind>(cqe.user_data >> 32)) {
      case Kind::accept: return on_accept(cqe);
      case Kind::recv: return on_recv(cqe, slot);
      case Kind::send: return on_send(cqe, slot);
      case Kind::close:
        if (cqe.res == -ECANCELED) return io_uring_prep_close_direct(next_sqe(Kind::close, slot), slot);
        // a slot came free: an accept that ended for want of one goes on
        if (!accepting_) arm_accept();
        return;
      case Kind::stop: stopped_ = true;
    }
  }

  void on_accept(const io_uring_cqe& cqe) {
    if (cqe.res >= 0) {
      connections_[cqe.res] = Connection{};
      ++open_;
      arm_recv(static_cast<unsigned>(cqe.res));
    }
    if (cqe.flags & IORING_CQE_F_MORE) return;
    accepting_ = false;
    if (cqe.res >= 0 || open_ == 0) arm_accept();
  }

  void on_recv(const io_uring_cqe& cqe, unsigned slot) {
    Connection& connection = connections_[slot];
    if (cqe.flags & IORING_CQE_F_BUFFER) {
      unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
      const char* bytes = memory_.data() + size_t{id} * buffer_size;
      size_t asked = count_blank_lines(bytes, static_cast<size_t>(std::max(cqe.res, 0)), connection.matched);
      give_back(id);
      if (close_) asked = std::min<size_t>(asked, 1);
      requests_ += asked;
      connection.owed += asked * answer_size_;
      if (connection.owed > 0 && !connection.sending) arm_send(slot);
    }
    if (cqe.flags & IORING_CQE_F_MORE) return;
    connection.receiving = false;
    // Out of buffers: those of this turn are back before the new recv is submitted.
    bool again = cqe.res == -ENOBUFS || (cqe.res > 0 && !(close_ && connection.sending));
    again ? arm_recv(slot) : close_if_idle(slot);
  }

  void on_send(const io_uring_cqe& cqe, unsigned slot) {
    Connection& connection = connections_[slot];
    connection.sending = false;
    if (connection.closing) return;
    auto sent = static_cast<uint64_t>(std::max(cqe.res, 0));
    connection.owed = cqe.res > 0 ? connection.owed - sent : 0;  // a failed one: recv hears of it too
    connection.phase = (connection.phase + sent) % answer_size_;
    connection.owed > 0 ? arm_send(slot) : close_if_idle(slot);
  }

  /// Nothing is lent to the kernel, and nothing more will come or may go: the slot can be used again.
  void close_if_idle(unsigned slot) {
    if (connections_[slot].receiving || connections_[slot].sending || connections_[slot].closing) return;
    --open_;
    io_uring_prep_close_direct(next_sqe(Kind::close), slot);
  }

  const bool close_;
  size_t answer_size_ = 0;
  std::string answers_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::vector<char> memory_;
  int returned_ = 0;
  int listener_ = -1;
  bool accepting_ = false;
  bool stopped_ = false;
  unsigned open_ = 0;
  std::vector<Connection> connections_;  // by direct descriptor
  signalfd_siginfo signal_{};
  uint64_t requests_ = 0;
  uint64_t enters_ = 0;
};

}  // namespace
}  // namespace uringd::bench

int main(int count, char** arguments) { uringd::bench::Floor(uringd::bench::options_of(count, arguments)).run(); }
