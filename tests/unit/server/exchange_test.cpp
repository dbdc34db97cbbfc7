// Where a request's time went, as the disk's answers tell it.
#include "uringd/server/exchange.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::server;

namespace {

constexpr uint64_t asked = 1000;

Exchange asked_at(uint64_t ns) { return {.accepted_ns = ns, .parsed_ns = ns, .asked_ns = ns}; }

}  // namespace

TEST_CASE("phases of a fetch add up to the time from asking to its end") {
  Exchange exchange = asked_at(asked);
  exchange.answered({.opening_ns = 1100, .opened_ns = 1400, .reading_ns = 1450, .read_ns = 1900});
  CHECK(exchange.queue_ns == 100 + 50);
  CHECK(exchange.open_ns == 300);
  CHECK(exchange.read_ns == 450);
  CHECK(exchange.asked_ns == 0);
  CHECK(exchange.opened());
  CHECK(exchange.read());
}

TEST_CASE("who joins a fetch has no part in what it did before") {
  Exchange late = asked_at(1600);
  late.answered({.opening_ns = 1100, .opened_ns = 1400, .reading_ns = 1450, .read_ns = 1900});
  CHECK(late.queue_ns == 0);
  CHECK(late.open_ns == 0);
  CHECK(late.read_ns == 300);
  Exchange waiting = asked_at(1050);
  waiting.answered({.opening_ns = 1100, .opened_ns = 1400, .reading_ns = 1450, .read_ns = 1900});
  CHECK(waiting.queue_ns + waiting.open_ns + waiting.read_ns == 1900 - 1050);
}

TEST_CASE("a request that asks twice has the sum") {
  Exchange exchange = asked_at(asked);
  exchange.answered({.opening_ns = 1000, .opened_ns = 1200, .reading_ns = 1200, .read_ns = 1300});
  exchange.asked_ns = 1300;
  exchange.answered({.status = 404, .opening_ns = 1310, .opened_ns = 1350});
  CHECK(exchange.queue_ns == 10);
  CHECK(exchange.open_ns == 240);
  CHECK(exchange.read_ns == 100);
}

TEST_CASE("an answer without the disk's doing, as of a stale entry, took no phase") {
  Exchange exchange = asked_at(asked);
  exchange.answered({.status = 200, .stale = true});
  CHECK(!exchange.asked_disk());
  CHECK(exchange.queue_ns + exchange.open_ns + exchange.read_ns == 0);
}
