// Cache: what is linked is found, within the bounds of its kind; who leaves is counted, told of, and lives on while it
// is sent. Single situations; policy_test has what is kept, life_test any order of events.
#include "uringd/cache/cache.hpp"

#include <string>

#include "allocations.hpp"
#include "make_entry.hpp"

#include "../death.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;
using uringd::testing::dies_of;
using uringd::testing::heap;

namespace {

constexpr CacheOptions roomy{.capacity_bytes = 1 << 20};

/// A body with which content under `path` takes exactly `charge_bytes`.
std::string body_for(std::string_view path, size_t charge_bytes) {
  return std::string(charge_bytes - charge_of(path, ""), 'x');
}

}  // namespace

TEST_CASE("what was inserted is found, what was not is not") {
  Cache cache(roomy);
  put(cache, "/a");
  Entry* found = cache.find(key_of("/a"), 0);
  REQUIRE(found);
  CHECK(text_of(found->body()) == "body");
  CHECK(cache.find(key_of("/b"), 0) == nullptr);
  CHECK(cache.find(key_of("/a", 1), 0) == nullptr);
  CHECK(cache.count() == 1);
  CHECK(cache.bytes() == found->charge());
}

TEST_CASE("keys whose hashes collide are told apart by path and by site") {
  Cache cache(roomy);
  const Key keys[] = {{0, "/a", 5}, {0, "/b", 5}, {1, "/a", 5}, {0, "/c", 5 + (uint64_t{1} << 40)}};
  for (const Key& key : keys) cache.insert(sealed(key, std::to_string(key.site) + std::string(key.path)), 0);
  CHECK(cache.count() == 4);
  for (const Key& key : keys) {
    Entry* entry = cache.find(key, 0);
    REQUIRE(entry);
    CHECK(text_of(entry->body()) == std::to_string(key.site) + std::string(key.path));
  }
  CHECK(cache.find({1, "/b", 5}, 0) == nullptr);
  CHECK(cache.find({0, "/c", 5}, 0) == nullptr);
  cache.drop(*cache.find(keys[1], 0), Gone::changed);
  CHECK(cache.find(keys[1], 0) == nullptr);
  for (const Key& key : {keys[0], keys[2], keys[3]}) CHECK(cache.find(key, 0) != nullptr);
}

TEST_CASE("every kind is held and counted by itself, and all of them together") {
  Cache cache(roomy);
  put(cache, "/content");
  put(cache, "/content2");
  put_verdict(cache, "/verdict", 403);
  put_file(cache, "/file", 700);
  put_names(cache, "/names", 800);
  CHECK(cache.count(Kind::content) == 2);
  for (const Kind kind : {Kind::verdict, Kind::file, Kind::names}) CHECK(cache.count(kind) == 1);
  CHECK(cache.count() == 5);
  size_t sum = 0;
  for (const char* path : {"/content", "/content2", "/verdict", "/file", "/names"}) {
    sum += cache.peek(key_of(path))->charge();
  }
  CHECK(cache.bytes() == sum);
  CHECK(cache.bytes(Kind::file) == cache.peek(key_of("/file"))->charge());
  CHECK(cache.bytes(Kind::names) == cache.peek(key_of("/names"))->charge());
  CHECK(cache.peek(key_of("/verdict"))->status() == 403);
}

TEST_CASE("the bounds of the kinds together are the capacity, to the byte") {
  for (const size_t capacity : {size_t{0}, size_t{1}, size_t{4095}, size_t{65'537}, size_t{2} << 20, size_t{1} << 30}) {
    CAPTURE(capacity);
    Cache cache({.capacity_bytes = capacity});
    size_t sum = 0;
    for (const Kind kind : {Kind::content, Kind::verdict, Kind::file, Kind::names}) sum += cache.bound_bytes(kind);
    CHECK(sum == capacity);
    CHECK(cache.bound_bytes(Kind::content) >= capacity / 4 * 3);
  }
  CHECK(Cache({.capacity_bytes = 2 << 20}).bound_bytes(Kind::verdict) == 64 << 10);
  CHECK(Cache({.capacity_bytes = 64 << 20}).bound_bytes(Kind::verdict) == 2 << 20);
  CHECK(Cache({.capacity_bytes = 1 << 30}).bound_bytes(Kind::verdict) == 4 << 20);
}

TEST_CASE("finding is a use: it says when and how often; peeking and replacing are none") {
  Cache cache(roomy);
  put(cache, "/a", "body", 100);
  Entry* entry = cache.peek(key_of("/a"));
  CHECK(entry->used_at_ms() == 100);
  CHECK(entry->hits() == 0);
  CHECK(cache.find(key_of("/a"), 200) == entry);
  CHECK(cache.find(key_of("/a"), 300) == entry);
  CHECK(cache.peek(key_of("/a")) == entry);
  CHECK(entry->used_at_ms() == 300);
  CHECK(entry->hits() == 2);
  const EntryRef old(entry);
  put(cache, "/a", "body", 400);
  CHECK(old->hits() == 2);
  CHECK(old->used_at_ms() == 300);
}

TEST_CASE("the bound is reached to the byte, and one byte more evicts") {
  for (const size_t more : {size_t{0}, size_t{1}}) {
    Cache cache({.capacity_bytes = 16 << 10});
    put(cache, "/a");
    put(cache, "/b", body_for("/b", cache.bound_bytes(Kind::content) - charge_of("/a") + more));
    CHECK(cache.count() == 2 - more);
    CHECK(holds(cache, "/b"));
    CHECK(cache.bytes() <= cache.bound_bytes(Kind::content));
  }
}

TEST_CASE("a large entry evicts as many small ones as its bytes need") {
  Cache cache({.capacity_bytes = 16 << 10});
  const size_t charge = cache.bound_bytes(Kind::content) / 10;
  for (char name = '0'; name <= '9'; ++name) {
    const std::string path{'/', name};
    put(cache, path, body_for(path, charge));
  }
  REQUIRE(cache.count() == 10);
  put(cache, "/x", body_for("/x", 4 * charge));
  CHECK(cache.count() == 7);
  CHECK(gone(cache, Gone::capacity) == 4);
  CHECK_FALSE(holds(cache, "/3"));
  CHECK(holds(cache, "/4"));
}

TEST_CASE("an entry takes the place of the one under its key, of whatever kind") {
  Cache cache(roomy);
  put(cache, "/a", "old");
  put(cache, "/a", "new, and longer");
  CHECK(cache.count() == 1);
  CHECK(cache.bytes() == charge_of("/a", "new, and longer"));
  CHECK(text_of(cache.find(key_of("/a"), 0)->body()) == "new, and longer");
  put_verdict(cache, "/a");
  CHECK(cache.count() == 1);
  CHECK(cache.count(Kind::content) == 0);
  CHECK(cache.find(key_of("/a"), 0)->kind() == Kind::verdict);
  CHECK(gone(cache, Gone::replaced) == 2);
  CHECK(cache.counters().inserted == 3);
}

TEST_CASE("an entry larger than its whole queue is not linked and evicts nobody") {
  Cache cache({.capacity_bytes = 64 << 10});
  put(cache, "/a");
  put_names(cache, "/d");
  put(cache, "/large", std::string(cache.bound_bytes(Kind::content), 'x'));
  put_file(cache, "/large", cache.bound_bytes(Kind::file));
  put_names(cache, "/large", cache.bound_bytes(Kind::names));
  CHECK_FALSE(holds(cache, "/large"));
  CHECK(cache.count() == 2);
  CHECK(cache.counters().inserted == 2);
}

TEST_CASE("a file that outgrew the cache does not leave its old bytes behind") {
  Cache cache({.capacity_bytes = 8192});
  put(cache, "/a", "old");
  put(cache, "/a", std::string(8192, 'x'));
  CHECK(cache.count() == 0);
  CHECK(cache.bytes() == 0);
  CHECK(gone(cache, Gone::replaced) == 1);
}

TEST_CASE("a cache of no bytes holds nothing of any kind") {
  Cache cache({.capacity_bytes = 0});
  put(cache, "/a", "");
  put_verdict(cache, "/b");
  put_file(cache, "/c");
  put_names(cache, "/d");
  CHECK(cache.count() == 0);
  CHECK(cache.find(key_of("/a"), 0) == nullptr);
  cache.sweep(1'000'000, 1, cache.bucket_count());
}

TEST_CASE("no more descriptors are kept than the limit says, the one not used goes first") {
  Cache cache({.capacity_bytes = 1 << 20, .file_limit = 3});
  for (const char* path : {"/1", "/2", "/3"}) put_file(cache, path);
  CHECK(cache.find(key_of("/1"), 0) != nullptr);
  put_file(cache, "/4");
  CHECK(cache.count(Kind::file) == 3);
  CHECK(holds(cache, "/1"));
  CHECK_FALSE(holds(cache, "/2"));
  Cache none({.capacity_bytes = 1 << 20, .file_limit = 0});
  put_file(none, "/1");
  CHECK(none.count() == 0);
}

TEST_CASE("an entry that is dropped, replaced, evicted or idle while it is sent keeps its bytes until that is done") {
  Cache cache({.capacity_bytes = 1280});  // one of them
  const std::string body(100, 'b');
  put(cache, "/a", body);
  EntryRef pin(cache.find(key_of("/a"), 0));
  REQUIRE(pin.get() != nullptr);
  const std::string bytes = text_of(pin->head_and_body());

  SUBCASE("dropped") { cache.drop(*pin, Gone::changed); }
  SUBCASE("replaced") { put(cache, "/a", "x"); }
  SUBCASE("evicted") { put(cache, "/b", body); }
  SUBCASE("idle") { cache.sweep(1000, 10, cache.bucket_count()); }

  CHECK(cache.peek(key_of("/a")) != &*pin);
  CHECK_FALSE(pin->in_cache());
  CHECK(pin->pins() == 1);
  CHECK(text_of(pin->head_and_body()) == bytes);
  const size_t freed_before_the_end = heap().freed;
  pin.reset();
  CHECK(heap().freed == freed_before_the_end + 1);
}

TEST_CASE("a dropped entry may be inserted again") {
  Cache cache(roomy);
  const EntryRef entry = sealed(key_of("/a"), "body");
  cache.insert(entry, 0);
  cache.drop(*entry, Gone::watch);
  CHECK(cache.bytes() == 0);
  cache.insert(entry, 0);
  CHECK(cache.find(key_of("/a"), 0) == entry.get());
}

TEST_CASE("an entry is linked once and dropped once") {
  CHECK(dies_of("!entry->in_cache_", [] {
    Cache cache(roomy);
    const EntryRef entry = sealed(key_of("/a"), "body");
    cache.insert(entry, 0);
    cache.insert(entry, 0);
  }));
  CHECK(dies_of("entry.in_cache_", [] {
    Cache cache(roomy);
    const EntryRef entry = sealed(key_of("/a"), "body");
    cache.insert(entry, 0);
    cache.drop(*entry, Gone::changed);
    cache.drop(*entry, Gone::changed);
  }));
}

TEST_CASE("a cache that dies frees what it holds, but for what is being sent") {
  EntryRef pin;
  int alive = 0;
  {
    Cache cache(roomy);
    cache.insert(cache.make_holder(key_of("/f"), "/f", Kind::file, std::make_unique<Counted>(&alive), 0), 0);
    cache.insert(sealed(key_of("/b"), "body"), 0);
    pin = EntryRef(cache.find(key_of("/b"), 0));
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
  CHECK(pin->pins() == 1);
  CHECK(text_of(pin->body()) == "body");
}

TEST_CASE("a sweep drops what nobody asked for, to the millisecond, and nothing that was used since") {
  Cache cache(roomy);
  put(cache, "/old", "body", 1000);
  put(cache, "/used", "body", 1000);
  put_verdict(cache, "/verdict", 404, 1000);
  put(cache, "/new", "body", 1001);
  CHECK(cache.find(key_of("/used"), 1500) != nullptr);
  cache.sweep(1600, 600, cache.bucket_count());
  CHECK(cache.count() == 4);
  cache.sweep(1601, 600, cache.bucket_count());
  CHECK_FALSE(holds(cache, "/old"));
  CHECK_FALSE(holds(cache, "/verdict"));
  CHECK(holds(cache, "/used"));
  CHECK(holds(cache, "/new"));
  CHECK(gone(cache, Gone::idle) == 2);
}

TEST_CASE("sweeps of some buckets each go round the whole table") {
  Cache cache(roomy);
  for (int number = 0; number < 200; ++number) put_verdict(cache, "/" + std::to_string(number));
  REQUIRE(cache.count() == 200);
  const size_t part = cache.bucket_count() / 8;
  size_t before = cache.count();
  for (int turn = 0; turn < 8; ++turn) {
    CHECK(before > 0);
    cache.sweep(1000, 1, part);
    CHECK(cache.count() < before);
    before = cache.count();
  }
  CHECK(cache.count() == 0);
}

namespace {
struct Diary final : CacheObserver {
  std::string text;
  void on_linked(Entry& entry) override { text += "+" + std::string(entry.key().path); }
  void on_unlinked(Entry& entry) override { text += "-" + std::string(entry.key().path); }
};
}  // namespace

TEST_CASE("the observer hears of every entry that comes and goes, in that order, whatever the reason") {
  Diary diary;
  {
    Cache cache({.capacity_bytes = 4096});
    cache.set_observer(&diary);
    put(cache, "/a");
    put(cache, "/a", "longer");
    CHECK(std::exchange(diary.text, "") == "+/a-/a+/a");
    put(cache, "/b", body_for("/b", cache.bound_bytes(Kind::content)));
    CHECK(std::exchange(diary.text, "") == "-/a+/b");
    put(cache, "/large", std::string(4096, 'x'));
    CHECK(diary.text.empty());
    cache.drop(*cache.peek(key_of("/b")), Gone::missing);
    CHECK(std::exchange(diary.text, "") == "-/b");
    put(cache, "/c");
    cache.sweep(1000, 10, cache.bucket_count());
    CHECK(std::exchange(diary.text, "") == "+/c-/c");
    put_verdict(cache, "/d");
    diary.text.clear();
  }
  CHECK(diary.text == "-/d");
}

TEST_CASE("what was made and is not held any more takes room, until its last send is done") {
  Cache cache({.capacity_bytes = 64 << 10});
  const size_t room = size_t{8} << 20;  // of a small cache
  CHECK(cache.has_room(room));
  CHECK_FALSE(cache.has_room(room + 1));
  EntryRef entry = cache.make(key_of("/a"), "/a", 0, 1000);
  const size_t charge = entry->charge();
  CHECK(cache.has_room(room - charge));
  CHECK_FALSE(cache.has_room(room - charge + 1));
  cache.insert(entry, 0);
  CHECK(cache.has_room(room));
  cache.drop(*entry, Gone::changed);
  CHECK_FALSE(cache.has_room(room - charge + 1));
  entry.reset();
  CHECK(cache.has_room(room));
}

TEST_CASE("finding allocates nothing and frees nothing, found or not; evicting only frees") {
  Cache cache({.capacity_bytes = 16 << 10});
  int number = 10;
  while (gone(cache, Gone::capacity) == 0) put(cache, "/" + std::to_string(number++));
  const std::string path = "/" + std::to_string(number - 1);
  const Key there = key_of(path);
  const Key missing = key_of("/99");
  auto before = heap();
  bool found = true;
  for (int turn = 0; turn < 100; ++turn) found = found && cache.find(there, 0) && !cache.find(missing, 0);
  auto after = heap();
  CHECK(found);
  CHECK(after.taken == before.taken);
  CHECK(after.freed == before.freed);

  EntryRef entry = sealed(key_of("/98"), "body");
  before = heap();
  cache.insert(std::move(entry), 0);
  after = heap();
  CHECK(after.taken == before.taken);
  CHECK(after.freed == before.freed + 1);
}
