// What happens on the client's connections: completions, answers, ends, and what was waited for in vain. See
// generator_client.hpp.
#include <algorithm>
#include <cerrno>

#include "generator_client.hpp"

namespace uringd::load {

namespace {

constexpr uint64_t most_dropped = 4 << 20;  // by one receive
constexpr unsigned most_head = 4 << 10;     // with --drop: a head, and no more of the body than comes along
constexpr unsigned most_sources = 64;
constexpr int64_t retry_ns = 1'000'000;   // the pause before a broken connection is made anew
constexpr int64_t look_ns = 100'000'000;  // how often timeouts are looked for

}  // namespace

void Client::poll(int64_t timeout_ns) {
  bool woken = false;
  ring_.wait(timeout_ns, [this, &woken](const io_uring_cqe& cqe, std::string_view bytes) {
    if (!woken) now_ns_ = clock_ns();  // when this round was reaped
    woken = true;
    on_completion(cqe, bytes);
  });
  if (!woken) now_ns_ = clock_ns();
  if (!broken_.empty() && now_ns_ - retried_ns_ >= retry_ns) retry_broken();
  if (now_ns_ - looked_ns_ >= look_ns) look_for_timeouts();
}

void Client::on_completion(const io_uring_cqe& cqe, std::string_view bytes) {
  Tag tag = Tag::of(cqe.user_data);
  Connection& connection = connections_[tag.index];
  if (!connection.is_now(tag)) return;
  switch (tag.kind) {
    case Kind::connect: return on_connect(tag.index, cqe.res);
    case Kind::send: return cqe.res < 0 ? on_broken(tag.index) : void();
    case Kind::receive: return on_receive(tag.index, cqe, bytes);
    case Kind::drop: connection.receiving = false; return on_dropped(tag.index, cqe.res);
    case Kind::close: return;
  }
}

void Client::on_connect(Index index, int result) {
  Connection& connection = connections_[index];
  if (result == -EADDRNOTAVAIL && try_other_source()) {
    unsigned owed = connection.owed;
    hang_up(index);
    connection.owed = owed;
    return connect(index);
  }
  if (result < 0) return on_broken(index);
  connection.opened();
  if (connection.owed > 0) return;  // the request and a receive are chained to it
  ++opened_;
  arm_receive(index);
  on_idle(index);
}

void Client::on_receive(Index index, const io_uring_cqe& cqe, std::string_view bytes) {
  Connection& connection = connections_[index];
  bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  connection.receiving = more;
  if (cqe.res <= 0 && cqe.res != -ENOBUFS) return on_broken(index);
  Tag tag = connection.tag(index);
  if (!bytes.empty()) on_bytes(index, bytes);
  // Out of buffers: those of this round are back before the new receive is handed over.
  if (!more && connection.is_now(tag)) arm_receive(index);
}

void Client::arm_receive(Index index) {
  Connection& connection = connections_[index];
  if (connection.receiving) return;
  connection.receiving = true;
  if (!options_.drop && !options_.close) return ring_.receive_all(connection.socket(), connection.tag(index));
  uint64_t left = options_.drop ? std::min(connection.reader.body_left(), most_dropped) : 0;
  if (left == 0) return ring_.receive_some(connection.socket(), options_.drop ? most_head : 0, connection.tag(index));
  ring_.drop(connection.socket(), static_cast<unsigned>(left), connection.tag(index));
}

void Client::on_bytes(Index index, std::string_view bytes) {
  Connection& connection = connections_[index];
  connection.heard_ns = now_ns_;
  if (connection.owed == 0) return on_broken(index);  // unasked, as a 408 before the server closes
  AnswerReader& reader = connection.reader;
  while (!bytes.empty() && connection.owed > 0) {
    AnswerReader::Progress progress = reader.take(bytes, rules_, tally_.bytes);
    if (progress == AnswerReader::Progress::broken) return on_broken(index);
    if (progress == AnswerReader::Progress::more) return;
    on_answer(connection);
    if (reader.head().close && connection.owed > 0) return on_broken(index);
  }
  if (!bytes.empty()) {
    connection.owed = 1;  // more than was asked for: the question was not answered properly
    return on_broken(index);
  }
  if (connection.owed == 0) on_batch_end(index);
}

void Client::on_dropped(Index index, int result) {
  if (result <= 0) return on_broken(index);
  Connection& connection = connections_[index];
  connection.heard_ns = now_ns_;
  tally_.bytes += static_cast<uint64_t>(result);
  Tag tag = connection.tag(index);
  if (connection.reader.drop(static_cast<uint64_t>(result)) == AnswerReader::Progress::whole) {
    on_answer(connection);
    on_batch_end(index);
  }
  if (connection.is_now(tag)) arm_receive(index);
}

void Client::on_answer(Connection& connection) {
  ++tally_.requests;
  ++tally_.statuses[static_cast<size_t>(connection.reader.head().status)];
  if (!connection.reader.right()) ++tally_.wrong;
  tally_.latency.add(now_ns_ - connection.due_ns);
  progress_ns_ = now_ns_;
  --connection.owed;
}

void Client::on_batch_end(Index index) {
  Connection& connection = connections_[index];
  --in_flight_;
  bool closes = connection.reader.head().close;
  if (options_.close || closes) hang_up(index);
  if (closes && !options_.close) {
    ++tally_.reconnects;
    return connect(index);
  }
  on_idle(index);
}

void Client::on_idle(Index index) {
  Connection& connection = connections_[index];
  connection.free_ns = now_ns_;
  if (idle_.empty() && may_ask()) return ask(index);
  if (!connection.queued) idle_.push_back(index);
  connection.queued = true;
}

void Client::on_broken(Index index) {
  Connection& connection = connections_[index];
  if (connection.owed > 0) --in_flight_;
  bool idle = connection.owed == 0 && connection.state() == Connection::State::open;
  ++(idle ? tally_.reconnects : tally_.failures);
  hang_up(index);
  broken_.push_back(index);
}

void Client::hang_up(Index index) {
  Tag tag = connections_[index].tag(index);
  int socket = connections_[index].hang_up();
  if (socket >= 0) ring_.close(socket, tag);
}

bool Client::try_other_source() {
  source_ = (source_ + 1) % most_sources;
  return source_ != 0;
}

/// With what it is to ask for, where it owes that already.
void Client::connect(Index index) {
  Connection& connection = connections_[index];
  connection.heard_ns = now_ns_;
  if (!connection.open_socket(source_)) return on_broken(index);
  if (connection.owed == 0) {
    ring_.connect(connection.socket(), connection.tag(index));
    return;
  }
  connection.receiving = true;
  ring_.connect_and_ask(connection.socket(), connection.request, connection.tag(index));
}

void Client::retry_broken() {
  retried_ns_ = now_ns_;
  std::vector<Index> all;
  all.swap(broken_);
  for (Index index : all) options_.close ? on_idle(index) : connect(index);
}

void Client::look_for_timeouts() {
  looked_ns_ = now_ns_;
  for (Index index = 0; index != connections_.size(); ++index) {
    Connection& connection = connections_[index];
    bool waits = connection.owed > 0 || connection.state() == Connection::State::connecting;
    if (!waits || now_ns_ - connection.heard_ns < patience_ns_) continue;
    if (connection.owed == 0) {
      on_broken(index);
      continue;
    }
    ++tally_.timeouts;
    tally_.latency.add(now_ns_ - connection.due_ns);
    --in_flight_;
    hang_up(index);
    broken_.push_back(index);
  }
}

}  // namespace uringd::load
