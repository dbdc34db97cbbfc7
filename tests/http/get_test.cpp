// GET and HEAD of ordinary files: the fields that every answer carries, and their values.
// One server and one small tree per case.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
constexpr std::time_t kMtime = 1600000000;  // Sun, 13 Sep 2020 12:26:40 GMT

bool is_strong_etag(const std::string& tag) {
  return tag.size() >= 3 && tag.front() == '"' && tag.back() == '"' && tag.find('"', 1) == tag.size() - 1;
}

std::vector<std::pair<std::string, std::string>> without_date(Response response) {
  std::erase_if(response.fields, [](const auto& field) { return lower(field.first) == "date"; });
  return response.fields;
}
}  // namespace

TEST_CASE("a file is answered with every field of its representation (RFC 9110 §8)") {
  Site site;
  site.file("page.html", "<h1>hello</h1>\n");
  site.set_mtime("page.html", kMtime);
  Server server(site);
  const Response response = server.get("/page.html");
  CHECK(response.status == 200);
  CHECK(response.reason == "OK");
  CHECK(response.minor_version == 1);
  CHECK(response.body == "<h1>hello</h1>\n");
  CHECK(response.field("Server") == "uringd");
  CHECK(lower(response.field("Content-Type")) == "text/html; charset=utf-8");
  CHECK(response.field("Content-Length") == "15");
  CHECK(response.field("Last-Modified") == "Sun, 13 Sep 2020 12:26:40 GMT");
  CHECK(is_strong_etag(response.field("ETag")));
  CHECK(response.field("Accept-Ranges") == "bytes");
  CHECK(!response.has("Transfer-Encoding"));
}

TEST_CASE("HEAD has the head of GET and no body (RFC 9110 §9.3.2), for small, large, missing and redirected alike") {
  Site site;
  site.file("small.txt", "small\n");
  site.file("large.bin", pattern(700 * 1024));
  site.file("empty.txt", "");
  site.file("dir/index.html", "index\n");
  Server server(site);
  for (const char* target : {"/small.txt", "/large.bin", "/empty.txt", "/dir/", "/dir", "/missing"}) {
    INFO(target);
    Client client = server.connect();
    const Response got = client.get(target);
    const Response head = client.head(target);
    CHECK(head.status == got.status);
    CHECK(without_date(head) == without_date(got));
    CHECK(head.content_length() == got.body.size());
    // Whatever followed the head would be read as the head of this answer.
    CHECK(client.get("/small.txt").body == "small\n");
  }
}

TEST_CASE("text has a charset, other types have none, and an unknown suffix still has a type") {
  Site site;
  const std::vector<std::pair<std::string, std::string>> expected = {{"a.html", "text/html; charset=utf-8"},
                                                                     {"a.css", "text/css; charset=utf-8"},
                                                                     {"a.txt", "text/plain; charset=utf-8"},
                                                                     {"a.js", "text/javascript; charset=utf-8"},
                                                                     {"a.svg", "image/svg+xml"},
                                                                     {"a.png", "image/png"},
                                                                     {"a.jpg", "image/jpeg"},
                                                                     {"a.wasm", "application/wasm"},
                                                                     {"a.woff2", "font/woff2"},
                                                                     {"a.pdf", "application/pdf"},
                                                                     {"a.json", "application/json"},
                                                                     {"UPPER.HTML", "text/html; charset=utf-8"},
                                                                     {"archive.tar.gz", "application/gzip"},
                                                                     {"unknown.zzzz", "application/octet-stream"},
                                                                     {"nosuffix", "application/octet-stream"}};
  for (const auto& [name, type] : expected) site.file(name, "x");
  Server server(site);
  Client client = server.connect();
  for (const auto& [name, type] : expected) {
    INFO(name);
    const Response response = client.get("/" + name);
    CHECK(response.status == 200);
    const std::string found = lower(response.field("Content-Type"));
    CHECK(found.substr(0, found.find(';')) == type.substr(0, type.find(';')));
    if (type.starts_with("text/")) CHECK(found == type);
    if (type.starts_with("image/p") || type.starts_with("application/o")) CHECK(found == type);
  }
}

TEST_CASE("the query takes no part in finding the file") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  Client client = server.connect();
  CHECK(client.get("/a.txt?x=1&y=/../..").body == "a\n");
  CHECK(client.get("/a.txt?").body == "a\n");
  CHECK(client.get("/?a.txt").status == 403);
}

TEST_CASE("a file has the same ETag twice, and a file with other bytes has another") {
  Site site;
  site.file("a.txt", "one");
  site.file("b.txt", "two");
  site.file("large.bin", pattern(300000));
  Server server(site);
  Client client = server.connect();
  const std::string tag = client.get("/a.txt").field("ETag");
  CHECK(client.get("/a.txt").field("ETag") == tag);
  CHECK(client.get("/b.txt").field("ETag") != tag);
  CHECK(is_strong_etag(client.get("/large.bin").field("ETag")));
  CHECK(client.get("/large.bin").field("ETag") == client.get("/large.bin").field("ETag"));
}

TEST_CASE("a small file's ETag depends on its bytes alone, so replicas agree") {
  Site one;
  Site other;
  one.file("a.txt", "the same bytes");
  other.file("a.txt", "the same bytes");
  one.set_mtime("a.txt", kMtime);
  other.set_mtime("a.txt", kMtime - 5000);
  Server first(one);
  Server second(other);
  CHECK(first.get("/a.txt").field("ETag") == second.get("/a.txt").field("ETag"));
}

TEST_CASE("there is no Last-Modified for an mtime at the epoch or in the future, where it would lie") {
  Site site;
  for (const char* name : {"epoch.txt", "second.txt", "future.txt"}) site.file(name, "x");
  site.set_mtime("epoch.txt", 0);
  site.set_mtime("second.txt", 1);
  site.set_mtime("future.txt", std::time(nullptr) + 86400);
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"/epoch.txt", "/second.txt", "/future.txt"}) {
    INFO(target);
    const Response response = client.get(target);
    CHECK(response.status == 200);
    CHECK(!response.has("Last-Modified"));
    const Response unchanged = client.get(target, "If-None-Match: *\r\n");
    CHECK(unchanged.status == 304);
    CHECK(!unchanged.has("Last-Modified"));
  }
}

TEST_CASE("the Date of an answer goes on, of a file that is held too (RFC 9110 §6.6.1)") {
  Site site;
  site.file("a.txt", "a\n");
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"/a.txt", "/missing"}) {
    INFO(target);
    const std::string first = client.get(target).field("Date");
    CHECK(wait_until([&] { return client.get(target).field("Date") != first; }, Milliseconds{5000}));
  }
}

TEST_CASE("an error has a small body of its own with a type and the right length") {
  Site site;
  Server server(site);
  const Response response = server.get("/missing");
  CHECK(response.status == 404);
  CHECK(response.reason == "Not Found");
  CHECK(!response.body.empty());
  CHECK(response.body.size() < 4096);
  CHECK(response.has("Content-Type"));
  CHECK(response.field("Server") == "uringd");
  CHECK(!response.has("Last-Modified"));
}
