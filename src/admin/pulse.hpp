// Pulse: do the rings of all serving workers turn? An errand of no work goes to each, one round at a time; whoever asks
// meanwhile waits for that one. A worker that has not come round within two seconds is stuck. The admin worker's
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "round.hpp"
#include "say.hpp"
#include "uringd/server/handler.hpp"

namespace uringd::admin {

class Pulse {
 public:
  static constexpr uint64_t patience_ms = 2000;

  Pulse(Calls& calls, const std::vector<server::Mailbox*>& workers) : calls_(calls), workers_(workers) {}
  void attach(server::Replies& replies) { replies_ = &replies; }

  server::Handling ask(const server::Asked& asked) {
    waiting_.push_back({asked.ticket, asked.now_ms + patience_ms});
    begin();
    return server::Later{};
  }
  void on_turn(uint64_t now_ms) {
    while (!waiting_.empty() && waiting_.front().until_ms <= now_ms) {
      replies_->answer(waiting_.front().ticket,
                       say_json(503,
                                "{\"status\":\"stuck\",\"error\":\"a worker does not come round\",\"hint\":\"see the "
                                "log; a restart may be needed\"}\n"));
      waiting_.erase(waiting_.begin());
    }
  }
  [[nodiscard]] uint64_t next_ms() const { return waiting_.empty() ? UINT64_MAX : waiting_.front().until_ms; }

 private:
  struct Beat final : HomingErrand {
    bool work(const server::Workplace& /*place*/) override { return true; }
    [[nodiscard]] bool quick() const override { return true; }
  };
  struct Waiting {
    server::Ticket ticket;
    uint64_t until_ms;
  };
  void begin() {
    if (std::exchange(asking_, true)) return;
    std::vector<std::shared_ptr<Beat>> beats;
    for (size_t worker = 0; worker < workers_.size(); ++worker) beats.push_back(std::make_shared<Beat>());
    send_round(calls_, workers_, beats, [this] {
      asking_ = false;
      for (const Waiting& one : std::exchange(waiting_, {})) {
        replies_->answer(one.ticket, say_json(200, "{\"status\":\"ok\"}\n"));
      }
    });
  }

  Calls& calls_;
  const std::vector<server::Mailbox*>& workers_;
  server::Replies* replies_ = nullptr;
  std::vector<Waiting> waiting_;  // the oldest first
  bool asking_ = false;
};

}  // namespace uringd::admin
