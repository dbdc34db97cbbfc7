// A connection of a worker with a handler: the request goes to the handler, its body to the handler's sink, and what
// the handler says becomes the answer, now, later or piece by piece. The handler is asked once for each request: only
// when the answers before it are sent.
#include <utility>

#include "connection.hpp"
#include "handled_request.hpp"
#include "uringd/base/check.hpp"
#include "uringd/http/evaluate.hpp"

namespace uringd::server {

Answer Answer::of(int status, std::string content_type, std::string body) {
  Answer answer{.status = status, .content_type = std::move(content_type)};
  const auto held = std::make_shared<const std::string>(std::move(body));
  answer.body = {held->data(), held->size()};
  answer.owner = held;
  return answer;
}

HandledRequest& Connection::handled() {
  if (!talk_->handled) talk_->handled = std::make_unique<HandledRequest>();
  return *talk_->handled;
}

Asked Connection::asked() {
  handled().request = requests_;
  return {.request = talk_->parser.request(),
          .peer = peer_,
          .ticket = {context_.slab.slot_of(*this), context_.slab.generation_of(*this), requests_},
          .now_ms = context_.clock.monotonic_ms};
}

bool Connection::waits_for(HandledRequest::Wait what, uint64_t request) const {
  return talk_ && talk_->handled && talk_->handled->wait == what && talk_->handled->request == request;
}

// --- the request ---

// The head of a request with a body is here.
void Connection::plan_body() {
  const Asked asked = this->asked();
  context_.asking = true;
  auto planned = context_.handler->on_body(asked);
  context_.asking = false;
  if (auto* plan = std::get_if<BodyPlan>(&planned)) {
    handled().sink = std::move(plan->sink);
    if (talk_->parser.bound_body(plan->limit_bytes)) return;
    planned = context_.handler->refusal(413);
  }
  handled().sink.reset();
  handled().early = std::make_unique<const Answer>(std::move(std::get<Answer>(planned)));
  stage_ = Stage::ready;
}

http::RequestParser::BodyResult Connection::give_body(std::span<const char> received) {
  using Progress = http::RequestParser::BodyProgress;
  HandledRequest& own = handled();
  size_t used = 0;
  for (;;) {
    const auto rest = received.subspan(used);
    const auto piece = talk_->parser.parse_body_piece(rest.data(), rest.size());
    used += piece.used;
    if (piece.progress == Progress::rejected) return {Progress::rejected, used};
    if (own.sink && !piece.data.empty()) {
      talk_->started_ms = context_.clock.monotonic_ms;  // the time for the next piece begins
      own.refused = own.sink->take(piece.data);
      if (own.refused != 0) return {Progress::rejected, used};
    }
    if (piece.progress == Progress::complete || used == received.size()) return {piece.progress, used};
  }
}

int Connection::body_status() const {
  const bool refused = talk_->handled && talk_->handled->refused != 0;
  return refused ? talk_->handled->refused : talk_->parser.status();
}

Connection::Handled Connection::ask_handler() {
  if (!talk_->output.empty()) return Handled::flush_first;
  use_settings();
  decide_persistence();
  talk_->parser.set_limits(context_.parser_limits());
  if (const auto early = std::move(handled().early)) {
    close_after_ = hear_out_ = true;  // its body is not ours to read
    return reply_answer(*early);
  }
  const Asked asked = this->asked();
  context_.asking = true;
  const Handling handling = context_.handler->handle(asked, std::move(handled().sink));
  context_.asking = false;
  if (const auto* answer = std::get_if<Answer>(&handling)) return reply_answer(*answer);
  if (const auto* endless = std::get_if<Endless>(&handling)) return begin_endless(*endless);
  handled().wait = HandledRequest::Wait::answer;
  become(State::waiting);
  deadline_in(Handler::longest_wait_ms);
  return Handled::waiting;
}

// --- the answer ---

Connection::Handled Connection::reply_answer(const Answer& answer) {
  if (!talk_->output.empty()) return Handled::flush_first;
  talk_->handled.reset();
  if (answer.close) close_after_ = hear_out_ = true;
  const http::Request& request = talk_->parser.request();
  int status = answer.status;
  if (status == 200 && !answer.etag.empty() && stage_ == Stage::ready) {
    const http::Representation representation{.size = answer.body.size(), .etag = answer.etag};
    if (http::evaluate(request, representation, context_.clock.wall_s).status == 304) status = 304;
  }
  const bool describes = status != 304 && status != 204;
  http::ReplyHead head;
  head.status = status;
  head.date = context_.date_text();
  head.etag = answer.etag;
  head.allow = answer.allow;
  head.extra = answer.fields;
  head.connection = connection_field();
  if (describes) {
    head.content_type = answer.content_type;
    head.content_encoding = answer.content_encoding;
    head.content_length = answer.body.size();
  }
  CHECK(talk_->output.add_head(head, false));  // nothing is in front of it, and a head fits into a block
  talk_->exchange.status = static_cast<uint16_t>(status);
  talk_->exchange.before_body = talk_->output.composed_bytes();
  if (describes && request.method() != http::Method::head && !answer.body.empty()) {
    talk_->exchange.body_bytes = answer.body.size();
    talk_->output.add_body(answer.body, false, {}, answer.owner);
  }
  return Handled::replied;
}

bool Connection::answer(uint64_t request, const Answer& answer) {
  if (state_ != State::waiting || !waits_for(HandledRequest::Wait::answer, request)) return false;
  become(State::receiving);
  more_input_ = talk_->input.size() > talk_->parser.head_size();
  after_wait(reply_answer(answer));
  return true;
}

// The answer has not come.
void Connection::on_handler_deadline() {
  CHECK(talk_->handled->wait == HandledRequest::Wait::answer);  // nothing is due while an endless one waits
  become(State::receiving);
  after_wait(reply_answer(context_.handler->refusal(503)));
}

// --- without end ---

Connection::Handled Connection::begin_endless(const Endless& endless) {
  close_after_ = true;
  hear_out_ = false;
  http::ReplyHead head;
  head.date = context_.date_text();
  head.content_type = endless.content_type;
  head.extra = endless.fields;
  head.connection = http::ConnectionField::close;  // its end is the body's (RFC 9112 §6.3, 8)
  CHECK(talk_->output.add_head(head, false));
  talk_->exchange.status = 200;
  if (talk_->parser.request().method() == http::Method::head) {
    talk_->handled.reset();
    return Handled::replied;
  }
  handled().wait = HandledRequest::Wait::pieces;
  flush();
  return Handled::streaming;
}

// All that was pushed is sent. A quiet stream is no idle connection: nothing is due.
void Connection::await_push() {
  become(State::waiting);
  context_.wheel.cancel(*this);
}

Replies::Pushed Connection::push(uint64_t request, std::span<const char> bytes, std::shared_ptr<const void> owner) {
  CHECK(!bytes.empty());
  if (!waits_for(HandledRequest::Wait::pieces, request) || state_ == State::closing) return Replies::Pushed::gone;
  if (state_ == State::sending) return Replies::Pushed::busy;
  CHECK(state_ == State::waiting);
  talk_->output.add_span(bytes, {}, std::move(owner));
  flush();
  return Replies::Pushed::taken;
}

void Connection::end_pieces(uint64_t request) {
  if (waits_for(HandledRequest::Wait::pieces, request)) end_endless();
}

void Connection::end_endless() {
  if (state_ == State::waiting) return begin_close();
  talk_->handled.reset();  // the send under way is the last
}

}  // namespace uringd::server
