// TimerWheel: never early, at most one tick late, whatever is moved where; single situations first, then a long random
// life beside a naive model that knows only deadlines.
#include "uringd/base/timer_wheel.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::Timer;
using uringd::TimerWheel;

namespace {

constexpr uint64_t tick = TimerWheel::tick_ms;
constexpr uint64_t horizon = TimerWheel::slot_count * tick;
constexpr uint64_t start = 1'000'003;  // a time that is no multiple of a tick

std::vector<Timer*> expired_at(TimerWheel& wheel, uint64_t now_ms) {
  std::vector<Timer*> expired;
  wheel.advance(now_ms, [&expired](Timer& timer) { expired.push_back(&timer); });
  return expired;
}

/// The first time, looking every ms from `from`, at which the wheel gives the timer up.
uint64_t fires_at(TimerWheel& wheel, Timer& timer, uint64_t from, uint64_t until) {
  for (uint64_t now = from; now <= until; ++now) {
    if (expired_at(wheel, now) == std::vector{&timer}) return now;
  }
  return 0;
}

}  // namespace

TEST_CASE("a deadline is never early and at most one tick late") {
  for (uint64_t wait : {uint64_t{0}, uint64_t{1}, tick - 1, tick, tick + 1, 10 * tick, uint64_t{9'999}}) {
    CAPTURE(wait);
    TimerWheel wheel(start);
    Timer timer;
    wheel.schedule(timer, start + wait);
    const uint64_t fired = fires_at(wheel, timer, start, start + wait + 2 * tick);
    CHECK(fired >= start + wait);
    CHECK(fired <= start + wait + tick);
    CHECK_FALSE(timer.linked());
  }
}

TEST_CASE("a deadline beyond the wheel's horizon keeps the same promise") {
  for (uint64_t wait : {horizon - tick, horizon, horizon + 1, 3 * horizon + 17}) {
    CAPTURE(wait);
    TimerWheel wheel(start);
    Timer timer;
    wheel.schedule(timer, start + wait);
    const uint64_t fired = fires_at(wheel, timer, start, start + wait + 2 * tick);
    CHECK(fired >= start + wait);
    CHECK(fired <= start + wait + tick);
  }
}

TEST_CASE("a deadline that has passed already expires at the next tick, not within schedule") {
  TimerWheel wheel(start);
  Timer timer;
  wheel.schedule(timer, start - 5000);
  CHECK(timer.linked());
  CHECK(expired_at(wheel, start + tick) == std::vector{&timer});
}

TEST_CASE("a deadline moved back expires at the later time only, and moving it left its slot alone") {
  TimerWheel wheel(start);
  Timer timer;
  wheel.schedule(timer, start + 1000);
  const uint64_t look = wheel.next_ms();
  wheel.schedule(timer, start + 5000);
  CHECK(wheel.next_ms() == look);
  CHECK(timer.deadline_ms() == start + 5000);
  const uint64_t fired = fires_at(wheel, timer, start, start + 6000);
  CHECK(fired >= start + 5000);
  CHECK(fired <= start + 5000 + tick);
}

TEST_CASE("a deadline moved forward expires at the earlier time") {
  TimerWheel wheel(start);
  Timer timer;
  wheel.schedule(timer, start + 20'000);
  wheel.schedule(timer, start + 300);
  const uint64_t fired = fires_at(wheel, timer, start, start + 1000);
  CHECK(fired >= start + 300);
  CHECK(fired <= start + 300 + tick);
}

TEST_CASE("a cancelled timer does not expire, and cancelling one that is not scheduled is nothing") {
  TimerWheel wheel(start);
  Timer timer;
  wheel.cancel(timer);
  wheel.schedule(timer, start + 100);
  wheel.cancel(timer);
  CHECK_FALSE(timer.linked());
  CHECK(wheel.next_ms() == TimerWheel::never);
  CHECK(expired_at(wheel, start + 1000).empty());
}

TEST_CASE("after a sleep longer than the wheel everything due expires, and only that") {
  TimerWheel wheel(start);
  Timer soon;
  Timer later;
  Timer much_later;
  const uint64_t wake = start + 10 * horizon + 7;
  wheel.schedule(soon, start + 10);
  wheel.schedule(later, wake);
  wheel.schedule(much_later, wake + 1);
  CHECK(expired_at(wheel, wake) == std::vector{&soon, &later});
  CHECK(fires_at(wheel, much_later, wake, wake + 2 * tick) <= wake + 1 + tick);
  CHECK_FALSE(much_later.linked());
}

TEST_CASE("next_ms says when to look: never with no timer, else no later than one tick after the first deadline") {
  TimerWheel wheel(start);
  CHECK(wheel.next_ms() == TimerWheel::never);
  Timer first;
  Timer second;
  wheel.schedule(second, start + 9000);
  wheel.schedule(first, start + 700);
  CHECK(wheel.next_ms() > start + 700);
  CHECK(wheel.next_ms() <= start + 700 + tick);
  CHECK(expired_at(wheel, wheel.next_ms()) == std::vector{&first});
  CHECK(expired_at(wheel, wheel.next_ms()) == std::vector{&second});
  CHECK(wheel.next_ms() == TimerWheel::never);
}

TEST_CASE("a timer scheduled again from its own expiry expires again, at its new deadline") {
  TimerWheel wheel(start);
  Timer timer;
  wheel.schedule(timer, start + 100);
  std::vector<uint64_t> times;
  for (uint64_t now = start; now < start + 1000; ++now) {
    wheel.advance(now, [&](Timer& expired) {
      times.push_back(now);
      if (times.size() < 3) wheel.schedule(expired, now + 200);
    });
  }
  REQUIRE(times.size() == 3);
  CHECK(times[1] >= times[0] + 200);
  CHECK(times[1] <= times[0] + 200 + tick);
  CHECK(times[2] >= times[1] + 200);
}

TEST_CASE("a timer that schedules itself in the past does not hold advance for ever") {
  TimerWheel wheel(start);
  Timer timer;
  wheel.schedule(timer, start);
  int calls = 0;
  wheel.advance(start + horizon, [&](Timer& expired) {
    ++calls;
    wheel.schedule(expired, start);
  });
  CHECK(calls >= 1);
  CHECK(calls <= static_cast<int>(TimerWheel::slot_count));
  wheel.cancel(timer);
}

TEST_CASE("an expiry may cancel or move another timer that is due in the same slot") {
  TimerWheel wheel(start);
  Timer first;
  Timer cancelled;
  Timer moved;
  for (Timer* timer : {&first, &cancelled, &moved}) wheel.schedule(*timer, start + 100);
  std::vector<Timer*> expired;
  const auto note = [&](Timer& timer) {
    expired.push_back(&timer);
    if (&timer != &first) return;
    wheel.cancel(cancelled);
    wheel.schedule(moved, start + 4000);
  };
  wheel.advance(start + 200, note);
  CHECK(expired == std::vector{&first});
  wheel.advance(start + 4000 + tick, note);
  CHECK(expired == std::vector{&first, &moved});
}

TEST_CASE("a timer must be cancelled before it dies") {
  CHECK(uringd::testing::dies_of("!linked()", [] {
    TimerWheel wheel(start);
    auto timer = std::make_unique<Timer>();
    wheel.schedule(*timer, start + 1);
    timer.reset();
  }));
}

namespace {

/// What is scheduled, as a naive clock knows it: a timer is due from its deadline on, and must have expired one tick
/// later; one that was late already when it was scheduled, one tick after that.
struct Life {
  explicit Life(uint64_t seed) : random(seed), wheel(start), timers(40) {}

  void schedule(Timer& timer) {
    const uint64_t deadline = now + random.of_any_size(18) - std::min<uint64_t>(random.of_any_size(9), now);
    wheel.schedule(timer, deadline);
    latest[&timer] = std::max(deadline, now) + tick;
    due[&timer] = deadline;
  }
  void cancel(Timer& timer) {
    wheel.cancel(timer);
    due.erase(&timer);
  }
  void any_change() {
    Timer& timer = timers[random.below(timers.size())];
    if (random.below(4) == 0) {
      cancel(timer);
    } else {
      schedule(timer);
    }
  }
  void advance() {
    now += random.of_any_size(17);
    wheel.advance(now, [this](Timer& timer) {
      sound = sound && due.contains(&timer) && due[&timer] <= now && !timer.linked();
      due.erase(&timer);
      if (random.below(3) == 0) any_change();
      if (random.below(3) == 0 && !timer.linked()) schedule(timer);
    });
  }
  [[nodiscard]] bool holds() {
    uint64_t first = TimerWheel::never;
    for (const auto& [timer, deadline] : due) {
      if (!timer->linked() || now >= latest[timer]) return false;
      first = std::min(first, latest[timer]);
    }
    const auto linked = std::ranges::count_if(timers, [](const Timer& timer) { return timer.linked(); });
    const uint64_t next = wheel.next_ms();
    return sound && static_cast<size_t>(linked) == due.size() && (next == TimerWheel::never) == due.empty() &&
           next > now && next <= first;
  }

  uringd::testing::Random random;
  uint64_t now = start;
  TimerWheel wheel;
  std::vector<Timer> timers;
  std::map<Timer*, uint64_t> due;
  std::map<Timer*, uint64_t> latest;
  bool sound = true;
};

}  // namespace

TEST_CASE("in any life of schedules, moves, cancels and sleeps no timer is early, lost or more than one tick late") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Life life(seed);
    int step = 0;
    bool holds = true;
    for (; step < 1000 && holds; ++step) {
      if (life.random.below(3) == 0) {
        life.advance();
      } else {
        life.any_change();
      }
      holds = life.holds();
    }
    for (Timer& timer : life.timers) life.cancel(timer);
    CHECK_MESSAGE(holds, "seed ", seed, ", step ", step);
  }
}
