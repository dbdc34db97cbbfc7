// The other half of a stream: pages that go to the socket by reference, where they are in memory.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "uringd/base/check.hpp"
#include "uringd/disk/disk.hpp"
#include "uringd/disk/stream.hpp"

namespace uringd::disk {

void Stream::install(uring::Direct socket) {
  by_reference_ = true;
  direct_ = socket;
  socket_ = disk_.sockets_.find(socket);
  if (socket_ >= 0) return;
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
    disk_.sockets_.keep(direct_, result);
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
  constexpr uint64_t believed_ms = 100;  // of one stretch, while the socket takes it bit by bit
  if (position_ >= resident_until_ || disk_.clock_.monotonic_ms - resident_seen_ms_ >= believed_ms) {
    if (!file_->resident(disk_.transfer(), position_, wanted, disk_.clock_.monotonic_ms)) {
      line_up();
      return client_->on_reading();
    }
    resident_until_ = until;
    resident_seen_ms_ = disk_.clock_.monotonic_ms;
  }
  if (until == end_) {
    if (file_->foreign() && !looked_) return look();
    if (!file_->held_still()) return fail();
  }
  const Transferred sent =
      disk_.transfer().send(client_->before_pages(), file_->descriptor(), position_, wanted, socket_);
  position_ += sent.bytes;
  disk_.spent_bytes_ += sent.bytes;
  disk_.counters_.referred_bytes += sent.bytes;
  if (sent.end == Transferred::End::broken) {
    client_->on_referred(sent.before, 0);  // what has begun cannot be another answer
    return fail();
  }
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
  client_->on_referred(sent.before, sent.bytes);  // *this may be gone
}

void Stream::on_writable() {
  poll_lent_ = false;
  if (!client_) return free_unless_lent();
  become(State::referring);
  become_due();
  disk_.serve_streams();
}

}  // namespace uringd::disk
