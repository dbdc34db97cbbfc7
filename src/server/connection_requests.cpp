// The requests' side of a connection: bytes to requests, requests to the cache or the disk, and on to the next.
#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "connection.hpp"
#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

std::string peer_text(const uring::PeerAddress& peer) {
  char text[INET6_ADDRSTRLEN] = {};
  switch (peer.size == 0 ? AF_UNSPEC : peer.address.ss_family) {
    case AF_INET:
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&peer.address)->sin_addr, text, sizeof text);
      return text;
    case AF_INET6:
      inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&peer.address)->sin6_addr, text, sizeof text);
      return text;
    case AF_UNIX: return "unix:";
    default: return "-";
  }
}

}  // namespace

// Answers all requests that are whole in `bytes`, as far as output and disk allow. In place: `bytes` lie in a receive
// buffer, and what is left of them moves to input_; else `bytes` are input_.
void Connection::work(std::span<const char> bytes, bool in_place) {
  if (rejected_status_ != 0) {
    reject(std::exchange(rejected_status_, 0));
    input_.clear();
    return after_work();
  }
  while (state_ == State::receiving && !bytes.empty()) {
    if (stage_ == Stage::head && !receive_head(bytes)) break;
    if (stage_ == Stage::body) {
      if (in_place) {  // a body is dropped piece by piece behind its head, which must stay
        keep(bytes);
        if (state_ != State::receiving) return;
        in_place = false;
      } else {  // those answered before it leave: its head is the first in input_
        input_.consume(input_.size() - bytes.size());
        parser_.request().rebase(input_.data());
      }
      const bool whole = receive_body();
      bytes = input_.bytes();
      if (!whole) break;
    }
    const size_t head_size = parser_.head_size();
    more_input_ = bytes.size() > head_size;
    const Handled handled = handle();
    if (handled == Handled::flush_first) {
      close_after_ = hear_out_ = false;  // decided anew when its turn comes
      flush();
    } else if (handled != Handled::waiting) {
      answered();
      bytes = bytes.subspan(head_size);
      if (handled == Handled::streaming) break;
      if (output_.sealed() || close_after_) flush();
    }
  }
  if (state_ == State::closing) return;
  if (close_after_ && stage_ == Stage::head) {  // answered: what follows is not
    if (!bytes.empty()) hear_out_ = true;
    input_.clear();
  } else if (in_place) {
    keep(bytes);
  } else {
    input_.consume(input_.size() - bytes.size());
    parser_.request().rebase(input_.data());
  }
  after_work();
}

// What was composed goes out; a connection that waits for bytes waits for them with a deadline and an armed receive.
void Connection::after_work() {
  if (state_ != State::receiving) return;
  if (!output_.empty()) return flush();
  if (peer_closed_) return begin_close();  // half a request is all there will ever be
  paused_ = false;
  arm_receive();
  set_deadline();
}

// True: the head is whole, stage_ says what is next. False: more bytes are needed, or the request is rejected.
bool Connection::receive_head(std::span<const char> bytes) {
  switch (parser_.parse_head(bytes.data(), bytes.size())) {
    case http::RequestParser::Progress::need_more:
      if (request_started_ms_ == 0 && !parser_.idle()) {
        request_started_ms_ = context_.clock.monotonic_ms;
        exchange_.accepted_ns = context_.clock.monotonic_ns;
      }
      return false;
    case http::RequestParser::Progress::rejected: reject(parser_.status()); return false;
    case http::RequestParser::Progress::head_complete: break;
  }
  exchange_ = {.accepted_ns = request_started_ms_ ? exchange_.accepted_ns : context_.clock.monotonic_ns,
               .parsed_ns = context_.clock.monotonic_ns};
  if (parser_.request().has_body()) {
    stage_ = Stage::body;
    request_started_ms_ = context_.clock.monotonic_ms;
  } else {
    stage_ = Stage::ready;
  }
  return true;
}

// Drops body bytes behind the head in input_. True: the body is whole.
bool Connection::receive_body() {
  const size_t head_size = parser_.head_size();
  const std::span<const char> received = input_.bytes().subspan(head_size);
  if (received.empty() && parser_.request().expect_continue() && !body_continues_) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const std::span<char> space = output_.room(go_on.size(), false);
    if (!space.empty()) {
      std::ranges::copy(go_on, space.begin());
      output_.commit(go_on.size());
      body_continues_ = true;
    }
    flush();
    return false;
  }
  const auto result = parser_.parse_body(received.data(), received.size());
  input_.erase(head_size, result.used);
  parser_.request().rebase(input_.data());
  if (result.progress == http::RequestParser::BodyProgress::rejected) reject(parser_.status());
  if (result.progress != http::RequestParser::BodyProgress::complete) return false;
  stage_ = Stage::ready;
  return true;
}

// A request that cannot be understood, or does not come to its end: nothing behind it can be trusted.
void Connection::reject(int status) {
  close_after_ = true;
  hear_out_ = true;
  more_input_ = false;
  // A head that is not whole names no site; its Host field can be half a name.
  site_ = stage_ == Stage::head ? 0 : context_.snapshot.router().site_of(parser_.request(), context_.scratch);
  stage_ = Stage::head;
  if (reply_status(status) == Handled::replied) return;
  CHECK(!output_.empty());
  rejected_status_ = status;  // answers before it fill the output: they go first
  close_after_ = hear_out_ = false;
}

Connection::Handled Connection::handle() {
  const http::Request& request = parser_.request();
  decide_persistence();
  const site::Route route = context_.snapshot.router().route(request, context_.scratch);
  site_ = route.site;
  if (route.status == 400) close_after_ = hear_out_ = true;
  if (route.status != 0) return reply_status(route.status);
  const cache::Key key = cache::make_key(route.site, route.path, context_.hash_seed);
  if (const disk::Found found = context_.disk.find(key); found.entry || found.status != 0) {
    exchange_.cache = found.stale ? CacheResult::stale : CacheResult::hit;
    return found.entry ? reply_found(*found.entry) : reply_status(found.status);
  }
  if (!output_.empty()) return Handled::flush_first;  // those before it must not wait for the disk
  exchange_.cache = CacheResult::miss;
  if (!context_.disk.fetch(key, *this)) return reply_status(503);
  become(State::waiting);
  deadline_in(static_cast<uint64_t>(context_.snapshot.config().disk.timeout.count()));
  return Handled::waiting;
}

// The request has its reply (composed, or being read): its bytes may go, the parser begins anew.
void Connection::answered() {
  ++requests_;
  ++context_.counters.requests;
  if (exchange_.cache == CacheResult::hit || exchange_.cache == CacheResult::stale) ++context_.counters.hits;
  if (exchange_.cache == CacheResult::miss) ++context_.counters.misses;
  if (context_.logger.enabled(log::Level::debug)) log_exchange();
  parser_.reset();
  stage_ = Stage::head;
  body_continues_ = false;
  request_started_ms_ = 0;
}

void Connection::log_exchange() {
  const http::Request& request = parser_.request();
  const auto since = [this](uint64_t ns) {
    return ns == 0 ? std::string("-") : std::to_string((ns - exchange_.accepted_ns) / 1000);
  };
  std::string line = peer_text(peer_);
  line.append(" ").append(request.method_name());
  line.append(" ").append(request.target().substr(0, 256));
  line.append(" ").append(std::to_string(exchange_.status));
  line.append(" bytes=").append(std::to_string(exchange_.body_bytes));
  static constexpr std::string_view results[] = {"", " hit", " stale", " miss"};
  line.append(results[static_cast<size_t>(exchange_.cache)]);
  line.append(" parsed_us=").append(since(exchange_.parsed_ns));
  line.append(" opened_us=").append(since(exchange_.opened_ns));
  line.append(" read_us=").append(since(exchange_.read_ns));
  context_.logger.debug(line);
}

// --- the disk answers ---

void Connection::on_fetched(const disk::Outcome& outcome) {
  CHECK(state_ == State::waiting && output_.empty());
  become(State::receiving);
  exchange_.opened_ns = outcome.opened_ns;
  exchange_.read_ns = outcome.read_ns;
  more_input_ = input_.size() > parser_.head_size();
  if (outcome.stale) exchange_.cache = CacheResult::stale;
  if (outcome.unchanged) exchange_.cache = CacheResult::hit;
  Handled handled = Handled::replied;
  if (outcome.entry) {
    handled = reply_found(*outcome.entry);
  } else if (outcome.file) {
    handled = reply_file(outcome.file);
  } else if (outcome.status == 301) {
    handled = reply_redirect();
  } else {
    handled = reply_status(outcome.status);
  }
  after_wait(handled);
}

// The request that waited has its reply, or its reply has begun: it leaves input_, and those behind it get their turn.
void Connection::after_wait(Handled handled) {
  CHECK(handled != Handled::flush_first);  // there was nothing to flush
  const size_t head_size = parser_.head_size();
  answered();
  input_.consume(head_size);
  if (handled == Handled::streaming) return;  // its first piece will come
  if (output_.sealed() || close_after_) {
    if (close_after_ && !input_.empty()) hear_out_ = true;
    return flush();
  }
  work(input_.bytes(), false);
}

void Connection::on_piece(std::span<const char> bytes) {
  CHECK(state_ == State::waiting && stream_);
  if (exchange_.read_ns == 0) exchange_.read_ns = context_.clock.monotonic_ns;
  output_.add_span(bytes, {});
  flush();
}

void Connection::on_stream_failed() {
  ++context_.counters.aborted;
  begin_close();  // short of its Content-Length: the client sees that it is not whole
}

void Connection::on_turn() {
  CHECK(state_ == State::sending);
  submit_send();
}

void Connection::on_referred(size_t bytes) {
  if (bytes > 0 || state_ == State::waiting) progressed();
  if (state_ == State::waiting) become(State::sending);
  if (stream_->finished()) on_sent_all();
}

void Connection::on_reading() {
  if (state_ != State::waiting) become(State::waiting);
  deadline_in(static_cast<uint64_t>(context_.snapshot.config().disk.timeout.count()));
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
