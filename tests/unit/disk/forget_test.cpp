// What somebody asks to be dropped is dropped in all its forms, what is being read of it is kept by nobody, and the
// next request asks the disk.
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

size_t forget_below(Bench& bench, std::string_view path, int* slices = nullptr) {
  disk::Disk::Forgetting so_far;
  int count = 1;
  while (!bench.disk->forget_below(0, path, so_far)) ++count;
  if (slices) *slices = count;
  return so_far.dropped;
}

}  // namespace

TEST_CASE("a path is forgotten: its file, its siblings, its verdict, and no other") {
  Bench bench;
  bench.put("a.js", "a");
  bench.put("a.js.br", "br");
  bench.put("b.js", "b");
  bench.age();
  hold(bench, {"/a.js", "/a.js//br", "/b.js", "/missing"});
  CHECK(bench.disk->forget(0, "/a.js") == 2);
  CHECK(!bench.held("/a.js"));
  CHECK(!bench.held("/a.js//br"));
  CHECK(bench.held("/b.js"));
  CHECK(bench.disk->forget(0, "/missing") == 1);
  CHECK(bench.disk->forget(0, "/never") == 0);
  CHECK(bench.disk->forget(7, "/a.js") == 0);  // no such slot
  CHECK(bench.cache.counters().gone[static_cast<size_t>(cache::Gone::admin)] == 3);
}

TEST_CASE("a directory's index is forgotten by its own name too") {
  Bench bench;
  bench.put("d/index.html", "i");
  bench.age();
  hold(bench, {"/d/", "/d"});
  CHECK(bench.disk->forget(0, "/d/index.html") == 1);
  CHECK(!bench.held("/d/"));
  CHECK(bench.held("/d"));
}

TEST_CASE("bytes that are being read when their path is forgotten are kept by nobody") {
  for (const bool below : {false, true}) {
    CAPTURE(below);
    Bench bench;
    bench.put("d/a.txt", "old");
    bench.age();
    const Waiting asking(bench, "/d/a.txt");
    if (below) {
      forget_below(bench, "/d");
    } else {
      bench.disk->forget(0, "/d/a.txt");
    }
    bench.run();
    CHECK(asking.body() == "old");
    CHECK(!bench.held("/d/a.txt"));
  }
}

TEST_CASE("all below a directory is forgotten, and what only begins like it is not") {
  Bench bench;
  for (const char* name : {"d/a.txt", "d/e/b.txt", "dd.txt", "d.txt", "c.txt"}) bench.put(name, name);
  bench.age();
  hold(bench, {"/d/a.txt", "/d/e/b.txt", "/dd.txt", "/d.txt", "/c.txt", "/d", "/d/none"});
  CHECK(forget_below(bench, "/d") == 4);
  for (const char* path : {"/d/a.txt", "/d/e/b.txt", "/d", "/d/none"}) CHECK(!bench.held(path));
  for (const char* path : {"/dd.txt", "/d.txt", "/c.txt"}) CHECK(bench.held(path));
  CHECK(forget_below(bench, "") == 3);
  CHECK(bench.cache.count() == 0);
}

TEST_CASE("many entries are forgotten in slices, each of few") {
  Bench bench;
  for (int count = 0; count < 400; ++count) bench.put("d/" + std::to_string(count), "x");
  bench.age();
  for (int count = 0; count < 400; ++count) {
    const Waiting asking(bench, ("/d/" + std::to_string(count)).c_str());
    bench.run();
  }
  const size_t held = bench.cache.count();
  REQUIRE(held > 200);
  disk::Disk::Forgetting so_far;
  CHECK(!bench.disk->forget_below(0, "/d", so_far));
  CHECK(so_far.dropped >= 64);
  CHECK(so_far.dropped < 80);
  int slices = 0;
  CHECK(forget_below(bench, "/d", &slices) + so_far.dropped == held);
  CHECK(slices > 2);
}
