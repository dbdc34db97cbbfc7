// What a request may have to wait for before it is answered (a cold sibling, a copy being made, a directory being read)
// beside what can happen meanwhile: pipelines, clients that leave, files that go, a cache that is too small for it all.
#include <doctest/doctest.h>

#include <thread>

#include "cases_support.hpp"
#include "multipart_reader.hpp"

using namespace uringd::testing;

namespace {

constexpr std::time_t kBase = 1600000000;
const std::string kJson = accept("application/json");

std::string text(std::size_t size_bytes, std::size_t seed) {
  std::string result;
  for (std::size_t n = 0; result.size() < size_bytes; ++n) {
    result += "seed " + std::to_string(seed) + ", line " + std::to_string(n) + ": words that come again\n";
  }
  result.resize(size_bytes);
  return result;
}

std::string number(std::size_t i) { return std::to_string(i); }

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    for (std::size_t i = 0; i < 40; ++i) {
      site.file("s" + number(i) + ".css", text(700, i));
      site.set_mtime("s" + number(i) + ".css", kBase);
      if (i % 3 == 0) sibling("s" + number(i) + ".css.gz", text(300, 1000 + i));
      site.file("l" + number(i) + ".js", text(100 * 1024, i));
      site.set_mtime("l" + number(i) + ".js", kBase);
      if (i % 3 == 1) sibling("l" + number(i) + ".js.gz", text(90 * 1024, 2000 + i));
      site.file("c" + number(i) + ".txt", text(20000, i));
      for (std::size_t k = 0; k < 5; ++k) site.file("d" + number(i) + "/f" + number(k), "x");
    }
  }
  void sibling(const std::string& name, const std::string& bytes) const {
    site.file(name, bytes);
    site.set_mtime(name, kBase + 1);
  }
  Site site;
};

const std::string kGzip = accept_encoding("gzip");
const std::string kOnlyGzip = accept_encoding("gzip, identity;q=0");

// The answer is these plain bytes, or a sibling's bytes under its name, or a copy that decodes to the plain ones.
void check_css(const Response& response, std::size_t i) {
  INFO("s", i, ".css: ", response.head);
  CHECK(response.status == 200);
  CHECK(lists(response, "Vary", "Accept-Encoding"));
  if (i % 3 == 0) {
    CHECK(response.field("Content-Encoding") == "gzip");
    CHECK(same(response.body, text(300, 1000 + i)));
    return;
  }
  CHECK(same(decoded(response.field("Content-Encoding"), response.body).value_or(""), text(700, i)));
}

void check_js(const Response& response, std::size_t i) {
  CHECK(response.status == 200);
  const bool coded = i % 3 == 1;
  CHECK(response.field("Content-Encoding") == (coded ? "gzip" : ""));
  CHECK(same(response.body, coded ? text(90 * 1024, 2000 + i) : text(100 * 1024, i)));
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "requests that wait, in pipelines") {
  Cases row("waiting in a pipeline");
  row("RFC 9112 §9.3.2", "forty cold files, each with a sibling to look for, small and streamed in turn", [&] {
    const Server server(site);
    Client client = server.connect();
    std::string bytes;
    for (std::size_t i = 0; i < 40; ++i) {
      bytes += get_request("/s" + number(i) + ".css", kGzip) + get_request("/l" + number(i) + ".js", kGzip);
    }
    client.send(bytes + get_request("/probe.txt"));
    for (std::size_t i = 0; i < 40; ++i) {
      check_css(client.read_response(), i);
      check_js(client.read_response(), i);
    }
    CHECK(client.read_response().body == "probe\n");
  });
  row("RFC 9112 §9.3.2", "forty copies that must be made first, between errors, files and listings", [&] {
    const Server server(site, {.site = "listing = true\n"});
    Client client = server.connect();
    std::string bytes;
    for (std::size_t i = 0; i < 40; ++i) {
      bytes += get_request("/probe.txt") + get_request("/c" + number(i) + ".txt", kOnlyGzip) +
               get_request("/missing" + number(i), kOnlyGzip) + get_request("/d" + number(i) + "/", kJson) +
               get_request("/l" + number(i) + ".js");
    }
    client.send(bytes);
    for (std::size_t i = 0; i < 40; ++i) {
      CHECK(client.read_response().body == "probe\n");
      const Response copy = client.read_response();
      CHECK(copy.field("Content-Encoding") == "gzip");
      CHECK(same(decoded("gzip", copy.body).value_or(""), text(20000, i)));
      CHECK(client.read_response().status == 404);
      const Response listing = client.read_response();
      CHECK(is_json(listing.body));
      CHECK(listing.body.find("/d" + number(i) + "/") != std::string::npos);
      CHECK(same(client.read_response().body, text(100 * 1024, i)));
    }
  });
  row("RFC 9112 §9.3.2", "the same request forty times while it waits: one answer each", [&] {
    const Server server(site);
    Client client = server.connect();
    std::string bytes;
    for (int i = 0; i < 40; ++i) bytes += get_request("/c0.txt", kOnlyGzip);
    client.send(bytes + request("HEAD", "/c0.txt", kOnlyGzip) + get_request("/probe.txt"));
    for (int i = 0; i < 40; ++i) CHECK(same(decoded("gzip", client.read_response().body).value_or(""), text(20000, 0)));
    CHECK(client.read_response("HEAD").field("Content-Encoding") == "gzip");
    CHECK(client.read_response().body == "probe\n");
  });
  row("RFC 9112 §9.6", "a client that shuts its side down while it waits is answered", [&] {
    const Server server(site, {.site = "listing = true\n"});
    for (const std::string& bytes : {get_request("/s0.css", kGzip), get_request("/l1.js", kGzip),
                                     get_request("/c1.txt", kOnlyGzip), get_request("/d1/", kJson)}) {
      Client client = server.connect();
      client.send(bytes);
      client.half_close();
      const Response response = client.read_response();
      CHECK(response.status == 200);
      CHECK(client.wait_for_end() == Ending::closed);
    }
  });
  row("RFC 9112 §2.3", "HTTP/1.0 and conditions while it waits", [&] {
    const Server server(site);
    const Response old = answer_to(server, "GET /s0.css HTTP/1.0\r\n" + kGzip + "\r\n");
    check_css(old, 0);
    CHECK(get(server, "/s3.css", kGzip + "If-None-Match: *\r\n").status == 304);
    CHECK(get(server, "/s6.css", kGzip + "If-Match: \"x\"\r\n").status == 412);
    CHECK(get(server, "/c2.txt", kOnlyGzip + "If-None-Match: *\r\n").status == 304);
    const Response part = get(server, "/s9.css", kGzip + "Range: bytes=0-9\r\n");
    CHECK(part.body == text(700, 9).substr(0, 10));
    check_parts(get(server, "/l4.js", kGzip + "Range: bytes=0-9,20-29\r\n"), text(100 * 1024, 4),
                "text/javascript; charset=utf-8", {{0, 9}, {20, 29}});
  });
}

TEST_CASE_FIXTURE(Tree, "requests that wait, and clients that leave") {
  Cases row("leaving while waiting");
  const std::vector<std::pair<const char*, std::function<std::string(std::size_t)>>> kinds = {
      {"a cold sibling of a held file", [](std::size_t i) { return get_request("/s" + number(i) + ".css", kGzip); }},
      {"a cold sibling of a streamed file", [](std::size_t i) { return get_request("/l" + number(i) + ".js", kGzip); }},
      {"a copy being made", [](std::size_t i) { return get_request("/c" + number(i) + ".txt", kOnlyGzip); }},
      {"a directory being read", [](std::size_t i) { return get_request("/d" + number(i) + "/", kJson); }},
      {"all of them in a pipeline",
       [](std::size_t i) {
         return get_request("/s" + number(i) + ".css", kGzip) + get_request("/d" + number(i) + "/") +
                get_request("/c" + number(i) + ".txt", kOnlyGzip) + get_request("/l" + number(i) + ".js", kGzip);
       }},
  };
  for (const auto& [name, bytes] : kinds) {
    row("contract: one client's end is its own", std::string("clients that reset while they wait for ") + name, [&] {
      const Server server(site, {.site = "listing = true\n"});
      for (std::size_t i = 0; i < 40; ++i) {
        Client client = server.connect();
        client.send(bytes(i));
        if (i % 2 == 0) client.reset();
        if (i % 4 == 1) client.half_close();
      }
      check_css(get(server, "/s0.css", kGzip), 0);
      check_js(get(server, "/l1.js", kGzip), 1);
      CHECK(is_json(get(server, "/d0/", kJson).body));
      const Response copy = get(server, "/c0.txt", kOnlyGzip);
      CHECK(same(decoded("gzip", copy.body).value_or(""), text(20000, 0)));
    });
  }
  row("contract: stop", "a stop while copies, siblings and listings are awaited is clean", [&] {
    Server server(site, {.site = "listing = true\n"});
    std::vector<Client> clients;
    for (std::size_t i = 0; i < 40; ++i) {
      clients.push_back(server.connect());
      for (const auto& [name, bytes] : kinds) clients.back().send(bytes(i));
    }
    server.stop();
  });
}

TEST_CASE_FIXTURE(Tree, "a cache too small for files, siblings and copies") {
  Cases row("a small cache");
  const Server server(site, {.server = "workers = 1", .cache = "size = \"1MiB\"\n", .site = "listing = true\n"});
  row("contract: truth", "three rounds over everything, in all codings: every body is what it says", [&] {
    Client client = server.connect();
    for (int round = 0; round < 3; ++round) {
      for (const char* coding : {"gzip", "br", "zstd", "identity"}) {
        for (std::size_t i = 0; i < 40; ++i) {
          const Response response = client.get("/c" + number(i) + ".txt", accept_encoding(coding));
          CHECK(same(decoded(response.field("Content-Encoding"), response.body).value_or(""), text(20000, i)));
        }
      }
      for (std::size_t i = 0; i < 40; ++i) {
        check_css(client.get("/s" + number(i) + ".css", kGzip), i);
        CHECK(client.get("/d" + number(i) + "/", kJson).status == 200);
      }
    }
  });
  row("RFC 9110 §15.5.7", "identity;q=0 where the cache cannot keep the copy: coded, 406, or 503 for now, never plain",
      [&] {
        for (std::size_t i = 0; i < 40; ++i) {
          const Response response = get(server, "/c" + number(i) + ".txt", kOnlyGzip);
          CHECK(lists(response, "Vary", "Accept-Encoding"));
          if (response.status == 406) continue;
          if (response.status == 503) {  // there is no room for it at this moment
            CHECK(response.has("Retry-After"));
            continue;
          }
          CHECK(response.status == 200);
          CHECK(response.field("Content-Encoding") == "gzip");
          CHECK(same(decoded(response.field("Content-Encoding"), response.body).value_or(""), text(20000, i)));
        }
      });
}

TEST_CASE_FIXTURE(Tree, "listings and fallbacks that are coded") {
  Cases row("coded pages");
  site.file("index.html", text(2000, 1));
  const Server server(site, {.server = "workers = 1",
                             .site = "listing = true\nfallback = \"/index.html\"\n"
                                     "error_pages = { 404 = \"/index.html\", 406 = \"/index.html\" }\n"});
  for (const char* coding : {"br", "zstd", "gzip"}) {
    for (const char* type : {"text/html", "application/json"}) {
      row("RFC 9110 §12.5.3", std::string("a listing as ") + type + " in " + coding, [&] {
        const std::string plain = get(server, "/d3/", accept(type)).body;
        const auto is_coded = [&](const Response& r) { return r.field("Content-Encoding") == coding; };
        const Response response = get_until(server, "/d3/", accept(type) + accept_encoding(coding), is_coded);
        CHECK(is_coded(response));
        CHECK(same(decoded(coding, response.body).value_or(""), plain));
        CHECK(lists(response, "Vary", "Accept"));
        CHECK(lists(response, "Vary", "Accept-Encoding"));
        const std::string fields = accept(type) + accept_encoding(coding);
        const Response known = get(server, "/d3/", fields + "If-None-Match: " + response.field("ETag") + "\r\n");
        CHECK(known.status == 304);
        CHECK(lists(known, "Vary", "Accept-Encoding"));
      });
    }
  }
  row("RFC 9110 §15.5.5", "identity;q=0 does not make an error another error", [&] {
    const Response response = get(server, "/missing.js", accept_encoding("identity;q=0"));
    CHECK(response.status == 404);
    CHECK(lists(response, "Vary", "Accept-Encoding"));
  });
  row("RFC 9110 §15.5.7", "406 has its own page, whatever was asked for, and says Vary", [&] {
    const Response response = check_head_agrees(server, "/probe.txt", accept_encoding("identity;q=0"));
    CHECK(response.status == 406);
    CHECK(lists(response, "Vary", "Accept-Encoding"));
    CHECK(same(decoded(response.field("Content-Encoding"), response.body).value_or(""), text(2000, 1)));
  });
  row("RFC 9110 §12.5.5", "a fallback with identity;q=0 waits for its copy", [&] {
    const Response response = get(server, "/users/1", accept("text/html") + accept_encoding("br, identity;q=0"));
    CHECK(response.status == 200);
    CHECK(same(decoded("br", response.body).value_or(""), text(2000, 1)));
  });
}
