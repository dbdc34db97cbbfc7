// [[site]] mounts (contract): another directory below a prefix, confined to itself. What is the site's (error pages,
// header rules, index, fallback), what is the mount's (its files, its walls, its changes), and how the two meet.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "cases_support.hpp"
#include "hot_client.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", kProbe);
    site.file("index.html", "<p>top\n");
    site.file("uploads/a.txt", "shadowed\n");
    site.file("uploads/only.txt", "shadowed\n");
    site.file("uploads-old.txt", "beside\n");
    site.file("errors/404.html", "<p>own 404\n");
    site.file("app.html", "<p>fallback\n");
    site.outside_file("secret.txt", "secret\n");
    site.outside_file("up/a.txt", "a\n");
    site.outside_file("up/sub/b.txt", "b\n");
    site.outside_file("up/sub/index.html", "<p>sub\n");
    site.outside_file("up/list/1.txt", "1");
    site.outside_file("up/list/deep/2.txt", "2");
    site.outside_file("up/about.html", "<p>about\n");
    site.outside_file("up/.hidden", "hidden\n");
    site.outside_file("up/a b/\xc3\xa4.txt", "umlaut\n");
    site.outside_file("up/errors/404.html", "<p>the mount's\n");
    site.outside_file("up/large.bin", large);
    site.outside_file("up/big/not-this.txt", "shadowed\n");
    site.outside_file("big/x.bin", "x\n");
    site.outside_file("other/a.txt", "other a\n");
    link("up/out.txt", "../secret.txt");
    link("up/absolute.txt", site.outside("secret.txt"));
    link("up/root.txt", "../root/probe.txt");
    link("up/inside.txt", "sub/b.txt");
    link("up/dir-out", "../other");
  }
  void link(const std::string& name, const std::string& target) const {
    REQUIRE(::symlink(target.c_str(), site.outside(name).c_str()) == 0);
  }
  [[nodiscard]] std::string mounts() const {
    return "mounts = { \"/uploads\" = \"up\", \"/uploads/big\" = \"" + site.outside("big") +
           "\", \"/deep/er/down/\" = \"other\" }\n";
  }
  const std::string large = pattern(300000, 7);
  Site site;
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "mounts: which directory a path lies in") {
  const Server server(site,
                      {.site = mounts() + "extensions = [\"html\"]\nerror_pages = { 404 = \"/errors/404.html\" }\n",
                       .headers = rewrite("^/into/(.*)$", "/uploads/$1") + rewrite("^/onto$", "/uploads") +
                                  rewrite("^/out-of/(.*)$", "/uploads/../$1")});
  const Answer missing = answer(404).body("<p>own 404\n");
  run_table(
      server, "mounts",
      {
          asks("a file", "/uploads/a.txt", ok("a\n")),
          asks("a file below", "/uploads/sub/b.txt", ok("b\n")),
          asks("a large file", "/uploads/large.bin", ok(large)),
          asks("a name with a space and UTF-8", "/uploads/a%20b/%c3%a4.txt", ok("umlaut\n")),
          asks("an encoded prefix", "/%75ploads/a.txt", ok("a\n")),
          asks("doubled slashes", "//uploads//a.txt", ok("a\n")),
          asks("through a dot segment", "/x/../uploads/./a.txt", ok("a\n")),
          asks("an index", "/uploads/sub/", ok("<p>sub\n")),
          asks("an extension that was left out", "/uploads/about", ok("<p>about\n")),
          asks("the mount without its slash", "/uploads", leads(301, "/uploads/")),
          asks("the mount without its slash, with a query", "/uploads?x=1", leads(301, "/uploads/?x=1")),
          asks("a directory in it without its slash", "/uploads/sub", leads(301, "/uploads/sub/")),
          asks("a directory in it without its slash, with a query", "/uploads/sub?a&b",
               leads(301, "/uploads/sub/?a&b")),
          asks("a directory with a name to encode", "/uploads/a%20b", leads(301, "/uploads/a%20b/")),
          asks("without index and listing", "/uploads/", answer(403)),
          asks("the mount hides a directory of root", "/uploads/only.txt", missing),
          asks("a missing file has the site's page", "/uploads/none.txt", missing),
          asks("a missing directory has it too", "/uploads/none/none/none.txt", missing),
          asks("the mount's own files named as a page are files", "/uploads/errors/404.html", ok("<p>the mount's\n")),
          asks("a file with a slash behind it", "/uploads/a.txt/", missing),
          asks("hidden names", "/uploads/.hidden", missing),
          asks("the prefix is whole names", "/uploads-old.txt", ok("beside\n")),
          asks("the prefix has its case", "/Uploads/a.txt", missing),
          asks("the longest prefix wins", "/uploads/big/x.bin", ok("x\n")),
          asks("the longest prefix hides what lies below", "/uploads/big/not-this.txt", missing),
          asks("the longer mount without its slash", "/uploads/big", leads(301, "/uploads/big/")),
          asks("a prefix of several names", "/deep/er/down/a.txt", ok("other a\n")),
          asks("a prefix of several names, without its slash", "/deep/er/down", leads(301, "/deep/er/down/")),
          asks("what is above it is root's", "/deep/er/", missing),
          asks("dot segments out of it lead to root", "/uploads/../probe.txt", ok(kProbe)),
          asks("encoded ones too", "/uploads/%2e%2e/probe.txt", ok(kProbe)),
          asks("dot segments out of it and out of root", "/uploads/../../secret.txt", missing),
          asks("many of them", "/uploads/sub/../../../../../../secret.txt", missing),
          asks("with an encoded slash", "/uploads/..%2f..%2fsecret.txt", refused(400)),
          asks("with a backslash", "/uploads/..%5c..%5csecret.txt", missing),
          asks("a link inside", "/uploads/inside.txt", ok("b\n")),
          asks("a link out of the mount", "/uploads/out.txt", answer(403)),
          asks("an absolute link", "/uploads/absolute.txt", answer(403)),
          asks("a link into root is out of the mount", "/uploads/root.txt", answer(403)),
          asks("a link to a directory outside", "/uploads/dir-out/a.txt", answer(403)),
          asks("a rewrite into it", "/into/a.txt", ok("a\n")),
          asks("a rewrite into it, missing", "/into/only.txt", missing),
          asks("a rewrite onto it", "/onto?q", leads(301, "/uploads/?q")),
          asks("a rewrite through it and out", "/out-of/probe.txt", ok(kProbe)),
          asks("a file has no two names", "/up/a.txt", missing),
      },
      {.cut = true, .head_too = true});
  run_table(server, "ranges in mounts",
            {asks("a range", "/uploads/large.bin", part(large, 70000, 1000), "Range: bytes=70000-70999\r\n"),
             asks("one too far", "/uploads/a.txt", answer(416), "Range: bytes=9-\r\n")});
}

TEST_CASE_FIXTURE(Tree, "mounts: fields, siblings, pages and listings go by the whole path") {
  site.outside_file("up/c.css", "css");
  std::filesystem::last_write_time(site.outside("up/c.css"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(24));
  site.outside_file("up/c.css.gz", "gzip");
  const Server server(
      site, {.site = mounts() + "listing = true\nextensions = [\"html\"]\nfallback = \"/app.html\"\ncompress = []\n",
             .headers = "[[site.headers]]\nmatch = \"/uploads/**\"\nset = { \"X-Up\" = \"yes\" }\n"
                        "[[site.headers]]\nmatch = \"/*\"\nset = { \"X-Top\" = \"yes\" }\n"
                        "[[site.headers]]\nmatch = \"/uploads/sub/index.html\"\nset = { \"X-I\" = \"yes\" }\n"});
  Cases row("mounts in a site");
  const std::string browser = accept("text/html,*/*;q=0.8");
  row("contract [[site.headers]]", "rules match the whole path", [&] {
    for (const char* target :
         {"/uploads/a.txt", "/uploads/large.bin", "/uploads/sub/", "/uploads/none", "/uploads/sub"}) {
      INFO(target);
      const Response response = check_head_agrees(server, target);
      CHECK(response.has("X-Up"));
      CHECK(!response.has("X-Top"));
    }
    CHECK(get(server, "/uploads/sub/").has("X-I"));
    CHECK(get(server, "/probe.txt").has("X-Top"));
    CHECK(!get(server, "/probe.txt").has("X-Up"));
  });
  row("contract [[site]] precompressed", "a sibling in the mount is served", [&] {
    const Response coded = get(server, "/uploads/c.css", accept_encoding("gzip"));
    CHECK(coded.body == "gzip");
    CHECK(lists(coded, "Vary", "Accept-Encoding"));
    CHECK(get(server, "/uploads/c.css").body == "css");
  });
  row("RFC 9110 §8.7", "a Content-Location names the whole path", [&] {
    for (const char* target : {"/uploads/about", "/uploads/sub/", "/uploads/c.css"}) {
      const Response response = get(server, target, accept_encoding("gzip"));
      INFO(target, ": ", response.head);
      if (response.has("Content-Location")) CHECK(response.field("Content-Location").starts_with("/uploads/"));
    }
  });
  row("contract [[site]] fallback", "a navigation to what the mount lacks gets the site's page", [&] {
    CHECK(get(server, "/uploads/view/7", browser).body == "<p>fallback\n");
    CHECK(get(server, "/uploads/none.txt", browser).status == 404);
  });
  row("contract [[site]] listing", "the mount's top and what is below say the whole path", [&] {
    const Response page = check_head_agrees(server, "/uploads/list/", browser);
    CHECK(page.body.find("/uploads/list/") != std::string::npos);
    CHECK(page.body.find("1.txt") != std::string::npos);
    const Response json = get(server, "/uploads/list/", accept("application/json"));
    CHECK(json.body.find("\"path\":\"/uploads/list/\"") != std::string::npos);
    const Response top = get(server, "/uploads/", accept("application/json"));
    CHECK(top.status == 200);
    CHECK(is_json(top.body));
    CHECK(top.body.find("\"path\":\"/uploads/\"") != std::string::npos);
    CHECK(top.body.find("\"a.txt\"") != std::string::npos);
    CHECK(top.body.find("only.txt") == std::string::npos);
    CHECK(top.body.find(".hidden") == std::string::npos);
  });
  row("contract [[site]] listing", "the mount's top has a way up, root has none", [&] {
    CHECK(get(server, "/uploads/", browser).body.find("href=\"../\"") != std::string::npos);
    CHECK(get(server, "/uploads/list/", browser).body.find("href=\"../\"") != std::string::npos);
  });
  row("contract [[site]] listing", "every link of it leads somewhere", [&] {
    Client client = server.connect();
    for (const std::string dir : {"/uploads/", "/uploads/list/", "/uploads/big/", "/deep/er/down/"}) {
      const std::string body = client.get(dir, accept("application/json")).body;
      for (std::size_t at = body.find("\"href\":\""); at != std::string::npos; at = body.find("\"href\":\"", at)) {
        at += 8;
        const std::string href = body.substr(at, body.find('"', at) - at);
        const int status = client.get(dir + href).status;
        INFO(dir, href, " ", status);
        CHECK(status == 200);
      }
    }
  });
  row("contract [[site]] symlinks", "no spelling of a path through a mount finds the secret", [&] {
    Client client = server.connect();
    for (const char* a : {"/uploads", "/uploads/sub", "/uploads/big", "/uploads/dir-out", "/deep/er/down"}) {
      for (const char* b : {"/..", "/../..", "/%2e%2e/..", "/.%2e/%2e.", "//..", "/./../.", "/../../..", "/..%5c.."}) {
        for (const char* c : {"/secret.txt", "//secret.txt", "/%73ecret.txt", "/other/../secret.txt"}) {
          const Response response = client.get(std::string(a) + b + c);
          INFO(a, b, c);
          CHECK(response.body.find("secret\n") == std::string::npos);
          CHECK(response.status >= 400);
          if (response.connection_says("close")) client = server.connect();
        }
      }
    }
  });
}

TEST_CASE_FIXTURE(Tree, "mounts: changes are seen at once, and a switched link is a release") {
  site.outside_file("releases/1/a.txt", "one\n");
  site.outside_file("releases/2/a.txt", "two\n");
  site.outside_file("releases/2/new.txt", "new\n");
  link("current", "releases/1");
  const Server server(site, {.server = "workers = 2",
                             .cache = "stale_after = \"60s\"\nmissing_ttl = \"60s\"",
                             .site = "mounts = { \"/uploads\" = \"up\", \"/rel\" = \"current\" }\n"});
  Cases row("changes in mounts");
  constexpr Milliseconds kSeen{sanitized() ? 2500 : 1500};
  const auto let_watches_stand = [] { std::this_thread::sleep_for(Milliseconds{200}); };
  const auto until_body = [&](std::string_view target, const std::string& body) {
    const Response last = get_until(server, target, "", [&](const Response& r) { return r.body == body; }, kSeen);
    CHECK(last.body == body);
  };
  row("contract: freshness", "a file written in place, renamed over, deleted, made", [&] {
    CHECK(get(server, "/uploads/sub/b.txt").body == "b\n");
    CHECK(get(server, "/uploads/sub/new.txt").status == 404);
    let_watches_stand();
    site.outside_file("up/sub/b.txt", "written\n");
    until_body("/uploads/sub/b.txt", "written\n");
    let_watches_stand();
    site.outside_file("up/sub/fresh", "renamed\n");
    std::filesystem::rename(site.outside("up/sub/fresh"), site.outside("up/sub/b.txt"));
    until_body("/uploads/sub/b.txt", "renamed\n");
    let_watches_stand();
    site.outside_file("up/sub/new.txt", "made\n");
    until_body("/uploads/sub/new.txt", "made\n");
    std::filesystem::remove(site.outside("up/sub/b.txt"));
    const auto is_gone = [](const Response& r) { return r.status == 404; };
    CHECK(is_gone(get_until(server, "/uploads/sub/b.txt", "", is_gone, kSeen)));
  });
  row("contract: releases", "the mount's link is switched", [&] {
    CHECK(get(server, "/rel/a.txt").body == "one\n");
    CHECK(get(server, "/rel/new.txt").status == 404);
    CHECK(get(server, "/probe.txt").body == kProbe);
    let_watches_stand();
    for (const int release : {2, 1, 2}) {
      link("current.next", "releases/" + std::to_string(release));
      std::filesystem::rename(site.outside("current.next"), site.outside("current"));
      until_body("/rel/a.txt", release == 2 ? "two\n" : "one\n");
      // From the first answer out of the new tree on, no worker gives the old one.
      for (int i = 0; i < 20; ++i) CHECK(get(server, "/rel/a.txt").body == (release == 2 ? "two\n" : "one\n"));
      CHECK(get(server, "/rel/new.txt").status == (release == 2 ? 200 : 404));
      let_watches_stand();
    }
    CHECK(get(server, "/uploads/a.txt").body == "a\n");
  });
}

TEST_CASE_FIXTURE(Tree, "mounts: what is preloaded lies in mounts too, and is held before the first request") {
  const Server server(site, {.server = "workers = 1",
                             .cache = "preload = [\"/uploads/sub/**\", \"/probe.txt\"]",
                             .site = "mounts = { \"/uploads\" = \"up\" }\ncache_status = true\n"});
  const auto is_hit = [](const Response& r) { return r.field("Cache-Status").find("hit") != std::string::npos; };
  // A server that listens may still be reading: what was not preloaded shows only that the field tells.
  CHECK(!is_hit(get(server, "/uploads/a.txt")));
  std::this_thread::sleep_for(Milliseconds{500});
  CHECK(is_hit(get(server, "/uploads/sub/b.txt")));
}

TEST_CASE_FIXTURE(Tree, "mounts: two sites over one directory, each with its own rules") {
  const Server server(
      site,
      {.site = "hosts = [\"one.example\"]\nmounts = { \"/uploads\" = \"up\" }\n",
       .headers = "[[site.headers]]\nmatch = \"/uploads/**\"\nset = { \"X-One\" = \"yes\" }\n",
       .more = "[[site]]\nhosts = [\"two.example\"]\nroot = \"other\"\nmounts = { \"/files\" = \"up\", "
               "\"/uploads\" = \"big\" }\n[[site.headers]]\nmatch = \"/files/**\"\nset = { \"X-Two\" = \"yes\" }\n"});
  Client client = server.connect();
  for (int i = 0; i < 3; ++i) {
    const Response one = client.ask(host_request("one.example", "/uploads/a.txt"));
    CHECK(one.body == "a\n");
    CHECK(one.has("X-One"));
    CHECK(!one.has("X-Two"));
    const Response two = client.ask(host_request("two.example", "/files/a.txt"));
    CHECK(two.body == "a\n");
    CHECK(two.has("X-Two"));
    CHECK(!two.has("X-One"));
    CHECK(two.field("ETag") == one.field("ETag"));
    CHECK(client.ask(host_request("two.example", "/uploads/x.bin")).body == "x\n");
    CHECK(client.ask(host_request("one.example", "/uploads/x.bin")).status == 404);
    CHECK(client.ask(host_request("one.example", "/files/a.txt")).status == 404);
    CHECK(client.ask(host_request("two.example", "/a.txt")).body == "other a\n");
    CHECK(client.ask(host_request("two.example", "/uploads/a.txt")).status == 404);
  }
}
