// Copies of an entry in content codings: found at it, charged with it, gone with it, alive while they are sent.
#include <string>

#include "make_entry.hpp"
#include "uringd/cache/cache.hpp"

#include "../death.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;
using uringd::http::Coding;
using uringd::testing::dies_of;

namespace {

constexpr CacheOptions roomy{.capacity_bytes = 1 << 20};

/// A body with which content under `path` takes exactly `charge_bytes`.
std::string body_for(std::string_view path, size_t charge_bytes) {
  return std::string(charge_bytes - charge_of(path, ""), 'x');
}

EntryRef copy_for(Cache& cache, const Entry& base, std::string_view body, Coding coding = Coding::br) {
  EntryFacts facts = html_facts;
  facts.coding = coding;
  return filled(cache.make(base.key(), base.name(), 0, body.size()), body, facts);
}

}  // namespace

TEST_CASE("a copy is found at its entry, in its coding, and charged with it") {
  Cache cache(roomy);
  put(cache, "/a");
  put(cache, "/b");
  Entry& base = *cache.peek(key_of("/a"));
  const size_t before = cache.bytes();
  const size_t charge = base.charge();
  const EntryRef copy = copy_for(cache, base, "coded");
  cache.attach(base, copy);
  CHECK(base.copy(Coding::br) == copy.get());
  CHECK(base.copy(Coding::gzip) == nullptr);
  CHECK(base.charge() == charge + copy->charge());
  CHECK(cache.bytes() == before + copy->charge());
  CHECK(cache.bytes(Kind::content) == cache.bytes());
  CHECK(cache.count() == 2);
  CHECK(!copy->in_cache());
  CHECK(dies_of("coding != http::Coding::identity", [&] { static_cast<void>(base.copy(Coding::identity)); }));
}

TEST_CASE("a copy takes the place of the one before it, and each coding has its own") {
  Cache cache(roomy);
  put(cache, "/a");
  Entry& base = *cache.peek(key_of("/a"));
  const size_t before = cache.bytes();
  EntryRef quick = copy_for(cache, base, "longer than the next");
  cache.attach(base, quick);
  const EntryRef better = copy_for(cache, base, "short");
  cache.attach(base, better);
  const EntryRef gzip = copy_for(cache, base, "gzip", Coding::gzip);
  cache.attach(base, gzip);
  CHECK(base.copy(Coding::br) == better.get());
  CHECK(base.copy(Coding::gzip) == gzip.get());
  CHECK(cache.bytes() == before + better->charge() + gzip->charge());
  CHECK(cache.copies_bytes() == better->charge() + gzip->charge());
  CHECK(quick->pins() == 1);  // still being sent
  CHECK(text_of(quick->body()) == "longer than the next");
}

TEST_CASE("copies go with their entry, but for those that are being sent") {
  Cache cache(roomy);
  put(cache, "/a");
  EntryRef sent;
  {
    Entry& base = *cache.peek(key_of("/a"));
    sent = copy_for(cache, base, "coded");
    cache.attach(base, sent);
    cache.attach(base, copy_for(cache, base, "gzip", Coding::gzip));
    CHECK(sent->pins() == 1);
    cache.drop(base, Gone::changed);
    CHECK(cache.copies_bytes() == 0);
  }
  CHECK(cache.bytes() == 0);
  CHECK(sent->pins() == 1);
  CHECK(text_of(sent->body()) == "coded");
  CHECK(cache.has_room((size_t{8} << 20) - sent->charge()));
  CHECK(!cache.has_room((size_t{8} << 20) - sent->charge() + 1));
  sent.reset();
  CHECK(cache.has_room(size_t{8} << 20));
}

TEST_CASE("an entry that is not linked takes copies too, and brings them along") {
  Cache cache(roomy);
  const EntryRef base = filled(cache.make(key_of("/a"), "/a", 0, 4), "body");
  const EntryRef copy = copy_for(cache, *base, "coded");
  cache.attach(*base, copy);
  CHECK(cache.bytes() == 0);
  cache.insert(base, 0);
  CHECK(cache.bytes() == base->charge());
  CHECK(cache.bytes() > copy->charge() + 4);
  cache.drop(*base, Gone::changed);
  CHECK(cache.bytes() == 0);
}

TEST_CASE("a copy that makes the cache too full evicts what was longest without use, its own entry if it must") {
  Cache cache({.capacity_bytes = 64 << 10});
  const size_t room = cache.bound_bytes(Kind::content);
  for (const char* path : {"/old", "/a"}) put(cache, path, body_for(path, room / 2 - 1000));
  const EntryRef base(cache.peek(key_of("/a")));
  cache.attach(*base, copy_for(cache, *base, std::string(2000, 'c')));
  CHECK(!holds(cache, "/old"));
  CHECK(holds(cache, "/a"));
  CHECK(cache.bytes() == base->charge());
  cache.attach(*base, copy_for(cache, *base, std::string(room, 'c')));
  CHECK(!holds(cache, "/a"));
  CHECK(cache.bytes() == 0);
  CHECK(base->copy(Coding::br) != nullptr);
}

TEST_CASE("the Date of a copy is patched while nobody sends it") {
  Cache cache(roomy);
  put(cache, "/a");
  Entry& base = *cache.peek(key_of("/a"));
  cache.attach(base, copy_for(cache, base, "coded"));
  Entry& copy = *base.copy(Coding::br);
  CHECK(copy.pins() == 0);
  CHECK(copy.date_current(sealed_s + 1, next_date));
  CHECK(text_of(copy.head()).find(next_date) != std::string::npos);
  CHECK(text_of(base.head()).find(sealed_date) != std::string::npos);
  const EntryRef pin(&copy);
  CHECK_FALSE(copy.date_current(sealed_s + 2, sealed_date));
}
