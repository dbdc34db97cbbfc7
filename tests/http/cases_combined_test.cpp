// Features that meet: variants and releases, variants and sites, several ranges and pieces sent by reference or from
// little memory, many ranges to many clients under long rules, names that look like the cache's own keys.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "cases_support.hpp"
#include "multipart_reader.hpp"

using namespace uringd::testing;

namespace {

constexpr std::time_t kBase = 1600000000;
const std::string kGzip = accept_encoding("gzip");
const std::string kJson = accept("application/json");
constexpr const char* kBytes = "application/octet-stream";

void put(const Site& site, const std::string& name, const std::string& bytes, std::time_t at = kBase) {
  site.file(name, bytes);
  site.set_mtime(name, at);
}

std::string many_ranges(std::uint64_t from, std::uint64_t step, std::uint64_t length, std::vector<Span>& parts) {
  std::string set = "Range: bytes=";
  for (std::uint64_t i = 0; i < 64; ++i) {
    const Span span{from + i * step, from + i * step + length - 1};
    set += (i ? "," : "") + std::to_string(span.first) + "-" + std::to_string(span.last);
    parts.push_back(span);
  }
  return set + "\r\n";
}

// <root>/current is a link to a release, as a deploy leaves it.
void switch_to(const Site& site, const std::string& release) {
  const std::string next = site.path("next");
  std::filesystem::create_symlink("releases/" + release, next);
  std::filesystem::rename(next, site.path("current"));
}

}  // namespace

TEST_CASE("variants and releases") {
  Cases row("releases");
  Site site;
  for (const char* release : {"1", "2"}) {
    const std::string at = std::string("releases/") + release + "/";
    const std::string of = std::string(" of release ") + release + "\n";
    put(site, at + "probe.txt", "probe\n");
    put(site, at + "which.txt", release);
    put(site, at + "a.css", "plain" + of);
    put(site, at + "page.html", "<p>" + std::string(3000, release[0]));
    put(site, at + "listed/only-in-" + release, "x");
    put(site, at + "errors/404.html", "<p>404" + of + std::string(400, release[0]));
  }
  put(site, "releases/1/a.css.gz", "gzip of release 1", kBase + 10);
  put(site, "releases/2/b.css", "plain b of release 2");
  put(site, "releases/1/b.css.gz", "gzip b of release 1", kBase + 10);
  put(site, "releases/1/c.css", "plain c of release 1");
  put(site, "releases/2/c.css.gz", "gzip c of release 2", kBase + 10);
  switch_to(site, "1");
  const Server server(
      site, {.server = "workers = 1",
             .site = "listing = true\nextensions = [\"html\"]\nerror_pages = { 404 = \"/errors/404.html\" }\n",
             .root = site.path("current")});
  CHECK(get(server, "/a.css", kGzip).body == "gzip of release 1");
  CHECK(get(server, "/c.css", kGzip).body == "plain c of release 1");
  CHECK(get(server, "/listed/", kJson).body.find("only-in-1") != std::string::npos);
  const auto is_coded = [](const Response& r) { return r.has("Content-Encoding"); };
  CHECK(is_coded(get_until(server, "/page", kGzip, is_coded)));
  switch_to(site, "2");
  const auto second = [](const Response& r) { return r.body == "2"; };
  REQUIRE(second(get_until(server, "/which.txt", "", second)));
  row("contract: releases", "a sibling of the old tree is not sent for a file of the new one", [&] {
    const Response response = get(server, "/a.css", kGzip);
    CHECK(response.body == "plain of release 2\n");
    CHECK(!response.has("Content-Encoding"));
  });
  row("contract: releases", "nor for a file that only the new one has",
      [&] { CHECK(get(server, "/b.css", kGzip).body == "plain b of release 2"); });
  row("contract: releases", "a sibling of the new tree does not bring back the file that is gone",
      [&] { CHECK(get(server, "/c.css", kGzip).status == 404); });
  row("contract: releases", "a copy of the old bytes is not sent for the new ones", [&] {
    for (int i = 0; i < 20; ++i) {
      const Response response = get(server, "/page", kGzip);
      CHECK(same(decoded(response.field("Content-Encoding"), response.body).value_or(""),
                 "<p>" + std::string(3000, '2')));
    }
  });
  row("contract: releases", "a listing is of the new tree", [&] {
    const Response response = get(server, "/listed/", kJson);
    CHECK(response.body.find("only-in-2") != std::string::npos);
    CHECK(response.body.find("only-in-1") == std::string::npos);
  });
  row("contract: releases", "an error page is the new tree's, plain and coded, within seconds", [&] {
    const auto new_page = [](const Response& r) {
      return decoded(r.field("Content-Encoding"), r.body).value_or("").find("404 of release 2") != std::string::npos;
    };
    CHECK(new_page(get_until(server, "/missing", "", new_page, Milliseconds{8000})));
    CHECK(new_page(get_until(server, "/missing", kGzip, new_page, Milliseconds{8000})));
  });
  row("contract [[site]] keep_previous", "a file kept from the old tree, with siblings or without, is the old one",
      [&] {
        switch_to(site, "1");
        const Server keeps(site,
                           {.server = "workers = 1", .site = "keep_previous = \"1h\"\n", .root = site.path("current")});
        CHECK(get(keeps, "/c.css", kGzip).body == "plain c of release 1");
        CHECK(get(keeps, "/a.css", kGzip).body == "gzip of release 1");
        switch_to(site, "2");
        CHECK(second(get_until(keeps, "/which.txt", "", second)));
        const Response kept = get(keeps, "/c.css", kGzip);
        CHECK(kept.status == 200);
        CHECK(kept.body == "plain c of release 1");
        CHECK(get(keeps, "/a.css", kGzip).body == "plain of release 2\n");
      });
}

TEST_CASE("variants and sites, times and names") {
  Cases row("sites, times, names");
  Site site;
  for (const char* host : {"one", "two"}) {
    const std::string at = std::string(host) + "/";
    put(site, at + "probe.txt", "probe\n");
    put(site, at + "a.css", std::string("plain ") + host);
    put(site, at + "a.css.gz", std::string("gzip ") + host, kBase + 1);
    put(site, at + "page.html", "<p>" + std::string(2000, host[0]));
  }
  put(site, "one/ns.css", "plain ns");
  put(site, "one/ns.css.gz", "gzip ns");
  put(site, "one/dir.css/in.txt", "in");
  put(site, "one/dir.css.gz", "gzip beside a directory", kBase + 1);
  put(site, "one/future.css", "plain future");
  put(site, "one/future.css.gz", "gzip future", std::time(nullptr) + 86400);
  site.file("one/many/first", "");
  for (int i = 0; i < 10050; ++i) {  // one file under many names: that many files would take seconds to make
    std::filesystem::create_hard_link(site.path("one/many/first"), site.path("one/many/" + std::to_string(i)));
  }
  const Server server(site, {.server = "workers = 1",
                             .site = "hosts = [\"test.example\"]\nlisting = true\n",
                             .root = site.path("one"),
                             .more = "[[site]]\nhosts = [\"two.example\"]\nroot = \"" + site.path("two") + "\"\n"});
  const auto ask_two = [&](const std::string& target, const std::string& fields) {
    Client client = server.connect();
    return client.ask("GET " + target + " HTTP/1.1\r\nHost: two.example\r\n" + fields + "\r\n");
  };
  row("contract [[site]] hosts", "each site has its own siblings", [&] {
    for (int i = 0; i < 2; ++i) {
      CHECK(get(server, "/a.css", kGzip).body == "gzip one");
      CHECK(ask_two("/a.css", kGzip).body == "gzip two");
      CHECK(ask_two("/a.css", "").body == "plain two");
    }
  });
  row("contract [[site]] hosts", "each site has its own copies", [&] {
    for (int i = 0; i < 100; ++i) {
      const Response one = get(server, "/page.html", kGzip);
      const Response two = ask_two("/page.html", kGzip);
      CHECK(decoded(one.field("Content-Encoding"), one.body).value_or("") == "<p>" + std::string(2000, 'o'));
      CHECK(decoded(two.field("Content-Encoding"), two.body).value_or("") == "<p>" + std::string(2000, 't'));
    }
  });
  row("contract [[site]] precompressed", "older by a nanosecond is older", [&] {
    const auto set = [&](const char* name, long nanoseconds) {
      const timespec times[2] = {{kBase, nanoseconds}, {kBase, nanoseconds}};
      REQUIRE(::utimensat(AT_FDCWD, site.path(name).c_str(), times, 0) == 0);
    };
    set("one/ns.css", 500);
    set("one/ns.css.gz", 499);
    CHECK(get(server, "/ns.css", kGzip).body == "plain ns");
    set("one/ns.css.gz", 500);
    const auto coded = [](const Response& r) { return r.body == "gzip ns"; };
    CHECK(coded(get_until(server, "/ns.css", kGzip, coded, Milliseconds{4000})));
  });
  row("RFC 9110 §15.4.2", "a directory is redirected, whatever lies beside it", [&] {
    const Response response = check_head_agrees(server, "/dir.css", kGzip);
    CHECK(response.status == 301);
    CHECK(!response.has("Content-Encoding"));
  });
  row("RFC 9110 §8.8.2.1", "a sibling from the future is not dated", [&] {
    const Response response = check_head_agrees(server, "/future.css", kGzip);
    CHECK(response.body == "gzip future");
    if (response.has("Last-Modified")) CHECK(response.field("Last-Modified") == http_date(kBase));
  });
  for (const char* target : {"/a.css//gzip", "/a.css//br", "/a.css%2f%2fgzip", "/a.css/gzip", "/many///hna", "/many//",
                             "/many%2f%2fhna", "//many", "/a.css///hna", "/%2f%2f", "/probe.txt//"}) {
    row("RFC 3986 §3.3", std::string("no target reaches what is held beside files: ") + target, [&] {
      const Response response = get(server, target, kGzip);
      CHECK(response.body.find("gzip one") == std::string::npos);
      const bool listing = std::string_view(target) == "/many//" || std::string_view(target) == "/%2f%2f";
      const bool sane = response.status == 404 || response.status == 400 || response.status == 301 ||
                        (listing && response.status == 200);
      CHECK(sane);
    });
  }
  row("contract [[site]] listing", "of more names than it shows, a listing says so", [&] {
    const Response page = check_head_agrees(server, "/many/");
    CHECK(page.status == 200);
    CHECK(page.body.find("There are more") != std::string::npos);
    const Response json = check_head_agrees(server, "/many/", kJson);
    CHECK(is_json(json.body));
    CHECK(json.body.find("\"truncated\":true") != std::string::npos);
    CHECK(get(server, "/dir.css/", kJson).body.find("\"truncated\":false") != std::string::npos);
  });
  row("RFC 9110 §14.2", "ranges of a long listing, one and several", [&] {
    const Response whole = get(server, "/many/", kJson);
    const Response part = get(server, "/many/", kJson + "Range: bytes=100-199\r\n");
    if (part.status == 206) CHECK(same(part.body, whole.body.substr(100, 100)));
    const Response parts = get(server, "/many/", kJson + "Range: bytes=0-9,100000-100099\r\n");
    if (parts.status == 206) check_parts(parts, whole.body, "application/json", {{0, 9}, {100000, 100099}});
    CHECK((part.status == 206 || same(part.body, whole.body)));
  });
  row("RFC 9112 §9.3.2", "a long listing to a slow client, six times in a pipeline", [&] {
    Client client = server.connect(16 * 1024);
    std::string bytes;
    for (int i = 0; i < 6; ++i) bytes += get_request("/many/", kJson);
    client.send(bytes + get_request("/probe.txt"));
    const std::string first = client.read_response().body;
    for (int i = 1; i < 6; ++i) CHECK(same(client.read_response().body, first));
    CHECK(client.read_response().body == "probe\n");
  });
  row("contract [cache] size", "a listing that the cache cannot keep is answered all the same", [&] {
    const Server tiny(
        site,
        {.server = "workers = 1", .cache = "size = \"1MiB\"\n", .site = "listing = true\n", .root = site.path("one")});
    for (int i = 0; i < 3; ++i) {
      const Response response = get(tiny, "/many/", kJson);
      CHECK(response.status == 200);
      CHECK(is_json(response.body));
    }
  });
}

TEST_CASE("several ranges from little memory, by reference, to many clients") {
  Cases row("ranges and memory");
  Site site;
  const std::string small = pattern(20000, 21);
  const std::string large = pattern(3 * 1024 * 1024 + 17, 22);
  site.file("probe.txt", "probe\n");
  site.file("small.bin", small);
  site.file("large.bin", large);
  struct Mode {
    const char* name;
    Setup setup;
  };
  std::string long_rule = "[[site.headers]]\nmatch = \"/**\"\nset = { ";
  for (int i = 0; i < 7; ++i) {
    long_rule +=
        (i ? ", " : "") + std::string("\"X-Long-") + std::to_string(i) + "\" = \"" + std::string(1000, 'v') + "\"";
  }
  const std::vector<Mode> modes = {
      {"as it is", {}},
      {"by reference", {.disk = "zero_copy = \"always\"\n"}},
      {"from pieces of 16 KiB", {.disk = "stream_size = \"16KiB\"\n"}},
      {"from little memory for all", {.server = "workers = 1", .disk = "stream_memory = \"1MiB\"\n"}},
      {"under long rules", {.headers = long_rule + " }\n"}},
  };
  for (const Mode& mode : modes) {
    const std::string of = std::string(" (") + mode.name + ")";
    const Server server(site, mode.setup);
    row("RFC 9110 §15.3.7.2", "sixty-four ranges of a held and of a streamed file, pipelined" + of, [&] {
      std::vector<Span> in_small;
      std::vector<Span> in_large;
      const std::string of_small = get_request("/small.bin", many_ranges(3, 300, 17, in_small));
      const std::string of_large = get_request("/large.bin", many_ranges(5, 45000, 20000, in_large));
      Client client = server.connect();
      client.send(of_small + of_large + of_small + of_large + get_request("/probe.txt"));
      for (int i = 0; i < 2; ++i) {
        check_parts(client.read_response(), small, kBytes, in_small);
        check_parts(client.read_response(), large, kBytes, in_large);
      }
      CHECK(client.read_response().body == "probe\n");
    });
    row("contract: many clients", "sixty-four clients with sixty-four ranges each" + of, [&] {
      std::vector<Client> clients;
      std::vector<Span> in_small;
      std::vector<Span> in_large;
      const std::string bytes = get_request("/small.bin", many_ranges(0, 301, 300, in_small)) +
                                get_request("/large.bin", many_ranges(100000, 40000, 5000, in_large));
      for (int i = 0; i < 64; ++i) {
        clients.push_back(server.connect(i % 2 ? 8192 : 0));
        clients.back().send(bytes);
      }
      for (Client& client : clients) {
        check_parts(client.read_response(), small, kBytes, in_small);
        check_parts(client.read_response(), large, kBytes, in_large);
      }
    });
    row("contract: one client's end is its own", "clients leave in the middle of it" + of, [&] {
      std::vector<Span> spans;
      const std::string bytes = get_request("/large.bin", many_ranges(100000, 40000, 30000, spans));
      for (int i = 0; i < 30; ++i) {
        Client client = server.connect(8192);
        client.send(bytes + bytes);
        static_cast<void>(client.read_some(static_cast<std::size_t>(i) * 2000 + 1));
        client.reset();
      }
      spans.clear();
      check_parts(get(server, "/large.bin", many_ranges(100000, 40000, 30000, spans)), large, kBytes, spans);
    });
  }
}

TEST_CASE("what one request was told is not told to the next") {
  Cases row("requests side by side");
  Site site;
  site.file("probe.txt", "probe\n");
  site.file("index.html", "<p>application\n");
  put(site, "a.css", "plain a");
  put(site, "a.css.gz", "gzip a", kBase + 1);
  site.directory("dir");
  const Server server(site, {.site = "fallback = \"/index.html\"\nlisting = true\n"});
  row("RFC 9110 §12.5.5", "Vary: Accept is on the fallback and not on the files behind it", [&] {
    Client client = server.connect();
    for (int i = 0; i < 3; ++i) {
      CHECK(lists(client.get("/users", accept("text/html")), "Vary", "Accept"));
      const Response direct = client.get("/index.html", accept("text/html"));
      CHECK(direct.body == "<p>application\n");
      CHECK(!lists(direct, "Vary", "Accept"));
      CHECK(!lists(client.get("/probe.txt"), "Vary", "Accept"));
    }
  });
  row("RFC 9110 §12.5.3", "codings, ranges and conditions hold for one request of a connection", [&] {
    Client client = server.connect();
    const std::string tag = client.get("/a.css", kGzip).field("ETag");
    for (int i = 0; i < 3; ++i) {
      client.send(get_request("/a.css", kGzip) + get_request("/a.css") +
                  get_request("/a.css", kGzip + "Range: bytes=0-1\r\nIf-Range: " + tag + "\r\n") +
                  get_request("/a.css", "Range: bytes=0-1\r\n") +
                  get_request("/a.css", kGzip + "If-None-Match: " + tag + "\r\n") + request("HEAD", "/a.css", kGzip) +
                  get_request("/dir/", kJson) + get_request("/a.css"));
      CHECK(client.read_response().body == "gzip a");
      CHECK(client.read_response().body == "plain a");
      CHECK(client.read_response().body == "gz");
      CHECK(client.read_response().body == "pl");
      CHECK(client.read_response().status == 304);
      CHECK(client.read_response("HEAD").content_length() == 6);
      CHECK(is_json(client.read_response().body));
      CHECK(client.read_response().body == "plain a");
    }
  });
  row("RFC 9110 §12.5.3", "two clients that like different things take turns", [&] {
    Client one = server.connect();
    Client other = server.connect();
    for (int i = 0; i < 50; ++i) {
      CHECK(one.get("/a.css", kGzip).body == "gzip a");
      CHECK(other.get("/a.css", accept_encoding(i % 2 ? "br" : "identity")).body == "plain a");
    }
  });
}
