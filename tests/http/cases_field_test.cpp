// Fields that every answer has or may have: types, charset, nosniff, dates that tell the truth, Cache-Control by media
// type, Cache-Status and Server-Timing; and names of files that try to become fields.
#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    site.file("large.bin", large);
    site.directory("dir");
  }
  const std::string large = pattern(1024 * 1024 + 3);
  Site site;
};

std::string raw_status_fields(const Response& response, const char* name) { return response.field(name); }

}  // namespace

TEST_CASE_FIXTURE(Tree, "Content-Type, nosniff") {
  Cases row("types");
  const std::vector<std::pair<std::string, std::string>> types = {
      {"a.html", "text/html; charset=utf-8"},
      {"a.HTM", "text/html; charset=utf-8"},
      {"a.css", "text/css; charset=utf-8"},
      {"a.txt", "text/plain; charset=utf-8"},
      {"a.js", "text/javascript; charset=utf-8"},
      {"a.mjs", "text/javascript; charset=utf-8"},
      {"a.json", "application/json"},
      {"a.svg", "image/svg+xml"},
      {"a.png", "image/png"},
      {"a.jpg", "image/jpeg"},
      {"a.jpeg", "image/jpeg"},
      {"a.gif", "image/gif"},
      {"a.webp", "image/webp"},
      {"a.avif", "image/avif"},
      {"a.woff2", "font/woff2"},
      {"a.wasm", "application/wasm"},
      {"a.pdf", "application/pdf"},
      {"a.mp4", "video/mp4"},
      {"a.webmanifest", "application/manifest+json"},
      {"a.unknownextension", "application/octet-stream"},
      {"none", "application/octet-stream"},
      {"a.tar.gz", "application/gzip"},
      {"a.b.html", "text/html; charset=utf-8"},
      {"dir.html/plain", "application/octet-stream"},
      {"a.foo", "application/x-foo"},
      {"a.FOO", "application/x-foo"},
      {"a.bar", "text/x-bar; charset=iso-8859-1"},
      {"a.baz", "text/x-baz; charset=utf-8"},
      {"a.md", "text/x-mine; charset=utf-8"},
  };
  for (const auto& [name, type] : types) site.file(name, "x");
  const Server server(site,
                      {.types = "\".foo\" = \"application/x-foo\"\n\".bar\" = \"text/x-bar; charset=iso-8859-1\"\n"
                                "\".baz\" = \"text/x-baz\"\n\".md\" = \"text/x-mine\"\n"});
  for (const auto& [name, type] : types) {
    row("RFC 9110 §8.3", name + " is " + type,
        [&, file = name, expected = type] { CHECK(get(server, "/" + file).field("Content-Type") == expected); });
  }
  const std::vector<std::pair<const char*, std::string>> answers = {
      {"200", get_request("/probe.txt")},
      {"200 of a stream", get_request("/large.bin")},
      {"206", get_request("/probe.txt", "Range: bytes=0-1\r\n")},
      {"206 of several", get_request("/large.bin", "Range: bytes=0-1,5-6\r\n")},
      {"301", get_request("/dir")},
      {"304", get_request("/probe.txt", "If-None-Match: *\r\n")},
      {"403", get_request("/dir/")},
      {"404", get_request("/missing")},
      {"405", request("PUT", "/probe.txt")},
      {"412", get_request("/probe.txt", "If-Match: \"x\"\r\n")},
      {"416", get_request("/probe.txt", "Range: bytes=10-\r\n")},
      {"417", get_request("/probe.txt", "Expect: tea\r\n")},
      {"501", request("BREW", "/probe.txt")},
      {"204 to OPTIONS", request("OPTIONS", "/probe.txt")},
      {"400", "GET /probe.txt HTTP/1.1\r\n\r\n"},
      {"505", "GET /probe.txt HTTP/3.0\r\nHost: a\r\n\r\n"},
  };
  for (const auto& [name, bytes] : answers) {
    row("contract: nosniff is on by default", std::string("nosniff, Date and Server on ") + name, [&, sent = bytes] {
      Client client = server.connect();
      client.send(sent);
      const Response response = client.read_response();
      CHECK(response.field("X-Content-Type-Options") == "nosniff");
      CHECK(response.field("Server") == "uringd");
      CHECK(response.has("Date"));
    });
  }
}

TEST_CASE_FIXTURE(Tree, "dates that tell the truth") {
  Cases row("dates");
  const std::time_t now = std::time(nullptr);
  const std::vector<std::pair<const char*, std::time_t>> absent = {
      {"epoch", 0}, {"second-one", 1}, {"before", -100000}, {"tomorrow", now + 86400}, {"far", 4102444800}};
  for (const auto& [name, time] : absent) {
    for (const char* extension : {".txt", ".large"}) {
      const std::string file = std::string(name) + extension;
      site.file(file, std::string_view(extension) == ".txt" ? "x" : large);
      site.set_mtime(file, time);
    }
  }
  site.file("old.txt", "x");
  site.set_mtime("old.txt", 2);
  site.file("soon.txt", "x");
  const Server server(site);
  for (const auto& [name, time] : absent) {
    for (const char* extension : {".txt", ".large"}) {
      const std::string target = "/" + std::string(name) + extension;
      row("RFC 9110 §8.8.2.1", "no Last-Modified that nobody believes: " + target, [&] {
        const Response response = check_head_agrees(server, target);
        CHECK(response.status == 200);
        CHECK(!response.has("Last-Modified"));
        CHECK(response.has("ETag"));
        const std::string tag = response.field("ETag");
        CHECK(!get(server, target, "If-None-Match: " + tag + "\r\n").has("Last-Modified"));
        // RFC 9110 §13.1.3: without a date there is nothing to compare with.
        CHECK(get(server, target, "If-Modified-Since: " + http_date(now) + "\r\n").status == 200);
      });
    }
  }
  row("RFC 9110 §8.8.2", "two seconds after the epoch is a date",
      [&] { CHECK(get(server, "/old.txt").field("Last-Modified") == "Thu, 01 Jan 1970 00:00:02 GMT"); });
  row("RFC 9110 §8.8.2.1", "while a date in the future comes to pass, no answer says it early", [&] {
    const std::time_t soon = std::time(nullptr) + 1;
    site.set_mtime("soon.txt", soon);
    get_until(server, "/soon.txt", "", [&](const Response& response) {
      // A look at the clock behind the answer: Last-Modified was not later than that.
      if (response.has("Last-Modified")) CHECK(std::time(nullptr) >= soon);
      return std::time(nullptr) > soon;
    });
  });
}

TEST_CASE_FIXTURE(Tree, "Cache-Control by media type") {
  Cases row("cache_control");
  for (const char* name : {"a.html", "a.css", "a.txt", "a.png", "a.bin", "big.css", "odd.foo"}) {
    site.file(name, std::string_view(name) == "big.css" ? large : "x");
  }
  const auto value = [](const Server& server, const char* target) {
    return get(server, target).field("Cache-Control");
  };
  row("contract [[site]] cache_control", "the default: pages are looked at again, nothing is said of the rest", [&] {
    const Server server(site);
    CHECK(value(server, "/a.html") == "no-cache");
    CHECK(!get(server, "/a.css").has("Cache-Control"));
  });
  const Server server(site, {.types = "\".foo\" = \"text/x-odd;charset=x\"\n",
                             .site = "cache_control = { \"text/html\" = \"no-cache\", \"text/css\" = "
                                     "\"max-age=10\", \"text/*\" = \"max-age=20\", \"*\" = \"max-age=30\" }\n"
                                     "listing = true\n"});
  const std::vector<std::pair<const char*, const char*>> values = {
      {"/a.html", "no-cache"},  {"/a.css", "max-age=10"},   {"/a.txt", "max-age=20"},     {"/a.png", "max-age=30"},
      {"/a.bin", "max-age=30"}, {"/big.css", "max-age=10"}, {"/large.bin", "max-age=30"}, {"/odd.foo", "max-age=20"}};
  for (const auto& [target, expected] : values) {
    row("contract [[site]] cache_control", std::string("the nearest type counts: ") + target,
        [&, name = std::string(target), text = std::string(expected)] {
          const Response response = check_head_agrees(server, name);
          CHECK(response.field("Cache-Control") == text);
          const Response known = get(server, name, "If-None-Match: *\r\n");
          CHECK(known.status == 304);
          CHECK(known.field("Cache-Control") == text);  // RFC 9110 §15.4.5
          CHECK(get(server, name, "Range: bytes=0-0\r\n").field("Cache-Control") == text);
        });
  }
  row("RFC 9110 §15.3.7.2", "several parts have it too",
      [&] { CHECK(get(server, "/large.bin", "Range: bytes=0-1,5-6\r\n").field("Cache-Control") == "max-age=30"); });
  row("contract [[site]] cache_control", "no error and no redirect is to be kept", [&] {
    for (const char* target : {"/missing", "/missing.css", "/dir"}) {
      INFO(target);
      CHECK(!get(server, target).has("Cache-Control"));
    }
    CHECK(!get(server, "/a.css", "Range: bytes=9-\r\n").has("Cache-Control"));
    CHECK(!get(server, "/a.css", "If-Match: \"x\"\r\n").has("Cache-Control"));
  });
  row("contract [[site]] cache_control", "a plain string means any", [&] {
    const Server any(site, {.site = "cache_control = \"public, max-age=60\"\n"});
    for (const char* target : {"/a.html", "/a.png", "/large.bin"}) CHECK(value(any, target) == "public, max-age=60");
  });
  row("contract [[site]] cache_control", "an empty table means none", [&] {
    const Server none(site, {.site = "cache_control = {}\n"});
    CHECK(!get(none, "/a.html").has("Cache-Control"));
  });
}

TEST_CASE_FIXTURE(Tree, "Cache-Status and Server-Timing") {
  Cases row("what became of a request");
  for (int i = 0; i < 4; ++i) site.file("cold-" + std::to_string(i) + ".txt", "x");
  const Server on(site, {.server = "workers = 1", .site = "cache_status = true\nserver_timing = true\n"});
  const Server off(site);
  const auto check_cache_status = [](const std::string& value) {
    INFO(value);
    // RFC 9211 §2: "uringd" and its parameters; either hit or fwd, not both.
    CHECK(value.starts_with("uringd"));
    const bool hit = value.find("; hit") != std::string::npos || value.find(";hit") != std::string::npos;
    const bool forwarded = value.find("fwd=") != std::string::npos;
    CHECK(hit != forwarded);
    CHECK(value.find_first_of("\r\n,") == std::string::npos);
    if (!forwarded) return;
    const std::string reason =
        value.substr(value.find("fwd=") + 4, value.find_first_of("; ", value.find("fwd=")) - value.find("fwd=") - 4);
    // RFC 9211 §2.2
    const std::vector<std::string> known = {"bypass", "method",  "uri-miss", "vary-miss",
                                            "miss",   "request", "stale",    "partial"};
    CHECK(std::count(known.begin(), known.end(), reason) == 1);
  };
  const auto check_timing = [](const std::string& value) {
    INFO(value);
    CHECK(!value.empty());
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string_view metric = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      while (metric.starts_with(' ')) metric.remove_prefix(1);
      const std::size_t semicolon = std::min(metric.find(';'), metric.size());
      const std::string name(metric.substr(0, semicolon));
      const std::vector<std::string> known = {"queue", "open", "read", "send"};
      CHECK(std::count(known.begin(), known.end(), name) == 1);
      CHECK(metric.substr(semicolon).starts_with(";dur="));
      const std::string_view number = metric.substr(std::min(semicolon + 5, metric.size()));
      CHECK(!number.empty());
      CHECK(number.find_first_not_of("0123456789.") == number.npos);
    }
  };
  row("RFC 9211 §2.1", "the first request of a file is no hit, the second is", [&] {
    const std::string first = get(on, "/cold-0.txt").field("Cache-Status");
    check_cache_status(first);
    CHECK(first.find("fwd=") != std::string::npos);
    const std::string second = get(on, "/cold-0.txt").field("Cache-Status");
    check_cache_status(second);
    CHECK(second.find("hit") != std::string::npos);
  });
  const std::vector<std::pair<const char*, std::string>> answers = {
      {"a held file", get_request("/probe.txt")},
      {"a streamed file", get_request("/large.bin")},
      {"a part", get_request("/probe.txt", "Range: bytes=0-1\r\n")},
      {"several parts", get_request("/large.bin", "Range: bytes=0-1,5-6\r\n")},
      {"304", get_request("/probe.txt", "If-None-Match: *\r\n")},
      {"404", get_request("/missing")},
      {"404 again", get_request("/missing")},
  };
  for (const auto& [name, bytes] : answers) {
    row("RFC 9211 §2", std::string("Cache-Status where it is on: ") + name, [&, sent = bytes] {
      const Response response = answer_to(on, sent);
      CHECK(response.has("Cache-Status"));
      check_cache_status(response.field("Cache-Status"));
    });
    row("W3C Server Timing §3", std::string("Server-Timing where it is on: ") + name, [&, sent = bytes] {
      const Response response = answer_to(on, sent);
      if (response.status == 200 || response.has("Server-Timing")) check_timing(response.field("Server-Timing"));
    });
    row("contract [[site]] cache_status, server_timing", std::string("neither where they are off: ") + name,
        [&, sent = bytes] {
          const Response response = answer_to(off, sent);
          CHECK(!response.has("Cache-Status"));
          CHECK(!response.has("Server-Timing"));
        });
  }
  row("contract [[site]] server_timing", "a first request says what its disk took", [&] {
    const std::string value = get(on, "/cold-1.txt").field("Server-Timing");
    check_timing(value);
    CHECK(value.find("read") != std::string::npos);
  });
  row("RFC 9112 §9.3.2", "pipelined answers have their own", [&] {
    Client client = on.connect();
    client.send(get_request("/cold-2.txt") + get_request("/probe.txt") + get_request("/cold-2.txt") +
                get_request("/missing-too"));
    for (int i = 0; i < 4; ++i) check_cache_status(raw_status_fields(client.read_response(), "Cache-Status"));
  });
}

TEST_CASE_FIXTURE(Tree, "names of files that try to become fields") {
  Cases row("names and fields");
  const std::vector<std::string> names = {"a\r\nX-Evil: 1",          "b\nX-Evil: 1", "c\rX-Evil: 1",
                                          "quote\"; x=\"",           "\xff\xfe",     "tab\tname",
                                          "d\r\n\r\nHTTP/1.1 200 OK"};
  for (const std::string& name : names) {
    site.file("files/" + name, "bytes");
    site.file("files/" + name + ".html", "<p>page\n");
    site.directory("dirs/" + name);
  }
  const Server server(site, {.site = "listing = true\nextensions = [\"html\"]\nserver_timing = true\n"
                                     "cache_status = true\n"});
  for (const std::string& name : names) {
    row("RFC 9110 §5.5", "no field comes out of the name " + percent_encoded(name), [&] {
      const std::string encoded = percent_encoded(name);
      for (const std::string& target : {"/files/" + encoded, "/files/" + encoded + ".html", "/dirs/" + encoded,
                                        "/dirs/" + encoded + "/", "/missing/" + encoded}) {
        INFO(target);
        // The form of every field is checked by Client, and check_head_agrees counts them.
        const Response response = check_head_agrees(server, target);
        CHECK(!response.has("X-Evil"));
        CHECK(response.head.find("X-Evil: 1") == std::string::npos);
        CHECK(response.status == (target.starts_with("/missing") ? 404 : target == "/dirs/" + encoded ? 301 : 200));
      }
    });
  }
}
