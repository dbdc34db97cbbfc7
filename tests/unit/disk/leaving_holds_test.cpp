// What holds the slot of a site that left, one thing at a time: preloads, descriptors, closes, lists, listings, copies;
// and notices that come too late for it.
#include "reloading.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

TEST_CASE("preloads of a site that leaves are forgotten, those of the others go on") {
  Reloading bench;
  const std::vector<std::string> paths = {"/a.txt", "/d/b.txt", "/x", "/y", "/z", "/v", "/w"};
  bench.disk->on_notice(disk::Preload{.site = 1, .paths = paths});
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.configure({0});
  bench.turns();
  CHECK(bench.disk->counters().preloaded == 4 + 7);  // four were under way
  CHECK(!bench.disk->uses(1));
  CHECK(bench.held("/d/b.txt", 0));
  bench.disk->on_notice(disk::Preload{.site = 1, .paths = paths});
  CHECK(!bench.disk->uses(1));
  CHECK(bench.disk->counters().preloaded == 11);
}

TEST_CASE("preloads for a site that left, or whose slot is empty, disturb nobody's") {
  Reloading bench;
  bench.configure({0});
  bench.turns();
  bench.sites.remove(1);
  const std::vector<std::string> paths = {"/a.txt", "/d/b.txt", "/x", "/y", "/z", "/v", "/w"};
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = paths});
  bench.disk->on_notice(disk::Preload{.site = 1, .paths = paths});
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = {"/s", "/t", "/u"}});
  bench.turns();
  CHECK(bench.disk->counters().preloaded == 10);
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("preloads that wait hold their slot, and no longer when requests need the disk more") {
  Reloading bench({.disk = {.queue_size = 2, .max_cached_file_bytes = 4096}, .sites = 2});
  bench.disk->on_notice(disk::Preload{.site = 1, .paths = {"/a.txt", "/d/b.txt", "/x"}});  // one fits, the rest go
  bench.configure({0});
  bench.run();
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("descriptors of small files that are kept open are closed with their site") {
  Reloading bench({.disk = {.max_cached_file_bytes = 4096, .kept_descriptors = 64},
                   .cache = {.capacity_bytes = size_t{128} << 10},
                   .sites = 2});
  for (int number = 0; number < 100; ++number) {
    bench.world.put_file("root1/" + std::to_string(number), std::string(4000, 'a'));
  }
  bench.age();
  for (int number = 0; number < 100; ++number) bench.body_of("/" + std::to_string(number), 1);
  REQUIRE(bench.world.open_files() > 10);
  bench.configure({0});
  bench.turns();
  CHECK(bench.world.open_files() == 0);
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("a late request's small file is not kept open, however full the cache is") {
  Reloading bench({.disk = {.max_cached_file_bytes = 4096, .kept_descriptors = 64},
                   .cache = {.capacity_bytes = size_t{128} << 10},
                   .sites = 2});
  const auto path_of = [](int number) { return "/" + std::to_string(number); };
  for (int number = 0; number < 60; ++number) bench.put(std::to_string(number), std::string(4000, 'a'));
  bench.age();
  for (int number = 0; number < 60; ++number) bench.body_of(path_of(number), 0);
  bench.configure({0});
  bench.turns();
  const size_t open_files = bench.world.open_files();
  REQUIRE(open_files > 10);
  CHECK(bench.body_of("/a.txt", 1) == "a of root1");
  CHECK(bench.world.open_files() == open_files);
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("slow closes that wait for a thread hold their slot until the last of them is done") {
  Reloading bench({.disk = {.kernel_threads = 2, .max_cached_file_bytes = 5}, .sites = 3, .device = 2});
  {
    const Waiting first(bench, "/large.bin", 1);
    const Waiting second(bench, "/d/b.txt", 1);
    bench.run();
  }
  REQUIRE(bench.world.open_files() == 2);
  bench.configure({0, 2});
  bench.age(1'000'000);
  bench.disk->on_tick();
  CHECK(bench.disk->closing() == 2);
  CHECK(bench.disk->uses(1));
  bench.step();
  CHECK(bench.disk->closing() == 1);
  CHECK(bench.disk->uses(1));
  bench.run();
  CHECK(bench.disk->closing() == 0);
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("a list of names that was asked for holds its slot until the helper answers, and is not kept then") {
  Reloading bench;
  for (int number = 0; number < 16; ++number) bench.body_of("/miss" + std::to_string(number), 1);
  REQUIRE(bench.door.listings.size() == 1);
  bench.configure({0});
  bench.turns();
  CHECK(bench.disk->uses(1));
  bench.answer_list();
  bench.turns();
  CHECK(!bench.disk->uses(1));
  CHECK(bench.cache.count(cache::Kind::names) == 0);
}

TEST_CASE("a listing that another thread makes holds its slot while somebody waits for it, and not a moment longer") {
  Reloading bench({.sites = 2, .rules = {.index = {"index.html"}, .listing = true}});
  Waiting asking(bench, "/d///hna", 1);
  bench.run();
  REQUIRE(bench.door.file_listings.size() == 1);
  bench.configure({0});
  bench.turns();
  CHECK(bench.disk->uses(1));
  asking.unlink();
  bench.turns();
  CHECK(!bench.disk->uses(1));
  bench.answer_listing();  // too late, for nobody
  CHECK(bench.cache.count() == 0);
}

TEST_CASE("a copy that is being made holds its slot while somebody waits for it; late bytes find nobody") {
  Reloading bench;
  bench.world.put_file("root1/c.txt", std::string(1000, 'c'));
  bench.age();
  Waiting asking(bench, "/c.txt", 1);
  bench.run();
  Waiting waiting;
  REQUIRE(bench.disk->make_copy(*asking.entry, http::Coding::br, &waiting));
  REQUIRE(bench.disk->make_copy(*asking.entry, http::Coding::gzip));
  bench.configure({0});
  bench.turns();
  CHECK(bench.disk->uses(1));
  CHECK(asking.entry->copy_state(http::Coding::gzip) == cache::CopyState::none);  // nobody waited for that one
  bench.answer_encoding("coded");
  CHECK(waiting.status == 200);
  CHECK(asking.entry->copy(http::Coding::br) != nullptr);
  bench.answer_encoding("too late");
  CHECK(asking.entry->copy(http::Coding::gzip) == nullptr);
  bench.turns();
  CHECK(!bench.disk->uses(1));
}

TEST_CASE("what comes back is told of no site that left: changes, files to be preloaded") {
  Reloading bench;
  bench.configure({0});
  bench.turns();
  bench.sites.remove(1);
  bench.invalidate("/a.txt", 1);  // was under way when the slot became empty
  bench.disk->on_notice(disk::Preload{.site = 1, .paths = {"/a.txt"}});
  bench.run();
  CHECK(bench.disk->counters().invalidated == 0);
  CHECK(bench.disk->counters().fetches == 0);
}
