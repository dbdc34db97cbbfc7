// figures_desk: GET /metrics, /stats and /stats/stream. The one place where what renders the workers' figures is to be
// plugged in: render_metrics(figures) and its kin are pure; this asks for the figures and answers with the text.
#pragma once

#include "endpoint.hpp"
#include "uringd/server/handler.hpp"

namespace uringd::admin {

class FiguresDesk {
 public:
  void attach(server::Replies& replies) { replies_ = &replies; }
  server::Handling answer(const server::Asked& asked, const Routed& routed);
  /// The stream's events, one a second.
  void on_turn(uint64_t now_ms);
  [[nodiscard]] uint64_t next_ms() const { return server::Handler::never_ms; }

 private:
  server::Replies* replies_ = nullptr;
};

}  // namespace uringd::admin
