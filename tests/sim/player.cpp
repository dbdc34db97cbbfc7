// What a client does next, and what it makes of what it gets.
#include "player.hpp"

#include <algorithm>
#include <utility>

#include "trace.hpp"

namespace uringd::sim {
namespace {

constexpr uint64_t patience_for_continue_ns = 100'000'000;
constexpr uint64_t patience_for_cut_ns =
    30'000'000'000;  // a client that does not read looks after this time: it was cut

}  // namespace

void Player::schedule(uint64_t ns) {
  if (world_.now_ns() < reads_again_ns_) ns += manners_.pause_ns / 8;  // it does little while it does not read
  world_.after(ns, [this](uring::World&) { act(); });
}

void Player::start(int listener) {
  world_.after(manners_.starts_ns, [this, listener](uring::World& world) {
    trace(world.now_ns(), "client %u connects", number_);
    started_ns_ = world.now_ns();
    client_ = &world.connect(listener);
    client_->set_window(manners_.window);
    client_->set_reading(manners_.reads);
    schedule(random_.below(manners_.pace_ns));
  });
}

void Player::act() {
  observe();
  if (done()) return;
  if (manners_.reads && manners_.pauses > 0 && world_.now_ns() >= reads_again_ns_) {
    const bool pauses = random_.chance(manners_.pauses);
    client_->set_reading(!pauses);
    if (pauses) reads_again_ns_ = world_.now_ns() + manners_.pause_ns;
  }
  if (!held_back_.empty() && outgoing_.empty() && world_.now_ns() >= held_until_ns_) outgoing_.swap(held_back_);
  if (!outgoing_.empty()) {
    send_some();
    if (random_.chance(manners_.stops_midway)) {
      said_all_ = true;
      outgoing_.clear();
      held_back_.clear();
      return finish();
    }
  } else if (held_back_.empty()) {
    if (said_all_ || manners_.bursts == 0) return finish();
    if (!manners_.waits || pending_.empty()) begin_burst();
  }
  schedule(1 + random_.below(manners_.pace_ns));
}

void Player::begin_burst() {
  --manners_.bursts;
  const uint64_t count = 1 + random_.below(manners_.burst_size);
  for (uint64_t made = 0; made < count && !said_all_; ++made) {
    Request request = make_request(random_, sites_, oracle_.knowledge());
    const size_t body = request.bytes.size() - request.head_bytes;
    made_bytes_ += request.bytes.size();
    const bool waits = request.expects_continue && body > 0 && random_.chance(600);
    outgoing_.append(request.bytes, 0, waits ? request.head_bytes : std::string::npos);
    if (waits) {
      held_back_ = request.bytes.substr(request.head_bytes);
      held_until_ns_ = world_.now_ns() + patience_for_continue_ns;
    }
    said_all_ = request.last;
    pending_.push_back({std::move(request), made_bytes_});
    if (waits) break;
  }
  if (said_all_ && held_back_.empty() && random_.chance(200)) {
    outgoing_ += "GET /small.html HTTP/1.1\r\nHost: behind.the.end\r\n\r\n";
    spoke_on_ =
        !pending_.back().request.malformed;  // after its own "close": it may lose the answer (RFC 9112 section 9.6)
  }
}

void Player::send_some() {
  size_t count = outgoing_.size();
  if (manners_.bytewise) {
    count = 1 + random_.below(8);
  } else if (random_.chance(500)) {
    count = 1 + random_.below(count);
  }
  count = std::min(count, outgoing_.size());
  client_->send(outgoing_.substr(0, count));
  outgoing_.erase(0, count);
  sent_bytes_ += count;
  for (Pending& pending : pending_) {
    const bool begun = pending.end_offset - pending.request.bytes.size() < sent_bytes_;
    if (pending.request.begun_ns == 0 && begun) pending.request.begun_ns = world_.now_ns();
    if (pending.request.sent_ns == 0 && pending.end_offset <= sent_bytes_) pending.request.sent_ns = world_.now_ns();
  }
  trace(world_.now_ns(), "client %u sends %zu bytes", number_, count);
}

void Player::finish() {
  const bool waits = manners_.end == Manners::End::close && !pending_.empty() && manners_.reads;
  if (waits && !said_all_) return schedule(1 + random_.below(manners_.pace_ns));
  if (world_.now_ns() < reads_again_ns_) {
    world_.at(reads_again_ns_, [this](uring::World&) { client_->set_reading(true); });
  } else {
    client_->set_reading(manners_.reads);
  }
  if (!manners_.reads) world_.after(patience_for_cut_ns, [this](uring::World&) { client_->set_reading(true); });
  switch (manners_.end) {
    case Manners::End::close:
      if (pending_.empty()) leave();
      if (manners_.most_wait_ns > 0) schedule(manners_.pace_ns);  // looks when the last answer comes
      return;  // else the last answer closes, or the server cuts a client that does not read
    case Manners::End::half_close:
      trace(world_.now_ns(), "client %u half-closes", number_);
      return client_->half_close();
    case Manners::End::leave_open: return;
    case Manners::End::reset:
      trace(world_.now_ns(), "client %u resets", number_);
      client_->reset();
      left_ = true;
      return;
    case Manners::End::vanish: return leave();
  }
}

void Player::leave() {
  if (left_) return;
  left_ = true;
  if (!client_) return;
  trace(world_.now_ns(), "client %u closes", number_);
  client_->close();
}

void Player::observe() {
  if (!client_ || done()) return;
  received_ += client_->take_received();
  if (cut_off_) received_.clear();
  while (!received_.empty()) {
    if (pending_.empty() || close_announced_) {
      fail("client %u got bytes that it did not ask for: %.80s", number_, received_.c_str());
    }
    Response response;
    const ReadResult result = read_response(received_, pending_.front().request.is_head, response);
    if (result.reading == Reading::need_more) break;
    if (result.reading == Reading::faulty) {
      fail("client %u, for %s: %s\n%.300s", number_, pending_.front().request.label.c_str(), result.fault.c_str(),
           received_.c_str());
    }
    received_.erase(0, result.used);
    on_response(response);
    if (cut_off_) received_.clear();
  }
  if (client_->saw_end() || client_->was_reset()) on_end();
}

void Player::on_response(const Response& response) {
  Pending& front = pending_.front();
  const Request& request = front.request;
  trace(world_.now_ns(), "client %u: %s -> %d%s, %zu bytes", number_, request.label.c_str(), response.status,
        response.close ? " close" : "", response.body.size());
  if (response.status == 100) {
    if (!request.expects_continue || std::exchange(front.continued, true)) fail("client %u: 100 unasked for", number_);
    held_until_ns_ = 0;
    return;
  }
  ++answers_;
  const bool early = response.close && (request.malformed || request.status == 413 || response.status == 408);
  if (request.sent_ns == 0 && !early) {
    fail("client %u: answered %llu bytes before the end of %s\n%s", number_,
         static_cast<unsigned long long>(front.end_offset - sent_bytes_), request.label.c_str(), request.bytes.c_str());
  }
  if (request.last && !response.close)
    fail("client %u: the answer does not say close: %s", number_, request.label.c_str());
  if (const std::string problem = oracle_.judge(request, response, world_.now_ns()); !problem.empty()) {
    fail("client %u: %s -> %d: %s\n%s\nasked at %.6f ms", number_, request.label.c_str(), response.status,
         problem.c_str(), request.bytes.substr(0, 600).c_str(), static_cast<double>(request.sent_ns) / 1e6);
  }
  const uint64_t waited_ns = world_.now_ns() - request.sent_ns;
  const bool hurries = manners_.most_wait_ns > 0 && request.sent_ns >= started_ns_ + manners_.hurries_from_ns;
  if (hurries && waited_ns > manners_.most_wait_ns) {
    fail("client %u waited %llu ms for %s", number_, static_cast<unsigned long long>(waited_ns / 1'000'000),
         request.label.c_str());
  }
  close_announced_ = response.close;
  cut_off_ = request.is_head && response.status == 408;
  pending_.pop_front();
}

void Player::on_end() {
  ended_ = true;
  trace(world_.now_ns(), "client %u sees the end%s, %zu unanswered%s%s", number_,
        client_->was_reset() ? " (reset)" : "", pending_.size(), pending_.empty() ? "" : ": ",
        pending_.empty() ? "" : pending_.front().request.label.c_str());
  if (pending_.empty() || close_announced_) return;
  // A connection that ends for one answer's sake, its file having changed, may take those before it along: they were
  // sent, but a close over unread requests resets.
  broken_off_ = std::any_of(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.request.sent_ns != 0 && oracle_.may_break_off(pending.request, world_.now_ns());
  });
}

void Player::must_be_served(bool drained) const {
  if (!manners_.polite() || close_announced_ || broken_off_ || spoke_on_) return;
  if (!received_.empty()) {
    fail("client %u: the end came inside the answer to %s", number_, pending_.front().request.label.c_str());
  }
  if (drained) return;
  for (const Pending& pending : pending_) {
    if (pending.request.sent_ns != 0) {
      fail("client %u was never answered: %s%s", number_, pending.request.label.c_str(),
           ended_ ? " (connection ended)" : "");
    }
  }
}

}  // namespace uringd::sim
