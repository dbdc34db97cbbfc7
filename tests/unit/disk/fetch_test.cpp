// Fetch: what each thing on a disk comes to, one fetch per key however many wait, and bytes that are one version of
// their file or none.
#include "harness.hpp"

#include <algorithm>
#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

/// What asking for `path` comes to.
int status_of(Bench& bench, std::string_view path) {
  Waiting waiting;
  if (!bench.disk->fetch(Bench::key(path), waiting)) return -1;
  bench.run();
  return waiting.told == 1 ? waiting.status : -2;
}

bool quiet(const Bench& bench) { return bench.disk->idle() && bench.world.held().empty(); }

}  // namespace

TEST_CASE("a small file becomes an entry, and the cache has it") {
  Bench bench;
  bench.put("a.txt", "hello\n");
  bench.age();
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), waiting));
  CHECK(waiting.told == 0);  // never from within
  bench.run();
  CHECK(waiting.told == 1);
  CHECK(waiting.status == 200);
  CHECK(waiting.body() == "hello\n");
  CHECK(!waiting.file);
  CHECK(bench.held("/a.txt") == &*waiting.entry);
  CHECK(bench.disk->counters().published == 1);
  CHECK(quiet(bench));
}

TEST_CASE("an empty file is an entry of no bytes") {
  Bench bench;
  bench.put("empty.txt", "");
  bench.age();
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/empty.txt"), waiting));
  bench.run();
  CHECK(waiting.status == 200);
  CHECK(waiting.body().empty());
  CHECK(quiet(bench));
}

TEST_CASE("ten who ask for one file at once wait on one fetch and get one entry") {
  Bench bench;
  bench.put("a.txt", "hello\n");
  bench.age();
  std::array<Waiting, 10> waiting;
  for (Waiting& one : waiting) REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), one));
  CHECK(bench.world.operations().size() == 1);
  bench.run();
  CHECK(bench.disk->counters().fetches == 1);
  CHECK(bench.disk->counters().joined == 9);
  for (const Waiting& one : waiting) {
    CHECK(one.told == 1);
    CHECK(&*one.entry == &*waiting[0].entry);
  }
}

TEST_CASE("who leaves is not told; the others are, and without any the cache is filled all the same") {
  Bench bench;
  bench.put("a.txt", "a\n");
  bench.put("b.txt", "b\n");
  bench.age();
  Waiting stays;
  Waiting leaves;
  Waiting alone;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), stays));
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), leaves));
  REQUIRE(bench.disk->fetch(Bench::key("/b.txt"), alone));
  leaves.unlink();
  alone.unlink();
  bench.run();
  CHECK(stays.body() == "a\n");
  CHECK(leaves.told == 0);
  CHECK(alone.told == 0);
  CHECK(bench.held("/b.txt") != nullptr);
  CHECK(quiet(bench));
}

TEST_CASE("beyond queue_size a fetch is refused, joining one is not, and an end makes room") {
  Bench bench({.disk = {.queue_size = 1, .max_cached_file_bytes = 4096}});
  for (const char* name : {"a", "b"}) bench.put(name, name);
  bench.age();
  Waiting first;
  Waiting refused;
  Waiting next;
  REQUIRE(bench.disk->fetch(Bench::key("/a"), first));
  CHECK(!bench.disk->fetch(Bench::key("/b"), refused));
  CHECK(!refused.linked());
  CHECK(bench.disk->counters().rejected == 1);
  CHECK(bench.disk->fetch(Bench::key("/a"), refused));
  // A waiter that hears of the end may ask for the next file at once: the place is free by then.
  bool taken = false;
  first.then = [&] { taken = bench.disk->fetch(Bench::key("/b"), next); };
  bench.run();
  CHECK(taken);
  CHECK(next.body() == "b");
  CHECK(refused.body() == "a");
  CHECK(quiet(bench));
}

TEST_CASE("a file rewritten while it is read is read again, and only bytes of one version are served") {
  Bench bench;
  bench.put("a.txt", "first version");
  bench.age();
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), waiting));
  bool changed = false;
  bench.run_changing_while_read([&] {
    if (!std::exchange(changed, true)) bench.put("a.txt", "other version");
  });
  CHECK(bench.disk->counters().moved == 1);
  CHECK(waiting.status == 200);
  CHECK(waiting.body() == "other version");
  CHECK(quiet(bench));
}

TEST_CASE("a file that shrinks while it is read is read again") {
  Bench bench;
  bench.put("a.txt", std::string(1000, 'a'));
  bench.age();
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), waiting));
  bool changed = false;
  bench.run_changing_while_read([&] {
    if (!std::exchange(changed, true)) bench.world.resize("root/a.txt", 10);
  });
  CHECK(waiting.body() == std::string(10, 'a'));
  CHECK(quiet(bench));
}

TEST_CASE("a file that never holds still is 503 after a few tries") {
  Bench bench;
  bench.put("a.txt", "0");
  bench.age();
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), waiting));
  int changes = 0;
  bench.run_changing_while_read([&] { bench.put("a.txt", std::to_string(++changes)); });
  CHECK(waiting.told == 1);
  CHECK(waiting.status == 503);
  CHECK(changes == 8);
  CHECK(bench.held("/a.txt") == nullptr);
  CHECK(quiet(bench));
}

TEST_CASE("a file changed a moment ago is served but not kept: its times may not tell the next change") {
  Bench bench;
  bench.age();
  bench.put("a.txt", "young\n");
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), waiting));
  bench.run();
  CHECK(waiting.status == 200);
  CHECK(waiting.body() == "young\n");
  CHECK(bench.held("/a.txt") == nullptr);
  bench.age();
  CHECK(status_of(bench, "/a.txt") == 200);
  CHECK(bench.held("/a.txt") != nullptr);
}

TEST_CASE("entries that live outside the cache are bounded: beyond that a small file is streamed") {
  Bench bench;
  bench.put("a.txt", "hello\n");
  bench.put("empty.txt", "");
  bench.age();
  // As sent from to a client that takes nothing, evicted long ago.
  cache::EntryRef held = bench.cache.make(Bench::key("/held"), "/held", 0, size_t{8} << 20);
  REQUIRE(held);
  {
    Waiting streamed;
    Waiting empty;
    REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), streamed));
    REQUIRE(bench.disk->fetch(Bench::key("/empty.txt"), empty));
    bench.run();
    CHECK(streamed.status == 200);
    CHECK(!streamed.entry);
    CHECK(streamed.file);
    CHECK(empty.entry);  // there is nothing to stream
  }
  held.reset();
  Waiting again;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), again));
  bench.run();
  CHECK(again.body() == "hello\n");
}

TEST_CASE("a directory is 301 without its slash, its first index with it, and 403 where there is none") {
  Bench bench;
  bench.put("both/index.txt", "text");
  bench.put("both/index.html", "html");
  bench.put("second/index.txt", "text");
  bench.put("covered/index.html/inner", "");  // an index name that is a directory is none
  bench.put("covered/index.txt", "text");
  bench.put("file", "file");
  bench.world.put_directory("root/empty");
  bench.age();
  CHECK(status_of(bench, "/both") == 301);
  CHECK(status_of(bench, "/empty/") == 403);
  CHECK(status_of(bench, "/") == 403);
  CHECK(status_of(bench, "/missing/") == 404);
  CHECK(status_of(bench, "/file/") == 404);
  for (const auto& [path, body] :
       {std::pair<const char*, const char*>{"/both/", "html"}, {"/second/", "text"}, {"/covered/", "text"}}) {
    CAPTURE(path);
    Waiting waiting;
    REQUIRE(bench.disk->fetch(Bench::key(path), waiting));
    bench.run();
    CHECK(waiting.body() == body);
  }
  CHECK(quiet(bench));
}

TEST_CASE("a FIFO or a device is 403 and never read") {
  Bench bench;
  bench.world.put_other("root/fifo");
  CHECK(status_of(bench, "/fifo") == 403);
  CHECK(quiet(bench));
}

TEST_CASE("an error of opening or reading is the status of the table") {
  Bench bench;
  CHECK(status_of(bench, "/missing") == 404);
  for (const auto& [number, status] : {std::pair{EACCES, 403}, {EMFILE, 503}, {EIO, 500}, {EAGAIN, 503}}) {
    CAPTURE(number);
    const std::string name = std::to_string(number);
    bench.put(name, "a");
    bench.age();
    bench.world.fail_open("root/" + name, number);
    CHECK(status_of(bench, "/" + name) == status);
  }
  bench.put("a.txt", "a");
  bench.world.fail_read("root/a.txt", EIO);
  CHECK(status_of(bench, "/a.txt") == 500);
  CHECK(quiet(bench));
}

TEST_CASE("an open that a rename raced with (openat2(2): EAGAIN) is tried again") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.age();
  bench.world.fail_open("root/a.txt", EAGAIN);
  Waiting waiting;
  REQUIRE(bench.disk->fetch(Bench::key("/a.txt"), waiting));
  bench.step();
  CHECK(waiting.told == 0);
  bench.world.fail_open("root/a.txt", 0);
  bench.run();
  CHECK(waiting.body() == "a");
}

TEST_CASE("the operator hears of the disk's failures, one line a second, and not of what is merely missing") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.age();
  bench.world.fail_read("root/a.txt", EIO);
  CHECK(status_of(bench, "/missing") == 404);
  CHECK(bench.log_lines().empty());
  for (int i = 0; i < 3; ++i) CHECK(status_of(bench, "/a.txt") == 500);
  const std::string first = bench.log_lines();
  CHECK(first.find("/a.txt") != std::string::npos);
  CHECK(std::count(first.begin(), first.end(), '\n') == 1);
  bench.age();
  CHECK(status_of(bench, "/a.txt") == 500);
  CHECK(bench.log_lines().find("and 2 more") != std::string::npos);
}
