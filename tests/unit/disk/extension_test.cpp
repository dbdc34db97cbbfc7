// Extensions: "/about" also finds "about.html", where there is no "about" or only a directory; what is said of it is
// what is said of "about.html".
#include "harness.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::testing;

namespace {

struct Extended : Bench {
  explicit Extended(std::vector<std::string> extensions = {".html", ".txt"})
      : Bench({.rules = {.index = {"index.html"}, .extensions = std::move(extensions)}}) {}
  int status_of(std::string_view path) {
    const Waiting asking(*this, path);
    run();
    return asking.told == 1 ? asking.status : -1;
  }
  std::string body_of(std::string_view path) {
    const Waiting asking(*this, path);
    run();
    return asking.body();
  }
};

}  // namespace

TEST_CASE("a name that is not there is tried with each extension, in order") {
  Extended bench;
  bench.put("about.html", "html");
  bench.put("both.html", "html");
  bench.put("both.txt", "txt");
  bench.put("second.txt", "txt");
  bench.put("itself", "itself");
  bench.put("itself.html", "html");
  bench.age();
  CHECK(bench.body_of("/about") == "html");
  CHECK(bench.body_of("/both") == "html");
  CHECK(bench.body_of("/second") == "txt");
  CHECK(bench.body_of("/itself") == "itself");
  CHECK(bench.body_of("/about.html") == "html");
  CHECK(bench.status_of("/none") == 404);
  CHECK(bench.status_of("/about/") == 404);
  CHECK(bench.world.held().empty());
}

TEST_CASE("what is found by its extension is described by its own name, under the path that was asked for") {
  Extended bench;
  bench.put("d/about.html", "html");
  bench.age();
  const Waiting asking(bench, "/d/about");
  bench.run();
  CHECK(asking.entry->key().path == "/d/about");
  CHECK(asking.entry->name() == "/d/about.html");
  CHECK(asking.entry->facts().content_type == "text/html; charset=utf-8");
  CHECK(asking.entry->lines() == "X-Of: /d/about.html\r\n");
  CHECK(bench.held("/d/about"));
}

TEST_CASE("a directory of that name is 301 only where no file with an extension is there") {
  Extended bench;
  bench.put("docs/index.html", "index");
  bench.put("docs.html", "page");
  bench.put("plain/index.html", "index");
  bench.age();
  CHECK(bench.body_of("/docs") == "page");
  CHECK(bench.body_of("/docs/") == "index");
  CHECK(bench.status_of("/plain") == 301);
  CHECK(bench.world.held().empty());
}

TEST_CASE("only a regular file is found by its extension; the name as asked for is refused where it is none") {
  Extended bench;
  bench.world.put_directory("root/covered.html");
  bench.put("covered.txt", "txt");
  bench.world.put_other("root/pipe.html");
  bench.world.put_other("root/fifo");
  bench.put("fifo.html", "html");
  bench.world.put_directory("root/both");
  bench.world.put_other("root/both.html");
  bench.age();
  CHECK(bench.body_of("/covered") == "txt");
  CHECK(bench.status_of("/pipe") == 404);
  CHECK(bench.status_of("/fifo") == 403);
  CHECK(bench.status_of("/both") == 301);
  CHECK(bench.world.held().empty());
}

TEST_CASE("a name that is too long with its extension is not found; without one it is") {
  Extended bench;
  const std::string longest(255, 'a');
  bench.put(longest, "longest");
  bench.age();
  CHECK(bench.body_of("/" + longest) == "longest");
  const std::string nearly(253, 'b');  // the fake kernel would open its longer form
  bench.put(nearly + ".html", "");
  bench.world.fail_open("root/" + nearly + ".html", ENAMETOOLONG);
  CHECK(bench.status_of("/" + nearly) == 404);
  bench.world.put_directory("root/" + nearly);
  bench.age(5 * second_ns);
  CHECK(bench.status_of("/" + nearly) == 301);
  std::string deep;
  while (deep.size() < 4094) deep += "/aa";
  deep.resize(4095, 'a');
  CHECK(bench.status_of(deep) == 404);
  // One with a slash at its end, whose list of names would have a key that no path is as long as.
  deep.back() = '/';
  for (int times = 0; times < 40; ++times) {
    bench.disk->on_notice(disk::Invalidated{.site = 0, .path = deep.substr(0, 4094)});
    CHECK(bench.status_of(deep) == 404);
  }
}

TEST_CASE("a look that finds the same bytes under another name finds another file") {
  Extended bench;
  bench.put("target.html", "html");
  bench.world.put_symlink("root/page", "target.html");
  bench.world.put_symlink("root/page.html", "target.html");
  bench.age();
  {
    const Waiting first(bench, "/page");
    bench.run();
    CHECK(first.entry->name() == "/page");
    CHECK(first.entry->facts().content_type == "application/octet-stream");
  }
  bench.world.remove("root/page");
  bench.pass(2100);
  const Waiting asking(bench, "/page");
  bench.run();
  CHECK(!asking.unchanged);
  CHECK(asking.entry->name() == "/page.html");
  CHECK(asking.entry->facts().content_type == "text/html; charset=utf-8");
}

TEST_CASE("a look at what was found by its extension ends at the open, until the name itself appears") {
  Extended bench;
  bench.put("about.html", "html");
  bench.age();
  {
    const Waiting first(bench, "/about");
    bench.run();
  }
  bench.pass(2100);
  {
    const Waiting asking(bench, "/about");
    bench.run();
    CHECK(asking.unchanged);
  }
  bench.put("about", "itself");
  bench.pass(2100);
  CHECK(bench.body_of("/about") == "itself");
}

TEST_CASE("a notice of a file drops what was found without its extension, and what was missed") {
  Extended bench;
  bench.put("d/about.html", "html");
  bench.age();
  CHECK(bench.body_of("/d/about") == "html");
  CHECK(bench.status_of("/d/none") == 404);
  bench.invalidate("/d/other.html");
  CHECK(bench.held("/d/about"));
  CHECK(bench.held("/d/none"));
  bench.invalidate("/d/about.html");
  CHECK(!bench.held("/d/about"));
  bench.put("d/none.txt", "txt");
  bench.invalidate("/d/none.txt");
  CHECK(!bench.held("/d/none"));
  bench.age();
  CHECK(bench.body_of("/d/none") == "txt");
  bench.invalidate("/.html");  // a name that is nothing but an extension means itself
}

TEST_CASE("a list of names knows that a name may lack its extension") {
  Extended bench;
  bench.put("d/about.html", "html");
  bench.put("d/sub.html/file", "file");
  bench.age();
  for (int number = 0; number < 16; ++number) CHECK(bench.status_of("/d/miss" + std::to_string(number)) == 404);
  REQUIRE(bench.door.listings.size() == 2);  // its own, and the root's
  while (!bench.door.listings.empty()) bench.answer_list(), bench.run();
  const uint64_t fetches = bench.disk->counters().fetches;
  CHECK(bench.status_of("/d/random") == 404);
  CHECK(bench.status_of("/d/sub/file") == 404);  // a directory on the way has no extension
  CHECK(bench.disk->counters().fetches == fetches);
  CHECK(bench.body_of("/d/about") == "html");
}

TEST_CASE("the tree before the last switch is tried with its extensions too") {
  Extended bench;
  bench.put("about.html", "old");
  bench.world.put_directory("next");
  bench.age();
  bench.release("next", bench.clock.monotonic_ms + 60'000);
  CHECK(bench.body_of("/about") == "old");
}

TEST_CASE("an open that needs a thread is repeated for the same name, not for the next one") {
  Extended bench;
  bench.put("about.html", "html");
  bench.age();
  bench.cold(false);
  CHECK(bench.body_of("/about") == "html");
  CHECK(bench.status_of("/none") == 404);
}
