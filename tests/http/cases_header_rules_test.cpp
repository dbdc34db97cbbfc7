// [[site.headers]] (contract): fields set and removed by path, in the order of the rules, on every kind of answer; what
// says how long to keep an answer is never on an error; rules that say much; and names of fields nobody can misuse.
#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

std::string rule(const std::string& match, const std::string& set, const std::string& remove = "") {
  return "[[site.headers]]\nmatch = \"" + match + "\"\n" + (remove.empty() ? "" : "remove = [" + remove + "]\n") +
         (set.empty() ? "" : "set = { " + set + " }\n") + "\n";
}

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    site.file("index.html", "<p>top\n");
    site.file("assets/site.css", "css");
    site.file("assets/deep/er/site.css", "css");
    site.file("assets/large.css", large);
    site.file("docs/page.html", "<p>page\n");
    site.file("docs/index.html", "<p>docs\n");
    site.file("errors/404.html", "<p>own 404\n");
    site.directory("assets/dir");
  }
  const std::string large = pattern(1024 * 1024 + 9);
  Site site;
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "rules by path") {
  Cases row("rules by path");
  const Server server(
      site, {.site = "extensions = [\"html\"]\n",
             .headers = rule("/assets/**",
                             "\"X-Assets\" = \"yes\", \"Cache-Control\" = \"public, max-age=31536000, immutable\"") +
                        rule("/*.html", "\"X-Top\" = \"yes\"") + rule("/**/*.css", "\"X-Css\" = \"yes\"") +
                        rule("/docs/page*", "\"X-Page\" = \"yes\"") + rule("/", "\"X-Root\" = \"yes\"") +
                        rule("/docs/", "\"X-Docs\" = \"yes\"") + rule("/assets/?eep/**", "\"X-Deep\" = \"yes\"") +
                        rule("/[a-b]*/dir", "\"X-Dir\" = \"yes\"") + rule("/a b/**", "\"X-Space\" = \"yes\"")});
  struct Row {
    const char* target;
    const char* field;
    bool expected;
  };
  constexpr Row kRows[] = {
      {"/assets/site.css", "X-Assets", true},
      {"/assets/deep/er/site.css", "X-Assets", true},
      {"/assets/large.css", "X-Assets", true},
      {"/probe.txt", "X-Assets", false},
      {"/index.html", "X-Top", true},
      {"/docs/page.html", "X-Top", false},
      {"/", "X-Root", true},
      {"/docs/", "X-Docs", true},
      {"/docs/page.html", "X-Docs", false},
      {"/docs/", "X-Top", false},
      // A file goes by several names, and a rule for one of them is for the file: caches keep it under each.
      {"/", "X-Top", true},
      {"/index.html", "X-Root", true},
      {"/docs/index.html", "X-Docs", true},
      {"/assets/site.css", "X-Css", true},
      {"/assets/deep/er/site.css", "X-Css", true},
      {"/docs/page", "X-Page", true},
      {"/docs/page.html", "X-Page", true},
      {"/assets/deep/er/site.css", "X-Deep", true},
      {"/assets/site.css", "X-Deep", false},
      {"/assets/dir", "X-Dir", true},
      {"/%61ssets/site.css", "X-Assets", true},
      {"/x/../assets/site.css", "X-Assets", true},
      {"//assets//site.css", "X-Assets", true},
      {"/assets/site.css?x=/docs/", "X-Assets", true},
      {"/probe.txt?/assets/x", "X-Assets", false},
      {"/assets/missing.css", "X-Assets", true},
      {"/assets/missing.css", "X-Css", true},
      {"/a%20b/missing", "X-Space", true},
  };
  for (const Row& one : kRows) {
    row("contract [[site.headers]] match",
        std::string(one.field) + (one.expected ? " is on " : " is not on ") + one.target, [&] {
          const Response response = check_head_agrees(server, one.target);
          CHECK(response.has(one.field) == one.expected);
          if (one.expected) CHECK(response.field(one.field) == "yes");
        });
  }
  const std::vector<std::pair<const char*, std::string>> kinds = {
      {"200", get_request("/assets/site.css")},
      {"200 of a stream", get_request("/assets/large.css")},
      {"206", get_request("/assets/site.css", "Range: bytes=0-1\r\n")},
      {"206 of a stream", get_request("/assets/large.css", "Range: bytes=5-1000\r\n")},
      {"206 of several", get_request("/assets/large.css", "Range: bytes=0-1,5-6\r\n")},
      {"304", get_request("/assets/site.css", "If-None-Match: *\r\n")},
      {"304 of a stream", get_request("/assets/large.css", "If-None-Match: *\r\n")},
      {"301", get_request("/assets/dir")},
  };
  for (const auto& [name, bytes] : kinds) {
    row("contract [[site.headers]]", std::string("fields and Cache-Control of a rule are on ") + name,
        [&, sent = bytes] {
          const Response response = answer_to(server, sent);
          CHECK(response.field("X-Assets") == "yes");
          CHECK(response.field("Cache-Control") == "public, max-age=31536000, immutable");
        });
  }
  const std::vector<std::pair<const char*, std::string>> errors = {
      {"403", get_request("/assets/dir/")},
      {"404", get_request("/assets/none")},
      {"412", get_request("/assets/site.css", "If-Match: \"x\"\r\n")},
      {"416", get_request("/assets/site.css", "Range: bytes=1000-\r\n")},
  };
  for (const auto& [name, bytes] : errors) {
    row("RFC 9111 §4.2.2", std::string("a rule's fields are on errors, its Cache-Control is not: ") + name,
        [&, sent = bytes] {
          const Response response = answer_to(server, sent);
          CHECK(response.status >= 400);
          CHECK(response.field("X-Assets") == "yes");
          CHECK(!response.has("Cache-Control"));
        });
  }
}

TEST_CASE_FIXTURE(Tree, "rules and their order") {
  Cases row("rules in order");
  row("contract [[site.headers]]", "a later rule replaces the value of an earlier one", [&] {
    const Server server(site, {.headers = rule("/**", "\"X-A\" = \"1\", \"X-B\" = \"1\"") +
                                          rule("/probe.txt", "\"x-a\" = \"2\"") + rule("/none", "\"X-B\" = \"3\"")});
    CHECK(get(server, "/probe.txt").field("X-A") == "2");
    CHECK(get(server, "/probe.txt").field("X-B") == "1");
    CHECK(get(server, "/index.html").field("X-A") == "1");
  });
  row("contract [[site.headers]]", "a later rule removes what an earlier one set, a still later one sets again", [&] {
    const Server server(site, {.headers = rule("/**", "\"X-A\" = \"1\"") + rule("/docs/**", "", "\"X-A\"") +
                                          rule("/docs/page.html", "\"X-A\" = \"3\"")});
    CHECK(get(server, "/probe.txt").field("X-A") == "1");
    CHECK(!get(server, "/docs/").has("X-A"));
    CHECK(get(server, "/docs/page.html").field("X-A") == "3");
  });
  row("contract [[site.headers]]", "within a rule: remove, then set", [&] {
    const Server server(site, {.headers = rule("/**", "\"X-A\" = \"1\"") + rule("/**", "\"X-A\" = \"2\"", "\"X-A\"")});
    CHECK(get(server, "/probe.txt").field("X-A") == "2");
  });
  row("contract [[site]] cache_control", "a rule replaces and removes the default by type", [&] {
    const Server server(site, {.headers = rule("/docs/**", "\"Cache-Control\" = \"max-age=5\"") +
                                          rule("/errors/404.html", "", "\"cache-control\"")});
    CHECK(get(server, "/docs/page.html").field("Cache-Control") == "max-age=5");
    CHECK(!get(server, "/errors/404.html").has("Cache-Control"));
    CHECK(get(server, "/index.html").field("Cache-Control") == "no-cache");
  });
  row("contract: nosniff is on by default", "a rule removes nosniff, and says something else", [&] {
    const Server server(site, {.headers = rule("/docs/**", "", "\"X-Content-Type-Options\"")});
    CHECK(!get(server, "/docs/page.html").has("X-Content-Type-Options"));
    CHECK(!get(server, "/docs/none").has("X-Content-Type-Options"));
    CHECK(get(server, "/probe.txt").field("X-Content-Type-Options") == "nosniff");
  });
  for (const char* target : {"/probe.txt", "/assets/large.css"}) {
    row("contract [[site.headers]] remove", std::string("our own fields can be removed: ") + target, [&] {
      const Server server(site,
                          {.headers = rule("/**", "", "\"Server\", \"ETag\", \"Last-Modified\", \"Accept-Ranges\"")});
      for (const char* fields : {"", "Range: bytes=0-1\r\n"}) {
        const Response response = get(server, target, fields);
        for (const char* name : {"Server", "ETag", "Last-Modified", "Accept-Ranges"}) {
          INFO(name);
          CHECK(!response.has(name));
        }
        CHECK(response.has("Date"));
        CHECK(response.has("Content-Length"));
        CHECK(response.has("Content-Type"));
      }
      check_head_agrees(server, target);
      CHECK(!get(server, "/missing").has("Server"));
      CHECK(!get(server, "/assets/dir").has("Server"));
    });
  }
  row("contract [[site.headers]] set", "Server may be set, and is there once", [&] {
    const Server server(site, {.headers = rule("/**", "\"Server\" = \"another\"")});
    CHECK(get(server, "/probe.txt").field("Server") == "another");
    CHECK(get(server, "/missing").field("Server") == "another");
    CHECK(get(server, "/assets/large.css").field("Server") == "another");
  });
  row("RFC 9111 §4.2.2", "no field that says how long to keep is on an error, in any spelling", [&] {
    const Server server(site, {.headers = rule("/**",
                                               "\"cache-control\" = \"max-age=1\", \"Expires\" = \"Sat, 01 Jan "
                                               "2050 00:00:00 GMT\", \"CDN-Cache-Control\" = \"max-age=9\", "
                                               "\"Surrogate-Control\" = \"max-age=9\", \"X-Other\" = \"yes\"")});
    const Response found = get(server, "/probe.txt");
    const Response missing = get(server, "/missing");
    for (const char* name : {"Cache-Control", "Expires", "CDN-Cache-Control", "Surrogate-Control"}) {
      INFO(name);
      CHECK(found.has(name));
      CHECK(!missing.has(name));
    }
    CHECK(missing.field("X-Other") == "yes");
  });
  row("RFC 9110 §12.5.5", "a rule's Vary does not take ours away", [&] {
    site.file("negotiated.css", "css");
    const Server server(site, {.headers = rule("/**", "\"Access-Control-Allow-Origin\" = \"*\"")});
    CHECK(lists(get(server, "/negotiated.css"), "Vary", "Accept-Encoding"));
    CHECK(get(server, "/negotiated.css").field("Access-Control-Allow-Origin") == "*");
  });
  row("contract [[site.headers]]", "an own error page has the fields of the path asked for", [&] {
    const Server server(
        site, {.site = "error_pages = { 404 = \"/errors/404.html\" }\n",
               .headers = rule("/docs/**", "\"X-Docs\" = \"yes\"") + rule("/errors/**", "\"X-Errors\" = \"yes\"")});
    const Response response = check_head_agrees(server, "/docs/none");
    CHECK(response.body == "<p>own 404\n");
    CHECK(response.field("X-Docs") == "yes");
    CHECK(!response.has("X-Errors"));
  });
  row("contract [[site.headers]]", "rules of one site are not on answers of another", [&] {
    const Server server(site, {.site = "hosts = [\"test.example\"]\n",
                               .headers = rule("/**", "\"X-One\" = \"yes\""),
                               .more = "[[site]]\nhosts = [\"other.example\"]\nroot = \"" + site.root() + "\"\n" +
                                       rule("/**", "\"X-Two\" = \"yes\"")});
    CHECK(get(server, "/probe.txt").has("X-One"));
    const Response other = answer_to(server, "GET /probe.txt HTTP/1.1\r\nHost: other.example\r\n\r\n");
    CHECK(other.has("X-Two"));
    CHECK(!other.has("X-One"));
  });
  row("contract [[site.headers]]", "fields of a negotiated file are on each of its representations", [&] {
    site.file("coded.css", "css");
    site.set_mtime("coded.css", 1600000000);
    site.file("coded.css.gz", "gzip");
    const Server server(site, {.site = "compress = []\n",
                               .headers = rule("/*.css", "\"X-Css\" = \"yes\"") + rule("/*.gz", "\"X-Gz\" = \"yes\"")});
    const Response coded = get(server, "/coded.css", accept_encoding("gzip"));
    CHECK(coded.body == "gzip");
    CHECK(coded.field("X-Css") == "yes");
    CHECK(!coded.has("X-Gz"));
    CHECK(get(server, "/coded.css.gz").has("X-Gz"));
  });
}

TEST_CASE("rules that say much") {
  Cases row("long rules");
  Site site;
  const std::string large = pattern(1024 * 1024 + 11);
  site.file("probe.txt", "probe\n");
  site.file("large.bin", large);
  site.directory("dir");
  std::string set;
  for (int i = 0; i < 7; ++i) {
    set += (i ? ", " : "") + std::string("\"X-Long-") + std::to_string(i) + "\" = \"" +
           std::string(1000, static_cast<char>('a' + i)) + "\"";
  }
  const Server server(site, {.headers = rule("/**", set)});
  const auto check_long = [](const Response& response) {
    for (int i = 0; i < 7; ++i) {
      const bool right = response.field("X-Long-" + std::to_string(i)) == std::string(1000, static_cast<char>('a' + i));
      CHECK(right);
    }
  };
  const std::vector<std::pair<const char*, std::string>> kinds = {
      {"a held file", get_request("/probe.txt")},
      {"a streamed file", get_request("/large.bin")},
      {"a part", get_request("/probe.txt", "Range: bytes=0-1\r\n")},
      {"several parts", get_request("/large.bin", "Range: bytes=0-1,5-6\r\n")},
      {"304", get_request("/probe.txt", "If-None-Match: *\r\n")},
      {"301", get_request("/dir")},
      {"404", get_request("/missing")},
      {"403", get_request("/dir/")},
      {"416", get_request("/probe.txt", "Range: bytes=10-\r\n")},
  };
  for (const auto& [name, bytes] : kinds) {
    row("contract [[site.headers]]", std::string("7 KiB of fields on ") + name,
        [&, sent = bytes] { check_long(answer_to(server, sent)); });
  }
  row("RFC 9112 §9.3.2", "7 KiB of fields on sixty pipelined answers of every kind", [&] {
    Client client = server.connect();
    std::string all;
    for (int i = 0; i < 60; ++i) all += kinds[static_cast<std::size_t>(i) % kinds.size()].second;
    client.send(all);
    for (int i = 0; i < 60; ++i) check_long(client.read_response());
    CHECK(client.get("/probe.txt").body == "probe\n");
  });
  row("RFC 9112 §9.3.2", "7 KiB of fields to a client that reads late", [&] {
    Client client = server.connect(4096);
    std::string all;
    for (int i = 0; i < 100; ++i) all += get_request(i % 2 ? "/probe.txt" : "/missing");
    client.send_without_reading(all, Milliseconds{100});
    for (int i = 0; i < 100; ++i) check_long(client.read_response());
  });
  row("contract: many clients", "7 KiB of fields to sixty-four clients at once", [&] {
    std::vector<Client> clients;
    for (std::size_t i = 0; i < 64; ++i) {
      clients.push_back(server.connect());
      clients.back().send(kinds[i % kinds.size()].second + get_request("/large.bin") + get_request("/missing"));
    }
    for (Client& client : clients) {
      check_long(client.read_response());
      const Response streamed = client.read_response();
      check_long(streamed);
      CHECK(same(streamed.body, large));
      check_long(client.read_response());
    }
  });
  row("RFC 9110 §9.3.2", "7 KiB of fields to HEAD and OPTIONS", [&] {
    check_long(check_head_agrees(server, "/probe.txt"));
    check_long(check_head_agrees(server, "/large.bin"));
    const Response options = answer_to(server, request("OPTIONS", "/probe.txt"));
    CHECK(options.has("Allow"));
  });
}

TEST_CASE("rules that a configuration may not have") {
  Cases row("refused rules");
  Site site;
  site.file("probe.txt", "probe\n");
  const std::vector<std::pair<const char*, std::string>> refused = {
      {"a line end in a value", rule("/**", "\"X-A\" = \"1\\r\\nX-Evil: 2\"")},
      {"a bare line feed in a value", rule("/**", "\"X-A\" = \"1\\n2\"")},
      {"a NUL in a value", rule("/**", "\"X-A\" = \"1\\u00002\"")},
      {"a line end in a name", rule("/**", "\"X-A\\r\\nX-Evil\" = \"1\"")},
      {"a space in a name", rule("/**", "\"X A\" = \"1\"")},
      {"a colon in a name", rule("/**", "\"X-A:\" = \"1\"")},
      {"an empty name", rule("/**", "\"\" = \"1\"")},
      {"Content-Length", rule("/**", "\"Content-Length\" = \"1\"")},
      {"Transfer-Encoding", rule("/**", "\"transfer-encoding\" = \"chunked\"")},
      {"Connection", rule("/**", "\"Connection\" = \"close\"")},
      {"Content-Encoding", rule("/**", "\"Content-Encoding\" = \"gzip\"")},
      {"Content-Range", rule("/**", "\"Content-Range\" = \"bytes 0-1/2\"")},
      {"Date", rule("/**", "\"Date\" = \"now\"")},
      {"more than a head holds", rule("/**", "\"X-A\" = \"" + std::string(9000, 'a') + "\"")},
      {"a line end in cache_control", "cache_control = \"a\\r\\nX-Evil: 1\"\n"},
  };
  for (const auto& [name, text] : refused) {
    row("RFC 9110 §5.5", std::string("refused at start, with its place: ") + name, [&, lines = text] {
      const bool plain = lines.starts_with("cache_control");
      const Setup setup{.site = plain ? lines : "", .headers = plain ? "" : lines};
      site.outside_file("refused.toml", configuration(site, setup, free_port()));
      const Finished end = run_to_end({"--check", "--config", site.outside("refused.toml")});
      CHECK(end.exit_code == 2);
      CHECK((end.err + end.out).find("refused.toml:") != std::string::npos);
    });
  }
}
