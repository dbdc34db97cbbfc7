// A connection's deadlines and its end: when a client is told off, waits with less memory, is closed, and how the
// socket goes back to the kernel. One timer each; what it means is the state's to say.
#include <cerrno>
#include <utility>

#include "connection.hpp"
#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t linger_ms = 2000;      // for a client that is still sending when it is told off
constexpr uint64_t drain_idle_ms = 1000;  // an idle connection's last chance when the server stops
constexpr uint64_t rest_after_ms = 1000;  // without a request: from then on a connection waits with less memory

uint64_t in_ms(config::Duration duration) { return static_cast<uint64_t>(duration.count()); }

}  // namespace

// --- time ---

void Connection::deadline_in(uint64_t ms) { context_.wheel.schedule(*this, context_.clock.monotonic_ms + ms); }

void Connection::set_deadline() {
  const config::Config::Limits& limits = context_.config->limits;
  if (!request_begun()) {
    if (context_.draining) return deadline_in(drain_idle_ms);
    return deadline_in(may_rest() ? rest_after_ms : in_ms(limits.idle_timeout));
  }
  const uint64_t allowed_ms = in_ms(stage_ == Stage::body ? limits.body_timeout : limits.header_timeout);
  context_.wheel.schedule(*this, talk_->started_ms + allowed_ms);  // absolute: dripping bytes buy no time
}

void Connection::drain() {
  if (state_ == State::receiving) set_deadline();
  if (is_endless()) end_endless();
}

// An armed receive holds 0.9 KiB in the kernel, a poll 0.25 (6.18): 10,000 clients who keep their connections for
// later should not hold 6 MiB for it.
void Connection::rest() {
  resting_ = true;
  context_.disk.let_go_of_socket(socket_);
  deadline_in(in_ms(context_.config->limits.idle_timeout) - rest_after_ms);
  if (!receive_lent_) return;
  ++lent_;
  context_.ring.cancel(tag(Step::receive), tag(Step::cancel));
}

bool Connection::may_rest() const {
  return state_ == State::receiving && !request_begun() && !resting_ && !context_.draining &&
         in_ms(context_.config->limits.idle_timeout) > rest_after_ms;
}

void Connection::on_deadline() {
  if (may_rest()) return rest();
  const bool dispensable = state_ == State::waiting && talk_->selection.wait == Selection::Wait::sibling;
  if (state_ != State::sending && !dispensable) ++context_.counters.timeouts;
  if (state_ == State::waiting && !dispensable) ++context_.counters.disk_timeouts;
  switch (state_) {
    case State::receiving:
      if (!request_begun() || proxied_) return begin_close();
      reject(408, talk_->input.bytes());
      return flush();
    case State::waiting:
      if (talk_->handled) return on_handler_deadline();
      if (talk_->stream) return answer_begun() ? begin_close() : answer_instead(503);
      disk::Waiter::unlink();
      become(State::receiving);
      return after_wait(talk_->selection.wait == Selection::Wait::sibling ? on_sibling_overdue() : reply_status(503));
    case State::sending: return on_send_deadline();
    case State::lingering: return begin_close();
    case State::closing: CHECK(false);
  }
}

// --- the end ---

// An answer that says "close" to a client that may be sending still: closing at once would reset the connection and
// could take the answer with it (RFC 9112 §9.6). So: our end first, then theirs, for a while.
void Connection::linger() {
  CHECK(!close_submitted_);
  if (peer_closed_) return begin_close();
  become(State::lingering);
  talk_->input.clear();
  end_talk_if_idle();
  if (talk_) ++context_.counters.closing_talks;
  paused_ = false;
  ++lent_;
  context_.ring.shutdown_write(socket_, tag(Step::shutdown));
  deadline_in(linger_ms);
  arm_receive();
}

void Connection::begin_close() {
  if (state_ == State::closing) return;
  const bool lingered = state_ == State::lingering;
  become(State::closing);
  context_.wheel.cancel(*this);
  if (talk_) {
    if (talk_->unfinished != Talk::no_method) count_unfinished();
    if (talk_->record) end_record();
    if (!lingered) ++context_.counters.closing_talks;
  }
  if (disk::Waiter::linked()) disk::Waiter::unlink();
  if (Link<Connection, AwaitsBuffers>::linked()) Link<Connection, AwaitsBuffers>::unlink();
  if (talk_ && talk_->stream && !send_lent_) {  // a read under way must not find us closing
    std::exchange(talk_->stream, nullptr)->abandon();
  }
  if (send_lent_ || poll_lent_) {
    ++lent_;
    context_.ring.cancel(tag(send_lent_ ? Step::send : Step::poll), tag(Step::cancel));
  }
  continue_close();
}

// A chain that broke has not closed the socket. A kernel that had no memory for its second half took that half as an
// operation of its own: then the close may have come before its send.
void Connection::on_close(int result) {
  CHECK(close_submitted_);
  if (result == -ECANCELED) {
    close_submitted_ = false;
  } else if (state_ != State::closing) {
    CHECK(send_lent_);
    begin_close();
  }
}

// Of a connection that lingers or closes.
void Connection::end_last_talk() {
  if (!talk_) return;
  --context_.counters.closing_talks;
  end_talk();
}

// The close is asked for when nothing but the receive is lent, and the slot is free when that has come back too.
void Connection::continue_close() {
  if (!close_submitted_) {
    if (lent_ != (hears() ? 1 : 0)) return;
    if (talk_ && talk_->stream) std::exchange(talk_->stream, nullptr)->abandon();
    end_last_talk();
    close_submitted_ = true;
    context_.disk.let_go_of_socket(socket_);
    if (hears()) {  // an armed receive would keep the socket open behind the close
      lent_ = static_cast<uint8_t>(lent_ + 2);
      context_.ring.cancel_and_close(tag(rest_lent_ ? Step::rest : Step::receive), tag(Step::cancel), socket_,
                                     tag(Step::close));
    } else {
      ++lent_;
      context_.ring.close(socket_, tag(Step::close));
    }
    return;
  }
  if (lent_ > 0) return;
  end_last_talk();
  if (counted_) context_.shared.addresses.remove(peer_);
  context_.shared.connections.fetch_sub(1, std::memory_order_relaxed);
  ++context_.counters.closed;
  context_.slab.release(*this);  // *this is gone
}

}  // namespace uringd::server
