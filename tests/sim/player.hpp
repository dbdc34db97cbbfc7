// Player: one simulated client with its manners. It sends bursts of requests, cut where its seed says, reads as its
// manners say, and hands every answer to the oracle. Lives as long as its simulation; acts inside the World's turns.
//
//   sending ──► (answers come) ──► sending … ──► leaving ──► ended
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "oracle.hpp"
#include "request.hpp"
#include "uringd/uring/fake.hpp"

namespace uringd::sim {

struct Manners {
  enum class End { close, half_close, leave_open, reset, vanish };
  End end = End::close;
  uint32_t bursts = 2;
  uint32_t burst_size = 4;  // requests pipelined at most
  bool waits = false;       // for all answers before the next burst
  bool bytewise = false;    // sends a few bytes at a time
  bool reads = true;        // false: never
  uint32_t pauses = 0;      // per mille of its acts: stops reading for a while
  uint64_t pause_ns = 0;    // how long such a while is at least
  uint64_t window = 65536;
  uint64_t pace_ns = 50'000;  // the longest time between two acts
  uint64_t starts_ns = 0;
  uint64_t most_wait_ns = 0;     // the longest it may wait for an answer; 0: what may be
  uint64_t hurries_from_ns = 0;  // after its start
  uint32_t stops_midway = 0;     // per mille: ends in the middle of a request
  [[nodiscard]] bool polite() const { return reads && stops_midway == 0 && end != End::reset && end != End::vanish; }
};

class Player {
 public:
  Player(uring::World& world, Oracle& oracle, const Sites& sites, const Manners& manners, uint32_t number,
         uint64_t seed)
      : world_(world), oracle_(oracle), sites_(sites), manners_(manners), number_(number), random_(seed) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  void start(int listener);
  /// After each turn: reads what came and judges it; stops the process on a fault.
  void observe();
  /// It waits for nothing any more: it left, or the server ended the connection.
  [[nodiscard]] bool done() const { return left_ || ended_; }
  /// The friendly world's promise: all that was asked for was answered. `drained`: the server was told to stop
  /// meanwhile.
  void must_be_served(bool drained) const;
  /// Whatever it still wants, it goes.
  void leave();
  [[nodiscard]] uint64_t answers() const { return answers_; }

 private:
  struct Pending {
    Request request;
    uint64_t end_offset;
    bool continued = false;
  };
  void schedule(uint64_t ns);
  void act();
  void begin_burst();
  void send_some();
  void finish();
  void on_response(const Response& response);
  void on_end();

  uring::World& world_;
  Oracle& oracle_;
  const Sites& sites_;
  Manners manners_;
  uint32_t number_;
  uring::Random random_;
  uring::Client* client_ = nullptr;
  std::string outgoing_;
  std::string held_back_;  // a body that waits for 100 (Continue)
  uint64_t held_until_ns_ = 0;
  uint64_t started_ns_ = 0;
  uint64_t reads_again_ns_ = 0;
  std::deque<Pending> pending_;
  std::string received_;
  uint64_t made_bytes_ = 0, sent_bytes_ = 0;
  uint64_t answers_ = 0;
  bool said_all_ = false;  // its last request was made
  bool close_announced_ = false;
  bool broken_off_ = false;  // the end came inside an answer, with an excuse
  bool cut_off_ = false;     // a HEAD may have timed out before its method was read: then the 408 has a body
  bool spoke_on_ = false;    // sent more after it had said that it would not
  bool left_ = false, ended_ = false;
};

}  // namespace uringd::sim
