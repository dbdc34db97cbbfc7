// A stream in the order in which it happens: line up, read, look, hand over, let go; or refer to pages in memory.
#include "uringd/disk/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {

Stream::Stream(Disk& disk, OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client)
    : disk_(disk), file_(std::move(file)), client_(&client), position_(first), end_(first + length) {
  CHECK(first <= end_ && end_ <= file_->attributes().size_bytes);
}

void Stream::become(State state) {
  constexpr auto bit = [](State from) { return 1U << static_cast<unsigned>(from); };
  constexpr unsigned legal[] = {
      /* idle        */ ~bit(State::idle),
      /* in_line     */ bit(State::idle) | bit(State::referring),
      /* reading     */ bit(State::in_line) | bit(State::idle),
      /* ready       */ bit(State::reading) | bit(State::idle),
      /* with_client */ bit(State::ready),
      /* referring   */ bit(State::idle) | bit(State::blocked),
      /* blocked     */ bit(State::referring),
  };
  CHECK(legal[static_cast<unsigned>(state)] & bit(state_));
  state_ = state;
}

uring::Tag Stream::tag(Step step) const {
  return {uring::Kind::stream, static_cast<uint8_t>(step), disk_.streams_.slot_of(*this),
          disk_.streams_.generation_of(*this)};
}

void Stream::on_completion(const uring::Completion& completion) {
  CHECK(lent_ > 0);
  --lent_;
  switch (static_cast<Step>(completion.tag.step)) {
    case Step::read_even:
    case Step::read_odd: return on_read(pieces_[completion.tag.step], completion.result);
    case Step::install: return on_installed(completion.result);
    case Step::poll: return on_writable();
    case Step::cancel: return free_unless_lent();
    case Step::look: return on_looked(completion.result);
  }
}

void Stream::next() {
  CHECK(!finished());
  CHECK(state_ == State::idle);
  if (Piece& ahead = other(); !ahead.memory.empty() && !ahead.unwanted) {
    CHECK(ahead.first == position_);
    static_cast<Link<Stream, ReadAhead>*>(this)->unlink();
    current_ ^= 1U;
    become(ahead.reading ? State::reading : State::ready);
    if (!ahead.reading) become_due();
  } else if (by_reference_) {
    become(State::referring);
    if (socket_ >= 0) become_due();
  } else {
    line_up();
  }
  disk_.serve_streams();
}

// --- pieces ---

void Stream::line_up() {
  become(State::in_line);
  disk_.line_.push_back(*this);
  ++disk_.in_line_;
}

void Stream::leave_line() {
  static_cast<Link<Stream, WaitingInLine>*>(this)->unlink();
  --disk_.in_line_;
}

bool Stream::try_read() {
  CHECK(state_ == State::in_line);
  if (!begin_read(piece(), position_)) return false;
  leave_line();
  become(State::reading);
  return true;
}

// Its bytes are not in memory. One thread a stream: the piece that is waited for goes before the one ahead.
void Stream::with_thread(Piece& piece) {
  piece.cold = true;
  if (has_thread_ || Link<Stream, WaitingForThread>::linked()) return;
  if (!disk_.take_thread(file_->site(), Work::read)) {
    return disk_.line_for(file_->site(), Work::read).streams.push_back(*this);
  }
  has_thread_ = true;
  piece.cold = false;
  ++disk_.counters_.cold_reads;
  submit_read(piece, uring::Walk::in_thread);
}

void Stream::on_thread() {
  CHECK(piece().cold || other().cold);
  with_thread(piece().cold ? piece() : other());
}

void Stream::give_thread() {
  if (!std::exchange(has_thread_, false)) return;
  disk_.give_thread(file_->site(), Work::read);
}

bool Stream::begin_read(Piece& piece, uint64_t first) {
  CHECK(piece.memory.empty());
  const size_t wanted = std::min<uint64_t>(disk_.options_.stream_piece_bytes, end_ - first);
  if (!disk_.may_read(wanted)) return false;
  const std::span<char> memory = disk_.memory_.lease(wanted);
  if (memory.empty()) return false;
  if (!disk_.take_place()) {
    disk_.memory_.give_back(memory);
    return false;
  }
  piece = {.memory = memory,
           .first = first,
           .wanted = std::min<uint64_t>(memory.size(), end_ - first),
           .begun_turn = disk_.turns_,
           .reading = true};
  disk_.reading_bytes_ += piece.wanted;
  disk_.spent_bytes_ += piece.wanted;
  submit_read(piece, uring::Walk::cached);
  return true;
}

void Stream::submit_read(Piece& piece, uring::Walk walk) {
  CHECK(!piece.lent);
  piece.walk = walk;
  piece.lent = true;
  ++lent_;
  disk_.ring_.read(file_->descriptor(), piece.memory.subspan(piece.filled, piece.wanted - piece.filled),
                   piece.first + piece.filled, walk, tag(&piece == pieces_.data() ? Step::read_even : Step::read_odd));
}

void Stream::on_read(Piece& piece, int result) {
  CHECK(piece.lent);
  piece.lent = false;
  const bool in_thread = piece.walk == uring::Walk::in_thread;
  if (in_thread) give_thread();
  const bool wanted = client_ && !piece.unwanted;
  const bool cold = !in_thread && (result == -EAGAIN || result == -EOPNOTSUPP);
  const bool interrupted = result == -EINTR || result == -EAGAIN;
  const bool failed = result <= 0 && !interrupted && !cold;  // an error, or the file ends before it should
  if (wanted && result < 0 && failed) disk_.warn("a download", -result);
  if (result > 0) piece.filled += static_cast<size_t>(result);
  CHECK(piece.filled <= piece.wanted);
  if (wanted && !failed && piece.filled < piece.wanted) {
    if (cold || in_thread) return with_thread(piece);
    return submit_read(piece, uring::Walk::cached);
  }
  slow_ = disk_.was_slow(piece.begun_turn);
  end_read(piece);
  if (!wanted) release(piece);
  if (client_ && (this->piece().cold || other().cold) && !Link<Stream, WaitingForThread>::linked() && !has_thread_) {
    on_thread();  // its other piece waited for this one's thread
  }
  if (!wanted) return free_unless_lent();
  if (state_ == State::reading && &piece == &this->piece()) {
    if (failed) return fail();
    become(State::ready);
    become_due();
  } else if (failed) {
    drop_read_ahead();  // next() meets the same and says so
  }
  disk_.serve_streams();
}

// Its read is over, or is not going to happen.
void Stream::end_read(Piece& piece) {
  CHECK(piece.reading && !piece.lent);
  piece.reading = piece.cold = false;
  const bool waits = this->piece().cold || other().cold;
  if (Link<Stream, WaitingForThread>::linked() && !waits) static_cast<Link<Stream, WaitingForThread>*>(this)->unlink();
  disk_.reading_bytes_ -= piece.wanted;
  disk_.give_place();
}

void Stream::hand_over() {
  if (piece().first + piece().filled == end_) {
    if (file_->foreign() && !looked_) return look();
    if (!file_->held_still()) return fail();
  }
  become(State::with_client);
  disk_.with_clients_.push_back(*this);
  handed_over_ms_ = disk_.clock_.monotonic_ms;
  memory_wanted_ = false;
  ++disk_.counters_.stream_pieces;
  disk_.spent_bytes_ += piece().filled;
  if (slow_) read_ahead();
  client_->on_piece({piece().memory.data(), piece().filled});
}

// Only where nobody goes short for it: two pieces for each download make a hot one slower, and a crowd of them wait.
void Stream::read_ahead() {
  const uint64_t first = piece().first + piece().filled;
  if (file_->foreign() || first == end_ || !other().memory.empty() || !disk_.may_read_ahead()) return;
  if (!begin_read(other(), first)) return;
  disk_.ahead_.push_back(*this);
  ++disk_.counters_.read_ahead;
}

void Stream::drop_read_ahead() {
  Piece& ahead = other();
  if (ahead.memory.empty() || ahead.unwanted) return;
  static_cast<Link<Stream, ReadAhead>*>(this)->unlink();
  let_go(ahead);
}

void Stream::let_go(Piece& piece) {
  if (piece.lent) {
    piece.unwanted = true;
    return;
  }
  if (piece.reading) end_read(piece);
  release(piece);
}

void Stream::ask_turn(size_t bytes) {
  CHECK(state_ == State::with_client);
  asked_bytes_ = bytes;
  become_due();
  disk_.serve_streams();
}

void Stream::sent_all() { give_back(piece().filled); }

void Stream::give_back(size_t bytes) {
  CHECK(bytes <= piece().filled);
  if (bytes < piece().filled) drop_read_ahead();
  become(State::idle);
  if (Link<Stream, Due>::linked()) static_cast<Link<Stream, Due>*>(this)->unlink();
  static_cast<Link<Stream, WithClient>*>(this)->unlink();
  position_ += bytes;
  release(piece());
  disk_.serve_streams();
}

void Stream::release(Piece& piece) {
  CHECK(!piece.lent);
  disk_.memory_.give_back(piece.memory);
  piece = {};
}

// --- turns ---

void Stream::become_due() { disk_.due_.push_back(*this); }

void Stream::act() {
  switch (state_) {
    case State::ready: return hand_over();
    case State::referring: return refer();
    case State::with_client: disk_.spent_bytes_ += asked_bytes_; return client_->on_turn();
    case State::idle:
    case State::in_line:
    case State::reading:
    case State::blocked: CHECK(false);
  }
}

// The stream is due again when the file system has answered.
void Stream::look() {
  ++lent_;
  disk_.ring_.look(file_->descriptor(), status_, tag(Step::look));
}

void Stream::on_looked(int result) {
  if (!client_) return free_unless_lent();
  if (result < 0 || !file_->held_still(uring::Ring::attributes_from(status_))) return fail();
  looked_ = true;
  become_due();
  disk_.serve_streams();
}

void Stream::fail() {
  become(State::idle);
  if (!piece().memory.empty()) release(piece());
  ++disk_.counters_.stream_failures;
  client_->on_stream_failed();
}

// --- by reference ---

void Stream::install(uring::Direct socket) {
  by_reference_ = true;
  direct_ = socket;
  ++lent_;
  disk_.ring_.install(socket, tag(Step::install));
}

void Stream::on_installed(int result) {
  if (result >= 0 && (!client_ || !disk_.transfer().prepare(result))) {
    disk_.ring_.close_file(result);
    result = -EBADF;
  }
  if (!client_) return free_unless_lent();
  if (result >= 0) {
    socket_ = result;
    if (state_ == State::referring) become_due();
  } else {
    by_reference_ = false;
    if (state_ == State::referring) line_up();
  }
  disk_.serve_streams();
}

void Stream::refer() {
  const uint64_t until = std::min<uint64_t>(end_, (position_ / OpenFile::stretch_bytes + 1) * OpenFile::stretch_bytes);
  const auto wanted = static_cast<size_t>(until - position_);
  if (!file_->resident(disk_.transfer(), position_, wanted, disk_.clock_.monotonic_ms)) {
    line_up();
    return client_->on_reading();
  }
  if (until == end_) {
    if (file_->foreign() && !looked_) return look();
    if (!file_->held_still()) return fail();
  }
  const Transferred sent = disk_.transfer().send(file_->descriptor(), position_, wanted, socket_);
  position_ += sent.bytes;
  disk_.spent_bytes_ += sent.bytes;
  disk_.counters_.referred_bytes += sent.bytes;
  if (sent.end == Transferred::End::broken) return fail();
  if (finished()) {
    become(State::idle);
  } else if (sent.bytes < wanted) {
    become(State::blocked);
    poll_lent_ = true;
    ++lent_;
    disk_.ring_.poll_writable(direct_, tag(Step::poll));
  } else {
    become_due();
  }
  client_->on_referred(sent.bytes);  // *this may be gone
}

void Stream::on_writable() {
  poll_lent_ = false;
  if (!client_) return free_unless_lent();
  become(State::referring);
  become_due();
  disk_.serve_streams();
}

// --- the end ---

void Stream::abandon() {
  CHECK(client_);
  client_ = nullptr;
  if (Link<Stream, Due>::linked()) static_cast<Link<Stream, Due>*>(this)->unlink();
  if (state_ == State::in_line) leave_line();
  if (state_ == State::with_client) static_cast<Link<Stream, WithClient>*>(this)->unlink();
  if (state_ != State::idle) become(State::idle);
  drop_read_ahead();
  if (!piece().memory.empty()) let_go(piece());
  if (poll_lent_) {
    ++lent_;
    disk_.ring_.cancel(tag(Step::poll), tag(Step::cancel));
  }
  if (socket_ >= 0) disk_.ring_.close_file(std::exchange(socket_, -1));
  free_unless_lent();
}

void Stream::free_unless_lent() {
  Disk& disk = disk_;
  if (!client_ && lent_ == 0) disk.streams_.release(*this);
  disk.serve_streams();
}

}  // namespace uringd::disk
