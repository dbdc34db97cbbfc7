// Siblings: the file "a.js.br" as a representation of "a.js". It is a regular file or nothing, of the base's media type
// and field lines, and of the base's own tree.
#include "harness.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

std::string head_of(const cache::EntryRef& entry) { return {entry->head().begin(), entry->head().end()}; }

}  // namespace

TEST_CASE("a sibling is the file beside it: its bytes, its coding, and the media type and lines of the base") {
  Bench bench;
  bench.put("d/a.js", "var a;");
  bench.put("d/a.js.br", "brotli");
  bench.age();
  const Waiting asking(bench, "/d/a.js//br");
  CHECK(!asking.at_once);
  bench.run();
  CHECK(asking.status == 200);
  CHECK(asking.body() == "brotli");
  CHECK(asking.entry->name() == "/d/a.js.br");
  CHECK(asking.entry->key().path == "/d/a.js//br");
  CHECK(asking.entry->facts().coding == http::Coding::br);
  CHECK(!asking.entry->facts().compressible);
  const std::string head = head_of(asking.entry);
  CHECK(head.find("Content-Type: text/javascript") != std::string::npos);
  CHECK(head.find("Content-Encoding: br\r\n") != std::string::npos);
  CHECK(head.find("X-Of: /d/a.js\r\n") != std::string::npos);
  CHECK(bench.disk->counters().siblings == 1);
  CHECK(bench.disk->counters().fetches == 1);
  const Waiting again(bench, "/d/a.js//br");
  CHECK(again.at_once);
  CHECK(bench.disk->counters().siblings == 1);
}

TEST_CASE("each coding has a file of its own") {
  Bench bench;
  bench.put("a.js.gz", "gz");
  bench.put("a.js.zst", "zst");
  bench.age();
  const Waiting gzip(bench, "/a.js//gzip");
  const Waiting zstd(bench, "/a.js//zstd");
  const Waiting br(bench, "/a.js//br");
  bench.run();
  CHECK(gzip.body() == "gz");
  CHECK(zstd.body() == "zst");
  CHECK(br.status == 404);
}

TEST_CASE("what is no regular file, or may not be read, is no sibling: 404, and remembered") {
  Bench bench;
  bench.world.put_directory("root/directory.br");
  bench.world.put_other("root/fifo.br");
  bench.put("refused.br", "x");
  bench.world.fail_open("root/refused.br", EACCES);
  bench.put("missing/index.html", "no index is looked for");
  bench.age();
  for (const char* path : {"/directory//br", "/fifo//br", "/refused//br", "/missing//br"}) {
    CAPTURE(path);
    const Waiting asking(bench, path);
    bench.run();
    CHECK(asking.status == 404);
    REQUIRE(bench.held(path));
    CHECK(bench.held(path)->status() == 404);
  }
  CHECK(bench.world.held().empty());
}

TEST_CASE("the disk's failures are no 404 of a sibling") {
  Bench bench;
  bench.put("a.js.br", "x");
  bench.age();
  bench.world.fail_open("root/a.js.br", EIO);
  const Waiting asking(bench, "/a.js//br");
  bench.run();
  CHECK(asking.status == 500);
  CHECK(!bench.held("/a.js//br"));
}

TEST_CASE("extensions are not tried for a sibling") {
  Bench bench({.rules = {.extensions = {".html"}}});
  bench.put("a.br.html", "x");
  bench.put("a.html.br", "x");
  bench.age();
  const Waiting asking(bench, "/a//br");
  bench.run();
  CHECK(asking.status == 404);
}

TEST_CASE("a large sibling is an open file that says what it is") {
  Bench bench;
  bench.put("d/big.js.gz", std::string(10'000, 'x'));
  bench.age();
  const Waiting asking(bench, "/d/big.js//gzip");
  bench.run();
  CHECK(asking.status == 200);
  REQUIRE(asking.file);
  CHECK(asking.file->facts().name == "/d/big.js.gz");
  CHECK(asking.file->facts().coding == http::Coding::gzip);
  CHECK(asking.file->facts().lines == "X-Of: /d/big.js\r\n");
  CHECK(asking.file->facts().description.type.value.starts_with("text/javascript"));
}

TEST_CASE("a look at a sibling that did not change ends at the open") {
  Bench bench;
  bench.put("a.js.br", "brotli");
  bench.put("big.js.br", std::string(10'000, 'x'));
  bench.age();
  for (const char* path : {"/a.js//br", "/big.js//br", "/none.js//br"}) {
    CAPTURE(path);
    {
      const Waiting first(bench, path);
      bench.run();
    }
    const uint64_t unchanged = bench.disk->counters().unchanged;
    const uint64_t read = bench.disk->counters().read_bytes;
    bench.pass(2100);
    const Waiting asking(bench, path);
    CHECK(!asking.at_once);
    bench.run();
    CHECK(asking.unchanged);
    CHECK(bench.disk->counters().unchanged == unchanged + 1);
    CHECK(bench.disk->counters().read_bytes == read);
  }
}

TEST_CASE("a sibling that changed is read anew at its next look") {
  Bench bench;
  bench.put("a.js.br", "old");
  bench.age();
  {
    const Waiting first(bench, "/a.js//br");
    bench.run();
  }
  bench.put("a.js.br", "new");
  bench.pass(2100);
  const Waiting asking(bench, "/a.js//br");
  bench.run();
  CHECK(asking.body() == "new");
}

TEST_CASE("a sibling's change drops it, and the entries of its base, which may remember that it has none") {
  Bench bench({.rules = {.index = {"index.html"}, .extensions = {".html"}}});
  for (const char* name : {"d/a.html", "d/a.html.br", "d/index.html", "d/b.html"}) bench.put(name, "x");
  bench.age();
  const auto hold = [&] {
    for (const char* path : {"/d/a.html//br", "/d/a.html", "/d/a", "/d/", "/d/b.html", "/d/a.html//gzip"}) {
      const Waiting asking(bench, path);
      bench.run();
      REQUIRE(bench.held(path));
    }
  };
  hold();
  bench.invalidate("/d/a.html.br");
  for (const char* path : {"/d/a.html//br", "/d/a.html", "/d/a"}) {
    CAPTURE(path);
    CHECK(!bench.held(path));
  }
  for (const char* path : {"/d/", "/d/b.html", "/d/a.html//gzip"}) {
    CAPTURE(path);
    CHECK(bench.held(path));
  }
  hold();
  bench.invalidate("/d/index.html.gz");
  CHECK(!bench.held("/d/"));
  bench.invalidate("/d/a.html.gz");
  CHECK(!bench.held("/d/a.html//gzip"));
  CHECK(bench.held("/d/a.html//br"));
}

TEST_CASE("a sibling that changes while it is fetched goes to those who asked, and is not kept") {
  Bench bench;
  bench.put("a.js.br", "x");
  bench.age();
  const Waiting asking(bench, "/a.js//br");
  bench.invalidate("/a.js.br");
  bench.run();
  CHECK(asking.status == 200);
  CHECK(!bench.held("/a.js//br"));
}

TEST_CASE("the directory of a sibling is watched, and that of its verdict") {
  Bench bench;
  bench.put("d/a.js.br", "x");
  bench.age();
  const Waiting asking(bench, "/d/a.js//br");
  bench.run();
  CHECK(bench.door.watch_calls == std::vector<std::string>{"0:/d"});
  const Waiting missing(bench, "/e/a.js//br");
  bench.run();
  CHECK(bench.door.watch_calls == std::vector<std::string>{"0:/d", "0:/e"});
}

TEST_CASE("a list of names says by a sibling's own name that it is not there") {
  Bench bench;
  bench.put("d/a.js", "a");
  bench.put("d/a.js.br", "brotli");
  bench.age();
  for (int number = 0; number < 16; ++number) {  // a missing sibling counts as any missing name
    const Waiting asking(bench, "/d/" + std::to_string(number) + "//br");
    bench.run();
  }
  REQUIRE(bench.door.listings.size() == 2);  // its own, and the root's
  while (!bench.door.listings.empty()) bench.answer_list(), bench.run();
  const uint64_t fetches = bench.disk->counters().fetches;
  const Waiting gone(bench, "/d/a.js//gzip");
  CHECK(gone.at_once);
  CHECK(gone.status == 404);
  CHECK(bench.disk->counters().fetches == fetches);
  const Waiting there(bench, "/d/a.js//br");
  CHECK(!there.at_once);
  bench.run();
  CHECK(there.body() == "brotli");
  const Waiting below(bench, "/missing/a.js//br");
  CHECK(below.at_once);
}

TEST_CASE("the tree before the last switch is not asked for siblings: the file may be the new tree's") {
  Bench bench;
  bench.put("a.js", "old");
  bench.put("a.js.br", "old, coded");
  bench.put("gone.js", "gone");
  bench.world.put_file("next/a.js", "new");
  bench.age();
  bench.release("next", bench.clock.monotonic_ms + 60'000);
  const Waiting sibling(bench, "/a.js//br");
  const Waiting gone(bench, "/gone.js");
  bench.run();
  CHECK(sibling.status == 404);
  CHECK(gone.body() == "gone");
}

TEST_CASE("a sibling whose bytes the cache had no room for is read again without being opened") {
  Bench bench({.disk = {.max_cached_file_bytes = 4096, .stale_after_ms = 2000, .kept_descriptors = 64},
               .cache = {.capacity_bytes = size_t{128} << 10}});
  for (int number = 0; number < 100; ++number) bench.put(std::to_string(number) + ".br", std::string(4000, 'a'));
  bench.age();
  for (int number = 0; number < 100; ++number) {
    const Waiting asking(bench, "/" + std::to_string(number) + "//br");
    bench.run();
  }
  REQUIRE(!bench.held("/60//br"));
  const Waiting asking(bench, "/60//br");
  CHECK(bench.under_way(0) == 0);
  bench.run();
  CHECK(asking.body() == std::string(4000, 'a'));
  CHECK(asking.entry->name() == "/60.br");
  CHECK(asking.entry->lines() == "X-Of: /60\r\n");
  CHECK(asking.entry->facts().coding == http::Coding::br);
  CHECK(bench.disk->counters().borrowed == 1);
}

TEST_CASE(
    "an entry says that siblings may lie beside its file as its description does, borrowed or not; a sibling never") {
  Bench bench({.disk = {.max_cached_file_bytes = 4096, .stale_after_ms = 2000, .kept_descriptors = 64},
               .cache = {.capacity_bytes = size_t{128} << 10}});
  bench.describer.said.siblings = true;
  for (int number = 0; number < 100; ++number) bench.put(std::to_string(number), std::string(4000, 'a'));
  bench.put("big", std::string(5000, 'a'));
  bench.put("a.br", "x");
  bench.age();
  for (int number = 0; number < 100; ++number) {
    const Waiting asking(bench, "/" + std::to_string(number));
    bench.run();
    REQUIRE(asking.entry->facts().siblings);
  }
  REQUIRE(!bench.held("/60"));
  const Waiting borrowed(bench, "/60");
  const Waiting big(bench, "/big");
  const Waiting sibling(bench, "/a//br");
  bench.run();
  CHECK(bench.disk->counters().borrowed == 1);
  CHECK(borrowed.entry->facts().siblings);
  CHECK(big.file->facts().description.siblings);
  CHECK(!sibling.entry->facts().siblings);
}
