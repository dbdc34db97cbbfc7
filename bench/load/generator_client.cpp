// See generator_client.hpp; what happens on a connection is in generator_events.cpp.
#include "generator_client.hpp"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <algorithm>
#include <ctime>

namespace uringd::load {

namespace {

constexpr int64_t second_ns = 1'000'000'000;
constexpr int64_t tick_ns = 10'000'000;  // how often it looks around at least
constexpr size_t most_connecting = 256;  // at once: below the backlog of every server

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * double(time.tv_usec); };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// With --once each target is asked for once, or, of a single one, once by each connection.
uint64_t most_requests(const Options& options) {
  if (!options.once) return 0;
  return options.listed ? options.targets.size() : options.connections * uint64_t{options.depth};
}

sockaddr_in server_address(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

int64_t clock_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second_ns + time.tv_nsec;
}

Client::Client(const Options& options)
    : options_{options},
      rules_{.statuses = options.statuses,
             .expected = options.expected ? &*options.expected : nullptr,
             .last_text = {},
             .last_head = {}},
      requests_{options.targets, options.fields, options.close, options.order, most_requests(options)},
      ring_{options.connections, server_address(options.port)},
      connections_(options.connections),
      patience_ns_{static_cast<int64_t>(options.patience_seconds * double(second_ns))} {}

Tally Client::run() {
  now_ns_ = clock_ns();
  connect_all();
  uint64_t enters_before = ring_.enters();
  double cpu_before = cpu_seconds();
  started_ = true;
  start_ns_ = progress_ns_ = now_ns_ = clock_ns();
  end_ns_ = start_ns_ + static_cast<int64_t>(options_.seconds * double(second_ns));
  planned_ = static_cast<uint64_t>(options_.seconds * options_.rate);
  next_due_ns_ = start_ns_;
  while (!finished()) {
    ask_due();
    poll(wait_ns());
  }
  if (options_.rate > 0) count_unanswered();
  tally_.seconds = static_cast<double>(now_ns_ - start_ns_) / double(second_ns);
  tally_.enters = ring_.enters() - enters_before;
  tally_.cpu_seconds = cpu_seconds() - cpu_before;
  return tally_;
}

/// Before the time starts, so that it is not spent on connecting. Who cannot be reached is tried again later.
void Client::connect_all() {
  if (options_.close) {
    for (Index index = 0; index != connections_.size(); ++index) on_idle(index);
    return;
  }
  int64_t until = now_ns_ + std::min(patience_ns_, 10 * second_ns);
  Index next = 0;
  while (opened_ < connections_.size() && now_ns_ < until) {
    while (next < connections_.size() && next < opened_ + most_connecting) connect(next++);
    poll(tick_ns);
    if (!broken_.empty() && opened_ == 0) break;  // nobody is there
  }
  for (; next < connections_.size(); ++next) broken_.push_back(next);
}

bool Client::finished() const {
  bool ended = requests_.ended() && in_flight_ == 0;
  if (options_.rate > 0) {
    if (now_ns_ >= end_ns_ + patience_ns_) return true;
    return now_ns_ >= end_ns_ && (ended || (asked_ == planned_ && in_flight_ == 0));
  }
  if (options_.timed && now_ns_ >= end_ns_) return true;
  // Without an end in time: a server that nobody can reach ends it.
  return ended || (!options_.timed && in_flight_ == 0 && now_ns_ > progress_ns_ + patience_ns_);
}

int64_t Client::wait_ns() const {
  int64_t until = now_ns_ + (broken_.empty() ? tick_ns : tick_ns / 10);
  if (options_.timed && now_ns_ < end_ns_) until = std::min(until, end_ns_);
  if (options_.rate > 0 && asked_ < planned_ && !idle_.empty()) until = std::min(until, next_due_ns_);
  return std::max<int64_t>(until - clock_ns(), 0);
}

bool Client::may_ask() const {
  if (!started_ || requests_.ended()) return false;
  return options_.rate == 0 || (asked_ < planned_ && next_due_ns_ <= now_ns_);
}

void Client::ask_due() {
  if (options_.rate > 0) now_ns_ = clock_ns();
  while (!idle_.empty() && may_ask()) {
    Index index = idle_.front();
    idle_.pop_front();
    connections_[index].queued = false;
    bool usable = options_.close || connections_[index].state() == Connection::State::open;
    if (usable) ask(index);
  }
}

void Client::ask(Index index) {
  Connection& connection = connections_[index];
  Requests::Batch batch = requests_.next(options_.depth);
  connection.due_ns = now_ns_;
  if (options_.rate > 0) {
    connection.due_ns = next_due_ns_;
    // A question that waited for a connection was late through the server, not through us.
    if (connection.free_ns <= next_due_ns_) tally_.late.add(now_ns_ - next_due_ns_);
    next_due_ns_ = due_of(++asked_);
  }
  connection.owed = batch.count;
  connection.heard_ns = now_ns_;
  ++in_flight_;
  connection.request = batch.bytes;
  if (batch.composed) connection.request = connection.composed = batch.bytes;
  if (connection.state() == Connection::State::open) {
    ring_.send(connection.socket(), connection.request, connection.tag(index));
  } else {
    connect(index);
  }
}

int64_t Client::due_of(uint64_t question) const {
  return start_ns_ + static_cast<int64_t>(double(question) * double(second_ns) / options_.rate);
}

/// What was due and did not come took at least as long as it is due now.
void Client::count_unanswered() {
  for (const Connection& connection : connections_) {
    if (connection.owed == 0) continue;
    ++tally_.unanswered;
    tally_.latency.add(now_ns_ - connection.due_ns);
  }
  if (requests_.ended()) return;
  for (; asked_ < planned_; ++asked_) {
    ++tally_.unanswered;
    tally_.latency.add(now_ns_ - due_of(asked_));
  }
}

}  // namespace uringd::load
