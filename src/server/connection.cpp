// The socket's side of a connection: what is lent to the kernel, what comes back, deadlines, and the end.
#include "connection.hpp"

#include <cerrno>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

constexpr uint64_t small_body_bytes = 65536;
constexpr size_t pause_bytes = 16384;  // of pipelined requests that wait: more stay in the kernel

uint64_t in_ms(config::Duration duration) { return static_cast<uint64_t>(duration.count()); }

}  // namespace

Connection::Connection(Context& context, uring::Direct socket) : context_(context), socket_(socket) {
  ++context.in_state[static_cast<size_t>(state_)];
  context.connections.push_back(*this);
}

Connection::~Connection() {
  CHECK(lent_ == 0);
  CHECK(!talk_);
  --context_.in_state[static_cast<size_t>(state_)];
  static_cast<Link<Connection, InWorker>*>(this)->unlink();
}

uring::Tag Connection::tag(Step step) const {
  return {uring::Kind::connection, static_cast<uint8_t>(step), context_.slab.slot_of(*this),
          context_.slab.generation_of(*this)};
}

void Connection::become(State state) {
  constexpr auto bit = [](State to) { return 1U << static_cast<unsigned>(to); };
  static constexpr unsigned legal[] = {
      /* receiving */ bit(State::waiting) | bit(State::sending) | bit(State::lingering) | bit(State::closing),
      /* waiting   */ bit(State::receiving) | bit(State::sending) | bit(State::closing),
      /* sending   */ bit(State::receiving) | bit(State::waiting) | bit(State::lingering) | bit(State::closing),
      /* lingering */ bit(State::closing),
      /* closing   */ 0,
  };
  CHECK(legal[static_cast<unsigned>(state_)] & bit(state));
  --context_.in_state[static_cast<size_t>(state_)];
  ++context_.in_state[static_cast<size_t>(state)];
  state_ = state;
}

void Connection::begin_talk() {
  talk_ = context_.talks.acquire(context_.parser_limits(), context_.input_budget, context_.blocks, *context_.settings);
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

void Connection::start(const uring::PeerAddress& peer, bool known, bool proxied) {
  proxied_ = proxied;
  if (known) {
    peer_ = IpAddress::from(peer.address, peer.size);
    on_peer_known();
    if (state_ == State::closing) return;
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
    case Step::rest: on_rested(); break;
    case Step::send: on_send(completion.result); break;
    case Step::poll: on_writable(); break;
    case Step::look: on_look(completion.result); break;
    case Step::cancel:
    case Step::shutdown: break;
    case Step::close: on_close(completion.result); break;
    case Step::install: on_installed(completion.result); break;
  }
  if (state_ == State::closing) continue_close();
}

// --- receiving ---

// The first request is received piece by piece: most clients that want no second one say so in it, and nothing has to
// be cancelled for them.
void Connection::arm_receive() {
  if (hears() || peer_closed_ || paused_ || close_submitted_ || state_ == State::closing) return;
  if (Link<Connection, AwaitsBuffers>::linked()) return;
  ++lent_;
  if (resting_ && !polled_) {
    rest_lent_ = true;
    return context_.ring.poll_readable(socket_, tag(Step::rest));
  }
  receive_lent_ = true;
  if (requests_ == 0) return context_.ring.receive_once(socket_, tag(Step::receive));
  context_.ring.receive_multishot(socket_, tag(Step::receive));
}

// There is something to receive, or the poll came to its end otherwise. It may be no byte at all (urgent data wakes a
// poll): the time that is allowed runs on until one has come.
void Connection::on_rested() {
  rest_lent_ = false;
  polled_ = true;
  arm_receive();
}

void Connection::on_receive(const uring::Completion& completion) {
  if (!completion.more) receive_lent_ = false;
  if (completion.result > 0) {
    resting_ = polled_ = false;
    unread_ = completion.socket_nonempty;
    take(context_.ring.bytes_of(completion));
  }
  if (completion.has_buffer) context_.ring.give_back(completion.buffer);
  if (state_ == State::closing || completion.result > 0) return arm_receive();
  switch (-completion.result) {
    case 0:
      peer_closed_ = true;  // a half-close: what has arrived is still answered
      if (state_ == State::receiving || state_ == State::lingering || is_endless()) begin_close();
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
      if (proxied_) [[unlikely]] {
        keep(bytes);
        return receive_proxy_header();
      }
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
  if (refers()) return context_.referrers.push_back(tag(Step::send));
  send_lent_ = true;
  ++lent_;
  const bool last = ends_with_send();
  if (last) {
    close_submitted_ = true;
    ++lent_;
    context_.disk.let_go_of_socket(socket_);
  }
  if (talk_->rest.count == 1) {
    const std::span<const char> bytes{static_cast<const char*>(talk_->rest.parts[0].iov_base),
                                      talk_->rest.parts[0].iov_len};
    if (last) return context_.ring.send_and_close(socket_, bytes, tag(Step::send), tag(Step::close));
    return context_.ring.send(socket_, bytes, tag(Step::send));
  }
  talk_->message.msg_iov = talk_->rest.parts.data();
  talk_->message.msg_iovlen = talk_->rest.count;
  if (last) return context_.ring.send_message_and_close(socket_, talk_->message, tag(Step::send), tag(Step::close));
  context_.ring.send_message(socket_, talk_->message, tag(Step::send));
}

// The client said that it sends nothing more, and nothing but this send is under way: the close can go with it.
bool Connection::ends_with_send() const {
  return close_after_ && !hear_out_ && !more_input_ && !unread_ && !close_submitted_ && lent_ == 1 && !talk_->stream &&
         !talk_->parts && talk_->exchange.body_bytes <= small_body_bytes && talk_->input.empty() &&
         talk_->rest.bytes <= uring::Ring::most_last_bytes && !is_endless();
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
    on_sent(static_cast<size_t>(result));
    if (talk_->output.sent(static_cast<size_t>(result))) return on_sent_all();
  }
  if (!talk_->stream || !talk_->stream->holds_piece()) return submit_send();
  // What a full socket takes next is a turn's work like any other piece of a download: not the kernel's own retry.
  if (yielded) let_go_of_piece();
  poll_lent_ = true;
  ++lent_;
  context_.ring.poll_writable(socket_, tag(Step::poll));
}

void Connection::on_sent(size_t bytes) {
  context_.counters.sent_bytes += bytes;
  talk_->answer_begun = true;
  if (talk_->record) talk_->record->sent += bytes;
  progressed();
}

inline void Connection::count_sent() {
  Unsent& unsent = talk_->unsent;
  if (unsent.count == 0) return;
  if (unsent.first_accepted_ns != unsent.composed_ns || talk_->unfinished != Talk::no_method) [[unlikely]]
    return count_waited();
  context_.latencies.at_once.record(context_.clock.monotonic_ns - unsent.composed_ns, unsent.count);
  unsent.count = 0;
}

void Connection::on_sent_all() {
  talk_->output.clear();
  if (talk_->stream) {
    if (talk_->stream->holds_piece()) talk_->stream->sent_all();
    if (!talk_->stream->finished()) return await_stream();
    std::exchange(talk_->stream, nullptr)->abandon();
  }
  if (talk_->parts) return continue_parts();
  count_sent();
  if (talk_->record) end_record();
  // What is still in the socket's buffer would be lost to a reset if the client, who should not (RFC 9112 §9.6), sends
  // one byte more.
  const bool much = talk_->exchange.body_bytes > small_body_bytes;
  if (close_after_ && is_endless()) return await_push();
  if (close_after_) return hear_out_ || much || unread_ || !talk_->input.empty() ? linger() : begin_close();
  become(State::receiving);
  work(talk_->input.bytes(), false);
}

// The socket takes bytes again: on with the piece, or back into the line for memory.
void Connection::on_writable() {
  poll_lent_ = false;
  if (state_ == State::closing) return;
  CHECK(state_ == State::sending);
  if (!talk_->stream) return submit_send();
  if (talk_->stream->holds_piece()) return talk_->stream->ask_turn(talk_->output.rest().bytes);
  await_stream();
}

void Connection::await_stream() {
  become(State::waiting);
  deadline_in(in_ms(context_.config->disk.timeout));
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
  deadline_in(in_ms(context_.config->limits.send_timeout) / 4);
}

// The kernel has taken nothing for a while: does the client at least acknowledge what was taken before? Where nobody
// can tell (unix sockets, old kernels) a completed send is the only progress.
void Connection::on_look(int result) {
  if (state_ != State::sending || result < 0) return;
  if (talk_->unacknowledged < 0 || result < talk_->unacknowledged) talk_->progress_ms = context_.clock.monotonic_ms;
  talk_->unacknowledged = result;
}

void Connection::on_send_deadline() {
  const uint64_t allowed_ms = in_ms(context_.config->limits.send_timeout);
  if (context_.clock.monotonic_ms - talk_->progress_ms >= allowed_ms) {
    ++context_.counters.timeouts;
    return begin_close();
  }
  deadline_in(allowed_ms / 4);
  if (close_submitted_) {  // no look at a socket that may be closed any moment: the chain is broken, the send begins
                           // anew
    yielding_ = true;
    ++lent_;
    return context_.ring.cancel(tag(Step::send), tag(Step::cancel));
  }
  if (!context_.ring.setup().peer_name) return;
  ++lent_;
  context_.ring.unacknowledged(socket_, tag(Step::look));
}

}  // namespace uringd::server
