// What [[site]] and [types] say: hosts, index, error_pages, further media types.
#include <doctest/doctest.h>

#include <filesystem>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
std::string host_request(const std::string& host) { return "GET /who.txt HTTP/1.1\r\nHost: " + host + "\r\n\r\n"; }
}  // namespace

TEST_CASE("the site is chosen by Host, any case and with a port, and without a match it is the first") {
  Site first;
  Site second;
  Site third;
  first.file("who.txt", "first\n");
  second.file("who.txt", "second\n");
  third.file("who.txt", "third\n");
  const std::string more = "[[site]]\nhosts = [\"two.example\", \"www.two.example\"]\nroot = \"" + second.root() +
                           "\"\n[[site]]\nhosts = [\"three.example\"]\nroot = \"" + third.root() + "\"";
  Server server(first, {.site = "hosts = [\"one.example\"]", .more = more});
  Client client = server.connect();
  for (const auto& [host, expected] :
       std::vector<std::pair<std::string, std::string>>{{"one.example", "first\n"},
                                                        {"two.example", "second\n"},
                                                        {"TWO.Example", "second\n"},
                                                        {"www.two.example:8080", "second\n"},
                                                        {"three.example", "third\n"},
                                                        {"x.three.example", "first\n"},
                                                        {"unknown.example", "first\n"},
                                                        {"127.0.0.1", "first\n"}}) {
    INFO(host);
    CHECK(client.ask(host_request(host)).body == expected);
  }
  // RFC 9112 §3.2.2: the authority of an absolute form replaces Host.
  CHECK(client.ask("GET http://two.example/who.txt HTTP/1.1\r\nHost: three.example\r\n\r\n").body == "second\n");
  CHECK(client.ask("GET /who.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").body == "first\n");
  // One connection, sites in turn: the cache keeps them apart.
  for (int i = 0; i < 3; ++i) {
    CHECK(client.ask(host_request("two.example")).body == "second\n");
    CHECK(client.ask(host_request("three.example")).body == "third\n");
  }
}

TEST_CASE("a host that a \"*\" site precedes is still found by its exact name") {
  Site first;
  Site second;
  first.file("who.txt", "any\n");
  second.file("who.txt", "exact\n");
  Server server(first, {.more = "[[site]]\nhosts = [\"two.example\"]\nroot = \"" + second.root() + "\""});
  Client client = server.connect();
  CHECK(client.ask(host_request("two.example")).body == "exact\n");
  CHECK(client.ask(host_request("other.example")).body == "any\n");
}

TEST_CASE("the first existing name of index is served for a directory, and without one it is 403") {
  Site site;
  site.file("index.html", "root index\n");
  site.file("both/main.htm", "main\n");
  site.file("both/index.html", "index\n");
  site.file("one/index.html", "index\n");
  site.file("none/other.html", "other\n");
  site.directory("empty");
  Server server(site, {.site = "index = [\"main.htm\", \"index.html\"]"});
  Client client = server.connect();
  CHECK(client.get("/").body == "root index\n");
  CHECK(client.get("/?query").body == "root index\n");
  CHECK(client.get("/both/").body == "main\n");
  CHECK(client.get("/one/").body == "index\n");
  CHECK(client.get("/none/").status == 403);
  CHECK(client.get("/empty/").status == 403);
  CHECK(client.get("/one/index.html").body == "index\n");
  CHECK(lower(client.get("/one/").field("Content-Type")) == "text/html; charset=utf-8");
}

TEST_CASE("an index larger than max_file_size is streamed like any file") {
  Site site;
  const std::string content = pattern(300000, 2);
  site.file("index.html", content);
  Server server(site);
  Client client = server.connect();
  const bool same = client.get("/").body == content;
  CHECK(same);
}

TEST_CASE("an error page keeps the status and has its own type and length") {
  Site site;
  site.file("errors/404.html", "<p>nothing here</p>\n");
  site.file("errors/oops.txt", "may not\n");
  site.fifo("fifo");
  Server server(site, {.site = "error_pages = { 404 = \"/errors/404.html\", \"4xx\" = \"/errors/oops.txt\" }"});
  Client client = server.connect();
  const Response missing = client.get("/missing");
  CHECK(missing.status == 404);
  CHECK(missing.body == "<p>nothing here</p>\n");
  CHECK(lower(missing.field("Content-Type")) == "text/html; charset=utf-8");
  const Response head = client.head("/missing");
  CHECK(head.status == 404);
  CHECK(head.content_length() == missing.body.size());
  const Response forbidden = client.get("/fifo");
  CHECK(forbidden.status == 403);
  CHECK(forbidden.body == "may not\n");
  CHECK(client.get("/errors/404.html").status == 200);
}

TEST_CASE("a condition or a range in the request does not touch an error page") {
  Site site;
  site.file("404.html", "<p>nothing here</p>\n");
  Server server(site, {.site = "error_pages = { 404 = \"/404.html\" }"});
  Client client = server.connect();
  CHECK(client.get("/missing", "If-None-Match: *\r\n").status == 404);
  CHECK(client.get("/missing", "If-Modified-Since: " + http_date(std::time(nullptr)) + "\r\n").status == 404);
  const Response ranged = client.get("/missing", "Range: bytes=0-3\r\n");
  CHECK(ranged.status == 404);
  CHECK(ranged.body == "<p>nothing here</p>\n");
}

TEST_CASE("an error page that is missing is a warning at start, and the built-in page is used") {
  Site site;
  Server server(site, {.site = "error_pages = { 404 = \"/none.html\" }"});
  const Response response = server.get("/missing");
  CHECK(response.status == 404);
  CHECK(!response.body.empty());
  CHECK(server.errors().find("none.html") != std::string::npos);
}

TEST_CASE("the error page of a refused request is its own site's, also where no file was looked for") {
  Site first;
  Site second;
  for (const char* name : {"400.html", "405.html", "501.html"}) {
    first.file(name, "first's page\n");
    second.file(name, "second's page\n");
  }
  const std::string pages = "error_pages = { 400 = \"/400.html\", 405 = \"/405.html\", 501 = \"/501.html\" }";
  Server server(first,
                {.site = "hosts = [\"one.example\"]\n" + pages,
                 .more = "[[site]]\nhosts = [\"two.example\"]\n" + pages + "\nroot = \"" + second.root() + "\""});
  for (const auto& [line, status] : std::vector<std::pair<std::string, int>>{
           {"POST / HTTP/1.1", 405}, {"GET /%00 HTTP/1.1", 400}, {"BREW / HTTP/1.1", 501}}) {
    for (const auto& [host, body] :
         std::vector<std::pair<std::string, std::string>>{{"two.example", "second's page\n"},
                                                          {"one.example", "first's page\n"},
                                                          {"other.example", "first's page\n"}}) {
      INFO(line << " at " << host);
      Client client = server.connect();
      const Response response = client.ask(line + "\r\nHost: " + host + "\r\n\r\n");
      CHECK(response.status == status);
      CHECK(response.body == body);
    }
  }
}

TEST_CASE("[types] adds media types and replaces built-in ones") {
  Site site;
  for (const char* name : {"a.foo", "a.txt", "a.html"}) site.file(name, "x");
  Server server(site, {.types = "\".foo\" = \"application/x-foo\"\n\".txt\" = \"text/x-mine\""});
  Client client = server.connect();
  CHECK(client.get("/a.foo").field("Content-Type") == "application/x-foo");
  CHECK(client.get("/a.txt").field("Content-Type").starts_with("text/x-mine"));
  CHECK(client.get("/a.html").field("Content-Type").starts_with("text/html"));
}
