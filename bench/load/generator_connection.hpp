// One connection of the generator: its socket, what it owes us, and the answer that is coming. Owned by the client.
//
// closed -> connecting -> open -> closed. Each hang_up() begins another generation: completions of the one before,
// which may still come, are no news.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "generator_answer.hpp"
#include "generator_ring.hpp"

namespace uringd::load {

class Connection {
 public:
  enum class State { closed, connecting, open };

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// A new socket, about to be connected. With `source` above 0 it comes from 127.0.0.1 + source: another 28,000 ports.
  bool open_socket(unsigned source);
  void opened() { state_ = State::open; }
  /// The socket to close, -1: none. It is for the ring to close, behind what it was asked before: a number that is free
  /// at once would be another connection's when that is handed over.
  int hang_up();

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Tag tag(uint32_t index) const { return {Kind::receive, generation_, index}; }
  [[nodiscard]] bool is_now(Tag tag) const { return state_ != State::closed && tag.generation == generation_; }

  unsigned owed = 0;       // answers
  bool queued = false;     // in the client's queue of the idle
  bool receiving = false;  // a receive is with the kernel
  int64_t due_ns = 0;      // when what is owed was due
  int64_t heard_ns = 0;    // when bytes came, or the request went
  int64_t free_ns = 0;     // since when it is idle
  AnswerReader reader;
  std::string_view request;  // the latest
  std::string composed;      // holds it, where it is composed for this connection

 private:
  int socket_ = -1;
  State state_ = State::closed;
  uint32_t generation_ = 0;
};

}  // namespace uringd::load
