// The page and its parts on their socket: who gets them, in which coding, by which tags, under which policy.
#include <doctest/doctest.h>

#include <vector>

#include "admin_client.hpp"

using namespace uringd::testing;

namespace {

struct Tree : AdminPlace {
  Tree() { site.file("a.txt", "a\n"); }
  /// "/", and what it names.
  [[nodiscard]] std::vector<std::string> parts() const {
    std::vector<std::string> found{"/"};
    const std::string html = get("/").body;
    for (const std::string before : {" src=\"", "stylesheet\" href=\"", "modulepreload\" href=\"", "icon\" href=\""}) {
      for (size_t at = html.find(before); at != html.npos; at = html.find(before, at + 1)) {
        const size_t begin = at + before.size();
        found.push_back("/" + html.substr(begin, html.find('"', begin) - begin));
      }
    }
    return found;
  }
};

const std::string gzip = "Accept-Encoding: gzip\r\n";

}  // namespace

TEST_CASE_FIXTURE(Tree, "the page and all its parts are there for everybody, under a policy that keeps others out") {
  Server server(site, {.more = table("read = \"token\"\n")});
  const std::vector<std::string> all = parts();
  CHECK(all.size() > 8);
  for (const std::string& target : all) {
    INFO(target);
    const Response response = get(target);
    CHECK(response.status == 200);
    CHECK(!response.body.empty());
    CHECK(response.field("Content-Type").contains('/'));
    CHECK(response.field("Cache-Control") == "no-cache");
    CHECK(response.field("Vary") == "Accept-Encoding");
    CHECK(response.field("X-Content-Type-Options") == "nosniff");
    CHECK(response.field("Referrer-Policy") == "no-referrer");
    const std::string policy = response.field("Content-Security-Policy");
    for (const char* rule : {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"}) {
      CHECK(policy.contains(rule));
    }
    CHECK(!policy.contains("unsafe"));
    CHECK(!response.body.contains("open-sesame"));
  }
  CHECK(get("/").field("Content-Type") == "text/html; charset=utf-8");
}

TEST_CASE_FIXTURE(Tree, "a part is coded for who accepts it, and each coding has a tag of its own (RFC 9110 8.8.3.3)") {
  Server server(site, {.more = table()});
  for (const std::string& target : parts()) {
    INFO(target);
    const Response plain = get(target), coded = get(target, gzip);
    CHECK(!plain.has("Content-Encoding"));
    CHECK(get(target, "Accept-Encoding: gzip;q=0, br\r\n").body == plain.body);
    if (coded.field("Content-Encoding") != "gzip") {  // no smaller so
      CHECK(coded.body == plain.body);
      CHECK(plain.body.size() < 1000);
      continue;
    }
    CHECK(coded.body.starts_with("\x1f\x8b"));
    CHECK(coded.body.size() < plain.body.size());
    CHECK(coded.field("ETag") != plain.field("ETag"));
    for (const auto& [response, fields] : {std::pair{plain, std::string()}, {coded, gzip}}) {
      const std::string known = "If-None-Match: " + response.field("ETag") + "\r\n";
      const Response same = get(target, known + fields);
      CHECK(same.status == 304);
      CHECK(same.field("ETag") == response.field("ETag"));
      CHECK(same.field("Vary") == "Accept-Encoding");
      CHECK(same.body.empty());
      const Response head = ask("HEAD", target, fields);
      CHECK(head.status == 200);
      CHECK(head.content_length() == response.body.size());
      CHECK(head.field("Content-Encoding") == response.field("Content-Encoding"));
      CHECK(head.field("ETag") == response.field("ETag"));
    }
    CHECK(get(target, "If-None-Match: " + coded.field("ETag") + "\r\n").status == 200);  // another coding's
    CHECK(get(target, "If-None-Match: \"other\"\r\n").status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "the page answers to names of this machine and to GET, and has no file but its own") {
  Server server(site, {.more = table()});
  CHECK(ask("GET", "/", "", "evil.example").status == 403);
  CHECK(ask("GET", "/page.js", "", "evil.example").status == 403);
  CHECK(ask("POST", "/").status == 405);
  CHECK(ask("OPTIONS", "/").field("Allow") == "GET, HEAD, OPTIONS");
  CHECK(get("/?view=cache").status == 200);
  for (const char* target : {"/index.html", "/page.js/", "/page", "/a.txt", "/page.js.gz"}) {
    INFO(target);
    CHECK(get(target).status == 404);
  }
}
