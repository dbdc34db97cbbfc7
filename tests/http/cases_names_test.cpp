// Names that are found another way (contract [[site]]): `extensions` (/about is about.html) and `fallback` (an
// application's own addresses, for navigations only).
#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {
const std::string kBrowser = accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
}

TEST_CASE("extensions") {
  Cases row("extensions");
  Site site;
  site.file("probe.txt", "probe\n");
  site.file("about.html", "<p>about\n");
  site.file("both.html", "<p>html\n");
  site.file("both.txt", "text\n");
  site.file("only.txt", "only text\n");
  site.file("exact", "exact bytes");
  site.file("exact.html", "<p>not asked for\n");
  site.file("shadow.html", "<p>beside a directory\n");
  site.file("shadow/index.html", "<p>index of the directory\n");
  site.file("plain/index.html", "<p>plain directory\n");
  site.file("sub/page.html", "<p>below\n");
  site.file("v1.2.html", "<p>dots\n");
  site.file("a b.html", "<p>space\n");
  site.file(".secret.html", "<p>hidden\n");
  site.file("dir/.html", "<p>no name\n");
  site.directory("folder.html");
  site.fifo("pipe.html");
  site.file("long" + std::string(246, 'x') + ".html", "<p>255\n");
  site.outside_file("secret", "secret");
  site.symlink("leaves.html", "../secret");
  const Server server(site, {.site = "extensions = [\"html\", \"txt\"]\n"});

  const std::vector<std::pair<const char*, const char*>> found = {
      {"/about", "<p>about\n"},      {"/about?x=1", "<p>about\n"},
      {"/about.html", "<p>about\n"}, {"/both", "<p>html\n"},
      {"/both.txt", "text\n"},       {"/only", "only text\n"},
      {"/exact", "exact bytes"},     {"/sub/page", "<p>below\n"},
      {"/v1.2", "<p>dots\n"},        {"/a%20b", "<p>space\n"},
      {"/%61bout", "<p>about\n"},    {"/shadow", "<p>beside a directory\n"},
      {"/x/../about", "<p>about\n"}, {"/shadow/", "<p>index of the directory\n"},
  };
  for (const auto& [target, body] : found) {
    row("contract [[site]] extensions", std::string("found: ") + target,
        [&, name = std::string(target), text = std::string(body)] {
          const Response response = check_head_agrees(server, name);
          CHECK(response.status == 200);
          CHECK(response.body == text);
          CHECK(response.has("ETag"));
        });
  }
  for (const char* target : {"/about/", "/about.htm", "/abou", "/sub/", "/.secret", "/dir/", "/about.html/", "/about/x",
                             "/about.html.html", "/only/", "/nothing", "/folder.html/x"}) {
    row("contract [[site]] extensions", std::string("not found: ") + target, [&] {
      const int status = check_head_agrees(server, target).status;
      const bool directory = std::string_view(target) == "/sub/" || std::string_view(target) == "/dir/";
      CHECK(status == (directory ? 403 : 404));
    });
  }
  row("contract [[site]] extensions", "the type is that of the file found", [&] {
    CHECK(get(server, "/about").field("Content-Type") == "text/html; charset=utf-8");
    CHECK(get(server, "/only").field("Content-Type") == "text/plain; charset=utf-8");
    CHECK(get(server, "/exact").field("Content-Type") == "application/octet-stream");
  });
  row("RFC 9110 §8.7", "Content-Location, where it is said, names the file", [&] {
    for (const char* target : {"/about", "/about.html"}) {
      const Response response = get(server, target);
      if (response.has("Content-Location")) CHECK(response.field("Content-Location") == "/about.html");
    }
  });
  row("contract [[site]] extensions", "a directory without such a file is redirected as ever",
      [&] { CHECK(get(server, "/plain").field("Location") == "/plain/"); });
  row("contract [[site]] extensions", "a directory of the longer name is no file", [&] {
    const int status = get(server, "/folder").status;
    const bool sane = status == 404 || status == 301;
    CHECK(sane);
  });
  row("contract: special files", "a FIFO of the longer name is never read nor waited for", [&] {
    const int status = get(server, "/pipe").status;
    const bool sane = status == 403 || status == 404;
    CHECK(sane);
  });
  row("contract: symlinks", "a link of the longer name that leaves the root is not followed", [&] {
    const Response response = get(server, "/leaves");
    const bool sane = response.status == 403 || response.status == 404;
    CHECK(sane);
    CHECK(response.body.find("secret") == std::string::npos);
  });
  row("contract HTTP", "names at the length limit, with and without the extension", [&] {
    const std::string name = "/long" + std::string(246, 'x');
    CHECK(get(server, name + ".html").body == "<p>255\n");
    CHECK(get(server, name).body == "<p>255\n");
    CHECK(get(server, name + "xxxxx").status == 404);
  });
  row("RFC 9110 §13.1.2", "one file under two names has one tag", [&] {
    const std::string tag = get(server, "/about").field("ETag");
    CHECK(get(server, "/about.html").field("ETag") == tag);
    CHECK(get(server, "/about", "If-None-Match: " + tag + "\r\n").status == 304);
    CHECK(get(server, "/about", "Range: bytes=0-2\r\n").body == "<p>");
  });
  row("contract: freshness", "a file that appears, a nearer one, and both gone", [&] {
    CHECK(get(server, "/late").status == 404);
    site.file("late.txt", "text");
    const auto says = [](const char* body) { return [body](const Response& r) { return r.body == body; }; };
    CHECK(get_until(server, "/late", "", says("text")).body == "text");
    site.file("late.html", "html");
    CHECK(get_until(server, "/late", "", says("html")).body == "html");
    site.file("late", "exact");
    CHECK(get_until(server, "/late", "", says("exact")).body == "exact");
    for (const char* name : {"late", "late.html", "late.txt"}) site.remove(name);
    CHECK(get_until(server, "/late", "", [](const Response& r) { return r.status == 404; }).status == 404);
  });
  row("contract: freshness", "the file is written again: its short name gets the new bytes", [&] {
    site.file("edited.html", "<p>old\n");
    CHECK(get(server, "/edited").body == "<p>old\n");
    site.replace("edited.html", "<p>new\n");
    CHECK(get_until(server, "/edited", "", [](const Response& r) { return r.body == "<p>new\n"; }).body == "<p>new\n");
  });
  row("contract [[site]] extensions", "without them /about is 404", [&] {
    const Server plain(site);
    CHECK(get(plain, "/about").status == 404);
    CHECK(get(plain, "/shadow").status == 301);
  });
}

TEST_CASE("fallback") {
  Cases row("fallback");
  Site site;
  const std::string application = "<!DOCTYPE html><p>application\n" + std::string(400, 'a');
  site.file("probe.txt", "probe\n");
  site.file("index.html", application);
  site.file("real.html", "<p>real\n");
  site.file("assets/site.js", "js");
  site.directory("folder");
  site.outside_file("secret", "secret");
  site.symlink("leaves", "../secret");
  const Server server(site, {.site = "fallback = \"/index.html\"\n"});

  for (const char* target : {"/users", "/users/42", "/users/42/", "/deep/er/and/deeper", "/users?file=x.js",
                             "/v1.2/users", "/%75sers", "/a%20b", "/real.html/"}) {
    row("contract [[site]] fallback", std::string("a navigation gets the page with 200: ") + target, [&] {
      const Response response = check_head_agrees(server, target, kBrowser);
      CHECK(response.status == 200);
      CHECK(response.body == application);
      CHECK(lists(response, "Vary", "Accept"));
      CHECK(response.field("Content-Type") == "text/html; charset=utf-8");
    });
  }
  for (const char* value : {"text/html", "TEXT/HTML", "text/html;q=0.1", "application/json, text/html;q=0.2",
                            "text/html;charset=utf-8;q=0.5, */*"}) {
    row("contract [[site]] fallback", std::string("Accept that names text/html: ") + value, [&] {
      const Response response = get(server, "/users", accept(value));
      // A range with a parameter is another matter (RFC 9110 §12.5.1), and either way is right.
      if (std::string_view(value).find("charset") == std::string_view::npos) CHECK(response.status == 200);
      CHECK(lists(response, "Vary", "Accept"));
    });
  }
  row("contract [[site]] fallback", "Accept on two field lines",
      [&] { CHECK(get(server, "/users", accept("application/json") + accept("text/html")).status == 200); });
  for (const char* fields : {"", "Accept: */*\r\n", "Accept: application/json\r\n", "Accept: image/avif,image/*\r\n",
                             "Accept: text/html;q=0\r\n", "Accept: text/css,*/*;q=0.1\r\n", "Accept: text/htmlx\r\n"}) {
    row("contract [[site]] fallback", std::string("what is no navigation is told the truth, with Vary: ") + fields,
        [&] {
          const Response response = check_head_agrees(server, "/users", fields);
          CHECK(response.status == 404);
          CHECK(lists(response, "Vary", "Accept"));
        });
  }
  for (const char* target : {"/missing.js", "/assets/missing.css", "/users/photo.png", "/x.html", "/.env"}) {
    row("contract [[site]] fallback", std::string("a last segment with an extension is 404: ") + target,
        [&] { CHECK(check_head_agrees(server, target, kBrowser).status == 404); });
  }
  row("contract [[site]] fallback", "files, directories and refusals are what they are", [&] {
    CHECK(get(server, "/real.html", kBrowser).body == "<p>real\n");
    CHECK(get(server, "/assets/site.js", kBrowser).body == "js");
    CHECK(get(server, "/folder/", kBrowser).status == 403);
    CHECK(get(server, "/folder", kBrowser).status == 301);
    CHECK(get(server, "/leaves", kBrowser).status == 403);
  });
  row("contract [[site]] fallback", "GET and HEAD alone", [&] {
    CHECK(answer_to(server, request("POST", "/users", kBrowser + "Content-Length: 0\r\n")).status == 405);
    CHECK(answer_to(server, request("OPTIONS", "/users", kBrowser)).body.empty());
    CHECK(answer_to(server, request("BREW", "/users", kBrowser)).status == 501);
  });
  row("RFC 9110 §13.1.2", "the page's tag is answered with 304 and Vary", [&] {
    const std::string tag = get(server, "/users", kBrowser).field("ETag");
    CHECK(tag == get(server, "/index.html").field("ETag"));
    const Response response = get(server, "/users", kBrowser + "If-None-Match: " + tag + "\r\n");
    CHECK(response.status == 304);
    CHECK(lists(response, "Vary", "Accept"));
  });
  row("RFC 9110 §12.5.5", "the page comes coded too, and Vary names both fields", [&] {
    const Response response = get_until(server, "/users", kBrowser + accept_encoding("gzip"),
                                        [](const Response& r) { return r.has("Content-Encoding"); });
    CHECK(response.field("Content-Encoding") == "gzip");
    CHECK(same(decoded("gzip", response.body).value_or(""), application));
    CHECK(lists(response, "Vary", "Accept"));
    CHECK(lists(response, "Vary", "Accept-Encoding"));
  });
  row("RFC 9112 §9.3.2", "navigations and scripts in one pipeline", [&] {
    Client client = server.connect();
    client.send(get_request("/users", kBrowser) + get_request("/users") + get_request("/x.js", kBrowser) +
                get_request("/probe.txt") + get_request("/users/1", kBrowser));
    CHECK(client.read_response().body == application);
    CHECK(client.read_response().status == 404);
    CHECK(client.read_response().status == 404);
    CHECK(client.read_response().body == "probe\n");
    CHECK(client.read_response().body == application);
  });
  row("contract: freshness", "the page is written again", [&] {
    site.replace("index.html", "<p>second version\n");
    const auto second = [](const Response& r) { return r.body == "<p>second version\n"; };
    CHECK(second(get_until(server, "/users", kBrowser, second)));
  });
  row("contract [[site]] fallback", "a page that is missing: 404, and no way round in circles", [&] {
    const Server missing(site, {.site = "fallback = \"/none.html\"\n"});
    CHECK(get(missing, "/users", kBrowser).status == 404);
    CHECK(get(missing, "/none.html", kBrowser).status == 404);
    CHECK(get(missing, "/none", kBrowser).status == 404);
  });
  row("contract [[site]] fallback", "a large page is streamed", [&] {
    const std::string large = "<p>" + pattern(300 * 1024);
    site.file("large.html", large);
    const Server streams(site, {.site = "fallback = \"/large.html\"\n"});
    const Response response = check_head_agrees(streams, "/users", kBrowser);
    CHECK(same(response.body, large));
    CHECK(lists(response, "Vary", "Accept"));
  });
  row("contract [[site]] fallback", "without one, a missing page is 404 and no Vary: Accept", [&] {
    const Server plain(site);
    const Response response = get(plain, "/users", kBrowser);
    CHECK(response.status == 404);
    CHECK(!lists(response, "Vary", "Accept"));
  });
}
