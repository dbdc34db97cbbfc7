// What workers hold, written down in slices, merged path by path, and cut into pages whose order does not move; and
// what a path to be dropped means in the trees of its site.
#include "listing.hpp"

#include <cstdlib>
#include <filesystem>

#include "drop.hpp"
#include "harness.hpp"
#include "uringd/config/load.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::admin;
using uringd::testing::Bench;
using uringd::testing::Waiting;

namespace {

/// A configuration with one site, whose root is slot 0 as a Bench's is, and a mount.
std::shared_ptr<const server::Snapshot> one_site() {
  std::string path = (std::filesystem::temp_directory_path() / "listing-XXXXXX").string();
  REQUIRE(mkdtemp(path.data()));
  const auto loaded = config::load_text("[[site]]\nroot = '.'\nmounts = { '/up' = '.' }\n", path + "/config.toml");
  REQUIRE(loaded);
  std::vector<config::Problem> warnings;
  const auto snapshot = server::Snapshot::build(loaded->config, 1, warnings);
  std::filesystem::remove_all(path);
  REQUIRE(snapshot);
  return *snapshot;
}

void ask(Bench& bench, const std::string& path, int times) {
  for (int count = 0; count < times; ++count) {
    if (bench.disk->find(Bench::key(path)).entry) continue;
    const Waiting asking(bench, path.c_str());
    bench.run();
  }
}

std::shared_ptr<Inventory> inventory_of(Bench& bench, int* slices = nullptr) {
  auto inventory = std::make_shared<Inventory>(one_site(), 0);
  int count = 1;
  while (!inventory->work({bench.cache, *bench.disk, bench.clock.monotonic_ms})) ++count;
  if (slices) *slices = count;
  return inventory;
}

Listing::Page page(const Listing& listing, const std::string& query) {
  const auto question = PageQuestion::from(query);
  REQUIRE(question);
  return listing.page(*question);
}

std::string paths(const Listing::Page& page) {
  std::string all;
  for (const Row& row : page.rows) all.append(row.path).append(" ");
  return all;
}

}  // namespace

TEST_CASE("an inventory has the files that are held, with their siblings, and no verdicts") {
  Bench bench;
  bench.put("a.js", "12345");
  bench.put("a.js.br", "123");
  bench.put("d/index.html", "i");
  bench.age();
  ask(bench, "/a.js", 4);
  ask(bench, "/a.js//br", 2);
  ask(bench, "/d/", 1);
  ask(bench, "/none", 1);
  const Listing listing({inventory_of(bench)});
  const auto all = page(listing, "");
  CHECK(paths(all) == "/a.js /d/ ");
  CHECK(all.total == 2);
  const Row& row = all.rows[0];
  CHECK(row.size_bytes == 5);
  CHECK(row.coding == http::Coding::identity);
  CHECK(row.copies[static_cast<size_t>(http::Coding::br)] == 3);
  CHECK(row.hits == 3);
  CHECK(row.workers == 1);
  CHECK(row.fresh);
  CHECK(row.type.starts_with("text/javascript"));
}

TEST_CASE("an entry that is due to be looked at is stale, and its age is since its last look") {
  Bench bench;
  bench.put("a.txt", "a");
  bench.age();
  ask(bench, "/a.txt", 1);
  bench.age(3'000'000'000);
  const Listing listing({inventory_of(bench)});
  REQUIRE(listing.rows().size() == 1);
  CHECK(!listing.rows()[0].fresh);
  CHECK(listing.rows()[0].age_ms >= 3000);
}

TEST_CASE("hits are summed over workers, and a path that several hold is one row") {
  Bench first, second;
  for (Bench* bench : {&first, &second}) {
    bench->put("a.txt", "a");
    bench->age();
  }
  second.put("b.txt", "b");
  second.age();
  ask(first, "/a.txt", 3);
  ask(second, "/a.txt", 5);
  ask(second, "/b.txt", 1);
  const Listing listing({inventory_of(first), inventory_of(second)});
  const auto all = page(listing, "sort=-hits");
  REQUIRE(paths(all) == "/a.txt /b.txt ");
  CHECK(all.rows[0].hits == 2 + 4);
  CHECK(all.rows[0].workers == 2);
  CHECK(all.rows[1].workers == 1);
  const std::string json = page_json(all, "h", std::vector<std::string>{"h"});
  CHECK(
      json.contains("\"path\":\"/a.txt\",\"size\":1,\"type\":\"text/plain; charset=utf-8\",\"encoding\":\"identity\","
                    "\"copies\":[],\"hits\":6,"));
  CHECK(json.starts_with("{\"site\":\"h\",\"sites\":[\"h\"],\"total\":2,"));
  CHECK(json.ends_with("\"next\":null}\n"));
}

TEST_CASE("pages go on where the last one ended, in every order, though entries come and go in between") {
  Bench bench;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    bench.put(name, std::string(static_cast<size_t>('f' - name[0]), 'x'));
  }
  bench.age();
  for (const char* path : {"/a", "/b", "/c", "/d", "/e"}) ask(bench, path, path[1] == 'c' ? 5 : 2);
  const Listing listing({inventory_of(bench)});
  for (const auto& [sort, expected] : {std::pair<std::string, std::string>{"path", "/a /b /c /d /e "},
                                       {"-path", "/e /d /c /b /a "},
                                       {"size", "/e /d /c /b /a "},
                                       {"-size", "/a /b /c /d /e "},
                                       {"-hits", "/c /a /b /d /e "},
                                       {"hits", "/a /b /d /e /c "}}) {
    CAPTURE(sort);
    for (const char* limit : {"1", "2", "4", "5", "9"}) {
      std::string all, next;
      int pages = 0;
      do {
        const auto one = page(listing, "sort=" + sort + "&limit=" + limit + "&after=" + next);
        CHECK(one.total == 5);
        all += paths(one);
        next = one.next;
      } while (!next.empty() && ++pages < 9);
      CHECK(all == expected);
    }
  }
  const std::string after_b = page(listing, "limit=2").next;
  bench.disk->forget(0, "/b");
  CHECK(paths(page(Listing({inventory_of(bench)}), "limit=2&after=" + after_b)) == "/c /d ");
}

TEST_CASE("prefix and q choose paths; a question that is none is told what would be one") {
  Bench bench;
  for (const char* name : {"js/a.js", "js/b.js", "css/a.css"}) bench.put(name, "x");
  bench.age();
  for (const char* path : {"/js/a.js", "/js/b.js", "/css/a.css"}) ask(bench, path, 1);
  const Listing listing({inventory_of(bench)});
  CHECK(paths(page(listing, "prefix=/js/")) == "/js/a.js /js/b.js ");
  CHECK(paths(page(listing, "q=%2Fa.")) == "/css/a.css /js/a.js ");
  CHECK(page(listing, "prefix=/js/&q=b").total == 1);
  CHECK(page(listing, "q=nothing").rows.empty());
  for (const char* query : {"sort=name", "sort=--path", "sort=", "limit=0", "limit=1001", "limit=x", "limit=-1",
                            "after=x", "after=1.2", "after=.2f", "after=1.zz"}) {
    CAPTURE(query);
    CHECK(!PageQuestion::from(query));
  }
}

TEST_CASE("many entries are written down in slices") {
  Bench bench;
  for (int count = 0; count < 600; ++count) bench.put(std::to_string(count), "x");
  bench.age();
  for (int count = 0; count < 600; ++count) ask(bench, "/" + std::to_string(count), 1);
  int slices = 0;
  const auto inventory = inventory_of(bench, &slices);
  CHECK(inventory->count() == bench.cache.count(cache::Kind::content));
  CHECK(inventory->count() > 300);
  CHECK(slices >= 2);
}

TEST_CASE("a path to be dropped lies in the root and in the mounts whose prefix it has, or which lie below it") {
  const std::vector<Tree> trees = {{1, ""}, {2, "/up"}, {3, "/up/deep"}};
  const auto text = [&](const char* path) {
    std::string all;
    for (const DropTarget& target : drop_targets(trees, path)) {
      all += std::to_string(target.slot) + ":" + target.path + " ";
    }
    return all;
  };
  CHECK(text("/a") == "1:/a ");
  CHECK(text("/up/a") == "1:/up/a 2:/a ");
  CHECK(text("/upper/a") == "1:/upper/a ");
  CHECK(text("/up") == "1:/up ");
  CHECK(text("/up/") == "1:/up 2: 3: ");
  CHECK(text("/up/deep/x/") == "1:/up/deep/x 2:/deep/x 3:/x ");
  CHECK(text("/") == "1: 2: 3: ");
}

TEST_CASE("a drop forgets its targets, one path or all below") {
  Bench bench;
  for (const char* name : {"d/a", "d/b", "c"}) bench.put(name, "x");
  bench.age();
  for (const char* path : {"/d/a", "/d/b", "/c"}) ask(bench, path, 1);
  const server::Workplace place{bench.cache, *bench.disk, bench.clock.monotonic_ms};
  Drop one(one_site(), {{0, "/c"}}, false);
  CHECK(one.work(place));
  CHECK(one.dropped() == 1);
  Drop below(one_site(), {{0, "/d"}}, true);
  while (!below.work(place)) {
  }
  CHECK(below.dropped() == 2);
  CHECK(bench.cache.count(cache::Kind::content) == 0);
}

TEST_CASE("overlays are listed in the place of what lies below, those of that site alone") {
  Bench bench;
  for (const char* name : {"a.txt", "b.txt"}) bench.put(name, "disk");
  bench.age();
  ask(bench, "/a.txt", 2);
  ask(bench, "/b.txt", 2);
  auto table = std::make_shared<const server::Overlays>(1);
  for (const auto& [site, path] : {std::pair<uint32_t, std::string>{0, "/a.txt"}, {0, "/new"}, {1, "/b.txt"}}) {
    auto overlay = std::make_shared<server::Overlay>();
    overlay->site = site;
    overlay->path = path;
    overlay->content_type = "text/x";
    overlay->put_ns = 1'000'000'000;
    const auto body = std::make_shared<const std::string>("overlay");
    overlay->bodies[0] = server::OverlayBody(body, {body->data(), body->size()});
    overlay->hits = std::make_shared<server::OverlayHits>(3);
    overlay->hits->count(1);
    table = table->with(overlay);
  }
  Listing listing({inventory_of(bench)});
  listing.put_over(table, 0, 3, 2'500'000'000);
  const auto all = page(listing, "");
  REQUIRE(paths(all) == "/a.txt /b.txt /new ");
  CHECK(all.rows[0].overlay);
  CHECK(all.rows[0].size_bytes == 7);
  CHECK(all.rows[0].hits == 1);
  CHECK(all.rows[0].age_ms == 1500);
  CHECK(all.rows[0].workers == 3);
  CHECK(!all.rows[1].overlay);
  CHECK(page_json(all, "h", std::vector<std::string>{"h"}).contains("\"state\":\"overlay\",\"workers\":3}"));
}
