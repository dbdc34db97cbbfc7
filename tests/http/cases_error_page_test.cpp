// Error pages of the site's own (contract [[site]] error_pages): which page for which status, with which fields, to
// HEAD, HTTP/1.0 and clients that accept codings; pages that change, are missing, are large.
#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

constexpr Milliseconds kReadAgain{8000};  // pages are looked at every few seconds

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    site.file("errors/404.html", page);
    site.file("errors/403.txt", "you may not\n");
    site.file("errors/405.json", "{\"error\":\"method\"}\n");
    site.file("errors/416.html", "<p>no such part\n");
    site.file("errors/oops.html", "<p>our fault\n");
    site.file("errors/yours.html", "<p>your fault\n");
    site.directory("closed");
    site.directory("errors/folder");
    site.fifo("errors/pipe");
    site.outside_file("secret", "secret");
    site.symlink("errors/leaves", "../../secret");
  }
  const std::string page = "<!DOCTYPE html><title>gone</title><p>" + std::string(900, 'x') + "\n";
  const std::string pages =
      "error_pages = { 404 = \"/errors/404.html\", 403 = \"/errors/403.txt\", 405 = \"/errors/405.json\", "
      "416 = \"/errors/416.html\", \"5xx\" = \"/errors/oops.html\", \"4xx\" = \"/errors/yours.html\" }\n";
  Site site;
};

Response raw(const Server& server, const std::string& bytes) {
  Client client = server.connect();
  client.send(bytes);
  Response response = client.read_response();
  if (response.connection_says("close")) CHECK(client.wait_for_end() == Ending::closed);
  return response;
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "error pages of a site's own") {
  Cases row("error pages");
  const Server server(site, {.site = pages});
  struct Row {
    const char* name;
    std::string bytes;
    int status;
    std::string body;
    const char* type;
  };
  const char* html = "text/html; charset=utf-8";
  const std::vector<Row> rows = {
      {"404", get_request("/missing"), 404, page, html},
      {"404 of a file with a slash behind it", get_request("/probe.txt/"), 404, page, html},
      {"404 of a hidden name", get_request("/.env"), 404, page, html},
      {"404 of a name that is too long", get_request("/" + std::string(300, 'n')), 404, page, html},
      {"403 of a directory", get_request("/closed/"), 403, "you may not\n", "text/plain; charset=utf-8"},
      {"403 of a FIFO", get_request("/errors/pipe"), 403, "you may not\n", "text/plain; charset=utf-8"},
      {"403 of a link that leaves", get_request("/errors/leaves"), 403, "you may not\n", "text/plain; charset=utf-8"},
      {"405 in JSON", request("DELETE", "/probe.txt"), 405, "{\"error\":\"method\"}\n", "application/json"},
      {"416", get_request("/probe.txt", "Range: bytes=100-\r\n"), 416, "<p>no such part\n", html},
      {"412 by its class", get_request("/probe.txt", "If-Match: \"x\"\r\n"), 412, "<p>your fault\n", html},
      {"501 by its class", request("BREW", "/probe.txt"), 501, "<p>our fault\n", html},
  };
  for (const Row& one : rows) {
    row("contract [[site]] error_pages", std::string("own page, status kept: ") + one.name, [&] {
      const Response response = raw(server, one.bytes);
      INFO(response.head);
      CHECK(response.status == one.status);
      CHECK(response.body == one.body);
      CHECK(response.field("Content-Type") == one.type);
      CHECK(response.field("X-Content-Type-Options") == "nosniff");
      CHECK(!response.has("ETag"));
      CHECK(!response.has("Last-Modified"));
      CHECK(!response.has("Accept-Ranges"));
    });
  }
  row("RFC 9110 §15.5.6", "405 with a page of its own still has Allow",
      [&] { CHECK(lists(raw(server, request("PUT", "/x")), "Allow", "GET")); });
  row("RFC 9110 §15.5.17", "416 with a page of its own still has Content-Range",
      [&] { CHECK(get(server, "/probe.txt", "Range: bytes=100-\r\n").field("Content-Range") == "bytes */6"); });
  row("RFC 9110 §9.3.2", "HEAD has the head of the page and no body", [&] {
    CHECK(check_head_agrees(server, "/missing").content_length() == page.size());
    check_head_agrees(server, "/closed/");
  });
  row("RFC 9112 §9.3", "HTTP/1.0 gets the page and a close", [&] {
    const Response response = raw(server, "GET /missing HTTP/1.0\r\n\r\n");
    CHECK(response.status == 404);
    CHECK(response.body == page);
    CHECK(response.connection_says("close"));
  });
  row("RFC 9112 §3.2", "a request that is none gets 400, a page and a close", [&] {
    const Response response = raw(server, "GET /missing HTTP/1.1\r\n\r\n");
    CHECK(response.status == 400);
    CHECK(!response.body.empty());
    CHECK(response.connection_says("close"));
  });
  row("RFC 9110 §13.2.1", "conditions and ranges mean nothing to an error", [&] {
    for (const char* fields : {"If-None-Match: *\r\n", "If-Match: *\r\n", "Range: bytes=0-3\r\n",
                               "If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT\r\n"}) {
      INFO(fields);
      const Response response = get(server, "/missing", fields);
      CHECK(response.status == 404);
      CHECK(response.body == page);
    }
  });
  row("contract [[site]] error_pages", "the page by its own name is a file like others", [&] {
    const Response response = check_head_agrees(server, "/errors/404.html");
    CHECK(response.status == 200);
    CHECK(response.body == page);
    CHECK(response.has("ETag"));
  });
  for (const char* coding : {"br", "zstd", "gzip"}) {
    row("RFC 9110 §12.5.5", std::string("the page comes coded, with Vary: ") + coding, [&] {
      const Response response = check_head_agrees(server, "/missing", accept_encoding(coding));
      CHECK(response.status == 404);
      CHECK(lists(response, "Vary", "Accept-Encoding"));
      CHECK(response.field("Content-Encoding") == coding);
      CHECK(same(decoded(coding, response.body).value_or(""), page));
      CHECK(response.body.size() < page.size());
    });
  }
  row("RFC 9110 §12.5.5", "the plain page has Vary as well", [&] {
    const Response response = get(server, "/missing");
    CHECK(lists(response, "Vary", "Accept-Encoding"));
    CHECK(!response.has("Content-Encoding"));
    CHECK(response.body == page);
  });
  row("RFC 9110 §12.5.5", "a page that is too short to be coded has none", [&] {
    const Response response = get(server, "/closed/", accept_encoding("br, gzip"));
    CHECK(!response.has("Content-Encoding"));
    CHECK(response.body == "you may not\n");
  });
  row("RFC 9112 §9.3.2", "pages among files in one pipeline, coded and plain", [&] {
    Client client = server.connect();
    std::string bytes;
    for (int i = 0; i < 30; ++i) {
      bytes += get_request("/missing") + get_request("/probe.txt") + get_request("/missing", accept_encoding("gzip"));
    }
    client.send(bytes);
    for (int i = 0; i < 30; ++i) {
      CHECK(client.read_response().body == page);
      CHECK(client.read_response().body == "probe\n");
      CHECK(decoded("gzip", client.read_response().body).value_or("") == page);
    }
  });
}

TEST_CASE_FIXTURE(Tree, "error pages that cannot be had, and those of other sites") {
  Cases row("missing error pages");
  for (const char* where :
       {"/errors/none.html", "/errors/folder", "/errors/pipe", "/errors/leaves", "/none/at/all.html"}) {
    row("contract [[site]] error_pages",
        std::string("a page that cannot be read: the built-in one, and it starts: ") + where, [&] {
          const Server server(site, {.site = "error_pages = { 404 = \"" + std::string(where) + "\" }\n"});
          const Response response = check_head_agrees(server, "/missing");
          CHECK(response.status == 404);
          CHECK(!response.body.empty());
          CHECK(response.field("Content-Type").starts_with("text/html"));
          CHECK(response.body.find("secret") == std::string::npos);
          // It must not look for itself, by that name either.
          const int status = get(server, where).status;
          const bool sane = status == 404 || status == 403 || status == 301;
          CHECK(sane);
        });
  }
  row("contract [[site]] error_pages", "a page that cannot be read is warned of", [&] {
    const Server server(site, {.site = "error_pages = { 404 = \"/errors/none.html\" }\n"});
    CHECK(get(server, "/missing").status == 404);
    CHECK(server.errors().find("none.html") != std::string::npos);
  });
  row("contract [[site]] error_pages", "without any: the built-in page, and a byte for every status", [&] {
    const Server server(site);
    for (const auto& [bytes, status] : std::vector<std::pair<std::string, int>>{{get_request("/missing"), 404},
                                                                                {get_request("/closed/"), 403},
                                                                                {request("PUT", "/x"), 405},
                                                                                {request("BREW", "/x"), 501}}) {
      const Response response = raw(server, bytes);
      CHECK(response.status == status);
      CHECK(response.body.find(std::to_string(status)) != std::string::npos);
    }
  });
  row("contract [[site]] error_pages", "each site has its own", [&] {
    site.file("other/oops.txt", "the other site's 404\n");
    const Server server(site, {.site = "hosts = [\"one.example\"]\n" + pages,
                               .more = "[[site]]\nhosts = [\"two.example\"]\nroot = \"" + site.path("other") +
                                       "\"\nerror_pages = { 404 = \"/oops.txt\" }\n"});
    const auto ask = [&](const char* host) {
      return raw(server, "GET /missing HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    };
    CHECK(ask("one.example").body == page);
    CHECK(ask("two.example").body == "the other site's 404\n");
    CHECK(ask("two.example").field("Content-Type") == "text/plain; charset=utf-8");
    CHECK(ask("three.example").body == page);
  });
}

TEST_CASE_FIXTURE(Tree, "error pages that are large, and that change") {
  Cases row("error pages in time");
  const std::string large = "<p>" + pattern(300 * 1024);
  site.file("large.html", large);
  const Server server(site, {.site = "error_pages = { 404 = \"/large.html\", 403 = \"/errors/404.html\", 405 = "
                                     "\"/errors/later.html\" }\n"});
  row("contract [[site]] error_pages", "a page of 300 KiB comes whole", [&] {
    const Response response = check_head_agrees(server, "/missing");
    CHECK(response.status == 404);
    CHECK(same(response.body, large));
  });
  row("RFC 9112 §9.3.2", "twenty of them in a pipeline, to a client that reads slowly", [&] {
    Client client = server.connect(16 * 1024);
    std::string bytes;
    for (int i = 0; i < 20; ++i) bytes += get_request("/missing-" + std::to_string(i));
    client.send(bytes + get_request("/probe.txt"));
    for (int i = 0; i < 20; ++i) CHECK(same(client.read_response().body, large));
    CHECK(client.read_response().body == "probe\n");
  });
  row("contract: one client's end is its own", "clients that vanish within a large page", [&] {
    for (int i = 0; i < 16; ++i) {
      Client client = server.connect(4096);
      client.send(get_request("/missing"));
      static_cast<void>(client.read_some(1000));
      client.reset();
    }
    CHECK(same(get(server, "/missing").body, large));
  });
  // All three changes are waited for together.
  site.replace("large.html", "<p>small now\n");
  site.replace("errors/404.html", "<p>another page, as long as it takes to be coded " + std::string(500, 'y'));
  site.file("errors/later.html", "<p>I am here now\n");
  row("contract [[site]] error_pages", "a page that was replaced is read again", [&] {
    const auto again = [](const Response& r) { return r.status == 404 && r.body == "<p>small now\n"; };
    CHECK(again(get_until(server, "/missing", "", again, kReadAgain)));
  });
  row("contract [[site]] error_pages", "its coded copy too", [&] {
    const std::string page_now = file_bytes(site.path("errors/404.html"));
    const auto again = [&](const Response& r) {
      return r.status == 403 && r.has("Content-Encoding") && decoded("gzip", r.body).value_or("") == page_now;
    };
    CHECK(again(get_until(server, "/closed/", accept_encoding("gzip"), again, kReadAgain)));
  });
  row("contract [[site]] error_pages", "a page that was missing and appears is read", [&] {
    bool there = wait_until([&] { return raw(server, request("PUT", "/x")).body == "<p>I am here now\n"; }, kReadAgain);
    CHECK(there);
  });
  row("contract [[site]] error_pages", "a page that goes leaves an answer behind, its own or the built-in", [&] {
    site.remove("large.html");
    const Response response = get(server, "/missing");
    CHECK(response.status == 404);
    CHECK(!response.body.empty());
  });
}
