// The requests' side of a connection: bytes to requests, requests to the cache or the disk, and on to the next.
#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "connection.hpp"
#include "uringd/base/check.hpp"

namespace uringd::server {

// Answers all requests that are whole in `bytes`, as far as output and disk allow. In place: `bytes` lie in a receive
// buffer, and what is left of them moves to the input; else `bytes` are the input.
void Connection::work(std::span<const char> bytes, bool in_place) {
  if (talk_->rejected_status != 0) {
    reject(std::exchange(talk_->rejected_status, 0), bytes);
    talk_->input.clear();
    return after_work();
  }
  while (state_ == State::receiving && !bytes.empty()) {
    if (stage_ == Stage::head && !receive_head(bytes)) break;
    if (stage_ == Stage::body) {
      if (in_place) {  // a body is dropped piece by piece behind its head, which must stay
        keep(bytes);
        if (state_ != State::receiving) return;
        in_place = false;
      } else {  // those answered before it leave: its head is the first in there
        talk_->input.consume(talk_->input.size() - bytes.size());
        talk_->parser.request().rebase(talk_->input.data());
      }
      const bool whole = receive_body();
      bytes = talk_->input.bytes();
      if (!whole) break;
    }
    const size_t head_size = talk_->parser.head_size();
    more_input_ = bytes.size() > head_size;
    const Handled handled = handle();
    if (handled == Handled::flush_first) {
      close_after_ = hear_out_ = false;  // decided anew when its turn comes
      flush();
    } else if (handled != Handled::waiting) {
      answered(handled);
      bytes = bytes.subspan(head_size);
      if (handled == Handled::streaming) break;
      if (talk_->output.sealed() || close_after_) flush();
    }
  }
  if (state_ == State::closing) return;
  if (close_after_ && stage_ == Stage::head) {  // answered: what follows is not
    if (!bytes.empty()) hear_out_ = true;
    talk_->input.clear();
  } else if (in_place) {
    keep(bytes);
  } else {
    talk_->input.consume(talk_->input.size() - bytes.size());
    talk_->parser.request().rebase(talk_->input.data());
  }
  after_work();
}

// What was composed goes out; a connection that waits for bytes waits for them with a deadline and an armed receive.
void Connection::after_work() {
  if (state_ != State::receiving) return;
  if (!talk_->output.empty()) return flush();
  if (peer_closed_) return begin_close();  // half a request is all there will ever be
  paused_ = false;
  end_talk_if_idle();
  arm_receive();
  set_deadline();
}

// True: the head is whole, stage_ says what is next. False: more bytes are needed, or the request is rejected.
bool Connection::receive_head(std::span<const char> bytes) {
  switch (talk_->parser.parse_head(bytes.data(), bytes.size())) {
    case http::RequestParser::Progress::need_more:
      if (talk_->started_ms == 0 && !talk_->parser.idle()) {
        talk_->started_ms = context_.clock.monotonic_ms;
        talk_->exchange = {.accepted_ns = context_.clock.monotonic_ns};
      }
      return false;
    case http::RequestParser::Progress::rejected:
      head_is_here();
      reject(talk_->parser.status(), bytes);
      return false;
    case http::RequestParser::Progress::head_complete: head_is_here(); break;
  }
  if (talk_->parser.request().has_body()) {
    stage_ = Stage::body;
    talk_->started_ms = context_.clock.monotonic_ms;
    if (context_.handler) plan_body();
  } else {
    stage_ = Stage::ready;
  }
  return true;
}

void Connection::head_is_here() {
  const uint64_t now_ns = context_.clock.monotonic_ns;
  talk_->exchange = {.accepted_ns = talk_->started_ms ? talk_->exchange.accepted_ns : now_ns, .parsed_ns = now_ns};
}

// Drops body bytes behind the head in the input, or gives them to the handler's sink. True: the body is whole.
bool Connection::receive_body() {
  const size_t head_size = talk_->parser.head_size();
  const std::span<const char> received = talk_->input.bytes().subspan(head_size);
  if (received.empty() && talk_->parser.request().expect_continue() && !body_continues_) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const std::span<char> space = talk_->output.room(go_on.size(), false);
    if (!space.empty()) {
      std::ranges::copy(go_on, space.begin());
      talk_->output.commit(go_on.size());
      body_continues_ = true;
    }
    flush();
    return false;
  }
  const auto result =
      context_.handler ? give_body(received) : talk_->parser.parse_body(received.data(), received.size());
  talk_->input.erase(head_size, result.used);
  talk_->parser.request().rebase(talk_->input.data());
  if (result.progress == http::RequestParser::BodyProgress::rejected) {
    reject(body_status(), talk_->input.bytes());
  }
  if (result.progress != http::RequestParser::BodyProgress::complete) return false;
  stage_ = Stage::ready;
  return true;
}

// In the output, or about to be. A download's status may still become another, and its first piece has not come: it is
// counted when it ends. All answers of one output are composed in one turn.
inline void Connection::count_answer(uint8_t method, bool unfinished) {
  const Exchange& exchange = talk_->exchange;
  Unsent& unsent = talk_->unsent;
  if (unsent.count++ == 0) {
    unsent.first_accepted_ns = exchange.accepted_ns;
    unsent.composed_ns = context_.clock.monotonic_ns;
  }
  ++context_.counters.looked_up[static_cast<size_t>(exchange.cache)];
  if (unfinished) [[unlikely]] {
    talk_->unfinished = method;
    return;
  }
  context_.counters.count_answer(method, exchange.status);
  if (exchange.asked_disk()) [[unlikely]]
    count_disk_phases();
}

// A request that cannot be understood, or does not come to its end: nothing behind it can be trusted.
void Connection::reject(int status, std::span<const char> head) {
  close_after_ = true;
  hear_out_ = true;
  more_input_ = false;
  // A head that is not whole names no site; its Host field can be half a name.
  use_settings();
  context_.routed = nullptr;
  const bool understood = stage_ != Stage::head;
  const uint8_t method = understood ? method_place(talk_->parser.request()) : other_method;
  const bool names_site = understood && !context_.handler;
  talk_->site = names_site ? talk_->settings->router.site_of(talk_->parser.request(), context_.scratch) : 0;
  stage_ = Stage::head;
  const Handled handled = context_.handler ? reply_answer(context_.handler->refusal(status)) : reply_status(status);
  if (handled == Handled::replied) {
    ++requests_;
    count_answer(method, false);
    if (context_.access_log.on()) log_rejected(head);
    return;
  }
  CHECK(!talk_->output.empty());
  talk_->rejected_status = status;  // answers before it fill the output: they go first
  close_after_ = hear_out_ = false;
}

// A request begins: with the configuration of now.
void Connection::use_settings() {
  if (talk_->settings == context_.settings) [[likely]]
    return;
  talk_->parser.set_limits(context_.parser_limits());
  talk_->use(*context_.settings);
}

Connection::Handled Connection::handle() {
  if (context_.handler) [[unlikely]]
    return ask_handler();
  use_settings();
  decide_persistence();
  talk_->selection.clear();
  context_.routed = nullptr;
  const site::Route& route = this->route();
  talk_->site = route.site;
  if (route.fields != 0) {
    talk_->selection.used = true;
    talk_->selection.fields = route.fields;
  }
  if (route.status == 400) close_after_ = hear_out_ = true;
  if (route.status == 301 && route.location.empty()) return reply_redirect();
  if (route.status != 0) return reply_status(route.status, {.location = route.location});
  if (context_.overlays) [[unlikely]] {
    if (const auto handled = try_overlay(route.path)) return *handled;
  }
  return look_up(route.place, route.path_in_tree());
}

// Of the request that is being answered; good until another one is routed.
const site::Route& Connection::route() {
  if (context_.routed == talk_) return context_.route;
  const Selection& selection = talk_->selection;
  context_.route = selection.route ? selection.route->route
                                   : talk_->settings->router.route(talk_->parser.request(), context_.scratch, scheme());
  context_.routed = talk_;
  return context_.route;
}

// The request has its reply (composed, or being read): its bytes may go, the parser begins anew.
void Connection::answered(Handled handled) {
  ++requests_;
  count_answer(method_place(talk_->parser.request()), handled == Handled::streaming);
  if (context_.access_log.on()) log_answer();
  if (context_.logger.enabled(log::Level::debug)) log_exchange();
  talk_->parser.reset();
  talk_->selection.clear();
  context_.routed = nullptr;
  stage_ = Stage::head;
  body_continues_ = false;
  talk_->started_ms = 0;
}

void Connection::log_exchange() {
  const http::Request& request = talk_->parser.request();
  const auto add = [](std::string& line, const char* name, uint64_t ns) {
    line.append(name).append(std::to_string(ns / 1000));
  };
  std::string line = peer_.text();
  line.append(" ").append(request.method_name());
  line.append(" ").append(request.target().substr(0, 256));
  line.append(" ").append(std::to_string(talk_->exchange.status));
  line.append(" bytes=").append(std::to_string(talk_->exchange.body_bytes));
  static constexpr std::string_view results[] = {"", " hit", " stale", " miss", " expired", " overlay"};
  line.append(results[static_cast<size_t>(talk_->exchange.cache)]);
  add(line, " head_us=", talk_->exchange.parsed_ns - talk_->exchange.accepted_ns);
  add(line, " queue_us=", talk_->exchange.queue_ns);
  add(line, " open_us=", talk_->exchange.open_ns);
  add(line, " read_us=", talk_->exchange.read_ns);
  context_.logger.debug(line);
}

// --- the disk answers ---

void Connection::on_fetched(const disk::Outcome& outcome) {
  CHECK(state_ == State::waiting && talk_->output.empty());
  become(State::receiving);
  talk_->exchange.answered(outcome);
  more_input_ = talk_->input.size() > talk_->parser.head_size();
  if (outcome.stale) talk_->exchange.cache = CacheResult::stale;
  if (outcome.unchanged) talk_->exchange.cache = CacheResult::hit;
  after_wait(reply_outcome(outcome));
}

Connection::Handled Connection::reply_outcome(const disk::Outcome& outcome) {
  switch (talk_->selection.wait) {
    case Selection::Wait::sibling: return on_sibling(outcome);
    case Selection::Wait::copy: talk_->selection.copy_failed = outcome.status != 200; return select();
    case Selection::Wait::resource: break;
  }
  if (outcome.entry) return reply_found(*outcome.entry);
  if (outcome.file) return reply_found(outcome.file);
  return reply_verdict(outcome.status);
}

// The request that waited has its reply, or its reply has begun: it leaves the input, and those behind it get
// their turn.
void Connection::after_wait(Handled handled) {
  CHECK(handled != Handled::flush_first);  // there was nothing to flush
  if (handled == Handled::waiting) return;
  const size_t head_size = talk_->parser.head_size();
  answered(handled);
  talk_->input.consume(head_size);
  if (handled == Handled::streaming) return;  // its first piece will come
  if (talk_->output.sealed() || close_after_) {
    if (close_after_ && !talk_->input.empty()) hear_out_ = true;
    return flush();
  }
  work(talk_->input.bytes(), false);
}

void Connection::on_piece(std::span<const char> bytes) {
  CHECK(state_ == State::waiting && talk_->stream);
  if (talk_->exchange.asked_ns != 0) talk_->exchange.first_piece(context_.clock.monotonic_ns);
  talk_->output.add_span(bytes, {});
  flush();
}

void Connection::on_stream_failed(int status) {
  if (!answer_begun()) return answer_instead(status);
  ++context_.counters.aborted;
  begin_close();  // short of its Content-Length: the client sees that it is not whole
}

// A download waits for its first piece with its head still here.
bool Connection::answer_begun() const { return state_ != State::waiting || talk_->answer_begun; }

void Connection::answer_instead(int status) {
  CHECK(!answer_begun());
  std::exchange(talk_->stream, nullptr)->abandon();
  talk_->parts.reset();
  talk_->output.clear();
  more_input_ = false;
  close_after_ = true;
  hear_out_ = !talk_->input.empty();
  become(State::receiving);
  CHECK(reply_status(status) == Handled::replied);  // it fits where nothing is
  if (talk_->record) renew_record();
  flush();
}

void Connection::on_turn() {
  CHECK(state_ == State::sending);
  submit_send();
}

std::span<const char> Connection::before_pages() {
  const Output::Rest rest = talk_->output.rest();
  CHECK(rest.count <= 1);
  return {static_cast<const char*>(rest.parts[0].iov_base), rest.bytes};
}

void Connection::on_referred(size_t before, size_t bytes) {
  const size_t sent = before + bytes;
  talk_->exchange.asked_ns = 0;
  context_.counters.sent_bytes += sent;
  if (sent > 0) talk_->answer_begun = true;
  if (talk_->record) talk_->record->sent += sent;
  if (sent > 0 || state_ == State::waiting) progressed();
  if (before > 0 && talk_->output.sent(before)) talk_->output.clear();
  if (state_ == State::waiting) become(State::sending);
  if (talk_->stream->finished()) on_sent_all();
}

void Connection::on_reading() {
  if (state_ != State::waiting) become(State::waiting);
  deadline_in(static_cast<uint64_t>(context_.config->disk.timeout.count()));
}

void Connection::on_memory_wanted() {
  if (state_ != State::sending) return;
  if (!send_lent_) {
    let_go_of_piece();
    if (!poll_lent_) await_stream();  // it waited for its turn
    return;
  }
  yielding_ = true;
  ++lent_;
  context_.ring.cancel(tag(Step::send), tag(Step::cancel));
}

}  // namespace uringd::server
