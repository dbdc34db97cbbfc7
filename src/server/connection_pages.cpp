// Bodies of cache entries that lie in pages of their own (cache/entry) go to the socket by reference, with sendfile(2):
// a plain system call, which does not wait, because the ring's splices need a pipe and a thread. It takes a descriptor
// of the socket, which a connection is given when it asks for such a body a second time, and keeps for its next answers
// (disk/installed_sockets). At the end of a turn: what follows on the connection begins with the next one.
#include <algorithm>

#include "connection.hpp"
#include "uringd/base/check.hpp"

namespace uringd::server {
namespace {

constexpr size_t worth_referring_bytes = cache::Entry::worth_paging_bytes;
constexpr size_t most_bytes = size_t{512} << 10;  // of one connection in one turn

}  // namespace

// Whether what is left goes by reference; where only the descriptor is missing, the next answer may have it.
bool Connection::refers() {
  const Output::Rest& rest = talk_->rest;
  if (!context_.pages || rest.span_bytes < worth_referring_bytes || close_submitted_) return false;
  if (!context_.pages->has(static_cast<const char*>(rest.parts[rest.count - 1].iov_base))) return false;
  if (context_.disk.descriptor_of(socket_) >= 0) return true;
  if (requests_ > 1 && !close_after_ && !installing_ && context_.disk.may_install()) {
    installing_ = true;
    ++lent_;
    context_.ring.install(socket_, tag(Step::install));
  }
  return false;
}

void Connection::on_installed(int descriptor) {
  installing_ = false;
  if (descriptor < 0) return;
  if (state_ == State::closing || close_submitted_) return context_.ring.close_file(descriptor);
  context_.disk.keep_descriptor(socket_, descriptor);
}

size_t Connection::send_pages() {
  if (state_ != State::sending) return 0;
  const int descriptor = context_.disk.descriptor_of(socket_);
  CHECK(!send_lent_ && descriptor >= 0 && talk_->output.pinned());
  const Output::Rest rest = talk_->output.rest();
  const iovec& body = rest.parts[rest.count - 1];
  const size_t before = rest.bytes - rest.span_bytes;
  const size_t bytes = std::min(rest.span_bytes, most_bytes);
  talk_->output.pinned()->set_referred();
  const disk::Transferred sent = context_.disk.transfer().send(
      {static_cast<const char*>(rest.parts[0].iov_base), before}, context_.pages->descriptor(),
      context_.pages->offset_of(static_cast<const char*>(body.iov_base)), bytes, descriptor);
  if (sent.end == disk::Transferred::End::broken) {
    ++context_.counters.aborted;
    begin_close();
    return 0;
  }
  const size_t total = sent.before + sent.bytes;
  if (total > 0) {
    on_sent(total);
    if (talk_->output.sent(total)) {
      on_sent_all();
      return total;
    }
  }
  if (sent.bytes == bytes) {
    context_.referrers.push_back(tag(Step::send));
    return total;
  }
  poll_lent_ = true;
  ++lent_;
  context_.ring.poll_writable(socket_, tag(Step::poll));
  return total;
}

}  // namespace uringd::server
