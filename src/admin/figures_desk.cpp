// From counters to texts, and who gets them when.
#include "figures_desk.hpp"

#include <time.h>

#include <utility>

#include "say.hpp"
#include "uringd/admin/metrics.hpp"
#include "uringd/admin/stats_json.hpp"

namespace uringd::admin {
namespace {

using server::Answer;

constexpr uint64_t event_interval_ms = 1000;
constexpr size_t most_listeners = 64;  // so that connections are left for health and metrics

uint64_t now_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Answer text_answer(std::string_view content_type, const std::shared_ptr<const std::string>& text) {
  Answer answer{.content_type = std::string(content_type), .fields = std::string(common_fields)};
  answer.body = *text;
  answer.owner = text;
  return answer;
}

}  // namespace

FiguresDesk::FiguresDesk(FiguresSources workers, Standing standing) : workers_(std::move(workers)) {
  report_.standing = std::move(standing);
}

// Into the memory of the one before.
void FiguresDesk::gather_report() {
  if (std::exchange(gathered_, true)) return;
  report_.now_ns = static_cast<int64_t>(now_ns(CLOCK_REALTIME));
  const uint64_t up_ns = now_ns(CLOCK_MONOTONIC) - report_.standing.started_monotonic_ns;
  report_.uptime_s = static_cast<double>(up_ns) / 1e9;
  report_.process = read_process();
  report_.workers.resize(workers_.size());
  report_.total = {};
  for (size_t worker = 0; worker < workers_.size(); ++worker) {
    report_.workers[worker] = workers_[worker]->read();
    report_.total += report_.workers[worker];
  }
  report_.total.cache.overlay_bytes = overlay_bytes_;
}

server::Handling FiguresDesk::answer(const server::Asked& asked, const Routed& routed) {
  if (routed.endpoint == Endpoint::stream) {
    if (asked.request.method() != http::Method::head) {
      if (listeners_.size() == most_listeners) {
        return say_error(503, "too many listen to the stream", "ask /stats, or again when others have left");
      }
      if (listeners_.empty()) event_due_ms_ = asked.now_ms;
      listeners_.push_back({asked.ticket});
    }
    return server::Endless{.content_type = "text/event-stream", .fields = std::string(common_fields)};
  }
  gather_report();
  if (routed.endpoint == Endpoint::metrics) {
    if (!metrics_) metrics_ = std::make_shared<const std::string>(render_metrics(report_));
    return text_answer(metrics_content_type, metrics_);
  }
  if (!stats_) stats_ = std::make_shared<const std::string>(render_stats(report_));
  return text_answer("application/json", stats_);
}

void FiguresDesk::on_turn(uint64_t now_ms) {
  if (!listeners_.empty()) {
    if (event_due_ms_ <= now_ms) make_event(now_ms);
    tell_event();
  }
  gathered_ = false;
  metrics_.reset();
  stats_.reset();
}

// The first has no second behind it: its window is empty.
void FiguresDesk::make_event(uint64_t now_ms) {
  event_due_ms_ += event_interval_ms;
  if (event_due_ms_ <= now_ms) event_due_ms_ = now_ms + event_interval_ms;  // after a delay: no two at once
  gather_report();
  const Window window = before_ ? Window::between(*before_, report_.total, report_.uptime_s - before_s_) : Window{};
  event_ = std::make_shared<const std::string>(render_stream_event(report_, window));
  ++event_number_;
  if (!before_) before_ = std::make_unique<server::Figures>();
  *before_ = report_.total;
  before_s_ = report_.uptime_s;
}

void FiguresDesk::tell_event() {
  std::erase_if(listeners_, [this](Listener& one) {
    if (one.heard == event_number_) return false;
    switch (replies_->push(one.ticket, *event_, event_)) {
      case server::Replies::Pushed::taken: one.heard = event_number_; return false;
      case server::Replies::Pushed::busy: return false;
      case server::Replies::Pushed::gone: break;
    }
    return true;
  });
  if (!listeners_.empty()) return;
  before_.reset();
  event_.reset();
}

}  // namespace uringd::admin
