// round: the same errand at every serving worker, and what follows when all are home. Errands are made and come home on
// the admin worker's thread; in between each is one worker's. Calls is the way home: what any thread wants done on the
// admin worker's thread.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "uringd/base/post_queue.hpp"
#include "uringd/server/errand.hpp"
#include "uringd/server/mailbox.hpp"

namespace uringd::admin {

class Calls {
 public:
  explicit Calls(server::Mailbox& own) : own_(own) {}
  /// Any thread.
  void post(std::function<void()> call) {
    if (calls_.post(std::move(call))) own_.post(server::Command::call);
  }
  /// The admin worker's.
  void carry_out() {
    for (const std::function<void()>& call : calls_.take()) call();
  }

 private:
  server::Mailbox& own_;
  PostQueue<std::function<void()>> calls_;
};

/// An errand that calls `arrived` when it is back. The call is dropped with it, so that nothing is held in a circle.
class HomingErrand : public server::Errand {
 public:
  void send(Calls& calls, server::Mailbox& worker, std::shared_ptr<HomingErrand> self, std::function<void()> arrived) {
    calls_ = &calls;
    arrived_ = std::move(arrived);
    worker.post(std::move(self));
  }
  void go_home(std::shared_ptr<server::Errand> self) final {
    calls_->post([kept = std::move(self), this] { std::exchange(arrived_, {})(); });
  }

 private:
  Calls* calls_ = nullptr;
  std::function<void()> arrived_;
};

/// Sends `errands[i]` to `workers[i]`; `done` when all have come home. A worker that ends keeps its own for ever.
template <typename Errand>
void send_round(Calls& calls, const std::vector<server::Mailbox*>& workers,
                const std::vector<std::shared_ptr<Errand>>& errands, std::function<void()> done) {
  auto missing = std::make_shared<size_t>(errands.size());
  auto last = std::make_shared<std::function<void()>>(std::move(done));
  for (size_t worker = 0; worker < workers.size(); ++worker) {
    errands[worker]->send(calls, *workers[worker], errands[worker], [missing, last] {
      if (--*missing == 0) (*last)();
    });
  }
}

}  // namespace uringd::admin
