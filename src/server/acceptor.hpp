// Acceptor: one listening socket on one worker. It keeps accepts armed and hands over direct sockets: one multishot
// where the kernel can tell the peer's address later (6.7), else sixteen single accepts that bring it. One place
// re-arms; after EMFILE and its kin it waits first, since an immediate new accept would fail as fast as it is made.
//
//   accepting ◄──► backing_off, paused (the connection limit)        stopping ──► stopped (nothing armed, listener
//   closed)
#pragma once

#include <array>
#include <cstdint>

#include "uringd/base/timer_wheel.hpp"
#include "uringd/server/worker.hpp"
#include "uringd/uring/ring.hpp"

namespace uringd::server {

/// Where accepted sockets go.
class AcceptSink {
 public:
  /// `known`: accept brought the address. Else it is still to be asked for, and `peer.size` is its size. `proxied`: a
  /// PROXY header is to come first.
  virtual void on_accepted(uring::Direct socket, const uring::PeerAddress& peer, bool known, bool proxied) = 0;

 protected:
  ~AcceptSink() = default;
};

class Acceptor {
 public:
  static constexpr uint32_t most_single_accepts = 16;

  /// `single_accepts` 0: one multishot. Else so many (at most most_single_accepts) accepts that bring one connection
  /// each.
  Acceptor(uring::Ring& ring, AcceptSink& sink, Listener listener, uint32_t index, uint32_t single_accepts);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void on_completion(const uring::Completion& completion, uint64_t now_ms);
  /// Arms what should be armed: at the start, after a pause, after a back-off.
  void arm(uint64_t now_ms);
  /// The connection limit is reached: cancels what is armed; what is accepted meanwhile still comes.
  void pause();
  void resume(uint64_t now_ms) {
    if (stopping_) return;
    paused_ = false;
    arm(now_ms);
  }
  /// For good: when a turn brought no new connection and none waits in the backlog the listener is closed. On a busy
  /// port there may be no such turn: then after a while.
  void stop(uint64_t now_ms);
  /// The same, but the backlog is a successor's: no longer accepted on, and not shut down.
  void hand_over(uint64_t now_ms);
  /// One that has stopped, with another listener.
  void begin_anew(Listener listener, uint64_t now_ms);
  /// It behaves otherwise from now on: all of `listener` but its descriptor.
  void change(const Listener& listener) {
    listener_.proxy_protocol = listener.proxy_protocol;
    listener_.only_ours = listener.only_ours;
  }
  /// Once a turn.
  void on_turn(uint64_t now_ms);

  [[nodiscard]] uint32_t id() const { return listener_.id; }
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] bool stopped() const { return stopping_ && armed_ == 0 && cancels_ == 0 && closed_; }
  [[nodiscard]] bool backing_off() const { return retry_at_ms_ != 0; }

 private:
  enum class Step : uint8_t { multishot = 0x80, cancel = 0x81 };  // single accepts: their place in peers_
  [[nodiscard]] uring::Tag tag(uint8_t step) const { return {uring::Kind::acceptor, step, index_, 0}; }
  void cancel_all();
  void accept_one();

  uring::Ring& ring_;
  AcceptSink& sink_;
  Listener listener_;
  uint32_t index_;
  uint32_t single_accepts_;
  uint32_t armed_ = 0;    // bit per single accept, or multishot_bit
  uint32_t cancels_ = 0;  // under way
  uint64_t retry_at_ms_ = 0;
  uint64_t stop_by_ms_ = 0;
  bool paused_ = false;
  bool stopping_ = false;
  bool accepted_this_turn_ = false;
  bool closed_ = false;
  std::array<uring::PeerAddress, most_single_accepts> peers_;
};

}  // namespace uringd::server
