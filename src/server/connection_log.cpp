// What a connection counts in the end, and tells the access log: a line when an answer is composed; for one that lasts
// (a download, several ranges, a body that no single send takes) when it ends, with the bytes that were really sent.
#include <algorithm>
#include <array>
#include <utility>

#include "connection.hpp"
#include "uringd/http/negotiate.hpp"

namespace uringd::server {
namespace {

// Up to here one send takes the answer whole, or the connection breaks.
constexpr uint64_t whole_bytes = 16384;
constexpr size_t version_bytes = std::string_view(" HTTP/1.1").size();

std::string_view cache_text(CacheResult result) {
  static constexpr std::array<std::string_view, 6> texts = {"bypass", "hit", "stale", "miss", "miss", "overlay"};
  return texts[static_cast<size_t>(result)];
}

uint64_t between(uint64_t from_ns, uint64_t to_ns) { return from_ns != 0 && to_ns > from_ns ? to_ns - from_ns : 0; }

// As it came: what stands before its line end, or all that came of it.
std::string_view first_line(std::span<const char> head) {
  std::string_view text(head.data(), head.size());
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  return text.substr(0, std::min({text.find_first_of("\r\n"), log::AccessFormatter::most_line_bytes}));
}

// "GET /path HTTP/1.1" into its parts; a line of another shape stays whole.
void split_line(log::AccessRecord& record) {
  const std::string_view line = record.request_line;
  constexpr std::string_view version = " HTTP/1.";
  const size_t method = line.find(' ');
  const size_t end = line.rfind(version);
  if (end == line.npos || end + version_bytes != line.size() || method == 0 || method >= end) return;
  const std::string_view target = line.substr(method + 1, end - method - 1);
  if (target.empty() || target.contains(' ') || (line.back() != '0' && line.back() != '1')) return;
  record.method = line.substr(0, method);
  record.target = target;
  record.minor_version = static_cast<uint8_t>(line.back() - '0');
}

}  // namespace

void Connection::fill_times(log::AccessRecord& record) const {
  const Exchange& exchange = talk_->exchange;
  record.status = exchange.status;
  record.encoding = http::coding_name(exchange.coding);
  record.body_bytes = exchange.body_bytes;
  record.duration_ns = between(exchange.accepted_ns, context_.clock.monotonic_ns);
  record.queue_ns = exchange.queue_ns;
  record.open_ns = exchange.open_ns;
  record.read_ns = exchange.read_ns;
}

// The first of what was sent was not answered in the turn in which it came, or is a download.
void Connection::count_waited() {
  if (talk_->unfinished != Talk::no_method) count_unfinished();
  const Unsent& unsent = talk_->unsent;
  const uint64_t now_ns = context_.clock.monotonic_ns;
  const uint32_t count = std::exchange(talk_->unsent.count, 0);
  context_.latencies.of(Phase::request).record(now_ns - unsent.first_accepted_ns);
  context_.latencies.of(Phase::send).record(now_ns - unsent.composed_ns);
  if (count > 1) context_.latencies.at_once.record(now_ns - unsent.composed_ns, count - 1);
}

void Connection::count_unfinished() {
  context_.counters.count_answer(std::exchange(talk_->unfinished, Talk::no_method), talk_->exchange.status);
  count_disk_phases();
}

// Of those that asked the disk.
void Connection::count_disk_phases() {
  const Exchange& exchange = talk_->exchange;
  if (exchange.asked_disk()) context_.latencies.of(Phase::queue).record(exchange.queue_ns);
  if (exchange.opened()) context_.latencies.of(Phase::open).record(exchange.open_ns);
  if (exchange.read()) context_.latencies.of(Phase::read).record(exchange.read_ns);
}

// The request's bytes are still there; its answer is composed, or has begun.
void Connection::log_answer() {
  const http::Request& request = talk_->parser.request();
  const auto field = [&](http::Field name) { return request.field(name).value_or(std::string_view{}); };
  const std::string_view method = request.method_name();
  const std::string_view target = request.target();
  log::AccessRecord record{
      .remote = client().address,
      .request_line = {method.data(),
                       static_cast<size_t>(target.data() + target.size() - method.data()) + version_bytes},
      .method = method,
      .target = target,
      .host = field(http::Field::host),
      .referer = field(http::Field::referer),
      .user_agent = field(http::Field::user_agent),
      .authorization = field(http::Field::authorization),
      .minor_version = static_cast<uint8_t>(request.minor_version()),
      .cache = cache_text(talk_->exchange.cache)};
  fill_times(record);
  const bool lasts = talk_->stream || talk_->parts || (talk_->output.sealed() && record.body_bytes > whole_bytes);
  if (!lasts) return context_.access_log.write(record, context_.clock.monotonic_ms, context_.clock.wall_ns);
  talk_->record = std::make_unique<LastingRecord>(record);
  talk_->record->before_body = talk_->exchange.before_body;
}

// A request that was not understood, or did not come to its end. Its line may be whole all the same.
void Connection::log_rejected(std::span<const char> head) {
  log::AccessRecord record{.remote = peer_, .request_line = first_line(head), .cache = cache_text(CacheResult::none)};
  split_line(record);
  fill_times(record);
  context_.access_log.write(record, context_.clock.monotonic_ms, context_.clock.wall_ns);
}

// Another answer took its place before any of it was sent.
void Connection::renew_record() {
  fill_times(talk_->record->kept.record);
  talk_->record->before_body = talk_->exchange.before_body;
  talk_->record->sent = 0;
}

// All of its answer is sent, or no more will be.
void Connection::end_record() {
  const std::unique_ptr<LastingRecord> last = std::move(talk_->record);
  log::AccessRecord& record = last->kept.record;
  record.body_bytes = std::min(record.body_bytes, last->sent - std::min(last->sent, last->before_body));
  record.duration_ns = between(talk_->exchange.accepted_ns, context_.clock.monotonic_ns);
  record.read_ns = talk_->exchange.read_ns;
  record.send_ns = between(talk_->unsent.composed_ns, context_.clock.monotonic_ns);
  if (context_.access_log.on()) {
    context_.access_log.write(record, context_.clock.monotonic_ms, context_.clock.wall_ns);
  }
}

}  // namespace uringd::server
