// The probe for turning rings: who asks is answered when every worker has come round, or after two seconds that one has
// not. The workers are mailboxes that the test empties, or not.
#include "pulse.hpp"

#include "asked.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::admin;
using testing::One;

namespace {

struct Heard final : server::Replies {
  bool answer(const server::Ticket& ticket, const server::Answer& answer) override {
    answers.emplace_back(ticket.request, answer.status);
    return true;
  }
  Pushed push(const server::Ticket&, std::span<const char>, std::shared_ptr<const void>) override {
    return Pushed::gone;
  }
  void end(const server::Ticket&) override {}
  std::vector<std::pair<uint64_t, int>> answers;
};

using Answers = std::vector<std::pair<uint64_t, int>>;

struct World {
  World() { pulse.attach(heard); }
  void ask(uint64_t number, uint64_t now_ms) {
    const One one("/healthz");
    server::Asked asked{one.request(), peer, {.request = number}, now_ms};
    CHECK(std::holds_alternative<server::Later>(pulse.ask(asked)));
  }
  /// What a worker does with its mail.
  void come_round(server::Mailbox& worker) {
    for (auto& errand : worker.take_errands()) {
      server::Errand& one = *errand;
      CHECK(one.quick());
      one.go_home(std::move(errand));
    }
    calls.carry_out();
  }
  server::Mailbox own, first, second;
  Calls calls{own};
  std::vector<server::Mailbox*> workers{&first, &second};
  Heard heard;
  Pulse pulse{calls, workers};
  IpAddress peer;
};

}  // namespace

TEST_CASE("who asks hears when all workers have come round, and those who asked meanwhile with them") {
  World world;
  world.ask(1, 1000);
  world.come_round(world.first);
  world.ask(2, 1100);
  CHECK(world.heard.answers.empty());
  world.come_round(world.second);
  CHECK(world.heard.answers == Answers{{1, 200}, {2, 200}});
  CHECK(world.pulse.next_ms() == UINT64_MAX);
  world.ask(3, 5000);
  world.come_round(world.first);
  world.come_round(world.second);
  CHECK(world.heard.answers.back() == std::pair<uint64_t, int>{3, 200});
}

TEST_CASE("a worker that does not come round is told of after two seconds, to each from when it asked") {
  World world;
  world.ask(1, 1000);
  world.come_round(world.first);
  world.ask(2, 1500);
  CHECK(world.pulse.next_ms() == 3000);
  world.pulse.on_turn(2999);
  CHECK(world.heard.answers.empty());
  world.pulse.on_turn(3000);
  CHECK(world.heard.answers == Answers{{1, 503}});
  world.pulse.on_turn(3500);
  CHECK(world.heard.answers == Answers{{1, 503}, {2, 503}});
  world.ask(3, 9000);  // one errand is enough, however often it is asked
  CHECK(world.second.take_errands().size() == 1);
  CHECK(world.first.take_errands().empty());
}
