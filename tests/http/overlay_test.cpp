// Overlays as clients of the site see them: over a file and where none is, at every worker as soon as the answer to the
// PUT is there, with validators, ranges, HEAD and codings as a file has them; gone when they are deleted.
#include <doctest/doctest.h>

#include "overlay_client.hpp"

using namespace uringd::testing;

namespace {

struct Place : OverlayPlace {
  Place() {
    site.file("a.txt", "disk");
    site.file("about.html", "about on disk");
    site.file("dir/index.html", "index on disk");
    site.file("dir/b.txt", "b on disk");
    site.outside_file("up/u.txt", "up on disk");
  }
};

bool everywhere(const Server& server, std::string_view path, std::string_view body) {
  for (int count = 0; count < kEveryWorker; ++count) {
    const Response response = server.get(path);
    if (response.body != body) return false;
  }
  return true;
}

}  // namespace

TEST_CASE_FIXTURE(Place,
                  "a body that is put answers at every worker, over a file and where none is, until it is deleted") {
  Server server(site, {.server = "workers = 3", .more = table()});
  for (int round = 0; round < 8; ++round) {
    const std::string body = "overlay " + std::to_string(round);
    const Response over = put("/a.txt", body);
    CHECK(over.status == (round == 0 ? 201 : 204));
    CHECK(everywhere(server, "/a.txt", body));
  }
  const Response made = put("/new/page.css", "p {}");
  CHECK(made.status == 201);
  CHECK(made.body.starts_with("{\"path\":\"/new/page.css\",\"size\":4,\"etag\":\"\\\""));
  const Response got = server.get("/new/page.css");
  CHECK(got.body == "p {}");
  CHECK(got.field("Content-Type") == "text/css; charset=utf-8");
  CHECK(got.field("X-Content-Type-Options") == "nosniff");
  CHECK(remove("/a.txt").body.starts_with("{\"dropped\":"));
  CHECK(everywhere(server, "/a.txt", "disk"));
  CHECK(remove("/new/page.css").body == "{\"dropped\":1}\n");
  CHECK(server.get("/new/page.css").status == 404);
}

TEST_CASE_FIXTURE(Place, "Content-Type and Cache-Control are those of the request, else the path's and the site's") {
  Server server(site, {.site = "cache_control = { \"*\" = \"max-age=60\" }",
                       .headers = "[[site.headers]]\nmatch = \"/h/**\"\nset = { \"cache-control\" = \"no-cache\", "
                                  "\"X-Rule\" = \"yes\" }\nremove = [\"ETag\"]\n",
                       .more = table()});
  CHECK(put("/a.txt", "{}", "Content-Type: application/json\r\nCache-Control: no-store\r\n").status == 201);
  Response got = server.get("/a.txt");
  CHECK(got.field("Content-Type") == "application/json");
  CHECK(got.field("Cache-Control") == "no-store");
  CHECK(put("/h/x.svg", "<svg/>").status == 201);
  got = server.get("/h/x.svg");
  CHECK(got.field("Content-Type") == "image/svg+xml");
  CHECK(got.field("Cache-Control") == "no-cache");
  CHECK(got.field("X-Rule") == "yes");
  CHECK(!got.has("ETag"));
  CHECK(put("/h/x.svg", "<svg/>", "Cache-Control: a=1\r\nCache-Control: b\r\n").status == 204);
  got = server.get("/h/x.svg");
  CHECK(got.field("Cache-Control") == "a=1, b");
  CHECK(got.head.find("no-cache") == std::string::npos);
  CHECK(put("/none", "?").status == 201);
  got = server.get("/none");
  CHECK(got.field("Content-Type") == "application/octet-stream");
  CHECK(got.field("Cache-Control") == "max-age=60");
}

TEST_CASE_FIXTURE(Place, "HEAD, conditions and ranges, several too, are as for a file") {
  Server server(site, {.more = table()});
  const std::string body = pattern(100'000, 3);
  const Response made = put("/big.bin", body);
  const std::string etag = made.field("ETag");
  CHECK(etag.size() == 34);
  Client client = server.connect();
  const Response head = client.head("/big.bin");
  CHECK(head.content_length() == body.size());
  CHECK(head.field("ETag") == etag);
  CHECK(head.field("Accept-Ranges") == "bytes");
  CHECK(!head.has("Last-Modified"));  // by which an older file would be "not modified" once the overlay is deleted
  CHECK(client.get("/big.bin").body == body);
  CHECK(client.get("/big.bin", "If-None-Match: " + etag + "\r\n").status == 304);
  CHECK(client.get("/big.bin", "If-Modified-Since: " + head.field("Date") + "\r\n").status == 200);
  CHECK(client.get("/big.bin", "If-Match: \"other\"\r\n").status == 412);
  Response part = client.get("/big.bin", "Range: bytes=70000-70009\r\n");
  CHECK(part.status == 206);
  CHECK(part.field("Content-Range") == "bytes 70000-70009/100000");
  CHECK(part.body == body.substr(70000, 10));
  CHECK(client.get("/big.bin", "Range: bytes=-5\r\nIf-Range: " + etag + "\r\n").body == body.substr(99'995));
  CHECK(client.get("/big.bin", "Range: bytes=1-2\r\nIf-Range: \"other\"\r\n").status == 200);
  CHECK(client.get("/big.bin", "Range: bytes=100000-\r\n").status == 416);
  part = client.get("/big.bin", "Range: bytes=0-49999, 60000-60003, -2\r\n");
  CHECK(part.status == 206);
  CHECK(part.field("Content-Type").starts_with("multipart/byteranges"));
  CHECK(part.body.contains(body.substr(0, 50'000)));
  CHECK(part.body.contains("\r\nContent-Range: bytes 60000-60003/100000\r\n\r\n" + body.substr(60'000, 4) + "\r\n"));
  CHECK(part.body.contains(body.substr(99'998)));
}

TEST_CASE_FIXTURE(Place, "compressed copies follow an upload, each with an ETag of its own; a range is of the body") {
  Server server(site, {.server = "workers = 2", .more = table()});
  std::string body;
  for (int line = 0; line < 3000; ++line) body += "line " + std::to_string(line) + "\n";
  const std::string etag = put("/c.txt", body).field("ETag");
  for (const char* coding : {"br", "zstd", "gzip"}) {
    CAPTURE(coding);
    const std::string wants = "Accept-Encoding: " + std::string(coding) + "\r\n";
    CHECK(wait_until([&] { return server.get("/c.txt", wants).field("Content-Encoding") == coding; }));
    const Response coded = server.get("/c.txt", wants);
    CHECK(coded.body.size() < body.size() / 2);
    CHECK(coded.field("ETag") != etag);
    CHECK(coded.field("Vary") == "Accept-Encoding");
    CHECK(server.get("/c.txt", wants + "Range: bytes=0-5\r\n").body == "line 0");
    CHECK(server.get("/c.txt", "Accept-Encoding: identity;q=0, " + std::string(coding) + "\r\n").status == 200);
  }
  const Response plain = server.get("/c.txt");
  CHECK(plain.field("Vary") == "Accept-Encoding");
  CHECK(plain.body == body);
  CHECK(put("/tiny.txt", "x").status == 201);
  CHECK(server.get("/tiny.txt", "Accept-Encoding: identity;q=0, br\r\n").status == 406);
  CHECK(get("/cache").body.contains("\"copies\":[{\"encoding\":\"br\",\"size\":"));
}

TEST_CASE_FIXTURE(Place,
                  "it answers wherever a file of its name would: as an index, without its extension, as the fallback") {
  Server server(site, {.site = "extensions = [\"html\"]\nfallback = \"/app.html\"\nmounts = { \"/up\" = \"" +
                               site.outside("up") + "\" }",
                       .more = table()});
  CHECK(server.get("/dir/").body == "index on disk");
  CHECK(put("/dir/index.html", "index over it").status == 201);
  CHECK(server.get("/dir/").body == "index over it");
  CHECK(server.get("/dir/index.html").body == "index over it");
  CHECK(put("/dir/", "directory").status == 201);
  CHECK(server.get("/dir/").body == "directory");
  CHECK(server.get("/dir/").field("Content-Type") == "text/html; charset=utf-8");
  CHECK(server.get("/dir").status == 301);
  CHECK(put("/about.html", "about over it").status == 201);
  CHECK(server.get("/about").body == "about over it");
  CHECK(server.get("/about").field("Content-Location") == "/about.html");
  CHECK(put("/nothing.html", "made").status == 201);
  CHECK(server.get("/nothing").body == "made");
  CHECK(server.get("/gone", "Accept: text/html\r\n").status == 404);
  CHECK(put("/app.html", "app").status == 201);
  const Response fallen = server.get("/gone", "Accept: text/html\r\n");
  CHECK(fallen.body == "app");
  CHECK(fallen.field("Vary").contains("Accept"));
  CHECK(put("/up/u.txt", "over a mount").status == 201);
  CHECK(server.get("/up/u.txt").body == "over a mount");
  CHECK(put("/", "home").status == 201);
  CHECK(server.get("/").body == "home");
}

TEST_CASE_FIXTURE(Place, "rules decide before: an overlay answers for the path that they lead to") {
  Server server(site, {.site = "[[site.rewrites]]\nmatch = \"^/old/(.*)$\"\nto = \"/$1\"\n[[site.rewrites]]\nmatch = "
                               "\"^/never\"\nstatus = 403\n[[site.rewrites]]\nmatch = \"^/moved$\"\nto = "
                               "\"/a.txt\"\nstatus = 302",
                       .more = table()});
  CHECK(put("/a.txt", "over").status == 201);
  CHECK(put("/never", "x").status == 201);
  CHECK(put("/moved", "x").status == 201);
  CHECK(put("/old/a.txt", "x").status == 201);
  CHECK(server.get("/old/a.txt").body == "over");
  CHECK(server.get("/never").status == 403);
  CHECK(server.get("/moved").status == 302);
}

TEST_CASE_FIXTURE(Place, "odd paths lead where requests lead") {
  Server server(site, {.more = table()});
  for (const char* path : {"/what%3F.txt", "/with%20space", "/%C3%A9t%C3%A9.txt", "/a%2525b", "/x//y/./z", "/%ff"}) {
    CAPTURE(path);
    CHECK(put(path, path).status == 201);
    CHECK(server.get(path).body == path);
    CHECK(remove(path).body == "{\"dropped\":1}\n");
  }
  CHECK(put("/x/y?site=", "1").status == 201);
  CHECK(server.get("/x/./y").body == "1");
  CHECK(put("/a%2fb", "1").status == 400);
  CHECK(put("/.env", "1").status == 422);
  CHECK(put("/.well-known/x", "1").status == 201);
  CHECK(server.get("/.well-known/x").body == "1");
  CHECK(put("/" + std::string(256, 'n'), "1").status == 422);
}

TEST_CASE_FIXTURE(Place, "it is of one site: others have their own, or none") {
  site.outside_file("other/a.txt", "other disk");
  Server server(
      site, {.site = "hosts = [\"one.example\"]",
             .more = "[[site]]\nhosts = [\"*.two.example\"]\nroot = \"" + site.outside("other") + "\"\n" + table()});
  CHECK(put("/a.txt?site=x.two.example", "second").status == 201);
  Client client = server.connect();
  CHECK(client.ask("GET /a.txt HTTP/1.1\r\nHost: one.example\r\n\r\n").body == "disk");
  CHECK(client.ask("GET /a.txt HTTP/1.1\r\nHost: b.two.example\r\n\r\n").body == "second");
  CHECK(put("/a.txt?site=three.example", "third").status == 404);
  CHECK(get("/cache?site=one.example").body.contains("\"total\":1,"));
  CHECK(get("/cache?site=a.two.example").body.contains("\"state\":\"overlay\""));
}

TEST_CASE_FIXTURE(Place, "it is listed, with the hits of all workers; what lies below is not") {
  Server server(site, {.server = "workers = 2", .more = table()});
  server.get("/a.txt");
  CHECK(put("/a.txt", "overlay", "Content-Type: text/x-o\r\n").status == 201);
  for (int count = 0; count < kEveryWorker; ++count) server.get("/a.txt");
  const std::string json = get("/cache").body;
  CHECK(json.contains("\"total\":1,"));
  CHECK(
      json.contains("{\"path\":\"/a.txt\",\"size\":7,\"type\":\"text/x-o\",\"encoding\":\"identity\",\"copies\":[],"
                    "\"hits\":24,\"age_s\":"));
  CHECK(json.contains("\"state\":\"overlay\",\"workers\":2}"));
}

TEST_CASE_FIXTURE(Place, "PATH/ deletes all overlays below it; the disk as it is now is back") {
  Server server(site, {.server = "workers = 2", .cache = "watch = false\nstale_after = \"1h\"", .more = table()});
  for (int count = 0; count < kEveryWorker; ++count) server.get("/dir/b.txt");
  for (const char* path : {"/dir/", "/dir/b.txt", "/dir/deep/c", "/dirt", "/a.txt"}) {
    CHECK(put(path, "over").status == 201);
  }
  site.replace("dir/b.txt", "b again");
  CHECK(everywhere(server, "/dir/b.txt", "over"));
  CHECK(remove("/dir/").status == 200);
  CHECK(everywhere(server, "/dir/b.txt", "b again"));
  CHECK(server.get("/dir/").body == "index on disk");
  CHECK(server.get("/dir/deep/c").status == 404);
  CHECK(server.get("/dirt").body == "over");
  CHECK(remove("/").status == 200);
  CHECK(server.get("/dirt").status == 404);
  CHECK(server.get("/a.txt").body == "disk");
}

TEST_CASE_FIXTURE(Place, "it says so in Cache-Status and in the access log") {
  Server server(
      site, {.site = "cache_status = true", .more = "[log]\naccess = \"access.log\"\nformat = \"json\"\n" + table()});
  CHECK(put("/a.txt", "over").status == 201);
  CHECK(server.get("/a.txt").field("Cache-Status") == "uringd; hit; detail=overlay");
  server.stop();
  CHECK(file_bytes(site.outside("access.log")).contains("\"cache\":\"overlay\""));
}
