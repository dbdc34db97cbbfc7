// Large files: the open descriptor is what is kept, for as long as the file is the same and somebody may want it.
#include "harness.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

constexpr size_t large_bytes = 4097;

std::string large(char letter) { return std::string(large_bytes, letter); }

}  // namespace

TEST_CASE("max_cached_file_bytes is the last size that is held as bytes") {
  Bench bench;
  bench.put("limit.bin", std::string(4096, 'x'));
  bench.put("large.bin", large('x'));
  bench.age();
  const Waiting small(bench, "/limit.bin");
  const Waiting more(bench, "/large.bin");
  bench.run();
  CHECK(small.body().size() == 4096);
  CHECK(!small.file);
  REQUIRE(more.file);
  CHECK(more.file->attributes().size_bytes == large_bytes);
  CHECK(bench.held("/large.bin")->kind() == cache::Kind::file);
}

TEST_CASE("a large file stays open: asking again costs no open, however many read it") {
  Bench bench;
  bench.put("large.bin", large('x'));
  bench.age();
  {
    const Waiting first(bench, "/large.bin");
    bench.run();
  }
  CHECK(bench.world.open_files() == 1);
  const Waiting second(bench, "/large.bin");
  const Waiting third(bench, "/large.bin");
  CHECK(second.at_once);
  REQUIRE(second.file);
  CHECK(third.file->descriptor() == second.file->descriptor());
  CHECK(bench.world.operations().empty());
}

TEST_CASE("a large file that changed on disk is noticed at once, and fetched anew") {
  Bench bench;
  bench.put("large.bin", large('x'));
  bench.age();
  std::string before;
  {
    const Waiting first(bench, "/large.bin");
    bench.run();
    before = first.file->etag();
  }
  bench.put("large.bin", large('y'));
  Waiting second(bench, "/large.bin");
  CHECK(!second.at_once);
  CHECK(!bench.held("/large.bin"));
  bench.run();
  REQUIRE(second.file);
  CHECK(second.file->etag() != before);
  CHECK(bench.world.open_files() == 1);  // the old one is closed
  const Waiting third(bench, "/large.bin");
  CHECK(third.at_once);
}

TEST_CASE("a large file that is removed or replaced by rename is served until the next look") {
  for (const bool replaced : {true, false}) {
    CAPTURE(replaced);
    Bench bench;
    bench.put("large.bin", large('x'));
    bench.age();
    {
      const Waiting first(bench, "/large.bin");
      bench.run();
    }
    bench.world.remove("root/large.bin");
    if (replaced) bench.put("large.bin", large('y') + "z");
    const Waiting held(bench, "/large.bin");
    CHECK(held.at_once);
    CHECK(held.file->attributes().size_bytes == large_bytes);
    bench.pass(2010);
    Waiting looks(bench, "/large.bin");
    CHECK(!looks.at_once);
    bench.run();
    CHECK(looks.status == (replaced ? 200 : 404));
    if (replaced) CHECK(looks.file->attributes().size_bytes == large_bytes + 1);
  }
}

TEST_CASE("a look at a large file keeps its descriptor and closes its own") {
  Bench bench;
  bench.put("large.bin", large('x'));
  bench.age();
  {
    const Waiting first(bench, "/large.bin");
    bench.run();
  }
  const cache::EntryRef entry(bench.held("/large.bin"));
  bench.pass(2010);
  Waiting looks(bench, "/large.bin");
  bench.run();
  CHECK(looks.unchanged);
  CHECK(looks.entry.get() == entry.get());
  CHECK(bench.world.open_files() == 1);
}

TEST_CASE("a large file that is small now is held as bytes, and the other way round") {
  Bench bench;
  bench.put("a", large('x'));
  bench.age();
  {
    const Waiting first(bench, "/a");
    bench.run();
  }
  bench.put("a", "small");
  bench.age();
  {
    const Waiting second(bench, "/a");
    bench.run();
    CHECK(second.body() == "small");
  }
  CHECK(bench.held("/a")->kind() == cache::Kind::content);
  bench.run();
  CHECK(bench.world.open_files() == 0);
  bench.put("a", large('y'));
  bench.pass(2010);
  Waiting third(bench, "/a");
  bench.run();
  CHECK(third.file);
  CHECK(bench.held("/a")->kind() == cache::Kind::file);
}

TEST_CASE("a large file that the cache drops is closed with the last of its readers") {
  Bench bench;
  bench.put("large.bin", large('x'));
  bench.age();
  {
    const Waiting reads(bench, "/large.bin");
    bench.run();
    bench.cache.drop(*bench.held("/large.bin"), cache::Gone::idle);
    bench.run();
    CHECK(bench.world.open_files() == 1);
  }
  bench.run();
  CHECK(bench.world.open_files() == 0);
}

TEST_CASE("no more large files stay open than the cache may hold") {
  BenchOptions options;
  options.cache.file_limit = 2;
  Bench bench(options);
  for (const char* name : {"1", "2", "3", "4"}) bench.put(name, large('x'));
  bench.age();
  for (const char* path : {"/1", "/2", "/3", "/4"}) {
    const Waiting asking(bench, path);
    bench.run();
    CHECK(asking.file);
  }
  bench.run();
  CHECK(bench.world.open_files() == 2);
}

TEST_CASE("a small file that was streamed for want of room is held as bytes when there is room, with another's look") {
  Bench bench;
  bench.put("a.txt", "hello");
  bench.age();
  cache::EntryRef held = bench.cache.make(Bench::key("/held"), "/held", 0, size_t{8} << 20);
  REQUIRE(held);
  {
    const Waiting streamed(bench, "/a.txt");
    bench.run();
    CHECK(streamed.file);
  }
  held.reset();
  bench.pass(2010);
  Waiting looks(bench, "/a.txt");
  bench.run();
  CHECK(looks.body() == "hello");
  CHECK(bench.held("/a.txt")->kind() == cache::Kind::content);
}

TEST_CASE("a large file that changed while a look at it hangs is nobody's stale answer") {
  Bench bench;
  bench.put("large.bin", large('x'));
  bench.age();
  {
    const Waiting first(bench, "/large.bin");
    bench.run();
  }
  bench.pass(2010);
  bench.cold(true);
  Waiting waits(bench, "/large.bin");
  bench.pass(5);
  bench.put("large.bin", large('y') + "z");
  Waiting notices(bench, "/large.bin");
  CHECK(!notices.at_once);
  bench.pass(200);
  CHECK(waits.told == 0);
  bench.warm();
  bench.run();
  REQUIRE(waits.file);
  CHECK(waits.file->attributes().size_bytes == large_bytes + 1);
}
