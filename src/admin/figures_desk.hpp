// figures_desk: GET /metrics, /stats and /stats/stream: gathers what the workers have counted and answers with it as
// text. A text is rendered once for all who ask in the same turn, so an answer is never older than its request, and who
// asks often waits for others instead of having each rendered anew. The stream has one event a second, rendered once
// for all who listen; who is slow to take one gets the newest when it can. On the admin worker's thread.
//
// Bounds: one report, kept (50 KiB a worker); while somebody listens one set of figures more, and one event;
// 64 listen at most, beyond: 503.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "endpoint.hpp"
#include "uringd/admin/report.hpp"
#include "uringd/server/figures_source.hpp"
#include "uringd/server/handler.hpp"

namespace uringd::admin {

using FiguresSources = std::vector<std::shared_ptr<const server::FiguresSource>>;

class FiguresDesk {
 public:
  FiguresDesk(FiguresSources workers, Standing standing);

  void attach(server::Replies& replies) { replies_ = &replies; }
  void tell(Standing standing) { report_.standing = std::move(standing); }
  /// What no worker counts.
  void tell(bool draining, uint64_t overlay_bytes) {
    report_.draining = draining;
    overlay_bytes_ = overlay_bytes;
  }
  /// Of the endpoints metrics, stats and stream.
  server::Handling answer(const server::Asked& asked, const Routed& routed);
  /// The stream's events.
  void on_turn(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const { return listeners_.empty() ? server::Handler::never_ms : event_due_ms_; }

 private:
  using Text = std::shared_ptr<const std::string>;
  struct Listener {
    server::Ticket ticket;
    uint64_t heard = 0;  // the number of the last event that it took
  };
  void gather_report();
  void make_event(uint64_t now_ms);
  void tell_event();

  const FiguresSources workers_;
  server::Replies* replies_ = nullptr;

  uint64_t overlay_bytes_ = 0;

  // Of this turn.
  Report report_;
  bool gathered_ = false;
  Text metrics_, stats_;

  std::vector<Listener> listeners_;
  std::unique_ptr<server::Figures> before_;  // of the last event
  double before_s_ = 0;
  Text event_;
  uint64_t event_number_ = 0;
  uint64_t event_due_ms_ = 0;
};

}  // namespace uringd::admin
