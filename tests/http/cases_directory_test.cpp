// Directories without a listing (contract [[site]] index): the index list, the redirect to the slash with the query
// kept and never to another host, 403.
#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

TEST_CASE("index files, redirects, 403") {
  Cases row("directories");
  Site site;
  site.file("probe.txt", "probe\n");
  site.file("index.html", "<p>top\n");
  site.file("both/index.htm", "<p>second\n");
  site.file("both/index.html", "<p>first\n");
  site.file("second/index.htm", "<p>second only\n");
  site.file("text/default.txt", "third\n");
  site.file("none/other.html", "<p>no index\n");
  site.directory("empty");
  site.directory("folder/index.html");
  site.file("folder/index.htm", "<p>behind a directory of that name\n");
  site.file("piped/index.htm", "<p>behind a FIFO\n");
  site.fifo("piped/index.html");
  site.file("linked/real.html", "<p>through a link\n");
  site.symlink("linked/index.html", "real.html");
  site.file("a b/index.html", "<p>space\n");
  site.directory("\xc3\xa9t\xc3\xa9");
  site.directory("evil.example");
  site.directory("\\evil.example");
  site.directory("split\r\nX-Evil: yes");
  site.directory("quote\"<b>'");
  site.directory("bytes\xff\xfe");
  site.file("file.txt", "a file\n");
  const Server server(site, {.site = "index = [\"index.html\", \"index.htm\", \"default.txt\"]\n"});

  const std::vector<std::pair<const char*, const char*>> found = {
      {"/", "<p>top\n"},
      {"/both/", "<p>first\n"},
      {"/second/", "<p>second only\n"},
      {"/text/", "third\n"},
      {"/linked/", "<p>through a link\n"},
      {"/a%20b/", "<p>space\n"},
      {"/./both/../second/", "<p>second only\n"},
      {"/second/?x=/&y", "<p>second only\n"},
  };
  for (const auto& [target, body] : found) {
    row("contract [[site]] index", std::string("the first index that exists: ") + target,
        [&, name = std::string(target), text = std::string(body)] {
          const Response response = check_head_agrees(server, name);
          CHECK(response.status == 200);
          CHECK(response.body == text);
          CHECK(response.has("ETag"));
        });
  }
  row("contract [[site]] index", "the type is that of the index found", [&] {
    CHECK(get(server, "/text/").field("Content-Type") == "text/plain; charset=utf-8");
    CHECK(get(server, "/second/").field("Content-Type") == "text/html; charset=utf-8");
  });
  row("contract [[site]] index", "a directory of an index's name is no index",
      [&] { CHECK(get(server, "/folder/").body == "<p>behind a directory of that name\n"); });
  row("contract: special files", "a FIFO of an index's name is never read", [&] {
    const int status = get(server, "/piped/").status;
    const bool sane = status == 403 || status == 200;
    CHECK(sane);
  });
  for (const char* target : {"/none/", "/empty/", "/evil.example/"}) {
    row("contract [[site]] listing", std::string("no index and no listing is 403: ") + target, [&] {
      const Response response = check_head_agrees(server, target);
      CHECK(response.status == 403);
      CHECK(response.body.find("other.html") == std::string::npos);
    });
  }
  const std::vector<std::pair<const char*, const char*>> redirects = {
      {"/both", "/both/"},
      {"/both?x=1&y=%20", "/both/?x=1&y=%20"},
      {"/both?", "/both/?"},
      {"/a%20b?q", "/a%20b/?q"},
      {"//both", "/both/"},
      {"/./both", "/both/"},
      {"/none/../both", "/both/"},
      {"//evil.example", "/evil.example/"},
      {"///evil.example?//x", "/evil.example/?//x"},
      {"/%5cevil.example", "/%5Cevil.example/"},
      {"/%C3%A9t%C3%A9", "/%C3%A9t%C3%A9/"},
      {"/split%0D%0AX-Evil:%20yes", "/split%0D%0AX-Evil:%20yes/"},
      {"/quote%22%3Cb%3E'", "/quote%22%3Cb%3E'/"},
      {"/bytes%FF%FE", "/bytes%FF%FE/"},
      {"/none?http://evil.example/", "/none/?http://evil.example/"},
  };
  for (const auto& [target, location] : redirects) {
    row("RFC 9110 §15.4.2", std::string("a directory without its slash: 301 to it on this host: ") + target,
        [&, from = std::string(target), to = std::string(location)] {
          const Response response = check_head_agrees(server, from);
          CHECK(response.status == 301);
          CHECK(lower(response.field("Location")) == lower(to));
          CHECK(!response.has("X-Evil"));
          CHECK(!response.has("ETag"));
        });
  }
  row("RFC 9112 §3.2.2", "absolute-form is redirected to a path of its own host", [&] {
    const Response response =
        answer_to(server, "GET http://test.example/both?a HTTP/1.1\r\nHost: other.example\r\n\r\n");
    CHECK(response.status == 301);
    const std::string location = response.field("Location");
    const bool sane = location == "/both/?a" || location == "http://test.example/both/?a";
    CHECK(sane);
  });
  row("contract HTTP", "a slash behind a file is 404", [&] {
    CHECK(get(server, "/file.txt/").status == 404);
    CHECK(get(server, "/file.txt/index.html").status == 404);
  });
  row("RFC 9110 §15.4.2", "an HTTP/1.0 client without Host is redirected too", [&] {
    const Response response = answer_to(server, "GET /both HTTP/1.0\r\n\r\n");
    CHECK(response.status == 301);
    CHECK(response.field("Location") == "/both/");
  });
}
