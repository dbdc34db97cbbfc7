// Arming, backing off and stopping of one listener's accepts.
#include "acceptor.hpp"

#include <bit>
#include <cerrno>
#include <utility>

#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

constexpr uint32_t multishot_bit = 1U << 31;
constexpr uint64_t back_off_ms = 50;
constexpr uint64_t longest_stop_ms = 500;  // accepting what is queued when the server stops

}  // namespace

Acceptor::Acceptor(uring::Ring& ring, AcceptSink& sink, Listener listener, uint32_t index, uint32_t single_accepts)
    : ring_(ring), sink_(sink), listener_(std::move(listener)), index_(index), single_accepts_(single_accepts) {
  CHECK(single_accepts <= most_single_accepts);
}

Acceptor::~Acceptor() { CHECK(armed_ == 0); }

void Acceptor::arm(uint64_t now_ms) {
  if (paused_ || closed_ || now_ms < retry_at_ms_) return;
  retry_at_ms_ = 0;
  if (single_accepts_ == 0) {
    if (armed_ != 0) return;
    armed_ = multishot_bit;
    return ring_.accept_multishot(listener_.descriptor.number(), tag(static_cast<uint8_t>(Step::multishot)));
  }
  for (uint32_t place = 0; place < single_accepts_; ++place) {
    if (armed_ >> place & 1) continue;
    armed_ |= 1U << place;
    peers_[place].size = sizeof peers_[place].address;
    ring_.accept(listener_.descriptor.number(), peers_[place], tag(static_cast<uint8_t>(place)));
  }
}

void Acceptor::on_completion(const uring::Completion& completion, uint64_t now_ms) {
  const uint8_t step = completion.tag.step;
  if (step == static_cast<uint8_t>(Step::cancel)) {
    CHECK(cancels_ > 0);
    if (--cancels_ == 0 && paused_) cancel_all();  // what was armed again meanwhile
    return;
  }
  const bool multishot = step == static_cast<uint8_t>(Step::multishot);
  const uint32_t bit = multishot ? multishot_bit : 1U << step;
  CHECK(armed_ & bit);
  if (!completion.more) armed_ &= ~bit;
  if (completion.result >= 0) {
    accepted_this_turn_ = true;
    const uring::PeerAddress unknown{.size = listener_.peer_size};
    sink_.on_accepted({static_cast<uint32_t>(completion.result)}, multishot ? unknown : peers_[step], !multishot,
                      listener_.proxy_protocol);
  }
  switch (-completion.result) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS: retry_at_ms_ = now_ms + back_off_ms; break;
    default: break;  // a client that gave up (ECONNABORTED), a cancel, a multishot that ended: on as before
  }
  if (!completion.more) arm(now_ms);
}

// One round at a time: a pause that follows a resume waits for the cancels that are still under way.
void Acceptor::cancel_all() {
  if (cancels_ > 0) return;
  for (uint32_t rest = armed_; rest != 0; rest &= rest - 1) {
    const auto place = static_cast<uint8_t>(std::countr_zero(rest));
    ++cancels_;
    ring_.cancel(tag(place == 31 ? static_cast<uint8_t>(Step::multishot) : place),
                 tag(static_cast<uint8_t>(Step::cancel)));
  }
}

// A connection that came while our accept was being cancelled has woken us alone (accepts wait exclusively): whoever
// else accepts on this socket sleeps on, until another one comes.
void Acceptor::accept_one() {
  armed_ = 1;
  peers_[0].size = sizeof peers_[0].address;
  ring_.accept(listener_.descriptor.number(), peers_[0], tag(0));
}

void Acceptor::pause() {
  if (paused_) return;
  paused_ = true;
  cancel_all();
}

void Acceptor::stop(uint64_t now_ms) {
  if (stopping_) return;
  stopping_ = true;
  stop_by_ms_ = now_ms + longest_stop_ms;
  accepted_this_turn_ = true;  // one whole turn from now
}

void Acceptor::begin_anew(Listener listener, uint64_t now_ms) {
  CHECK(stopped());
  listener_ = std::move(listener);
  stopping_ = closed_ = paused_ = accepted_this_turn_ = false;
  retry_at_ms_ = stop_by_ms_ = 0;
  arm(now_ms);
}

void Acceptor::hand_over(uint64_t now_ms) {
  stopping_ = true;
  stop_by_ms_ = now_ms + longest_stop_ms;
  listener_.only_ours = false;
  pause();
}

void Acceptor::on_turn(uint64_t now_ms) {
  const bool accepted = accepted_this_turn_;
  accepted_this_turn_ = false;
  if (!stopping_) {
    if (retry_at_ms_ != 0) arm(now_ms);
    return;
  }
  if (closed_ || (accepted && now_ms < stop_by_ms_)) return;
  if (!paused_) return pause();
  if (cancels_ != 0) return;
  if (armed_ != 0) return cancel_all();  // a cancel can lose to a connection that another accept then takes
  if (now_ms < stop_by_ms_ && ring_.connection_waits(listener_.descriptor.number())) return accept_one();
  closed_ = true;
  if (listener_.only_ours) {
    ring_.close_listener(listener_.descriptor.release());
  } else {
    ring_.close_file(listener_.descriptor.release());
  }
}

}  // namespace uringd::server
