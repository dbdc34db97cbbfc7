// The client: all connections, one thread, one ring. Made by main, runs once.
//
// Closed loop: a connection that has all it asked for asks again at once. Open loop (--rate): question k is due at
// start + k/R whatever became of those before it. It goes to the connection that has been idle longest, or waits for
// one, and its time runs from when it was due. After the last one is due the client waits, `patience` at most, for what
// is still owed; what never came is in the latencies with its age, so that nothing slow is left out.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "generator_answer.hpp"
#include "generator_connection.hpp"
#include "generator_options.hpp"
#include "generator_requests.hpp"
#include "generator_ring.hpp"
#include "generator_tally.hpp"

namespace uringd::load {

class Client {
 public:
  explicit Client(const Options& options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Tally run();

 private:
  using Index = uint32_t;  // of a connection

  // generator_client.cpp: the run, and when a question is asked
  void connect_all();
  [[nodiscard]] bool finished() const;
  [[nodiscard]] int64_t wait_ns() const;
  [[nodiscard]] bool may_ask() const;
  void ask_due();
  void ask(Index index);
  void count_unanswered();
  [[nodiscard]] int64_t due_of(uint64_t question) const;

  // generator_events.cpp: what happens on a connection
  void poll(int64_t timeout_ns);
  void on_completion(const io_uring_cqe& cqe, std::string_view bytes);
  void on_connect(Index index, int result);
  void on_receive(Index index, const io_uring_cqe& cqe, std::string_view bytes);
  void on_bytes(Index index, std::string_view bytes);
  void on_dropped(Index index, int result);
  void arm_receive(Index index);
  void on_answer(Connection& connection);
  void on_batch_end(Index index);
  void on_idle(Index index);
  void on_broken(Index index);
  void hang_up(Index index);
  bool try_other_source();
  void connect(Index index);
  void retry_broken();
  void look_for_timeouts();

  const Options& options_;
  Rules rules_;
  Requests requests_;
  Ring ring_;
  unsigned source_ = 0;  // connections come from 127.0.0.1 + source: the next one where ports are used up (TIME_WAIT)
  std::vector<Connection> connections_;
  Tally tally_;
  std::deque<Index> idle_;     // those with nothing to do, longest first; with the dead among them
  std::vector<Index> broken_;  // to be made anew
  size_t in_flight_ = 0;       // connections that owe answers
  size_t opened_ = 0;          // ever
  bool started_ = false;
  int64_t now_ns_ = 0;  // as of the latest event
  int64_t start_ns_ = 0;
  int64_t end_ns_ = 0;
  int64_t progress_ns_ = 0;  // when an answer came last
  int64_t retried_ns_ = 0;
  int64_t looked_ns_ = 0;
  int64_t patience_ns_;
  uint64_t planned_ = 0;  // questions, in an open loop
  uint64_t asked_ = 0;
  int64_t next_due_ns_ = 0;
};

int64_t clock_ns();

}  // namespace uringd::load
