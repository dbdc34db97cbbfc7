// Another capacity while entries are held: a smaller one evicts in slices, a larger one gets a larger table whose
// buckets are split in slices; and entries of some sites are dropped by themselves.
#include <set>
#include <string>
#include <vector>

#include "make_entry.hpp"
#include "uringd/cache/cache.hpp"

#include <doctest/doctest.h>

using namespace uringd::cache;
using namespace uringd::cache::testing;

namespace {

constexpr size_t kib = 1024;

std::string path_of(size_t number) { return "/" + std::to_string(number); }

void put_many(Cache& cache, size_t first, size_t last) {
  for (size_t number = first; number < last; ++number) put(cache, path_of(number), std::string(100, 'b'));
}

size_t held_of(Cache& cache, size_t first, size_t last) {
  size_t count = 0;
  for (size_t number = first; number < last; ++number) count += holds(cache, path_of(number)) ? 1 : 0;
  return count;
}

/// Of sites 0 to 3, in turn.
void put_sites(Cache& cache, size_t first, size_t last) {
  for (size_t number = first; number < last; ++number) {
    const std::string path = path_of(number);
    cache.insert(filled(cache.make(key_of(path, number % 4), path, 0, 4), "body"), 0);
  }
}

size_t held_of_site(Cache& cache, uint32_t site, size_t count) {
  size_t held = 0;
  for (size_t number = 0; number < count; ++number) held += cache.peek(key_of(path_of(number), site)) ? 1 : 0;
  return held;
}

}  // namespace

TEST_CASE("a smaller capacity evicts nothing at once, and then as many as each slice may until the rest fits") {
  Cache cache({.capacity_bytes = 1024 * kib});
  put_many(cache, 0, 500);
  REQUIRE(cache.count() == 500);
  CHECK(!cache.behind());
  cache.set_capacity(256 * kib);
  CHECK(cache.capacity_bytes() == 256 * kib);
  CHECK(cache.count() == 500);
  REQUIRE(cache.behind());
  cache.catch_up(10);
  CHECK(cache.count() == 490);
  for (int slice = 0; slice < 1000 && cache.behind(); ++slice) cache.catch_up(10);
  CHECK(!cache.behind());
  CHECK(cache.bytes() <= 256 * kib);
  CHECK(cache.count() > 100);
  CHECK(gone(cache, Gone::capacity) == 500 - cache.count());
  const size_t count = cache.count();
  cache.catch_up(10);
  CHECK(cache.count() == count);
}

TEST_CASE("who was used stays when the capacity shrinks") {
  Cache cache({.capacity_bytes = 1024 * kib});
  put_many(cache, 0, 500);
  for (size_t number = 0; number < 50; ++number) CHECK(cache.find(key_of(path_of(number)), 1) != nullptr);
  cache.set_capacity(256 * kib);
  while (cache.behind()) cache.catch_up(16);
  CHECK(held_of(cache, 0, 50) == 50);
}

TEST_CASE("while it is over its bound a queue takes nothing new, and an insert evicts nothing; its old entry goes") {
  Cache cache({.capacity_bytes = 1024 * kib});
  put_many(cache, 0, 500);
  cache.set_capacity(256 * kib);
  put(cache, "/new");
  CHECK(!holds(cache, "/new"));
  CHECK(cache.count() == 500);
  put(cache, path_of(7));
  CHECK(!holds(cache, path_of(7)));
  CHECK(cache.count() == 499);
  put_verdict(cache, "/verdict");  // another queue
  CHECK(holds(cache, "/verdict"));
  while (cache.behind()) cache.catch_up(100);
  put(cache, "/new");
  CHECK(holds(cache, "/new"));
}

TEST_CASE("a copy that comes while its queue is over its bound is given to its entry, and evicts nothing") {
  Cache cache({.capacity_bytes = 1024 * kib});
  put_many(cache, 0, 500);
  Entry* base = cache.peek(key_of(path_of(499)));
  REQUIRE(base != nullptr);
  cache.set_capacity(256 * kib);
  EntryFacts facts = html_facts;
  facts.coding = uringd::http::Coding::gzip;
  const size_t bytes = cache.bytes();
  const EntryRef copy = filled(cache.make(base->key(), base->name(), 0, 4), "copy", facts);
  cache.attach(*base, copy);
  CHECK(base->copy(uringd::http::Coding::gzip) == copy.get());
  CHECK(cache.count() == 500);
  CHECK(cache.bytes() == bytes + copy->charge());
}

TEST_CASE("every queue shrinks: verdicts, open files and names as well") {
  Cache cache({.capacity_bytes = 4096 * kib, .file_limit = 64});
  for (size_t number = 0; number < 60; ++number) {
    put_verdict(cache, "/v" + path_of(number));
    put_file(cache, "/f" + path_of(number), 1800);
    put_names(cache, "/n" + path_of(number), 1800);
  }
  REQUIRE(cache.count() == 180);
  cache.set_capacity(128 * kib);
  while (cache.behind()) cache.catch_up(1);
  for (const Kind kind : {Kind::verdict, Kind::file, Kind::names}) {
    CHECK(cache.bytes(kind) <= cache.bound_bytes(kind));
    CHECK(cache.count(kind) < 60);
    CHECK(cache.count(kind) > 0);
  }
}

TEST_CASE("a capacity of nothing drops everything, and one that comes back holds again") {
  Cache cache({.capacity_bytes = 1024 * kib});
  put_many(cache, 0, 100);
  cache.set_capacity(0);
  while (cache.behind()) cache.catch_up(64);
  CHECK(cache.count() == 0);
  put(cache, "/a");
  CHECK(!holds(cache, "/a"));
  cache.set_capacity(1024 * kib);
  put(cache, "/a");
  CHECK(holds(cache, "/a"));
}

TEST_CASE("a larger capacity gets a larger table; whatever is held is found while its buckets are split, and goes") {
  Cache cache({.capacity_bytes = 2048 * kib});
  REQUIRE(cache.bucket_count() == 1024);
  put_many(cache, 0, 1000);
  cache.set_capacity(size_t{16} * 1024 * kib);
  CHECK(cache.bucket_count() == 8192);
  size_t next = 1000;
  size_t slices = 0;
  size_t dropped = 0;
  for (; cache.behind(); ++slices) {
    put_many(cache, next, next + 5);
    next += 5;
    cache.drop(*cache.peek(key_of(path_of(dropped++))), Gone::watch);
    CHECK(held_of(cache, 0, next) == next - dropped);
    cache.catch_up(50);
  }
  CHECK(slices == (1024 + 49) / 50);
  CHECK(held_of(cache, 0, next) == next - dropped);
  CHECK(cache.count() == next - dropped);
  put_many(cache, next, next + 4000);
  CHECK(held_of(cache, 0, next + 4000) == next + 4000 - dropped);
}

TEST_CASE("a table that grows twice before its buckets are split loses nothing") {
  Cache cache({.capacity_bytes = 2048 * kib});
  put_many(cache, 0, 1000);
  cache.set_capacity(size_t{8} * 1024 * kib);
  cache.catch_up(100);
  cache.set_capacity(size_t{64} * 1024 * kib);
  CHECK(cache.bucket_count() == 32768);
  CHECK(held_of(cache, 0, 1000) == 1000);
  cache.catch_up(1);
  CHECK(held_of(cache, 0, 1000) == 1000);
  cache.catch_up(SIZE_MAX);
  CHECK(!cache.behind());
  CHECK(held_of(cache, 0, 1000) == 1000);
}

TEST_CASE("a sweep for what is idle finds all of it while buckets are split") {
  Cache cache({.capacity_bytes = 2048 * kib});
  put_many(cache, 0, 1000);
  cache.set_capacity(size_t{64} * 1024 * kib);
  cache.catch_up(300);
  cache.sweep(1000, 100, 1);  // begins anywhere
  cache.sweep(1000, 100, cache.bucket_count());
  CHECK(cache.count() == 0);
}

TEST_CASE("a smaller capacity keeps its table, so that going back and forth costs no memory") {
  Cache cache({.capacity_bytes = size_t{16} * 1024 * kib});
  cache.set_capacity(2048 * kib);
  CHECK(cache.bucket_count() == 8192);
  cache.set_capacity(size_t{16} * 1024 * kib);
  CHECK(cache.bucket_count() == 8192);
  CHECK(!cache.behind());
}

TEST_CASE("entries of the sites that leave are dropped in slices, all of them in one pass, and no other") {
  Cache cache({.capacity_bytes = 2048 * kib});
  put_sites(cache, 0, 1000);
  const auto leaves = [](uint32_t site) { return site == 1 || site == 3; };
  size_t reached = 0;
  size_t slices = 0;
  for (; reached < cache.bucket_count(); ++slices) {
    const size_t before = reached;
    reached = cache.drop_sites(leaves, reached, 100);
    CHECK(reached <= before + 100);
  }
  CHECK(slices == 11);
  CHECK(held_of_site(cache, 0, 1000) == 250);
  CHECK(held_of_site(cache, 1, 1000) == 0);
  CHECK(held_of_site(cache, 2, 1000) == 250);
  CHECK(held_of_site(cache, 3, 1000) == 0);
  CHECK(gone(cache, Gone::closing) == 500);
}

TEST_CASE("a pass over the sites that leave misses none, wherever the table grows meanwhile") {
  for (size_t grows_at = 0; grows_at <= 1024; grows_at += 128) {
    CAPTURE(grows_at);
    Cache cache({.capacity_bytes = 2048 * kib});
    put_sites(cache, 0, 1000);
    const auto leaves = [](uint32_t site) { return site == 2; };
    for (size_t reached = 0; reached < cache.bucket_count();) {
      if (reached == grows_at) cache.set_capacity(size_t{8} * 1024 * kib);
      cache.catch_up(96);
      reached = cache.drop_sites(leaves, reached, 128);
    }
    CHECK(held_of_site(cache, 2, 1000) == 0);
    CHECK(cache.count() == 750);
  }
}
