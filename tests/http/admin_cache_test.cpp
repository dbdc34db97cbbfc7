// The cache as the admin interface shows it and drops from it: paths, sizes, hits of all workers, pages; sites and
// mounts; while requests go on.
#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "admin_client.hpp"
#include "hot_client.hpp"

using namespace uringd::testing;

namespace {

struct Tree : AdminPlace {
  Tree() {
    site.file("a.txt", "12345");
    site.file("dir/b.css", std::string(3000, 'b'));
    site.file("dir/index.html", "<p>i");
    site.file("dirt.txt", "x");
    site.outside_file("up/u.txt", "up");
  }
  /// What stands behind `key` in the entry of that path; "" where there is none.
  [[nodiscard]] static std::string value(const std::string& json, const std::string& path, const std::string& key) {
    const size_t entry = json.find("{\"path\":\"" + path + "\"");
    if (entry == std::string::npos) return "";
    const size_t at = json.find("\"" + key + "\":", entry) + key.size() + 3;
    return json.substr(at, json.find_first_of(",}", at) - at);
  }
  [[nodiscard]] std::string listed(std::string_view query = "") const {
    return get("/cache" + std::string(query)).body;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "an entry is listed with its size, type, copies and the hits of all workers") {
  Server server(site, {.server = "workers = 2", .more = table()});
  const int times = 40;
  for (int count = 0; count < times; ++count) CHECK(server.get("/a.txt").status == 200);
  const std::string json = listed();
  CHECK(value(json, "/a.txt", "size") == "5");
  CHECK(value(json, "/a.txt", "type") == "\"text/plain; charset=utf-8\"");
  CHECK(value(json, "/a.txt", "encoding") == "\"identity\"");
  const int workers = std::stoi(value(json, "/a.txt", "workers"));
  CHECK(std::stoi(value(json, "/a.txt", "hits")) == times - workers);  // a worker's first is a miss
  CHECK(value(json, "/a.txt", "state") == "\"fresh\"");
  CHECK(json.contains("\"total\":1,"));
  CHECK(json.contains("\"next\":null"));
}

TEST_CASE_FIXTURE(Tree, "a compressed copy is listed with its entry") {
  Server server(site, {.more = table()});
  for (int count = 0; count < 100 && !listed().contains("\"copies\":[{\"encoding\":\"gzip\""); ++count) {
    server.get("/dir/b.css", "Accept-Encoding: gzip\r\n");
    std::this_thread::sleep_for(Milliseconds{10});
  }
  CHECK(listed().contains("{\"path\":\"/dir/b.css\",\"size\":3000,"));
  CHECK(listed().contains("\"copies\":[{\"encoding\":\"gzip\",\"size\":"));
}

TEST_CASE_FIXTURE(Tree, "a dropped entry is gone from the list, and the next request reads the disk again") {
  Server server(site, {.server = "workers = 2", .cache = "watch = false\nstale_after = \"1h\"", .more = table()});
  for (int count = 0; count < 20; ++count) server.get("/a.txt");
  server.get("/dirt.txt");
  site.overwrite_in_place("a.txt", "54321");
  CHECK(server.get("/a.txt").body == "12345");
  const Response dropped = ask("DELETE", "/cache/a.txt", kBearer);
  CHECK(dropped.status == 200);
  CHECK(dropped.body.starts_with("{\"dropped\":"));
  CHECK(dropped.body != "{\"dropped\":0}\n");
  CHECK(value(listed(), "/a.txt", "size").empty());
  CHECK(value(listed(), "/dirt.txt", "size") == "1");
  for (int count = 0; count < 20; ++count) CHECK(server.get("/a.txt").body == "54321");
  CHECK(ask("DELETE", "/cache/never.txt", kBearer).body == "{\"dropped\":0}\n");
}

TEST_CASE_FIXTURE(Tree, "a remembered 404 is dropped as an entry is") {
  Server server(site, {.server = "workers = 1", .cache = "watch = false\nmissing_ttl = \"0s\"", .more = table()});
  CHECK(server.get("/new.txt").status == 404);
  site.file("new.txt", "new");
  CHECK(server.get("/new.txt").status == 404);
  CHECK(ask("DELETE", "/cache/new.txt", kBearer).status == 200);
  CHECK(server.get("/new.txt").body == "new");
}

TEST_CASE_FIXTURE(Tree, "PATH/ drops everything below it, \"/\" all of the site, its mounts too") {
  Server server(
      site,
      {.server = "workers = 1", .site = "mounts = { \"/up\" = \"" + site.outside("up") + "\" }", .more = table()});
  const auto ask_all = [&] {
    for (const char* path : {"/a.txt", "/dir/", "/dir/b.css", "/dirt.txt", "/up/u.txt"}) {
      CHECK(server.get(path).status == 200);
    }
  };
  ask_all();
  CHECK(listed().contains("\"total\":5,"));
  CHECK(listed("?prefix=/up/").contains("\"/up/u.txt\""));
  CHECK(ask("DELETE", "/cache/dir/", kBearer).body == "{\"dropped\":2}\n");
  CHECK(listed().contains("\"total\":3,"));
  CHECK(ask("DELETE", "/cache/up/u.txt", kBearer).body == "{\"dropped\":1}\n");
  ask_all();
  CHECK(ask("DELETE", "/cache/", kBearer).status == 200);
  CHECK(listed().contains("\"total\":0,\"entries\":[]"));
  ask_all();
}

TEST_CASE_FIXTURE(Tree, "pages of any size have every entry once, in order") {
  std::set<std::string> names;
  for (int count = 0; count < 60; ++count) {
    const std::string name = "f" + std::to_string(100 + count);
    site.file(name, std::string(static_cast<size_t>(count % 7 + 1), 'x'));
    names.insert("/" + name);
  }
  Server server(site, {.more = table()});
  for (const std::string& name : names) server.get(name);
  for (const char* sort : {"path", "-path", "size", "-size", "hits", "age"}) {
    std::string next = "null";
    std::set<std::string> seen;
    int pages = 0;
    do {
      const std::string after = next == "null" ? "" : "&after=" + next;
      const std::string json = listed("?limit=7&sort=" + std::string(sort) + after);
      for (size_t at = json.find("{\"path\":\""); at != std::string::npos; at = json.find("{\"path\":\"", at + 1)) {
        const std::string path = json.substr(at + 9, json.find('"', at + 9) - at - 9);
        CHECK(seen.insert(path).second);
      }
      const size_t at = json.find("\"next\":") + 7;
      next = json.substr(at, json.find('}', at) - at);
      if (next != "null") next = next.substr(1, next.size() - 2);
    } while (next != "null" && ++pages < 20);
    INFO(sort);
    if (std::string_view(sort) != "age") CHECK(seen == names);
  }
}

TEST_CASE_FIXTURE(Tree, "site is a host name of the configuration; one that no site has gets 404") {
  site.outside_file("other/o.txt", "o");
  Server server(
      site, {.site = "hosts = [\"one.example\"]",
             .more = "[[site]]\nhosts = [\"*.two.example\"]\nroot = \"" + site.outside("other") + "\"\n" + table()});
  Client client = server.connect();
  client.ask("GET /o.txt HTTP/1.1\r\nHost: a.two.example\r\n\r\n");
  CHECK(listed().starts_with("{\"site\":\"one.example\",\"sites\":[\"one.example\",\"*.two.example\"],\"total\":0"));
  for (const char* name : {"*.two.example", "b.TWO.example", "%2a.two.example"}) {
    CHECK(listed("?site=" + std::string(name)).contains("\"/o.txt\""));
  }
  CHECK(get("/cache?site=three.example").status == 404);
  CHECK(ask("DELETE", "/cache/o.txt?site=three.example", kBearer).status == 404);
  CHECK(ask("DELETE", "/cache/o.txt", kBearer).body == "{\"dropped\":0}\n");
  CHECK(ask("DELETE", "/cache/o.txt?site=x.two.example", kBearer).body == "{\"dropped\":1}\n");
}

TEST_CASE_FIXTURE(Tree, "a question that is none gets 400 and what would be one") {
  Server server(site, {.more = table()});
  for (const char* query : {"?sort=name", "?limit=0", "?limit=9999", "?limit=x", "?after=zzz"}) {
    INFO(query);
    const Response response = get("/cache" + std::string(query));
    CHECK(response.status == 400);
    CHECK(is_error(response));
  }
}

TEST_CASE_FIXTURE(Tree, "lists and drops while requests go on: every answer is whole, and the server goes on") {
  Server server(site, {.server = "workers = 2", .more = table()});
  Client hot = server.connect();
  for (int count = 0; count < 300; ++count) {
    const Response response = hot.get(count % 2 == 0 ? "/a.txt" : "/dir/b.css");
    CHECK(response.status == 200);
    CHECK(response.complete);
    if (count % 3 == 0) CHECK(get("/cache?sort=-hits").status == 200);
    if (count % 7 == 0) CHECK(ask("DELETE", count % 2 == 0 ? "/cache/" : "/cache/a.txt", kBearer).status == 200);
  }
}
