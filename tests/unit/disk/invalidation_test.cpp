// What the helper thread says has changed is not believed any more, wherever it is held or on its way; and a worker
// that stops keeps nothing.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

void hold(Bench& bench, std::initializer_list<const char*> paths) {
  for (const char* path : paths) {
    const Waiting asking(bench, path);
    bench.run();
    REQUIRE(bench.held(path));
  }
}

}  // namespace

TEST_CASE("a name that is invalidated is dropped, its entry or its verdict, and no other") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.put("b.txt", "b");
  bench.age();
  hold(bench, {"/a.txt", "/b.txt", "/missing"});
  bench.invalidate("/a.txt");
  CHECK(!bench.held("/a.txt"));
  CHECK(bench.held("/b.txt"));
  bench.put("missing", "there");
  bench.invalidate("/missing");
  CHECK(!bench.held("/missing"));
  CHECK(bench.disk->counters().invalidated == 2);
  bench.age();
  Waiting asking(bench, "/missing");
  bench.run();
  CHECK(asking.body() == "there");
}

TEST_CASE(
    "a directory's name drops its redirect and its index; an index name drops its directory's, another name not") {
  Bench bench;
  bench.put("d/index.txt", "text");
  bench.put("index.html", "top");
  bench.age();
  hold(bench, {"/d", "/d/", "/"});
  bench.invalidate("/d/other.html");
  CHECK(bench.held("/d/"));
  bench.invalidate("/d/index.html");  // one that comes before the one that is held
  CHECK(!bench.held("/d/"));
  CHECK(bench.held("/d"));
  CHECK(bench.held("/"));
  hold(bench, {"/d/"});
  bench.invalidate("/d");
  CHECK(!bench.held("/d"));
  CHECK(!bench.held("/d/"));
  bench.invalidate("/index.txt");
  CHECK(!bench.held("/"));
}

TEST_CASE("one site's name is not the other's") {
  Bench bench({.sites = 2});
  bench.put("a", "0");
  bench.world.put_file("root1/a", "1");
  bench.age();
  const Waiting first(bench, "/a", 0);
  const Waiting second(bench, "/a", 1);
  bench.run();
  CHECK(first.body() == "0");
  CHECK(second.body() == "1");
  bench.invalidate("/a", 1);
  CHECK(bench.held("/a", 0));
  CHECK(!bench.held("/a", 1));
}

TEST_CASE("a fetch under way when its name is invalidated is for those who asked before: not for the cache") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.age();
  Waiting before(bench, "/a.txt");
  bench.step();
  REQUIRE(bench.under_way(1) == 1);
  bench.invalidate("/a.txt");
  bench.run();
  CHECK(before.told == 1);
  CHECK(before.body() == "a");
  CHECK(bench.cache.count() == 0);
}

TEST_CASE("who asks after the notice gets a fetch of its own, and that one fills the cache") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.put("d/index.txt", "text");
  bench.age();
  for (const auto& [path, changed] :
       {std::pair{"/a.txt", "/a.txt"}, {"/d/", "/d/index.txt"}, {"/missing", "/missing"}}) {
    CAPTURE(path);
    const uint64_t fetches = bench.disk->counters().fetches;
    Waiting before(bench, path);
    bench.step();
    bench.invalidate(changed);
    Waiting after(bench, path);
    CHECK(bench.disk->counters().fetches == fetches + 2);
    bench.run();
    CHECK(before.told == 1);
    CHECK(after.told == 1);
    REQUIRE(bench.held(path));
    if (after.entry) CHECK(bench.held(path) == after.entry.get());
    if (after.entry) CHECK(before.entry.get() != after.entry.get());
  }
}

TEST_CASE("a large file under way when it is invalidated is not kept open for others") {
  Bench bench;
  bench.put("large.bin", std::string(5000, 'x'));
  bench.age();
  {
    Waiting before(bench, "/large.bin");
    bench.invalidate("/large.bin");
    bench.run();
    CHECK(before.file);
    CHECK(bench.cache.count() == 0);
    CHECK(bench.world.open_files() == 1);
  }
  bench.run();
  CHECK(bench.world.open_files() == 0);
}

TEST_CASE("a look under way when its name is invalidated reads the file anew, though it seems unchanged") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.age();
  hold(bench, {"/a.txt"});
  const uint64_t read_bytes = bench.disk->counters().read_bytes;
  bench.pass(2010);
  Waiting looks(bench, "/a.txt");
  bench.invalidate("/a.txt");
  bench.run();
  CHECK(looks.body() == "a");
  CHECK(!looks.unchanged);
  CHECK(bench.disk->counters().read_bytes == read_bytes + 1);
}

TEST_CASE("who has let go keeps nothing: what was held is gone, and what was under way is for its waiters alone") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.put("b.txt", "b");
  bench.put("large.bin", std::string(5000, 'x'));
  bench.age();
  hold(bench, {"/a.txt", "/large.bin", "/missing"});
  bench.cold(true);
  bench.disk->on_notice(disk::Preload{.site = 0, .paths = {"/1", "/2", "/3", "/4", "/5", "/6"}});
  Waiting waits(bench, "/b.txt");
  bench.pass(5);
  bench.disk->let_go();
  CHECK(bench.disk->gone());
  CHECK(bench.cache.count() == 0);
  bench.warm();
  bench.run();
  CHECK(waits.body() == "b");
  CHECK(bench.cache.count() == 0);
  CHECK(bench.disk->counters().preloaded == 4);  // those that waited were never begun
  CHECK(bench.disk->idle());
  CHECK(bench.world.held().empty());
}

TEST_CASE("who has let go asks for no list of names") {
  Bench bench;
  bench.age();
  bench.disk->let_go();
  for (int number = 0; number < 40; ++number) {
    const Waiting asking(bench, "/" + std::to_string(number));
    bench.run();
    CHECK(asking.status == 404);
  }
  CHECK(bench.door.list_calls == 0);
}
