// The generator's ring: what it asks of the kernel, and the buffers that answers come in. Owned by the client, one
// thread.
//
// SINGLE_ISSUER | DEFER_TASKRUN: nothing happens between two calls of wait(). Answers come in a buffer ring, which is
// no larger than one round of answers needs, so that it stays in the cache. Bounds: `depth` submissions are kept before
// they are handed over; completions overflow into the kernel's memory.
#pragma once
#include <liburing.h>
#include <netinet/in.h>
#include <cstdint>
#include <string_view>
#include <vector>

namespace uringd::load {

enum class Kind : uint8_t { connect, send, receive, drop, close };

/// What a completion says of itself: which connection, and which life of it (what is late after a hang-up is no news).
struct Tag {
  static constexpr uint32_t generation_mask = 0xffffff;

  Kind kind;
  uint32_t generation;
  uint32_t index;

  [[nodiscard]] uint64_t packed() const {
    return static_cast<uint64_t>(kind) << 56 | uint64_t{generation} << 32 | index;
  }
  static Tag of(uint64_t packed) {
    return {static_cast<Kind>(packed >> 56), static_cast<uint32_t>(packed >> 32) & generation_mask,
            static_cast<uint32_t>(packed)};
  }
};

class Ring {
 public:
  Ring(unsigned connections, const sockaddr_in& server);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  /// connect, send and one receive, one after the other; each of the three completes.
  void connect_and_ask(int socket, std::string_view request, Tag tag);
  io_uring_sqe* connect(int socket, Tag tag);
  /// Completes only when it fails. The bytes must live until they are answered.
  void send(int socket, std::string_view bytes, Tag tag);
  void receive_all(int socket, Tag tag);                  // multishot, into buffers
  void receive_some(int socket, unsigned most, Tag tag);  // once, into a buffer
  void drop(int socket, unsigned most, Tag tag);          // once, into nothing: tcp(7), MSG_TRUNC
  void close(int socket, Tag tag);                        // completes only when it fails

  /// Hands over what was asked for and waits for a completion, or the time. Calls `on(cqe, bytes)` for each.
  template <class On>
  void wait(int64_t timeout_ns, On on) {
    hand_over_and_wait(timeout_ns);
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
      io_uring_cqe copy = *cqe;
      io_uring_cqe_seen(&ring_, cqe);
      on(copy, bytes_of(copy));
      if (copy.flags & IORING_CQE_F_BUFFER) give_back(copy.flags >> IORING_CQE_BUFFER_SHIFT);
    }
  }

  [[nodiscard]] uint64_t enters() const { return enters_; }

 private:
  io_uring_sqe* next();
  void reserve(unsigned count);
  void hand_over_and_wait(int64_t timeout_ns);
  [[nodiscard]] std::string_view bytes_of(const io_uring_cqe& cqe) const;
  void give_back(unsigned id);

  io_uring ring_{};
  sockaddr_in server_;
  unsigned buffer_count_;
  io_uring_buf_ring* buffers_ = nullptr;
  std::vector<char> memory_;
  uint64_t enters_ = 0;
};

}  // namespace uringd::load
