// The socket's side of a connection: what is lent to the kernel, what comes back, deadlines, and the end.
#include "connection.hpp"

#include <cerrno>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t linger_ms = 2000;  // for a client that is still sending when it is told off
constexpr uint64_t small_body_bytes = 65536;
constexpr uint64_t drain_idle_ms = 1000;  // an idle connection's last chance when the server stops
constexpr size_t pause_bytes = 16384;     // of pipelined requests that wait: more stay in the kernel

uint64_t in_ms(config::Duration duration) { return static_cast<uint64_t>(duration.count()); }

}  // namespace

Connection::Connection(Context& context, uring::Direct socket) : context_(context), socket_(socket) {
  context.connections.push_back(*this);
}

Connection::~Connection() {
  CHECK(lent_ == 0);
  CHECK(!talk_);
  static_cast<Link<Connection, InWorker>*>(this)->unlink();
}

uring::Tag Connection::tag(Step step) const {
  return {uring::Kind::connection, static_cast<uint8_t>(step), context_.slab.slot_of(*this),
          context_.slab.generation_of(*this)};
}

void Connection::become(State state) {
  constexpr auto bit = [](State to) { return 1U << static_cast<unsigned>(to); };
  constexpr unsigned legal[] = {
      /* receiving */ bit(State::waiting) | bit(State::sending) | bit(State::lingering) | bit(State::closing),
      /* waiting   */ bit(State::receiving) | bit(State::sending) | bit(State::closing),
      /* sending   */ bit(State::receiving) | bit(State::waiting) | bit(State::lingering) | bit(State::closing),
      /* lingering */ bit(State::closing),
      /* closing   */ 0,
  };
  CHECK(legal[static_cast<unsigned>(state_)] & bit(state));
  state_ = state;
}

void Connection::begin_talk() {
  const config::Config::Limits& limits = context_.snapshot.config().limits;
  const http::RequestParser::Limits bounds{static_cast<uint32_t>(limits.header_size_bytes), limits.body_size_bytes};
  talk_ = context_.talks.acquire(bounds, context_.input_budget, context_.blocks);
  CHECK(talk_);  // there are as many as connections
}

void Connection::end_talk() {
  if (talk_) context_.talks.release(*std::exchange(talk_, nullptr));
}

// Called where nothing of an answer is left.
void Connection::end_talk_if_idle() {
  CHECK(!send_lent_ && (!talk_ || talk_->output.empty()));
  if (talk_ && talk_->input.empty() && !peer_lent_) end_talk();
}

void Connection::start(const uring::PeerAddress& peer, bool known) {
  if (known) {
    peer_ = Peer(peer);
  } else {
    begin_talk();
    talk_->peer = peer;
    peer_lent_ = true;
    ++lent_;
    context_.ring.peer_name(socket_, talk_->peer, tag(Step::peer));
  }
  arm_receive();
  set_deadline();
}

void Connection::on_completion(const uring::Completion& completion) {
  if (!completion.more) {
    CHECK(lent_ > 0);
    --lent_;
  }
  switch (static_cast<Step>(completion.tag.step)) {
    case Step::peer: on_peer(completion.result); break;
    case Step::receive: on_receive(completion); break;
    case Step::send: on_send(completion.result); break;
    case Step::poll: on_writable(); break;
    case Step::look: on_look(completion.result); break;
    case Step::cancel:
    case Step::shutdown: break;
    case Step::close: CHECK(state_ == State::closing); break;
  }
  if (state_ == State::closing) continue_close();
}

void Connection::on_peer(int result) {
  peer_lent_ = false;
  if (result >= 0) peer_ = Peer(talk_->peer);
  if (state_ == State::receiving || state_ == State::lingering) end_talk_if_idle();
}

// --- receiving ---

void Connection::arm_receive() {
  if (receive_lent_ || peer_closed_ || paused_ || state_ == State::closing) return;
  if (Link<Connection, AwaitsBuffers>::linked()) return;
  receive_lent_ = true;
  ++lent_;
  context_.ring.receive_multishot(socket_, tag(Step::receive));
}

void Connection::on_receive(const uring::Completion& completion) {
  if (!completion.more) receive_lent_ = false;
  if (completion.result > 0) take(context_.ring.bytes_of(completion));
  if (completion.has_buffer) context_.ring.give_back(completion.buffer);
  if (state_ == State::closing || completion.result > 0) return arm_receive();
  switch (-completion.result) {
    case 0:
      peer_closed_ = true;  // a half-close: what has arrived is still answered
      if (state_ == State::receiving || state_ == State::lingering) begin_close();
      return;
    case ENOBUFS:  // not at once: a multishot on an empty buffer ring ends again immediately
      context_.await_buffers.push_back(*this);
      return;
    case ECANCELED:
    case EINTR:
    case EAGAIN: return arm_receive();
    default: ++context_.counters.aborted; begin_close();
  }
}

void Connection::take(std::span<const char> bytes) {
  if (!talk_ && state_ == State::receiving) begin_talk();
  switch (state_) {
    case State::closing:
    case State::lingering: return;
    case State::receiving:
      if (talk_->input.empty()) return work(bytes, true);
      keep(bytes);
      if (state_ == State::receiving) work(talk_->input.bytes(), false);
      return;
    case State::waiting:
    case State::sending: keep(bytes);
  }
}

void Connection::keep(std::span<const char> bytes) {
  if (!talk_->input.append(bytes)) {
    ++context_.counters.aborted;
    return begin_close();
  }
  talk_->parser.request().rebase(talk_->input.data());
  if (state_ == State::receiving || talk_->input.size() < pause_bytes || paused_) return;
  paused_ = true;
  if (!receive_lent_) return;
  ++lent_;
  context_.ring.cancel(tag(Step::receive), tag(Step::cancel));
}

// --- sending ---

void Connection::flush() {
  CHECK(!talk_->output.empty());
  become(State::sending);
  progressed();
  submit_send();
}

void Connection::submit_send() {
  CHECK(!send_lent_);
  talk_->rest = talk_->output.rest();
  CHECK(talk_->rest.bytes > 0);
  send_lent_ = true;
  ++lent_;
  if (talk_->rest.count == 1) {
    const iovec& part = talk_->rest.parts[0];
    context_.ring.send(socket_, {static_cast<const char*>(part.iov_base), part.iov_len}, tag(Step::send));
  } else {
    talk_->message.msg_iov = talk_->rest.parts.data();
    talk_->message.msg_iovlen = talk_->rest.count;
    context_.ring.send_message(socket_, talk_->message, tag(Step::send));
  }
}

void Connection::on_send(int result) {
  send_lent_ = false;
  if (state_ == State::closing) return;
  CHECK(state_ == State::sending);
  const bool yielded = std::exchange(yielding_, false);
  const bool interrupted = result == -EINTR || result == -EAGAIN || (yielded && result == -ECANCELED);
  if (result <= 0 && !interrupted) {
    ++context_.counters.aborted;
    return begin_close();
  }
  if (result > 0) {
    context_.counters.sent_bytes += static_cast<uint64_t>(result);
    talk_->answer_begun = true;
    progressed();
    if (talk_->output.sent(static_cast<size_t>(result))) return on_sent_all();
  }
  if (!talk_->stream || !talk_->stream->holds_piece()) return submit_send();
  // What a full socket takes next is a turn's work like any other piece of a download: not the kernel's own retry.
  if (yielded) let_go_of_piece();
  poll_lent_ = true;
  ++lent_;
  context_.ring.poll_writable(socket_, tag(Step::poll));
}

void Connection::on_sent_all() {
  talk_->exchange.sent_ns = context_.clock.monotonic_ns;
  talk_->output.clear();
  if (talk_->stream) {
    if (talk_->stream->holds_piece()) talk_->stream->sent_all();
    if (!talk_->stream->finished()) return await_stream();
    std::exchange(talk_->stream, nullptr)->abandon();
  }
  if (talk_->parts) return continue_parts();
  // What is still in the socket's buffer would be lost to a reset if the client, who should not (RFC 9112 §9.6), sends
  // one byte more.
  const bool much = talk_->exchange.body_bytes > small_body_bytes;
  if (close_after_) return hear_out_ || much || !talk_->input.empty() ? linger() : begin_close();
  become(State::receiving);
  work(talk_->input.bytes(), false);
}

// The socket takes bytes again: on with the piece, or back into the line for memory.
void Connection::on_writable() {
  poll_lent_ = false;
  if (state_ == State::closing) return;
  CHECK(state_ == State::sending && talk_->stream);
  if (talk_->stream->holds_piece()) return talk_->stream->ask_turn(talk_->output.rest().bytes);
  await_stream();
}

void Connection::await_stream() {
  become(State::waiting);
  deadline_in(in_ms(context_.snapshot.config().disk.timeout));
  talk_->stream->next();
}

void Connection::let_go_of_piece() {
  talk_->stream->give_back(talk_->output.span_sent());
  talk_->output.drop_span();
}

// The send deadline begins anew. It is looked at four times before it passes.
void Connection::progressed() {
  talk_->progress_ms = context_.clock.monotonic_ms;
  talk_->unacknowledged = -1;
  deadline_in(in_ms(context_.snapshot.config().limits.send_timeout) / 4);
}

// The kernel has taken nothing for a while: does the client at least acknowledge what was taken before? Where nobody
// can tell (unix sockets, old kernels) a completed send is the only progress.
void Connection::on_look(int result) {
  if (state_ != State::sending || result < 0) return;
  if (talk_->unacknowledged < 0 || result < talk_->unacknowledged) talk_->progress_ms = context_.clock.monotonic_ms;
  talk_->unacknowledged = result;
}

void Connection::on_send_deadline() {
  const uint64_t allowed_ms = in_ms(context_.snapshot.config().limits.send_timeout);
  if (context_.clock.monotonic_ms - talk_->progress_ms >= allowed_ms) {
    ++context_.counters.timeouts;
    return begin_close();
  }
  deadline_in(allowed_ms / 4);
  if (!context_.ring.setup().peer_name) return;
  ++lent_;
  context_.ring.unacknowledged(socket_, tag(Step::look));
}

// --- time ---

void Connection::deadline_in(uint64_t ms) { context_.wheel.schedule(*this, context_.clock.monotonic_ms + ms); }

void Connection::set_deadline() {
  const config::Config::Limits& limits = context_.snapshot.config().limits;
  if (!request_begun()) return deadline_in(context_.draining ? drain_idle_ms : in_ms(limits.idle_timeout));
  const uint64_t allowed_ms = in_ms(stage_ == Stage::body ? limits.body_timeout : limits.header_timeout);
  context_.wheel.schedule(*this, talk_->started_ms + allowed_ms);  // absolute: dripping bytes buy no time
}

void Connection::drain() {
  if (state_ == State::receiving) set_deadline();
}

void Connection::on_deadline() {
  const bool dispensable = state_ == State::waiting && talk_->selection.wait == Selection::Wait::sibling;
  if (state_ != State::sending && !dispensable) ++context_.counters.timeouts;
  switch (state_) {
    case State::receiving:
      if (!request_begun()) return begin_close();
      reject(408);
      return flush();
    case State::waiting:
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
  if (peer_closed_) return begin_close();
  become(State::lingering);
  talk_->input.clear();
  end_talk_if_idle();
  paused_ = false;
  ++lent_;
  context_.ring.shutdown_write(socket_, tag(Step::shutdown));
  deadline_in(linger_ms);
  arm_receive();
}

void Connection::begin_close() {
  if (state_ == State::closing) return;
  become(State::closing);
  context_.wheel.cancel(*this);
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

// The close is asked for when nothing but the receive is lent, and the slot is free when that has come back too.
void Connection::continue_close() {
  if (!close_submitted_) {
    if (lent_ != (receive_lent_ ? 1 : 0)) return;
    if (talk_ && talk_->stream) std::exchange(talk_->stream, nullptr)->abandon();
    end_talk();
    close_submitted_ = true;
    if (receive_lent_) {  // an armed receive would keep the socket open behind the close
      lent_ = static_cast<uint8_t>(lent_ + 2);
      context_.ring.cancel_and_close(tag(Step::receive), tag(Step::cancel), socket_, tag(Step::close));
    } else {
      ++lent_;
      context_.ring.close(socket_, tag(Step::close));
    }
    return;
  }
  if (lent_ > 0) return;
  context_.shared.connections.fetch_sub(1, std::memory_order_relaxed);
  ++context_.counters.closed;
  context_.slab.release(*this);  // *this is gone
}

}  // namespace uringd::server
