// When a change on disk is seen: at once where inotify tells (stale_after is a minute in those tests, so nothing else
// can be the reason), within stale_after where it does not; and never at the cost of a hot request.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "hot_client.hpp"

using namespace uringd::testing;

namespace {
// Inotify and one look take a few ms; the rest is the machine's, which has two cores and other tests beside us.
constexpr Milliseconds kSeen{sanitized() ? 1500 : 800};  // tests run side by side: seen 596 once
const std::string kWatched = "stale_after = \"60s\"\nmissing_ttl = \"60s\"";

// Until an entry's directory is watched it lives by stale_after; the helper thread adds the watch a moment after.
void let_watches_stand() { std::this_thread::sleep_for(Milliseconds{150}); }

struct Tree {
  Tree() { site.file("dir/a.txt", "old\n"); }
  Milliseconds until_body(Client& client, std::string_view target, const std::string& body) const {
    return until_answer(
        client, get_request(target), [&](const Response& r) { return r.body == body; }, Milliseconds{4000});
  }
  Milliseconds until_status(Client& client, std::string_view target, int status) const {
    return until_answer(
        client, get_request(target), [&](const Response& r) { return r.status == status; }, Milliseconds{4000});
  }
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree,
                  "watched: a file rewritten, renamed over, cut, touched, deleted and made again is seen at once") {
  Server server(site, {.server = "workers = 2", .cache = kWatched});
  std::vector<Client> clients;
  for (int i = 0; i < 6; ++i) {  // both workers hold it
    clients.push_back(server.connect());
    CHECK(clients.back().get("/dir/a.txt").body == "old\n");
  }
  const auto seen_by_all = [&](const char* what, const std::string& body) {
    INFO(what);
    CHECK(until_body(clients[0], "/dir/a.txt", body) < kSeen);
    for (Client& client : clients) CHECK(until_body(client, "/dir/a.txt", body) < kSeen);
    let_watches_stand();
  };
  let_watches_stand();
  site.overwrite_in_place("dir/a.txt", "OLD\n");
  seen_by_all("rewritten in place, same size", "OLD\n");
  site.replace("dir/a.txt", "renamed\n");
  seen_by_all("renamed over", "renamed\n");
  site.truncate("dir/a.txt", 3);
  seen_by_all("cut", "ren");
  site.append("dir/a.txt", "ew\n");
  seen_by_all("appended", "renew\n");
  site.remove("dir/a.txt");
  CHECK(until_status(clients[0], "/dir/a.txt", 404) < kSeen);
  for (Client& client : clients) CHECK(until_status(client, "/dir/a.txt", 404) < kSeen);
  let_watches_stand();
  site.file("dir/a.txt", "made again\n");
  seen_by_all("made again", "made again\n");
}

TEST_CASE_FIXTURE(Tree, "watched: what was missing is found as soon as it is there, in old and in new directories") {
  Server server(site, {.cache = kWatched});
  Client client = server.connect();
  CHECK(client.get("/dir/new.txt").status == 404);
  let_watches_stand();  // of what is missing only so many are watched in a second: a flood of them must cost little
  CHECK(client.get("/none/deeper/new.txt").status == 404);
  let_watches_stand();
  site.file("dir/new.txt", "here\n");
  CHECK(until_body(client, "/dir/new.txt", "here\n") < kSeen);
  site.file("none/deeper/new.txt", "deep\n");
  CHECK(until_body(client, "/none/deeper/new.txt", "deep\n") < kSeen);
  CHECK(client.get("/dir/").status == 403);
  let_watches_stand();
  site.file("dir/index.html", "index\n");
  CHECK(until_body(client, "/dir/", "index\n") < kSeen);
}

TEST_CASE_FIXTURE(Tree, "missing_ttl = 0 (until evicted): what comes into being is seen all the same, watched or not") {
  Server server(site, {.cache = "missing_ttl = \"0s\"\nstale_after = \"500ms\""});
  Client client = server.connect();
  const auto target = [](int i) { return "/none-" + std::to_string(i) + "/dir/late.txt"; };
  for (int i = 0; i < 30; ++i) {
    CHECK(client.get(target(i)).status == 404);
    // At once: no watch stands yet, and with a ttl of 0 nothing else might ever ask again.
    site.file(target(i).substr(1), "late\n");
  }
  std::this_thread::sleep_for(Milliseconds{500} + kSeen);
  int late = 0;
  for (int i = 0; i < 30; ++i) late += client.get(target(i)).status != 200;
  CHECK(late == 0);
}

TEST_CASE_FIXTURE(Tree,
                  "watched: directories that are moved, exchanged and switched by link take what is below along") {
  site.file("next/a.txt", "next\n");
  site.file("v1/a.txt", "v1\n");
  site.file("v2/a.txt", "v2\n");
  site.symlink("link", "v1");
  site.file("real/target.txt", "first\n");
  site.symlink("file-link.txt", "real/target.txt");
  Server server(site, {.cache = kWatched});
  Client client = server.connect();
  CHECK(client.get("/dir/a.txt").body == "old\n");
  CHECK(client.get("/link/a.txt").body == "v1\n");
  CHECK(client.get("/file-link.txt").body == "first\n");
  let_watches_stand();
  std::filesystem::rename(site.path("dir"), site.path("dir.old"));
  CHECK(until_status(client, "/dir/a.txt", 404) < kSeen);
  let_watches_stand();
  std::filesystem::rename(site.path("next"), site.path("dir"));
  CHECK(until_body(client, "/dir/a.txt", "next\n") < kSeen);
  let_watches_stand();
  site.overwrite_in_place("dir/a.txt", "NEXT\n");
  CHECK(until_body(client, "/dir/a.txt", "NEXT\n") < kSeen);

  site.symlink("link.new", "v2");
  std::filesystem::rename(site.path("link.new"), site.path("link"));
  CHECK(until_body(client, "/link/a.txt", "v2\n") < kSeen);
  let_watches_stand();
  site.overwrite_in_place("v2/a.txt", "V2\n");
  CHECK(until_body(client, "/link/a.txt", "V2\n") < kSeen);

  site.overwrite_in_place("real/target.txt", "FIRST\n");
  CHECK(until_body(client, "/file-link.txt", "FIRST\n") < kSeen);
  let_watches_stand();
  site.replace("real/target.txt", "second\n");
  CHECK(until_body(client, "/file-link.txt", "second\n") < kSeen);
}

TEST_CASE_FIXTURE(Tree, "watched: a file that may no longer be read is 403, and served again when it may") {
  if (!running_as_root()) {
    MESSAGE("not root: skipped");
    return;
  }
  Server server(site, {.cache = kWatched, .as_nobody = true});
  Client client = server.connect();
  CHECK(client.get("/dir/a.txt").body == "old\n");
  let_watches_stand();
  REQUIRE(::chmod(site.path("dir/a.txt").c_str(), 0) == 0);
  CHECK(until_status(client, "/dir/a.txt", 403) < kSeen);
  let_watches_stand();
  REQUIRE(::chmod(site.path("dir/a.txt").c_str(), 0644) == 0);
  // A refusal is not promised to be remembered, nor to be watched: stale_after would be its limit.
  CHECK(until_status(client, "/dir/a.txt", 200) < Milliseconds{4000});
}

TEST_CASE_FIXTURE(Tree, "watched: a storm of changes leaves no file old") {
  for (int i = 0; i < 200; ++i) site.file("many/" + std::to_string(i) + ".txt", "0\n");
  Server server(site, {.cache = kWatched});
  Client client = server.connect();
  const auto target = [](int i) { return "/many/" + std::to_string(i) + ".txt"; };
  for (int i = 0; i < 200; ++i) CHECK(client.get(target(i)).body == "0\n");
  let_watches_stand();
  for (int round = 1; round <= 12; ++round) {
    for (int i = 0; i < 200; ++i) {
      site.replace(target(i).substr(1), std::to_string(round) + "\n");
    }
    client.get(target(round));
  }
  int old = 0;
  for (int i = 0; i < 200; ++i) old += until_body(client, target(i), "12\n") >= kSeen;
  CHECK(old == 0);
}

TEST_CASE_FIXTURE(Tree,
                  "unwatched: every kind of change is seen within stale_after, and held bytes stay whole until then") {
  const Milliseconds limit = Milliseconds{400} + kSeen;
  site.file("gone.txt", "gone\n");
  site.file("v1/a.txt", "v1\n");
  site.file("v2/a.txt", "v2\n");
  site.symlink("link", "v1");
  Server server(site,
                {.server = "workers = 2", .cache = "watch = false\nstale_after = \"400ms\"\nmissing_ttl = \"400ms\""});
  Client client = server.connect();
  CHECK(client.get("/dir/a.txt").body == "old\n");
  CHECK(client.get("/gone.txt").body == "gone\n");
  CHECK(client.get("/link/a.txt").body == "v1\n");
  CHECK(client.get("/new.txt").status == 404);
  site.replace("dir/a.txt", "new\n");
  site.remove("gone.txt");
  site.symlink("link.new", "v2");
  std::filesystem::rename(site.path("link.new"), site.path("link"));
  site.file("new.txt", "made\n");
  int neither = 0;
  CHECK(until_answer(client, get_request("/dir/a.txt"), [&](const Response& r) {
          neither += r.body != "old\n" && r.body != "new\n";
          return r.body == "new\n";
        }) < limit);
  CHECK(neither == 0);
  CHECK(until_status(client, "/gone.txt", 404) < limit);
  CHECK(until_body(client, "/link/a.txt", "v2\n") < limit);
  CHECK(until_body(client, "/new.txt", "made\n") < limit);
  for (int i = 0; i < 6; ++i) CHECK(server.get("/dir/a.txt").body == "new\n");
}

TEST_CASE_FIXTURE(Tree, "unwatched: an entry nobody asked for since it went stale is looked at before it is used") {
  Server server(site, {.cache = "watch = false\nstale_after = \"200ms\""});
  Client client = server.connect();
  CHECK(client.get("/dir/a.txt").body == "old\n");
  site.overwrite_in_place("dir/a.txt", "new\n");
  std::this_thread::sleep_for(Milliseconds{300});
  CHECK(client.get("/dir/a.txt").body == "new\n");  // contract.md: "and requests wait for that look"
}

TEST_CASE_FIXTURE(Tree, "unwatched: a hot file is looked at all the time, and no request is felt to wait for it") {
  Server server(site, {.server = "workers = 1", .cache = "watch = false\nstale_after = \"50ms\""});
  HotClient hot(server, get_request("/dir/a.txt"));
  Client client = server.connect();
  for (int round = 0; round < 10; ++round) {
    std::this_thread::sleep_for(Milliseconds{150});
    const std::string body = "round " + std::to_string(round) + "\n";
    site.replace("dir/a.txt", body);
    CHECK(until_body(client, "/dir/a.txt", body) < Milliseconds{50} + kSeen);
  }
  hot.stop();
  INFO(hot.figures());
  CHECK(hot.wrong() == 0);
  CHECK(hot.percentile(0.5) < 5);
  CHECK(hot.percentile(0.99) < 40);
}

TEST_CASE_FIXTURE(Tree, "the old entity tag does not match after a change, though size and second are the same") {
  Server server(site, {.cache = kWatched});
  Client client = server.connect();
  std::string tag = client.get("/dir/a.txt").field("ETag");
  CHECK(client.get("/dir/a.txt", "If-None-Match: " + tag + "\r\n").status == 304);
  for (int round = 0; round < 10; ++round) {
    let_watches_stand();
    const std::string body = std::string(3, static_cast<char>('a' + round)) + "\n";
    site.overwrite_in_place("dir/a.txt", body);
    const std::string request = get_request("/dir/a.txt", "If-None-Match: " + tag + "\r\n");
    CHECK(until_answer(client, request, [&](const Response& r) { return r.status == 200 && r.body == body; }) < kSeen);
    const std::string next = client.get("/dir/a.txt").field("ETag");
    CHECK(next != tag);
    CHECK(next.starts_with("\""));  // strong
    tag = next;
  }
}
