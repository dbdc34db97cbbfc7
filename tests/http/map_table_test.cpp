// [maps.NAME] (contract): tables of every kind are whole before the first request, large ones too; and those that were
// replaced are given back.
#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "map_files.hpp"

using namespace uringd::testing;

TEST_CASE_FIXTURE(MapTree, "maps: txt, rnd and cdb are there for the first request") {
  site.outside_file("m.txt",
                    "\xef\xbb\xbf# a comment\r\n\r\na /first\r\nb\t \"/second one\" # comment\r\na /never\r\n");
  site.outside_file("r.txt", "any one|two|three\nmostly one|one|one|two\nonly one\n");
  site.outside_file("d.cdb", cdb_of({{"a", "/cdb/a"}, {"", "/cdb/empty"}, {"lines", "/x\r\ny"}, {"a", "/never"}}));
  const Server server(
      site, {.headers = rewrite("^/t/(.*)$", "${t:$1|/none}", 302) + rewrite("^/c/(.*)$", "${c:$1|/none}", 302) +
                        rewrite("^/r/(.*)$", "/pick/${r:$1|none}") + rewrite("^/rr/(.*)$", "/pick/${r:$1|none}", 302),
             .more = map_table("t", "m.txt") + map_table("r", "r.txt", "rnd") + map_table("c", "d.cdb", "cdb")});
  Client client = server.connect();
  CHECK(leads_to("/t/a", client) == "/first");
  CHECK(leads_to("/t/b", client) == "/second%20one");
  CHECK(leads_to("/t/c", client) == "/none");
  CHECK(leads_to("/c/a", client) == "/cdb/a");
  CHECK(leads_to("/c/", client) == "/cdb/empty");
  CHECK(leads_to("/c/lines", client) == "/x%0D%0Ay");
  CHECK(leads_to("/c/b", client) == "/none");
  CHECK(client.get("/r/only").body == "one\n");
  CHECK(client.get("/r/none").status == 404);
  std::set<std::string> seen;
  int ones = 0;
  for (int i = 0; i < 200; ++i) {
    seen.insert(client.get("/r/any").body);
    ones += leads_to("/rr/mostly", client) == "/pick/one";
  }
  CHECK(seen == std::set<std::string>{"one\n", "three\n", "two\n"});
  CHECK(ones > 110);  // of 200 with three chances in four: eleven standard deviations of doubt are left
  CHECK(ones < 190);
  // The duplicate key was warned of, with its place.
  CHECK(server.errors().find("m.txt:5") != std::string::npos);
}

TEST_CASE_FIXTURE(MapTree, "maps: what was picked for a request that waits for the disk is not picked again") {
  constexpr int kPaths = 80;
  for (int i = 0; i < kPaths; ++i) {
    site.file("wait/d" + std::to_string(i) + "/x", "x\n");
    site.file("wait/f" + std::to_string(i), "file\n");
  }
  site.outside_file("r.txt", "kind d|f\n");
  const Server server(site,
                      {.headers = rewrite("^/w/(.*)$", "/wait/${r:kind}$1"), .more = map_table("r", "r.txt", "rnd")});
  Client client = server.connect();
  int directories = 0;
  for (int i = 0; i < kPaths; ++i) {
    const Response response = client.get("/w/" + std::to_string(i));
    if (response.status != 301) {
      CHECK(response.body == "file\n");
      continue;
    }
    ++directories;
    CHECK(response.field("Location") == "/wait/d" + std::to_string(i) + "/");
  }
  CHECK(directories > 10);
  CHECK(directories < kPaths - 10);
}

TEST_CASE_FIXTURE(MapTree, "maps: a million lines are answered from, from the first request on") {
  const int count = sanitized() ? 100'000 : 1'000'000;
  site.outside_file("m.txt", many_lines(count, "v1"));
  const auto start = std::chrono::steady_clock::now();
  Server server(site, setup_with());
  Client client = server.connect();
  CHECK(leads_to("/go/key-" + std::to_string(count - 1), client) ==
        "/v1/some/longer/place/" + std::to_string(count - 1));
  const double took = milliseconds_since(start);
  CHECK(leads_to("/go/key-0", client) == "/v1/some/longer/place/0");
  CHECK(leads_to("/go/key-" + std::to_string(count), client) == "/none");
  MESSAGE(count, " lines: started and answered after ", took, " ms; ", server.resident_kib() / 1024, " MiB");
  CHECK(took < 8000);
  // Made anew without anyone feeling it: the helper builds it in slices.
  HotClient hot(server, get_request("/probe.txt"));
  replace("m.txt", many_lines(count, "v2"));
  const Milliseconds seen = until_answer(client, get_request("/go/key-7"),
                                         [](const Response& r) { return r.field("Location").starts_with("/v2"); });
  hot.stop();
  MESSAGE("made anew after ", seen.count(), " ms; beside it: ", hot.figures());
  CHECK(seen < kPatience);
  CHECK(hot.wrong() == 0);
}

TEST_CASE_FIXTURE(MapTree, "maps: tables that were replaced are given back") {
  if (sanitized()) return;  // its figures mean nothing then
  constexpr int kLines = 100'000;
  site.outside_file("m.txt", many_lines(kLines, "v0"));
  Server server(site, setup_with());
  Client client = server.connect();
  std::vector<std::uint64_t> sizes;
  for (int i = 1; i <= 10; ++i) {
    replace("m.txt", many_lines(kLines, "v" + std::to_string(i)));
    until(client, "/go/key-1", "/v" + std::to_string(i) + "/some/longer/place/1");
    std::this_thread::sleep_for(Milliseconds{200});
    sizes.push_back(server.resident_kib());
  }
  MESSAGE("resident after each: ", sizes.front(), " … ", sizes[4], " … ", sizes.back(), " KiB");
  // One table of it is about 6 MiB: nine that are not given back would be more than 50.
  CHECK(sizes.back() < sizes.front() + 16 * 1024);
}
