// Listings: a directory without an index may be listed where its site says so; the listing is made by another thread,
// kept as any content, and made anew whenever it is to be looked at. Nobody waits for that thread for ever.
#include "harness.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

struct Listed : Bench {
  explicit Listed(BenchOptions options = {.rules = {.index = {"index.html"}, .listing = true}})
      : Bench(std::move(options)) {
    put("d/one.txt", "one");
    put("d/two.txt", "two");
    age();
  }
  int status_of(std::string_view path) {
    const Waiting asking(*this, path);
    run();
    return asking.told == 1 ? asking.status : -1;
  }
  /// The listing is made and held.
  void hold(std::string_view key = "/d///hna") {
    const Waiting asking(*this, key);
    run();
    answer_listing();
    REQUIRE(asking.status == 200);
    REQUIRE(held(key));
    run();
  }
};

}  // namespace

TEST_CASE("a directory without an index is a verdict of 200 where its site lists, and 403 where it does not") {
  Listed lists;
  Bench does_not;
  does_not.put("d/one.txt", "one");
  lists.put("indexed/index.html", "index");
  lists.age();
  does_not.age();
  {
    const Waiting asking(lists, "/d/");
    lists.run();
    CHECK(asking.status == 200);
    CHECK(!asking.file);
    REQUIRE(lists.held("/d/"));
    CHECK(lists.held("/d/")->kind() == cache::Kind::verdict);
    CHECK(lists.held("/d/")->status() == 200);
  }
  CHECK(lists.status_of("/d") == 301);
  CHECK(lists.status_of("/none/") == 404);
  CHECK(lists.status_of("/d/one.txt/") == 404);
  const Waiting indexed(lists, "/indexed/");
  lists.run();
  CHECK(indexed.body() == "index");
  const Waiting refused(does_not, "/d/");
  does_not.run();
  CHECK(refused.status == 403);
  lists.pass(2100);
  const Waiting again(lists, "/d/");
  lists.run();
  CHECK(again.unchanged);
}

TEST_CASE("a listing is asked for with its directory open, its form and the site's rules, and becomes an entry") {
  Listed bench({.rules = {.resolve = uring::Resolve::no_symlinks, .index = {}, .listing = true, .hidden = true}});
  const Waiting asking(bench, "/d///jtd");
  bench.run();
  REQUIRE(bench.door.file_listings.size() == 1);
  const disk::ListingOrder& order = bench.door.file_listings.front().order;
  CHECK(order.path == "/d/");
  CHECK(order.form == http::ListingForm{http::ListingForm::Format::json, http::ListingForm::Sort::time, true});
  CHECK(order.hidden);
  CHECK(order.resolve == uring::Resolve::no_symlinks);
  CHECK(order.root == bench.sites.state(0).root);
  CHECK(asking.told == 0);
  bench.answer_listing();
  CHECK(asking.told == 1);
  CHECK(asking.body() == "/d/:\none.txt\ntwo.txt");
  CHECK(asking.entry->name() == "/d/");
  CHECK(asking.entry->facts().content_type == order.form.media_type());
  CHECK(asking.entry->facts().content_type.starts_with("application/json"));
  CHECK(!asking.entry->facts().has_modified);
  CHECK(!asking.entry->facts().compressible);  // too small
  CHECK(asking.entry->lines() == "X-Of: /d/\r\n");
  CHECK(bench.disk->counters().listed == 1);
  CHECK(bench.held("/d///jtd") == &*asking.entry);
  const Waiting again(bench, "/d///jtd");
  CHECK(again.at_once);
  bench.run();
  CHECK(bench.world.held().empty());
}

TEST_CASE("the root is listed too, and many who wait get one listing") {
  Listed bench;
  const Waiting one(bench, "///hna");
  const Waiting other(bench, "///hna");
  bench.run();
  REQUIRE(bench.door.file_listings.size() == 1);
  bench.answer_listing();
  CHECK(one.body() == "/:\nd");
  CHECK(other.body() == "/:\nd");
}

TEST_CASE("while a listing is made no thread and no descriptor of the worker's waits for it") {
  Listed bench({.disk = {.queue_size = 8, .kernel_threads = 1, .max_cached_file_bytes = 4096},
                .rules = {.index = {}, .listing = true}});
  bench.cold(false);
  const Waiting asking(bench, "/d///hna");
  bench.run();
  REQUIRE(bench.door.file_listings.size() == 1);
  const Waiting other(bench, "/d/one.txt");
  bench.run();
  CHECK(other.body() == "one");
  bench.door.close(std::exchange(bench.door.file_listings.front().directory, -1));
  bench.run();
  CHECK(bench.world.held().empty());
  disk::Notice late = disk::Rendered{.ticket = bench.door.file_listings.front().ticket, .body = "late"};
  bench.door.file_listings.clear();
  bench.disk->on_notice(std::move(late));
  CHECK(asking.body() == "late");
}

TEST_CASE("a listing that is being made holds no place; more than 64 at a time are refused") {
  Listed bench({.disk = {.queue_size = 1, .max_cached_file_bytes = 4096}, .rules = {.index = {}, .listing = true}});
  for (int number = 0; number < 65; ++number) bench.put("l" + std::to_string(number) + "/file", "x");
  bench.age();
  std::array<Waiting, 65> waiting;
  for (int number = 0; number < 65; ++number) {
    CAPTURE(number);
    waiting[number].ask(bench, "/l" + std::to_string(number) + "///hna");
    CHECK(!waiting[number].refused);
    bench.run();
  }
  CHECK(bench.disk->in_flight() == 0);
  CHECK(bench.door.file_listings.size() == 64);
  CHECK(waiting[64].status == 503);
  const Waiting file(bench, "/d/one.txt");
  bench.run();
  CHECK(file.body() == "one");
  while (!bench.door.file_listings.empty()) bench.answer_listing();
  for (int number = 0; number < 64; ++number) CHECK(waiting[number].status == 200);
  const Waiting again(bench, "/l64///hna");
  bench.run();
  CHECK(bench.door.file_listings.size() == 1);
}

TEST_CASE("a listing's look makes it anew, and the old one is served where that takes long") {
  Listed bench;
  bench.hold();
  bench.put("d/three.txt", "three");
  bench.pass(1100);  // ahead
  {
    const Waiting asking(bench, "/d///hna");
    CHECK(asking.at_once);
    bench.run();
  }
  REQUIRE(bench.door.file_listings.size() == 1);
  bench.answer_listing();
  CHECK(bench.disk->counters().unchanged == 0);
  {
    const Waiting asking(bench, "/d///hna");
    CHECK(asking.body() == "/d/:\none.txt\nthree.txt\ntwo.txt");
  }
  bench.pass(2100);
  const Waiting waiting(bench, "/d///hna");
  CHECK(!waiting.at_once);
  bench.pass(110);
  CHECK(waiting.stale);
  CHECK(waiting.status == 200);
}

TEST_CASE("a listing that cannot be asked for is 503, and the old one where there is one") {
  for (const bool helped : {true, false}) {
    CAPTURE(helped);
    Listed bench({.helped = helped, .rules = {.index = {}, .listing = true}});
    bench.door.busy = true;
    CHECK(bench.status_of("/d///hna") == 503);
    CHECK(bench.world.held().empty());
    if (!helped) continue;
    bench.door.busy = false;
    bench.hold();
    bench.door.busy = true;
    bench.pass(2100);
    const Waiting asking(bench, "/d///hna");
    bench.run();
    CHECK(asking.status == 200);
    CHECK(asking.stale);
  }
}

TEST_CASE("a directory that is gone, refused, no directory or not to be read: 404, 403, 404, 500, and nothing kept") {
  Listed bench;
  bench.put("file", "file");
  bench.put("e/file", "file");
  bench.world.fail_open("root/e", EACCES);
  bench.age();
  CHECK(bench.status_of("/gone///hna") == 404);
  CHECK(bench.status_of("/file///hna") == 404);
  CHECK(bench.status_of("/e///hna") == 403);
  CHECK(bench.door.file_listings.empty());
  bench.hold();
  bench.pass(2100);
  const Waiting asking(bench, "/d///hna");
  bench.run();
  bench.answer_listing(false);
  CHECK(asking.status == 500);
  for (const char* key : {"/gone///hna", "/file///hna", "/e///hna", "/d///hna"}) CHECK(!bench.held(key));
  bench.run();
  CHECK(bench.world.held().empty());
}

TEST_CASE("a listing that is larger than may live outside the cache is 503") {
  Listed bench;
  const Waiting asking(bench, "/d///hna");
  bench.run();
  const uint64_t ticket = bench.door.file_listings.front().ticket;
  bench.disk->on_notice(disk::Rendered{.ticket = ticket, .body = std::string((size_t{8} << 20) + 1, 'x')});
  CHECK(asking.status == 503);
  CHECK(!bench.held("/d///hna"));
}

TEST_CASE("a listing is compressible from 256 bytes on") {
  Listed bench;
  const Waiting asking(bench, "/d///hna");
  bench.run();
  bench.disk->on_notice(
      disk::Rendered{.ticket = bench.door.file_listings.front().ticket, .body = std::string(256, 'x')});
  REQUIRE(asking.entry);
  CHECK(asking.entry->facts().compressible);
}

TEST_CASE("a name that changes drops the listings of its directory and its own, in every form, and no other") {
  Listed bench;
  bench.put("d/sub/file", "file");
  bench.put("e/file", "file");
  bench.age();
  const std::vector<const char*> in_d = {"/d///hna", "/d///jsd", "/d///htd"};
  for (const char* key : in_d) bench.hold(key);
  bench.hold("/d/sub///hna");
  bench.hold("/e///hna");
  bench.hold("///hna");
  bench.invalidate("/d/sub");
  for (const char* key : in_d) CHECK(!bench.held(key));
  CHECK(!bench.held("/d/sub///hna"));
  CHECK(bench.held("/e///hna"));
  CHECK(bench.held("///hna"));
  bench.invalidate("/new");
  CHECK(!bench.held("///hna"));
}

TEST_CASE("a listing that is made while a name changes goes to those who asked, and is not kept") {
  Listed bench;
  const Waiting asking(bench, "/d///hna");
  bench.run();
  bench.invalidate("/d/one.txt");
  bench.answer_listing();
  CHECK(asking.status == 200);
  CHECK(!bench.held("/d///hna"));
}

TEST_CASE("a worker that stops waits for no listing, and one that comes late is of nobody") {
  Listed bench;
  const Waiting asking(bench, "/d///hna");
  bench.run();
  CHECK(!bench.disk->idle());
  bench.disk->let_go();
  CHECK(asking.status == 503);
  CHECK(bench.disk->idle());
  bench.answer_listing();
  bench.run();
  CHECK(asking.told == 1);
  CHECK(bench.disk->counters().listed == 0);
  // One that is only being opened when it stops.
  Listed other;
  const Waiting opening(other, "/d///hna");
  other.disk->let_go();
  other.run();
  CHECK(opening.status == 503);
  CHECK(other.door.file_listings.empty());
}

TEST_CASE("a list of names says by its own name that a directory to be listed is not there") {
  Listed bench;
  for (int number = 0; number < 16; ++number) CHECK(bench.status_of("/miss" + std::to_string(number)) == 404);
  REQUIRE(bench.door.listings.size() == 1);
  bench.answer_list();
  bench.run();
  const Waiting gone(bench, "/gone///hna");
  CHECK(gone.at_once);
  CHECK(gone.status == 404);
  const Waiting there(bench, "/d///hna");
  CHECK(!there.at_once);
  const Waiting root(bench, "///hna");
  CHECK(!root.at_once);
}

TEST_CASE("after a switch a listing is of the new tree") {
  Listed bench;
  bench.hold();
  bench.world.put_file("next/d/new.txt", "new");
  bench.age();
  bench.release("next");
  const Waiting asking(bench, "/d///hna");
  CHECK(!asking.at_once);
  bench.run();
  bench.answer_listing();
  CHECK(asking.body() == "/d/:\nnew.txt");
}
