// A random life of a Cache beside a list that the observer writes: whatever was linked is found until it is unlinked,
// nothing leaves without a reason, and the sums are right after every step.
#include <algorithm>
#include <deque>
#include <list>
#include <set>
#include <string>

#include "make_entry.hpp"
#include "uringd/cache/cache.hpp"

#include "../random.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;

namespace {

constexpr uint64_t name_count = 120;
constexpr Kind kinds[] = {Kind::content, Kind::verdict, Kind::file, Kind::names};

struct Held {
  const Entry* entry;
  std::string path;
  uint32_t site;
  Kind kind;
  size_t charge;
  uint64_t used_at_ms;
  std::string text;  // what it answers with
};

struct Model final : CacheObserver {
  std::list<Held> held;
  std::list<Held> left;  // in this step
  uint64_t linked = 0;
  uint64_t unlinked = 0;
  bool wrong = false;  // linked twice, or unlinked and not linked
  uint64_t now_ms = 0;

  static std::string text(const Entry& entry) {
    return text_of(entry.head_and_body()) + std::to_string(entry.status());
  }
  auto place(const Key& key) {
    return std::ranges::find_if(held, [&](const Held& one) { return one.path == key.path && one.site == key.site; });
  }
  void on_linked(Entry& entry) override {
    ++linked;
    const Key key = entry.key();
    wrong = wrong || place(key) != held.end();
    held.push_back({&entry, std::string(key.path), key.site, entry.kind(), entry.charge(), now_ms, text(entry)});
  }
  void on_unlinked(Entry& entry) override {
    ++unlinked;
    const auto found = place(entry.key());
    wrong = wrong || found == held.end() || found->entry != &entry;
    if (found != held.end()) left.splice(left.end(), held, found);
  }
};

class Life {
 public:
  explicit Life(uint64_t seed)
      : random_(seed),
        options_{.capacity_bytes = draw_capacity(), .file_limit = random_.below(12), .entry_bytes = 64},
        cache_(options_) {
    cache_.set_observer(&model_);
  }

  /// What is wrong after one more step, or nothing.
  std::string step() {
    model_.now_ms += random_.below(3);
    model_.left.clear();
    const Key key = draw_key();
    if (random_.below(100) == 0) cache_.set_capacity(draw_capacity());
    switch (random_.below(17)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: insert(key); break;
      case 5: drop(key); break;
      case 6: pin(key); break;
      case 7: sweep(); break;
      case 8: catch_up(); break;
      default: find(key); break;
    }
    if (!pins_.empty() && random_.below(10) == 0) pins_.pop_front();
    check_sums();
    return what_;
  }

  std::string end() {
    for (const Kind kind : kinds) {
      while (true) {
        const auto one = std::ranges::find(model_.held, kind, &Held::kind);
        if (one == model_.held.end()) break;
        path_ = one->path;
        cache_.drop(*cache_.peek(key_of_name(one->site, path_)), Gone::changed);
      }
    }
    pins_.clear();
    check_sums();
    expect(cache_.bytes() == 0 && cache_.count() == 0, "empty at the end");
    expect(payloads_ == 0, "payloads die");
    return what_;
  }

  [[nodiscard]] uint64_t evicted() const { return gone(cache_, Gone::capacity); }
  [[nodiscard]] uint64_t idle() const { return gone(cache_, Gone::idle); }

 private:
  struct Pinned {
    EntryRef entry;
    std::string text;
  };

  void expect(bool holds, const char* what) {
    if (!holds && what_.empty()) what_ = what;
  }
  // Seven hashes only: long chains, and different keys with one hash.
  static Key key_of_name(uint32_t site, const std::string& path) {
    return {site, path, (path.size() + static_cast<size_t>(path.back()) + site) % 7 * 0x9E37'79B9'7F4A'7C15};
  }
  size_t draw_capacity() { return 4000 + random_.below(150'000); }
  Key draw_key() {
    const uint64_t number = std::min(random_.below(name_count), random_.below(name_count));  // some are popular
    path_ = "/" + std::to_string(number / 2);
    return key_of_name(static_cast<uint32_t>(number % 2), path_);
  }

  EntryRef draw_entry(const Key& key) {
    const auto body_bytes = static_cast<size_t>(random_.of_any_size(13));
    const Kind kind = random_.below(2) == 0 ? Kind::content : kinds[random_.below(4)];
    switch (kind) {
      case Kind::content:
        return filled(cache_.make(key, key.path, 0, body_bytes),
                      std::string(body_bytes, static_cast<char>('a' + random_.below(26))));
      case Kind::verdict: return cache_.make_verdict(key, random_.below(2) ? 404 : 403);
      default: return cache_.make_holder(key, key.path, kind, std::make_unique<Counted>(&payloads_), body_bytes / 2);
    }
  }

  void insert(const Key& key) {
    const EntryRef entry = draw_entry(key);
    const bool was_there = model_.place(key) != model_.held.end();
    const bool over = is_over(entry->kind(), key);
    const uint64_t evicted_before = evicted();
    cache_.insert(entry, model_.now_ms);
    const bool may_stay = entry->charge() <= cache_.bound_bytes(entry->kind()) &&
                          (entry->kind() != Kind::file || options_.file_limit > 0) && !over;
    const auto found = model_.place(key);
    expect((found != model_.held.end()) == may_stay, "linked where it may be");
    expect(entry->in_cache() == may_stay, "in_cache says so");
    if (may_stay) expect(found->entry == entry.get() && cache_.peek(key) == entry.get(), "the new one is there");
    auto& left = model_.left;
    if (was_there) {
      expect(!left.empty() && left.front().path == key.path && left.front().site == key.site, "the old one left first");
      left.pop_front();
    }
    expect(evicted() - evicted_before == left.size(), "evictions are counted");
    for (const Held& one : left) expect(one.kind == entry->kind(), "only its own kind made room");
    if (left.empty()) return;
    const bool needed = cache_.bytes(entry->kind()) + left.back().charge > cache_.bound_bytes(entry->kind()) ||
                        cache_.count(Kind::file) == options_.file_limit;
    expect(needed, "no more is evicted than needed");
  }

  void find(const Key& key) {
    Entry* entry = cache_.find(key, model_.now_ms);
    if (const auto place = model_.place(key); place != model_.held.end()) place->used_at_ms = model_.now_ms;
    expect_found(key, entry);
    expect(model_.left.empty(), "finding evicts nothing");
  }
  void expect_found(const Key& key, const Entry* entry) {
    const auto place = model_.place(key);
    if (place == model_.held.end()) return expect(entry == nullptr, "what left is not found");
    expect(entry == place->entry, "what is linked is found");
    expect(entry && Model::text(*entry) == place->text, "with its bytes");
    expect(entry && entry->used_at_ms() == place->used_at_ms, "and its last use");
  }
  void drop(const Key& key) {
    Entry* entry = cache_.peek(key);
    if (!entry) return;
    cache_.drop(*entry, Gone::missing);
    expect(model_.left.size() == 1, "dropping takes one");
    expect(cache_.peek(key) == nullptr, "the dropped one is gone");
  }
  void pin(const Key& key) {
    Entry* entry = cache_.peek(key);
    if (entry) pins_.push_back({EntryRef(entry), Model::text(*entry)});
  }
  void sweep() {
    const uint64_t idle_ms = 20 + random_.below(200);
    const bool whole = random_.below(2) == 0;
    cache_.sweep(model_.now_ms, idle_ms, whole ? cache_.bucket_count() : random_.below(cache_.bucket_count()));
    const auto is_idle = [&](const Held& one) { return model_.now_ms - one.used_at_ms > idle_ms; };
    expect(std::ranges::all_of(model_.left, is_idle), "a sweep takes only the idle");
    if (whole) expect(std::ranges::none_of(model_.held, is_idle), "a whole sweep takes all of them");
  }

  // Its bound was lowered: nothing new is linked, apart from what `but` names.
  bool is_over(Kind kind, const Key& but) {
    size_t bytes = 0;
    for (const Held& one : model_.held) {
      if (one.kind == kind && (one.path != but.path || one.site != but.site)) bytes += one.charge;
    }
    return bytes > cache_.bound_bytes(kind);
  }
  void catch_up() {
    const bool behind = cache_.behind();
    const size_t steps = random_.below(1500);
    cache_.catch_up(steps);
    expect(model_.left.size() <= steps, "a slice evicts no more than it may");
    expect(behind || model_.left.empty(), "nothing goes that fits");
    expect(steps < 128 || !cache_.behind() || cache_.bucket_count() > 1024, "catching up ends");
  }

  void check_sums() {
    size_t bytes = 0;
    for (const Kind kind : kinds) {
      size_t kind_bytes = 0;
      size_t count = 0;
      for (const Held& one : model_.held) {
        if (one.kind != kind) continue;
        kind_bytes += one.charge;
        ++count;
      }
      expect(cache_.bytes(kind) == kind_bytes && cache_.count(kind) == count, "a kind's sums are those of its entries");
      expect(cache_.behind() || kind_bytes <= cache_.bound_bytes(kind), "a kind keeps its bound");
      bytes += kind_bytes;
    }
    expect(cache_.count(Kind::file) <= options_.file_limit, "descriptors are bounded");
    expect(cache_.bytes() == bytes, "bytes are the sum of the charges");
    expect(cache_.behind() || bytes <= cache_.capacity_bytes(), "bytes are in bounds");
    expect(cache_.count() == model_.held.size(), "count is that of the entries");
    expect(cache_.counters().inserted == model_.linked && !model_.wrong, "what is linked is told and counted");
    uint64_t left = 0;
    for (const auto& one : cache_.counters().gone) left += one;
    expect(left == model_.unlinked && model_.linked - left == cache_.count(), "what is unlinked is told and counted");
    for (const Held& one : model_.held)
      expect_found(key_of_name(one.site, one.path), cache_.peek(key_of_name(one.site, one.path)));
    check_pins();
  }

  // Only what is pinned and no longer linked lives outside the capacity.
  void check_pins() {
    std::set<const Entry*> outside;
    size_t outside_bytes = 0;
    for (const Pinned& pinned : pins_) {
      expect(Model::text(*pinned.entry) == pinned.text, "a pinned entry keeps its bytes");
      if (!pinned.entry->in_cache() && outside.insert(pinned.entry.get()).second)
        outside_bytes += pinned.entry->charge();
    }
    const size_t room = size_t{8} << 20;
    expect(cache_.has_room(room - outside_bytes) && !cache_.has_room(room - outside_bytes + 1), "live bytes are right");
  }

  uringd::testing::Random random_;
  CacheOptions options_;
  std::string path_;
  std::string what_;
  int payloads_ = 0;
  Model model_;
  Cache cache_;
  std::deque<Pinned> pins_;  // the last member: gone before the cache that counts them
};

}  // namespace

TEST_CASE(
    "after any inserts, finds, drops, sweeps, pins and capacities of all kinds the cache holds what its observer was "
    "told") {
  uint64_t evicted = 0;
  uint64_t idle = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    Life life(seed);
    std::string wrong;
    int step = 0;
    for (; step < 2000 && wrong.empty(); ++step) wrong = life.step();
    if (wrong.empty()) wrong = life.end();
    CHECK_MESSAGE(wrong.empty(), "seed ", seed, " step ", step, ": not so: ", wrong);
    evicted += life.evicted();
    idle += life.idle();
  }
  CHECK(evicted > 1000);
  CHECK(idle > 100);
}
