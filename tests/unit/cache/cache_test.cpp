// Cache: least recently used goes first, bytes stay within the bound, pinned memory survives; single situations first,
// then a random life beside a std::list.
#include "uringd/cache/cache.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <string>

#include "allocations.hpp"
#include "make_entry.hpp"

#include "../death.hpp"
#include "../random.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;
using uringd::testing::dies_of;
using uringd::testing::heap;

namespace {

Key key_of(std::string_view path, uint32_t site = 0) { return make_key(site, path, 42); }
void put(Cache& cache, std::string_view path, std::string_view body = "body") {
  cache.insert(sealed(key_of(path), body));
}
size_t charge_of(std::string_view path, std::string_view body = "body") { return sealed(key_of(path), body)->charge(); }

}  // namespace

TEST_CASE("what was inserted is found, what was not is not") {
  Cache cache(1 << 20);
  put(cache, "/a");
  Entry* found = cache.find(key_of("/a"));
  REQUIRE(found);
  CHECK(text_of(found->body()) == "body");
  CHECK(cache.find(key_of("/b")) == nullptr);
  CHECK(cache.find(key_of("/a", 1)) == nullptr);
  CHECK(cache.count() == 1);
  CHECK(cache.bytes() == found->charge());
}

TEST_CASE("keys whose hashes collide are told apart by path and by site") {
  Cache cache(1 << 20);
  const Key keys[] = {{0, "/a", 5}, {0, "/b", 5}, {1, "/a", 5}, {0, "/c", 5 + (uint64_t{1} << 40)}};
  for (const Key& key : keys) cache.insert(sealed(key, std::to_string(key.site) + std::string(key.path)));
  CHECK(cache.count() == 4);
  for (const Key& key : keys) {
    Entry* entry = cache.find(key);
    REQUIRE(entry);
    CHECK(text_of(entry->body()) == std::to_string(key.site) + std::string(key.path));
  }
  CHECK(cache.find({1, "/b", 5}) == nullptr);
  CHECK(cache.find({0, "/c", 5}) == nullptr);
  cache.drop(*cache.find(keys[1]));
  CHECK(cache.find(keys[1]) == nullptr);
  for (const Key& key : {keys[0], keys[2], keys[3]}) CHECK(cache.find(key) != nullptr);
}

TEST_CASE("over the bound the least recently used goes, and finding is using") {
  Cache cache(3 * charge_of("/a"));
  for (const char* path : {"/a", "/b", "/c"}) put(cache, path);
  CHECK(cache.find(key_of("/a")) != nullptr);
  put(cache, "/d");
  CHECK(cache.count() == 3);
  CHECK(cache.find(key_of("/b")) == nullptr);
  for (const char* path : {"/a", "/c", "/d"}) CHECK(cache.find(key_of(path)) != nullptr);
}

TEST_CASE("the bound is reached to the byte, and one byte more evicts") {
  const size_t two = charge_of("/a") + charge_of("/b");
  Cache exact(two);
  Cache short_of(two - 1);
  for (Cache* cache : {&exact, &short_of}) {
    put(*cache, "/a");
    put(*cache, "/b");
  }
  CHECK(exact.count() == 2);
  CHECK(exact.bytes() == exact.capacity_bytes());
  CHECK(short_of.count() == 1);
  CHECK(short_of.find(key_of("/b")) != nullptr);
}

TEST_CASE("a large entry evicts as many small ones as its bytes need") {
  Cache cache(10 * charge_of("/0"));
  for (char name = '0'; name <= '9'; ++name) put(cache, std::string("/") + name);
  REQUIRE(cache.count() == 10);
  put(cache, "/x", std::string(4 * charge_of("/0") - charge_of("/0", ""), 'x'));
  CHECK(cache.bytes() <= cache.capacity_bytes());
  CHECK(cache.count() == 7);
  CHECK(cache.find(key_of("/3")) == nullptr);
  CHECK(cache.find(key_of("/4")) != nullptr);
}

TEST_CASE("an entry takes the place of the one under its key") {
  Cache cache(1 << 20);
  put(cache, "/a", "old");
  put(cache, "/a", "new, and longer");
  CHECK(cache.count() == 1);
  CHECK(cache.bytes() == charge_of("/a", "new, and longer"));
  CHECK(text_of(cache.find(key_of("/a"))->body()) == "new, and longer");
}

TEST_CASE("an entry larger than the whole cache is not linked and evicts nobody") {
  Cache cache(4096);
  put(cache, "/a");
  put(cache, "/large", std::string(4096, 'x'));
  CHECK(cache.find(key_of("/large")) == nullptr);
  CHECK(cache.find(key_of("/a")) != nullptr);
  CHECK(cache.count() == 1);
}

TEST_CASE("a file that outgrew the cache does not leave its old bytes behind") {
  Cache cache(4096);
  put(cache, "/a", "old");
  put(cache, "/a", std::string(4096, 'x'));
  CHECK(cache.find(key_of("/a")) == nullptr);
  CHECK(cache.bytes() == 0);
}

TEST_CASE("a cache of no bytes holds nothing") {
  Cache cache(0);
  put(cache, "/a", "");
  CHECK(cache.find(key_of("/a")) == nullptr);
  CHECK(cache.count() == 0);
}

TEST_CASE("an entry that is dropped, replaced or evicted while it is sent keeps its bytes until the send is done") {
  const std::string body(100, 'b');
  Cache cache(charge_of("/a", body));
  const size_t freed = heap().freed;
  put(cache, "/a", body);
  EntryRef pin(cache.find(key_of("/a")));
  const std::string bytes = text_of(pin->head_and_body());

  SUBCASE("dropped") { cache.drop(*pin); }
  SUBCASE("replaced") { put(cache, "/a", "x"); }
  SUBCASE("evicted") { put(cache, "/b", body); }

  CHECK(cache.find(key_of("/a")) != &*pin);
  CHECK(pin->pins() == 1);
  CHECK(text_of(pin->head_and_body()) == bytes);
  CHECK(cache.bytes() <= cache.capacity_bytes());
  CHECK(heap().freed >= freed);
  const size_t freed_before_the_end = heap().freed;
  pin.reset();
  CHECK(heap().freed == freed_before_the_end + 1);
}

TEST_CASE("a dropped entry may be inserted again") {
  Cache cache(1 << 20);
  EntryRef entry = sealed(key_of("/a"), "body");
  cache.insert(entry);
  cache.drop(*entry);
  CHECK(cache.bytes() == 0);
  cache.insert(entry);
  CHECK(cache.find(key_of("/a")) == &*entry);
}

TEST_CASE("an entry is linked once and dropped once") {
  CHECK(dies_of("!entry->in_cache_", [] {
    Cache cache(1 << 20);
    EntryRef entry = sealed(key_of("/a"), "body");
    cache.insert(entry);
    cache.insert(entry);
  }));
  CHECK(dies_of("entry.in_cache_", [] {
    Cache cache(1 << 20);
    EntryRef entry = sealed(key_of("/a"), "body");
    cache.insert(entry);
    cache.drop(*entry);
    cache.drop(*entry);
  }));
}

TEST_CASE("a cache that dies frees what it holds, but for what is being sent") {
  EntryRef pin;
  {
    Cache cache(1 << 20);
    put(cache, "/a");
    put(cache, "/b");
    pin = EntryRef(cache.find(key_of("/b")));
  }
  CHECK(pin->pins() == 1);
  CHECK(text_of(pin->body()) == "body");
}

TEST_CASE("finding allocates nothing and frees nothing, found or not; evicting only frees") {
  Cache cache(20 * charge_of("/10"));
  for (int number = 10; number < 30; ++number) put(cache, "/" + std::to_string(number));
  const Key there = key_of("/17");
  const Key missing = key_of("/99");
  auto before = heap();
  bool found = true;
  for (int turn = 0; turn < 100; ++turn) found = found && cache.find(there) && !cache.find(missing);
  auto after = heap();
  CHECK(found);
  CHECK(after.taken == before.taken);
  CHECK(after.freed == before.freed);

  EntryRef entry = sealed(key_of("/40"), "body");
  before = heap();
  cache.insert(std::move(entry));
  after = heap();
  CHECK(after.taken == before.taken);
  CHECK(after.freed == before.freed + 1);
}

namespace {

/// The cache as a list says it should be: front is the most recently used.
struct Model {
  struct Held {
    uint64_t name;
    std::string body;
    size_t charge;
  };
  std::list<Held> held;
  size_t capacity;

  auto place(uint64_t name) { return std::ranges::find(held, name, &Held::name); }
  [[nodiscard]] size_t bytes() const {
    size_t sum = 0;
    for (const Held& one : held) sum += one.charge;
    return sum;
  }
  void erase(uint64_t name) {
    if (auto found = place(name); found != held.end()) held.erase(found);
  }
  void insert(Held one) {
    erase(one.name);
    if (one.charge > capacity) return;
    while (bytes() + one.charge > capacity) held.pop_back();
    held.push_front(std::move(one));
  }
};

struct Pinned {
  EntryRef entry;
  std::string bytes;
};

class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), capacity_(2000 + random_.below(20'000)), cache_(capacity_) {
    model_.capacity = capacity_;
  }

  bool step() {
    const uint64_t name = random_.below(40);
    const Key key = key_of_name(name);
    switch (random_.below(6)) {
      case 0:
      case 1: insert(name, key); break;
      case 2: drop(name, key); break;
      case 3: pin(key); break;
      default: break;
    }
    if (!pins_.empty() && random_.below(4) == 0) pins_.pop_front();
    return found_as_in_model(name, key) && same();
  }

 private:
  // Four hashes only: long chains, and different keys with one hash. The path's text outlives the call in path_.
  Key key_of_name(uint64_t name) {
    path_ = "/" + std::to_string(name / 2);
    return {static_cast<uint32_t>(name % 2), path_, name % 4};
  }
  void insert(uint64_t name, const Key& key) {
    const std::string body(random_.of_any_size(12), static_cast<char>('a' + random_.below(26)));
    EntryRef entry = sealed(key, body);
    model_.insert({name, body, entry->charge()});
    cache_.insert(std::move(entry));
  }
  void drop(uint64_t name, const Key& key) {
    if (Entry* entry = cache_.find(key)) cache_.drop(*entry);
    model_.erase(name);
  }
  void pin(const Key& key) {
    Entry* entry = cache_.find(key);
    if (!entry) return;
    pins_.push_back({EntryRef(entry), text_of(entry->head_and_body())});
    const auto used = std::ranges::find_if(model_.held, [&](const Model::Held& one) {
      return one.name / 2 == std::stoul(std::string(key.path.substr(1))) && one.name % 2 == key.site;
    });
    model_.held.splice(model_.held.begin(), model_.held, used);
  }
  bool found_as_in_model(uint64_t name, const Key& key) {
    Entry* entry = cache_.find(key);
    const auto place = model_.place(name);
    if (place == model_.held.end()) return entry == nullptr;
    model_.held.splice(model_.held.begin(), model_.held, place);
    return entry && text_of(entry->body()) == place->body;
  }
  // Asked from the least recently used on, finding leaves the order as it is.
  bool same() {
    for (auto one = model_.held.rbegin(); one != model_.held.rend(); ++one) {
      Entry* entry = cache_.find(key_of_name(one->name));
      if (!entry || text_of(entry->body()) != one->body) return false;
    }
    for (const Pinned& pinned : pins_) {
      if (text_of(pinned.entry->head_and_body()) != pinned.bytes) return false;
    }
    return cache_.count() == model_.held.size() && cache_.bytes() == model_.bytes() && cache_.bytes() <= capacity_;
  }

  uringd::testing::Random random_;
  size_t capacity_;
  std::string path_;
  std::deque<Pinned> pins_;
  Cache cache_;
  Model model_;
};

}  // namespace

TEST_CASE("after any finds, inserts, drops and pins the cache holds what a list of the last used would hold") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Life life(seed);
    int step = 0;
    while (step < 1000 && life.step()) ++step;
    CHECK_MESSAGE(step == 1000, "seed ", seed);
  }
}
