// A stream in the order in which it happens: line up, read, look, hand over, let go.
#include "uringd/disk/stream.hpp"

#include <algorithm>
#include <cerrno>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"

namespace uringd::disk {

Stream::Stream(Disk& disk, OpenFileRef file, uint64_t first, uint64_t length, StreamClient& client)
    : disk_(disk), file_(std::move(file)), client_(&client), position_(first), end_(first + length) {
  CHECK(first <= end_ && end_ <= file_->attributes().size_bytes);
}

void Stream::become(State state) {
  const bool legal = state == State::idle      ? state_ != State::idle
                     : state == State::in_line ? state_ == State::idle
                     : state == State::reading ? state_ == State::in_line
                                               : state_ == State::reading;
  CHECK(legal);
  state_ = state;
}

void Stream::next() {
  CHECK(!finished());
  become(State::in_line);
  disk_.line_.push_back(*this);
  ++disk_.in_line_;
  disk_.resume_streams();
}

void Stream::leave_line() {
  static_cast<Link<Stream, WaitingInLine>*>(this)->unlink();
  --disk_.in_line_;
}

bool Stream::try_read() {
  CHECK(state_ == State::in_line);
  piece_ = disk_.memory_.lease(std::min<uint64_t>(disk_.options_.stream_piece_bytes, end_ - position_));
  if (piece_.empty()) return false;
  if (!disk_.take_place()) {
    release_piece();
    return false;
  }
  leave_line();
  become(State::reading);
  filled_ = 0;
  wanted_ = std::min<uint64_t>(piece_.size(), end_ - position_);
  submit_read();
  return true;
}

void Stream::submit_read() {
  CHECK(!lent_);
  lent_ = true;
  disk_.ring_.read(file_->descriptor(), piece_.subspan(filled_, wanted_ - filled_), position_ + filled_,
                   {uring::Kind::stream, 0, disk_.streams_.slot_of(*this), disk_.streams_.generation_of(*this)});
}

void Stream::on_completion(const uring::Completion& completion) {
  CHECK(lent_ && state_ == State::reading);
  lent_ = false;
  if (!client_) {
    become(State::idle);
    release_piece();
    Disk& disk = disk_;
    disk.streams_.release(*this);
    return disk.give_place();
  }
  const bool interrupted = completion.result == -EINTR || completion.result == -EAGAIN;
  if (completion.result < 0 && !interrupted) disk_.warn("a download", -completion.result);
  if (completion.result <= 0 && !interrupted) return fail();  // an error, or the file ends before it should
  if (!interrupted) filled_ += static_cast<size_t>(completion.result);
  CHECK(filled_ <= wanted_);
  if (filled_ < wanted_) return submit_read();
  if (position_ + filled_ == end_ && !file_->held_still()) return fail();
  hand_over();
}

void Stream::hand_over() {
  become(State::with_client);
  disk_.with_clients_.push_back(*this);
  handed_over_ms_ = disk_.clock_.monotonic_ms;
  memory_wanted_ = false;
  ++disk_.counters_.stream_pieces;
  disk_.give_place();
  client_->on_piece({piece_.data(), filled_});
}

void Stream::fail() {
  become(State::idle);
  release_piece();
  ++disk_.counters_.stream_failures;
  disk_.give_place();
  client_->on_stream_failed();
}

void Stream::sent_all() { give_back(filled_); }

void Stream::give_back(size_t bytes) {
  CHECK(bytes <= filled_);
  become(State::idle);
  static_cast<Link<Stream, WithClient>*>(this)->unlink();
  position_ += bytes;
  release_piece();
  disk_.resume_streams();
}

void Stream::release_piece() {
  if (!piece_.empty()) disk_.memory_.give_back(std::exchange(piece_, {}));
}

void Stream::abandon() {
  CHECK(client_);
  client_ = nullptr;
  if (state_ == State::reading) return;  // on_completion frees it
  if (state_ == State::in_line) {
    leave_line();
    become(State::idle);
  }
  if (state_ == State::with_client) give_back(0);
  disk_.streams_.release(*this);
}

}  // namespace uringd::disk
