// Which entries Cache keeps: what was used again stays through scans and floods. bench/micro/cache_policy measures how
// much that is worth on a trace.
#include <list>
#include <string>
#include <unordered_map>

#include "make_entry.hpp"
#include "uringd/cache/cache.hpp"

#include "../random.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;

namespace {

std::string name(const char* prefix, size_t number) { return prefix + std::to_string(number); }

/// One request, as the disk makes it: a file that is not held is read and inserted.
bool ask(Cache& cache, const std::string& path, size_t body_bytes) {
  if (cache.find(key_of(path), 0)) return true;
  cache.insert(cache.make(key_of(path), path, 0, body_bytes), 0);
  return false;
}

/// Plain LRU by bytes, for comparison.
struct Lru {
  size_t capacity;
  size_t bytes = 0;
  std::list<std::pair<std::string, size_t>> order{};
  std::unordered_map<std::string, decltype(order)::iterator> places{};

  void ask(const std::string& path, size_t charge) {
    if (const auto found = places.find(path); found != places.end())
      return order.splice(order.begin(), order, found->second);
    while (bytes + charge > capacity) {
      bytes -= order.back().second;
      places.erase(order.back().first);
      order.pop_back();
    }
    order.emplace_front(path, charge);
    places[path] = order.begin();
    bytes += charge;
  }
};

}  // namespace

TEST_CASE("a crawler that asks once for 20 times the capacity leaves nine tenths of the hot set, plain LRU nothing") {
  // 2 MiB: the share of one of eight workers in the smallest automatic cache.
  for (const size_t body_bytes : {size_t{2} << 10, size_t{7} << 10, size_t{60} << 10}) {
    CAPTURE(body_bytes);
    Cache cache({.capacity_bytes = 2 << 20});
    const size_t charge = charge_of("/hot/10", std::string(body_bytes, 'x'));
    Lru lru{cache.bound_bytes(Kind::content)};
    const size_t hot = cache.capacity_bytes() / 2 / charge;
    const size_t crawled = 20 * cache.capacity_bytes() / charge;
    const auto both = [&](const std::string& path) {
      static_cast<void>(ask(cache, path, body_bytes));
      lru.ask(path, charge);
    };
    for (int turn = 0; turn < 4; ++turn) {
      for (size_t number = 0; number < hot; ++number) both(name("/hot/", number));
    }
    for (size_t number = 0; number < crawled; ++number) both(name("/all/", number));
    size_t kept = 0;
    size_t kept_by_lru = 0;
    for (size_t number = 0; number < hot; ++number) {
      kept += holds(cache, name("/hot/", number));
      kept_by_lru += lru.places.contains(name("/hot/", number));
    }
    CHECK(10 * kept >= 9 * hot);
    CHECK(kept_by_lru == 0);
  }
}

TEST_CASE("a hot set that is used while a crawler runs becomes and stays held") {
  Cache cache({.capacity_bytes = 2 << 20});
  const size_t hot = 100;  // of 7 KiB: a third of the capacity
  uringd::testing::Random random(5);
  size_t late_misses = 0;
  for (size_t turn = 0; turn < 40'000; ++turn) {
    static_cast<void>(ask(cache, name("/all/", turn), 7 << 10));
    const bool hit = ask(cache, name("/hot/", random.below(hot)), 7 << 10);
    late_misses += turn > 5000 && !hit;
  }
  CHECK(late_misses == 0);
}

TEST_CASE("once the cache is full, what comes back soon after its probation is kept, and what comes back late is not") {
  for (const bool soon : {true, false}) {
    Cache cache({.capacity_bytes = 2 << 20});
    const size_t charge = charge_of("/new/1000", std::string(7 << 10, 'x'));
    const size_t probation = cache.bound_bytes(Kind::content) / 10 / charge;
    const size_t whole = cache.bound_bytes(Kind::content) / charge;
    size_t next = 0;
    const auto pass = [&](size_t count) {
      for (; count > 0; --count) static_cast<void>(ask(cache, name("/new/", next++), 7 << 10));
    };
    for (int turn = 0; turn < 2; ++turn) {  // fills main
      for (size_t number = 0; number < whole; ++number) static_cast<void>(ask(cache, name("/hot/", number), 7 << 10));
    }
    pass(4 * whole);
    CHECK_FALSE(ask(cache, "/back", 7 << 10));
    pass(soon ? probation + whole / 4 : probation + whole);
    CHECK_FALSE(ask(cache, "/back", 7 << 10));  // gone from probation
    pass(2 * probation);
    CHECK(holds(cache, "/back") == soon);
  }
}

TEST_CASE("a popular file that changed is not on probation again, a file asked for once is") {
  Cache cache({.capacity_bytes = 2 << 20});
  for (const Gone why : {Gone::changed, Gone::watch, Gone::replaced}) {
    for (const bool popular : {true, false}) {
      CAPTURE(popular);
      const std::string path = name(popular ? "/popular/" : "/once/", static_cast<size_t>(why));
      static_cast<void>(ask(cache, path, 7 << 10));
      if (popular) REQUIRE(ask(cache, path, 7 << 10));
      if (why != Gone::replaced) cache.drop(*cache.peek(key_of(path)), why);
      cache.insert(cache.make(key_of(path), path, 0, 7 << 10), 0);
      for (size_t number = 0; number < 1000; ++number) static_cast<void>(ask(cache, name("/all/", number), 7 << 10));
      CHECK(holds(cache, path) == popular);
    }
  }
}

TEST_CASE("a flood of 100,000 verdicts evicts no content, no descriptor and no names, and its bytes stay bounded") {
  Cache cache({.capacity_bytes = 2 << 20});
  size_t number = 0;
  while (gone(cache, Gone::capacity) == 0) static_cast<void>(ask(cache, name("/file/", number++), 7 << 10));
  put_file(cache, "/giant", 1000);
  put_names(cache, "/", 1000);
  put_verdict(cache, "/favicon.ico");
  const size_t content = cache.count(Kind::content);
  const size_t others = cache.bytes() - cache.bytes(Kind::verdict);
  for (number = 0; number < 100'000; ++number) {
    put_verdict(cache, name("/random/", number));
    if (number % 50 == 0) REQUIRE(cache.find(key_of("/favicon.ico"), 0) != nullptr);  // used, and therefore kept
  }
  CHECK(cache.count(Kind::content) == content);
  CHECK(cache.count(Kind::file) == 1);
  CHECK(cache.count(Kind::names) == 1);
  CHECK(cache.bytes() - cache.bytes(Kind::verdict) == others);
  CHECK(cache.bytes(Kind::verdict) <= 64 << 10);
  CHECK(cache.bytes(Kind::verdict) > 60 << 10);
}

TEST_CASE("a full cache of entries that were all used still makes room, without walking all of them") {
  Cache cache({.capacity_bytes = 16 << 20});
  const size_t hot = cache.bound_bytes(Kind::content) / charge_of("/hot/10000", std::string(100, 'x'));
  for (int turn = 0; turn < 5; ++turn) {
    for (size_t number = 0; number < hot; ++number) static_cast<void>(ask(cache, name("/hot/", number), 100));
  }
  REQUIRE(cache.count() > 10'000);
  size_t next = 0;
  while (gone(cache, Gone::capacity) == 0) static_cast<void>(ask(cache, name("/new/", next++), 100));
  CHECK(holds(cache, name("/new/", next - 1)));
  // The walk would have gone through all of them and come back to the first. It gave up before, at the price of one
  // that was used.
  CHECK(holds(cache, "/hot/0"));
  size_t lost = 0;
  while (holds(cache, name("/hot/", lost))) ++lost;
  CHECK(lost < 200);
  CHECK(gone(cache, Gone::capacity) == 1);
}

TEST_CASE("an entry that was used goes round three times more at most, however often it was used") {
  Cache cache({.capacity_bytes = 1 << 20, .file_limit = 3});
  for (const char* path : {"/1", "/2", "/3"}) put_file(cache, path);
  for (int turn = 0; turn < 100; ++turn) REQUIRE(cache.find(key_of("/1"), 0) != nullptr);
  for (size_t number = 4; number <= 9; ++number) put_file(cache, name("/", number));
  CHECK(holds(cache, "/1"));
  put_file(cache, "/10");
  CHECK_FALSE(holds(cache, "/1"));
}
