// A stream in the order in which it happens: line up, read, look, hand over, let go; or refer to pages in memory.
#include "uringd/disk/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/failure.hpp"

namespace uringd::disk {

Stream::Stream(Disk& disk, OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client)
    : disk_(disk), file_(std::move(file)), client_(&client), position_(first), end_(first + length) {
  CHECK(first <= end_ && end_ <= file_->attributes().size_bytes);
}

void Stream::become(State state) {
  constexpr auto bit = [](State from) { return 1U << static_cast<unsigned>(from); };
  constexpr unsigned legal[] = {
      /* idle        */ ~bit(State::idle),
      /* in_line     */ bit(State::idle) | bit(State::referring) | bit(State::reading),
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

// What it does may end with its client's leaving: it stays until the completion is dealt with.
void Stream::on_completion(const uring::Completion& completion) {
  CHECK(lent_ > 0);
  switch (static_cast<Step>(completion.tag.step)) {
    case Step::read_even:
    case Step::read_odd: on_read(pieces_[completion.tag.step], completion.result); break;
    case Step::install: on_installed(completion.result); break;
    case Step::poll: on_writable(); break;
    case Step::cancel: break;
    case Step::look: on_looked(completion.result); break;
  }
  CHECK(lent_ > 0);
  --lent_;
  free_unless_lent();
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

// What is not in memory needs a kernel thread before it needs a buffer: who waits for one holds up nobody and nothing,
// and nobody keeps one while waiting for a place or a buffer (a fetch may hold the last place and wait for it).
bool Stream::try_read() {
  CHECK(state_ == State::in_line);
  if (!cold_ && probably_cached(position_)) {
    const Copied copied = copy_now();
    if (copied != Copied::not_there) return copied == Copied::done;
  }
  if (!disk_.take_thread(file_->site(), Work::read)) {
    leave_line();
    disk_.line_for(file_->site(), Work::read).streams.push_back(*this);
    return true;
  }
  if (!begin_read(piece(), position_)) {
    disk_.put_back_thread(file_->site(), Work::read);
    return false;
  }
  leave_line();
  become(State::reading);
  return true;
}

// By reference it was looked for a moment ago, and was not there.
bool Stream::probably_cached(uint64_t first) {
  const size_t wanted = std::min<uint64_t>(disk_.options_.stream_piece_bytes, end_ - first);
  return by_reference_ ? disk_.by_evidence_cached(file_->descriptor(), first, wanted)
                       : disk_.probably_cached(file_->descriptor(), first, wanted);
}

// What is in memory is copied by a plain system call and handed over in the same turn: no trip through the ring between
// read and send. Smaller pieces would stay in the core's cache until the kernel copies them once more, and lose all the
// same: 256 KiB took 69.7 us in one piece, 85 in two and 93 in four, because each send wakes the client. What was not
// there after all stays in line.
Stream::Copied Stream::copy_now() {
  const std::span<char> memory =
      disk_.memory_.lease(std::min<uint64_t>(disk_.options_.stream_piece_bytes, end_ - position_));
  if (memory.empty()) return Copied::no_memory;
  const size_t wanted = std::min<uint64_t>(memory.size(), end_ - position_);
  const int result = disk_.ring_.read_cached(file_->descriptor(), memory.first(wanted), position_);
  if (result == -EAGAIN || result == -EOPNOTSUPP || result == -EINTR) {
    disk_.memory_.give_back(memory);
    disk_.was_cold();
    cold_ = true;
    return Copied::not_there;
  }
  leave_line();
  become(State::reading);
  piece() = {.memory = memory, .first = position_, .wanted = wanted};
  if (result <= 0) {  // an error, or the file ends before it should
    if (result < 0) disk_.warn("a download", -result);
    fail(result < 0 ? classify(-result).status : 503);
    return Copied::done;
  }
  piece().filled = static_cast<size_t>(result);
  disk_.spent_bytes_ += piece().filled;
  slow_ = false;
  become(State::ready);
  hand_over();
  return Copied::done;  // *this may be gone
}

bool Stream::on_thread() {
  if (wants_look_) {
    look();
    return true;
  }
  CHECK(state_ == State::in_line);
  CHECK(disk_.take_thread(file_->site(), Work::read));
  if (!begin_read(piece(), position_)) {
    disk_.put_back_thread(file_->site(), Work::read);
    cold_ = true;
    disk_.line_.push_back(*this);
    ++disk_.in_line_;
    return false;
  }
  become(State::reading);
  return true;
}

// By a kernel's thread, which was taken for it.
bool Stream::begin_read(Piece& piece, uint64_t first) {
  CHECK(piece.memory.empty());
  const std::span<char> memory =
      disk_.memory_.lease(std::min<uint64_t>(disk_.options_.stream_piece_bytes, end_ - first));
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
  ++disk_.counters_.cold_reads;
  cold_ = false;
  disk_.spent_bytes_ += piece.wanted;
  submit_read(piece);
  return true;
}

void Stream::submit_read(Piece& piece) {
  CHECK(!piece.lent);
  piece.lent = true;
  ++lent_;
  disk_.ring_.read(file_->descriptor(), piece.memory.subspan(piece.filled, piece.wanted - piece.filled),
                   piece.first + piece.filled, uring::Walk::in_thread,
                   tag(&piece == pieces_.data() ? Step::read_even : Step::read_odd));
}

void Stream::on_read(Piece& piece, int result) {
  CHECK(piece.lent);
  piece.lent = false;
  const bool wanted = client_ && !piece.unwanted;
  constexpr uint8_t most_interruptions = 100;  // a disk that says nothing else
  const bool interrupted = (result == -EINTR || result == -EAGAIN) && ++piece.interruptions < most_interruptions;
  const bool failed = result <= 0 && !interrupted;  // an error, or the file ends before it should
  if (wanted && result < 0 && failed) disk_.warn("a download", -result);
  if (result > 0) piece.filled += static_cast<size_t>(result);
  CHECK(piece.filled <= piece.wanted);
  if (wanted && !failed && piece.filled < piece.wanted) return submit_read(piece);
  slow_ = disk_.was_slow(piece.begun_turn);
  end_read(piece);
  if (!wanted) {
    release(piece);
    return free_unless_lent();
  }
  if (state_ == State::reading && &piece == &this->piece()) {
    if (failed) return fail(result < 0 ? classify(-result).status : 503);
    become(State::ready);
    become_due();
  } else if (failed) {
    drop_read_ahead();  // next() meets the same and says so
  }
  disk_.serve_streams();
}

void Stream::end_read(Piece& piece) {
  CHECK(piece.reading && !piece.lent);
  piece.reading = false;
  disk_.give_thread(file_->site(), Work::read);
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

// Only of what is not in memory, and where nobody goes short for it: a crowd would wait for two pieces each.
void Stream::read_ahead() {
  const uint64_t first = piece().first + piece().filled;
  if (file_->foreign() || first == end_ || !other().memory.empty() || !disk_.may_read_ahead()) return;
  if (probably_cached(first) || !disk_.take_thread(file_->site(), Work::read)) return;
  if (!begin_read(other(), first)) return disk_.put_back_thread(file_->site(), Work::read);
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
  CHECK(!piece.reading);  // who reads has lent it
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
  wants_look_ = !disk_.take_thread(file_->site(), Work::open);
  if (wants_look_) return disk_.line_for(file_->site(), Work::open).streams.push_back(*this);
  ++lent_;
  disk_.ring_.look(file_->descriptor(), status_, tag(Step::look));
}

void Stream::on_looked(int result) {
  disk_.give_thread(file_->site(), Work::open);
  if (!client_) return free_unless_lent();
  if (result < 0 || !file_->held_still(uring::Ring::attributes_from(status_))) return fail();
  looked_ = true;
  become_due();
  disk_.serve_streams();
}

void Stream::fail(int status) {
  become(State::idle);
  if (!piece().memory.empty()) release(piece());
  ++disk_.counters_.stream_failures;
  client_->on_stream_failed(status);
}

// --- the end ---

void Stream::abandon() {
  CHECK(client_);
  client_ = nullptr;
  if (Link<Stream, Due>::linked()) static_cast<Link<Stream, Due>*>(this)->unlink();
  if (Link<Stream, WaitingForThread>::linked()) {
    static_cast<Link<Stream, WaitingForThread>*>(this)->unlink();
  } else if (state_ == State::in_line) {
    leave_line();
  }
  if (state_ == State::with_client) static_cast<Link<Stream, WithClient>*>(this)->unlink();
  if (state_ != State::idle) become(State::idle);
  drop_read_ahead();
  if (!piece().memory.empty()) let_go(piece());
  if (poll_lent_) {
    ++lent_;
    disk_.ring_.cancel(tag(Step::poll), tag(Step::cancel));
  }
  if (socket_ >= 0 && disk_.sockets_.find(direct_) != socket_) disk_.ring_.close_file(socket_);
  free_unless_lent();
}

void Stream::free_unless_lent() {
  Disk& disk = disk_;
  if (!client_ && lent_ == 0) {
    const uint32_t site = file_->site();
    disk.streams_.release(*this);
    disk.held_.remove(site);
  }
  disk.serve_streams();
}

}  // namespace uringd::disk
