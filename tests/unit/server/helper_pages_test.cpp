// Error pages that change on disk, listings and copies by the helper's doors: what the background thread does for a
// helper, seen from the outside.
#include "helper_world.hpp"

using namespace uringd;
using namespace uringd::server;
using namespace uringd::server::test;
using disk::test::count_of;

namespace {

disk::SiteRules with_pages() {
  return {.error_pages = {{"404", "/404.html", "text/html"}}, .compress = {http::Coding::gzip}};
}

/// The page for 404 that an answer would have now; "" for the built-in one.
std::string page(const HelperWorld& world) {
  const disk::ErrorPage* found = world.state().pages->find(404);
  return found ? found->body : std::string();
}

}  // namespace

TEST_CASE("an error page that changes on disk is published, and nothing that is held is doubted for it") {
  HelperWorld world({.stale_after_ms = 0}, with_pages(), false);
  world.tree.write("releases/1/404.html", "one");
  world.start();
  REQUIRE(within(20s, [&] { return page(world) == "one"; }));
  const uint32_t generation = world.state().generation;
  const uint32_t release = world.state().release;
  const auto root = world.state().root;
  world.tree.write("releases/1/404.html", std::string(1000, 'a'));
  CHECK(within(20s, [&] { return page(world).size() == 1000; }));
  CHECK(!world.state().pages->find(404)->coded[static_cast<size_t>(http::Coding::gzip)].empty());
  CHECK(world.state().generation == generation);
  CHECK(world.state().release == release);
  CHECK(world.state().root == root);
  CHECK(within(20s, [&] {
    world.acknowledge();
    return world.helper->retired_states() == 0;
  }));
}

TEST_CASE("pages that stay as they are publish nothing") {
  HelperWorld world({.stale_after_ms = 0}, with_pages(), false);
  world.tree.write("releases/1/404.html", "one");
  std::this_thread::sleep_for(30ms);  // older than a page that is read once more
  world.start();
  REQUIRE(within(20s, [&] { return page(world) == "one"; }));
  const disk::SiteState* const state = &world.state();
  std::this_thread::sleep_for(700ms);  // two looks
  CHECK(&world.state() == state);
}

TEST_CASE("a page that goes is said once, the built-in one serves, and it comes back with its file") {
  HelperWorld world({.stale_after_ms = 0}, with_pages(), false);
  world.tree.write("releases/1/404.html", "one");
  world.start();
  REQUIRE(within(20s, [&] { return page(world) == "one"; }));
  world.tree.remove("releases/1/404.html");
  CHECK(within(20s, [&] { return page(world).empty(); }));
  const std::string line =
      world.sites->name_of(0) + ": error page 404 = /404.html: No such file or directory; the built-in page is used";
  CHECK(within(20s, [&] { return count_of(world.log(), line) == 1; }));
  std::this_thread::sleep_for(600ms);
  CHECK(count_of(world.log(), line) == 1);
  world.tree.write("releases/1/404.html", "back");
  CHECK(within(20s, [&] { return page(world) == "back"; }));
  world.tree.remove("releases/1/404.html");
  CHECK(within(20s, [&] { return count_of(world.log(), line) == 2; }));
}

TEST_CASE("after a switch of the root the old page serves until the new tree's is read, which is at once") {
  HelperWorld world({.stale_after_ms = 60'000}, with_pages(), false);  // the clock would look after 2 s
  world.tree.write("releases/1/404.html", "one");
  world.tree.write("releases/2/404.html", "two");
  std::this_thread::sleep_for(30ms);  // see above
  world.start();
  REQUIRE(within(20s, [&] { return page(world) == "one"; }));
  Clock::duration shortest = 1h;
  for (const std::string next : {"2", "1", "2", "1", "2"}) {
    const std::string wanted = next == "2" ? "two" : "one";
    const auto begin = Clock::now();
    bool always_one = true;
    world.tree.switch_link("releases/" + next, "current");
    REQUIRE(within(20s, [&] {
      const std::string now = page(world);
      always_one = always_one && !now.empty();
      return now == wanted;
    }));
    shortest = std::min(shortest, Clock::now() - begin);
    CHECK(always_one);
  }
  CHECK(shortest < 500ms);
}

TEST_CASE("a switch to a tree without the page has the built-in one, and says so") {
  HelperWorld world({.stale_after_ms = 60'000}, with_pages(), false);
  world.tree.write("releases/1/404.html", "one");
  world.start();
  REQUIRE(within(20s, [&] { return page(world) == "one"; }));
  world.tree.switch_link("releases/2", "current");
  CHECK(within(20s, [&] { return page(world).empty(); }));
  CHECK(within(20s, [&] { return world.log().find("error page 404 = /404.html: No such file") != std::string::npos; }));
}

TEST_CASE("listings and copies that a door asks for come to that worker with their tickets") {
  HelperWorld world;
  const std::string body(4000, 'a');
  disk::ListingOrder order{.root = world.state().root, .directory = world.tree.open("releases/1"), .path = "/"};
  REQUIRE(world.helper->door(1).list_files(std::move(order), 7));
  REQUIRE(world.helper->door(1).encode({.bytes = body, .etag = "a"}, 8));
  Hand& hand = world.hands[1];
  REQUIRE(within(20s, [&] {
    hand.take();
    return hand.rendered.size() == 1 && hand.encoded.size() == 1;
  }));
  CHECK(hand.rendered[0].ticket == 7);
  REQUIRE(hand.rendered[0].body);
  CHECK(hand.rendered[0].body->find("<a href=\"assets/\">") != std::string::npos);
  CHECK(hand.rendered[0].body->find("<a href=\"index.html\">") != std::string::npos);
  CHECK(hand.encoded[0].ticket == 8);
  REQUIRE(hand.encoded[0].bytes);
  CHECK(hand.encoded[0].bytes->size() < body.size());
  CHECK(world.hands[0].mailbox.pending() == 0);
}

TEST_CASE("what is ordered before the start waits for it, and nothing comes after the end") {
  HelperWorld world({}, {}, false);
  REQUIRE(world.helper->door(0).encode({.bytes = std::string(4000, 'a'), .etag = "a"}, 1));
  std::this_thread::sleep_for(20ms);
  CHECK(world.hands[0].mailbox.pending() == 0);
  world.start();
  CHECK(within(20s, [&] { return world.hands[0].mailbox.pending() == 1; }));
  CHECK(world.helper->stop(1s));
  CHECK(world.helper->door(0).encode({.bytes = std::string(4000, 'b'), .etag = "b"}, 2));
  std::this_thread::sleep_for(50ms);
  CHECK(world.hands[0].mailbox.pending() == 1);
}
