// Siblings that come, go, change and grow old while the server runs: seen at once where inotify works, and within
// missing_ttl and stale_after where cache.watch is off. At no time may a coding's name be on other bytes than its own.
#include <doctest/doctest.h>

#include <ctime>
#include <thread>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

constexpr std::time_t kBase = 1600000000;
const std::string kGzip = accept_encoding("gzip");
// What one connection has been told holds for the next one too: each worker learns of a change by itself.
constexpr const char* kOneWorker = "workers = 1";

struct Names {
  std::string target;
  std::string file;
  std::string sibling;
};

Names names(const std::string& file) { return {"/" + file, file, file + ".gz"}; }

void put(const Site& site, const std::string& name, const std::string& bytes, std::time_t at) {
  const std::string fresh = name + ".fresh~";
  site.file(fresh, bytes);
  site.set_mtime(fresh, at);
  REQUIRE(std::rename(site.path(fresh).c_str(), site.path(name).c_str()) == 0);
}

std::function<bool(const Response&)> says(const std::string& body) {
  return [body](const Response& response) { return response.status == 200 && response.body == body; };
}

// Every answer on the way was one of the two, and named rightly.
Response settle(const Server& server, const Names& n, const std::string& plain, const std::string& coded,
                const std::string& wanted) {
  return get_until(server, n.target, kGzip, [&](const Response& response) {
    CHECK(response.status == 200);
    CHECK(lists(response, "Vary", "Accept-Encoding"));
    const bool is_coded = response.field("Content-Encoding") == "gzip";
    CHECK(same(response.body, is_coded ? coded : plain));
    return same(response.body, wanted);
  });
}

void rows_for(Cases& row, const Site& site, const Server& server, const std::string& mode,
              const std::function<std::string(std::uint32_t)>& bytes) {
  const std::string of = " (" + mode + ")";
  const std::string prefix = std::string(1, mode[0]) + std::to_string(bytes(1).size());
  const std::string plain = bytes(1);
  const std::string coded = bytes(2);
  row("contract: freshness", "a sibling appears" + of, [&] {
    const Names n = names(prefix + "appears.css");
    put(site, n.file, plain, kBase);
    CHECK(same(get(server, n.target, kGzip).body, plain));
    put(site, n.sibling, coded, kBase + 1);
    CHECK(settle(server, n, plain, coded, coded).field("Content-Encoding") == "gzip");
    CHECK(same(get(server, n.target).body, plain));
  });
  row("contract: freshness", "a sibling disappears" + of, [&] {
    const Names n = names(prefix + "disappears.css");
    put(site, n.file, plain, kBase);
    put(site, n.sibling, coded, kBase + 1);
    CHECK(same(get(server, n.target, kGzip).body, coded));
    site.remove(n.sibling);
    CHECK(!settle(server, n, plain, coded, plain).has("Content-Encoding"));
  });
  row("contract [[site]] precompressed", "a sibling grows old, because its file is written again" + of, [&] {
    const Names n = names(prefix + "outdated.css");
    const std::string newer = bytes(3);
    put(site, n.file, plain, kBase);
    put(site, n.sibling, coded, kBase + 1);
    CHECK(same(get(server, n.target, kGzip).body, coded));
    put(site, n.file, newer, kBase + 100);
    const Response response = get_until(server, n.target, kGzip, says(newer));
    CHECK(same(response.body, newer));
    CHECK(!response.has("Content-Encoding"));
  });
  row("contract [[site]] precompressed", "an old sibling is made new again" + of, [&] {
    const Names n = names(prefix + "renewed.css");
    const std::string newer = bytes(4);
    put(site, n.file, plain, kBase);
    put(site, n.sibling, coded, kBase - 1);
    CHECK(same(get(server, n.target, kGzip).body, plain));
    put(site, n.sibling, newer, kBase + 100);
    CHECK(settle(server, n, plain, newer, newer).field("Content-Encoding") == "gzip");
  });
  row("contract: validators tell the truth", "a sibling's bytes change, and its ETag with them" + of, [&] {
    const Names n = names(prefix + "changes.css");
    const std::string newer = bytes(5) + "!";
    put(site, n.file, plain, kBase);
    put(site, n.sibling, coded, kBase + 1);
    const std::string tag = get(server, n.target, kGzip).field("ETag");
    put(site, n.sibling, newer, kBase + 2);
    const Response response = get_until(server, n.target, kGzip, says(newer));
    CHECK(same(response.body, newer));
    CHECK(response.content_length() == newer.size());
    CHECK(response.field("ETag") != tag);
    CHECK(get(server, n.target, kGzip + "If-None-Match: " + tag + "\r\n").status == 200);
  });
  row("contract [[site]] precompressed", "the file goes, the sibling stays: 404" + of, [&] {
    const Names n = names(prefix + "orphan.css");
    put(site, n.file, plain, kBase);
    put(site, n.sibling, coded, kBase + 1);
    CHECK(same(get(server, n.target, kGzip).body, coded));
    site.remove(n.file);
    CHECK(get_until(server, n.target, kGzip, [](const Response& r) { return r.status == 404; }).status == 404);
  });
  row("contract [[site]] precompressed", "the file comes back beside its sibling" + of, [&] {
    const Names n = names(prefix + "back.css");
    put(site, n.sibling, coded, kBase + 1);
    CHECK(get(server, n.target, kGzip).status == 404);
    put(site, n.file, plain, kBase);
    const Response response = get_until(server, n.target, kGzip, says(coded));
    CHECK(response.field("Content-Encoding") == "gzip");
  });
  row("contract: symlinks", "a sibling becomes a link that leaves the root" + of, [&] {
    const Names n = names(prefix + "leaves.css");
    put(site, n.file, plain, kBase);
    put(site, n.sibling, coded, kBase + 1);
    CHECK(same(get(server, n.target, kGzip).body, coded));
    site.remove(n.sibling);
    site.symlink(n.sibling, "../secret");
    CHECK(!settle(server, n, plain, coded, plain).has("Content-Encoding"));
  });
}

std::string small(std::uint32_t seed) { return pattern(700, seed); }
std::string large(std::uint32_t seed) { return pattern(200 * 1024, seed); }

}  // namespace

TEST_CASE("siblings change, and inotify tells") {
  Cases row("changing siblings, watched");
  Site site;
  site.file("probe.txt", "probe\n");
  site.outside_file("secret", "secret");
  const Server server(site, {.server = kOneWorker,
                             .cache = "stale_after = \"1h\"\nmissing_ttl = \"1h\"\n",
                             .site = "compress = []\ncache_status = true\n"});
  // What is found missing before the directory's watch stands is believed for missing_ttl. It stands once a change of a
  // file that was held has been seen.
  int version = 0;
  site.file("watch.txt", "0");
  REQUIRE(wait_until([&] {
    const auto held = [](const Response& response) { return response.field("Cache-Status") == "uringd; hit"; };
    if (!held(get_until(server, "/watch.txt", "", held))) return false;
    const std::string bytes = std::to_string(++version);
    site.replace("watch.txt", bytes);
    return get_until(server, "/watch.txt", "", says(bytes), Milliseconds{300}).body == bytes;
  }));
  rows_for(row, site, server, "watched, held", small);
  rows_for(row, site, server, "watched, streamed", large);
}

TEST_CASE("siblings change, and nobody watches") {
  Cases row("changing siblings, not watched");
  Site site;
  site.file("probe.txt", "probe\n");
  site.outside_file("secret", "secret");
  const Server server(site, {.server = kOneWorker,
                             .cache = "watch = false\nstale_after = \"150ms\"\nmissing_ttl = \"150ms\"\n",
                             .site = "compress = []\n"});
  rows_for(row, site, server, "not watched, held", small);
  rows_for(row, site, server, "not watched, streamed", large);
}
