// Verdicts: what is missing, refused or elsewhere is remembered, for its own time; what failed is not.
#include "harness.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

int status_of(Bench& bench, std::string_view path) {
  const Waiting asking(bench, path);
  bench.run();
  return asking.told == 1 ? asking.status : -1;
}

}  // namespace

TEST_CASE("a 404 is remembered, looked at ahead from half of missing_ttl on, and waited for after it") {
  Bench bench;
  bench.age();
  CHECK(status_of(bench, "/missing") == 404);
  REQUIRE(bench.held("/missing"));
  CHECK(bench.held("/missing")->kind() == cache::Kind::verdict);
  bench.pass(980);
  const Waiting fresh(bench, "/missing");
  CHECK(fresh.at_once);
  CHECK(fresh.status == 404);
  CHECK(bench.world.operations().empty());
  bench.pass(100);
  const Waiting ahead(bench, "/missing");
  CHECK(ahead.at_once);
  CHECK(bench.under_way(0) == 1);
  bench.run();
  CHECK(bench.disk->counters().unchanged == 1);
  bench.pass(2010);
  Waiting aged(bench, "/missing");
  CHECK(!aged.at_once);
  bench.run();
  CHECK(aged.status == 404);
  CHECK(aged.unchanged);
  CHECK(bench.cache.count() == 1);
}

TEST_CASE("a file that appears where nothing was is found by the next look") {
  Bench bench;
  bench.age();
  CHECK(status_of(bench, "/late.txt") == 404);
  bench.put("late.txt", "late");
  bench.pass(2010);
  Waiting looks(bench, "/late.txt");
  bench.run();
  CHECK(looks.body() == "late");
  const Waiting again(bench, "/late.txt");
  CHECK(again.at_once);
  CHECK(again.body() == "late");
}

TEST_CASE("missing_ttl is the time of 404 alone: other verdicts last as entries do") {
  Bench bench({.disk = {.max_cached_file_bytes = 4096, .stale_after_ms = 10'000, .missing_ttl_ms = 500}});
  bench.world.put_other("root/fifo");
  bench.put("d/a", "a");
  bench.age();
  CHECK(status_of(bench, "/fifo") == 403);
  CHECK(status_of(bench, "/d") == 301);
  CHECK(status_of(bench, "/missing") == 404);
  bench.pass(600);
  const Waiting refused(bench, "/fifo");
  CHECK(refused.at_once);
  CHECK(refused.status == 403);
  const Waiting moved(bench, "/d");
  CHECK(moved.at_once);
  CHECK(moved.status == 301);
  const Waiting missing(bench, "/missing");
  CHECK(!missing.at_once);
  CHECK(bench.under_way(0) == 1);  // only the missing one is looked at
}

TEST_CASE("with a missing_ttl of 0 a 404 is remembered until it is evicted") {
  Bench bench({.disk = {.max_cached_file_bytes = 4096, .missing_ttl_ms = 0, .idle_after_ms = 0}});
  bench.age();
  CHECK(status_of(bench, "/missing") == 404);
  bench.age(3 * second_ns);
  CHECK(bench.door.watch_calls.size() == 1);
  CHECK(status_of(bench, "/missing") == 404);  // looked at once more, now that its directory's watch stands
  CHECK(bench.disk->counters().looks == 1);
  bench.age(second_ns * 1'000'000);
  const Waiting later(bench, "/missing");
  CHECK(later.at_once);
  CHECK(later.status == 404);
  CHECK(bench.world.operations().empty());
  bench.cache.drop(*bench.held("/missing"), cache::Gone::capacity);
  const Waiting evicted(bench, "/missing");
  CHECK(!evicted.at_once);
}

TEST_CASE("what failed is not remembered: the next one asks the disk") {
  for (const auto& [number, status] : {std::pair{EMFILE, 503}, {EAGAIN, 503}, {EIO, 500}, {ENOMEM, 503}}) {
    CAPTURE(number);
    Bench bench;
    bench.put("a.txt", "a");
    bench.age();
    bench.world.fail_open("root/a.txt", number);
    CHECK(status_of(bench, "/a.txt") == status);
    CHECK(bench.cache.count() == 0);
    bench.world.fail_open("root/a.txt", 0);
    CHECK(status_of(bench, "/a.txt") == 200);
  }
}

TEST_CASE(
    "a directory asked for without its slash is a 301, remembered; a file asked for with one is a 404, remembered") {
  Bench bench;
  bench.put("d/index.html", "html");
  bench.put("file", "file");
  bench.age();
  CHECK(status_of(bench, "/d") == 301);
  const Waiting moved(bench, "/d");
  CHECK(moved.at_once);
  CHECK(moved.status == 301);
  CHECK(status_of(bench, "/file/") == 404);
  const Waiting missing(bench, "/file/");
  CHECK(missing.at_once);
  CHECK(missing.status == 404);
  CHECK(status_of(bench, "/file") == 200);
}

TEST_CASE("a directory that becomes a file, and a file that becomes a directory, are what the next look says") {
  Bench bench;
  bench.put("one/a", "a");
  bench.put("two", "file");
  bench.age();
  CHECK(status_of(bench, "/one") == 301);
  CHECK(status_of(bench, "/two") == 200);
  bench.world.remove("root/one");
  bench.put("one", "now a file");
  bench.world.remove("root/two");
  bench.put("two/a", "a");
  bench.pass(2010);
  CHECK(status_of(bench, "/one") == 200);
  CHECK(status_of(bench, "/two") == 301);
  const Waiting first(bench, "/one");
  CHECK(first.at_once);
  CHECK(first.body() == "now a file");
  const Waiting second(bench, "/two");
  CHECK(second.at_once);
  CHECK(second.status == 301);
}

TEST_CASE("a verdict whose look does not come back is served stale; one of an older tree is not") {
  Bench bench;
  bench.age();
  CHECK(status_of(bench, "/missing") == 404);
  bench.pass(2010);
  bench.cold(true);
  const Waiting waits(bench, "/missing");
  bench.pass(110);
  CHECK(waits.told == 1);
  CHECK(waits.status == 404);
  CHECK(waits.stale);
  bench.release("root");
  const Waiting after(bench, "/missing");
  CHECK(!after.at_once);
}
