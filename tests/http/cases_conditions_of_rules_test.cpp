// [[site.rewrites]] when (contract): host, query, header and scheme; Vary wherever a field was asked (RFC 9110
// §12.5.5); and what of HTTP rewritten files share with all others: conditions, ranges, codings, header rules, the
// cache.
#include <doctest/doctest.h>

#include <thread>

#include "cases_support.hpp"
#include "hot_client.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", kProbe);
    for (const char* name : {"lang/x.txt", "de/x.txt", "fr/x.txt", "on/x.txt"}) {
      site.file(name, std::string(name).substr(0, 2) + "\n");
    }
    site.file("lang/only.txt", "only\n");
    site.directory("lang/dir");
    site.file("files/large.bin", large);
    site.file("files/page.css", css);
    site.file("files/small.txt", "0123456789");
  }
  const std::string large = pattern(300000);
  const std::string css = std::string(20000, 'c') + "\n";
  Site site;
};

std::string when(const std::string& conditions) { return "when = { " + conditions + " }\n"; }

std::string asked(std::string_view host, std::string_view target, std::string_view fields = "") {
  return host_request(host, target, fields);
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "when: each condition alone, and all together") {
  const std::string to = "/on/x.txt";
  const Server server(
      site,
      {.headers = rewrite("^/host/", to, 0, when("host = '^(www\\.)?a\\.example$'")) +
                  rewrite("^/query/", to, 0, when("query = '(^|&)lang=de(&|$)'")) +
                  rewrite("^/no-query/", to, 0, when("query = '^$'")) +
                  rewrite("^/header/", to, 0, when("header = { Accept-Language = '^de' }")) +
                  rewrite("^/without/", to, 0, when("header = { X-Feature = '^$' }")) +
                  rewrite("^/two/", to, 0, when("header = { X-A = '1', X-B = '2' }")) +
                  rewrite("^/http/", to, 0, when("scheme = '^http$'")) +
                  rewrite("^/https/", to, 0, when("scheme = '^https$'")) +
                  rewrite("^/all/", to, 0,
                          when("host = '^a\\.example$', query = 'q', scheme = '^http$', header = { X-A = '1' }")) +
                  rewrite("^/falls/", "/de/x.txt", 0, when("query = 'de'")) + rewrite("^/falls/", "/fr/x.txt") +
                  rewrite("^/plain/", "https://${host}${path}", 308, when("scheme = '^http$', host = '^sec'")) +
                  rewrite("^/bots/", "", 403, when("header = { User-Agent = '(?i)badbot' }"))});
  const auto row = [](std::string name, std::string bytes, bool holds) {
    return Case{.section = "contract [[site.rewrites]] when",
                .name = std::move(name),
                .bytes = std::move(bytes),
                .answers = holds ? ok("on\n") : answer(404)};
  };
  run_table(server, "conditions",
            {
                row("host", asked("a.example", "/host/"), true),
                row("host, another", asked("b.example", "/host/"), false),
                row("host in any case", asked("WWW.A.Example", "/host/"), true),
                row("host without its port", asked("a.example:8080", "/host/"), true),
                row("host without its trailing dot", asked("a.example.", "/host/"), true),
                row("host of an absolute form", "GET http://a.example/host/ HTTP/1.1\r\nHost: b.example\r\n\r\n", true),
                row("no host in HTTP/1.0", "GET /host/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
                row("query", asked("x", "/query/?a=1&lang=de"), true),
                row("query, another", asked("x", "/query/?lang=den"), false),
                row("query, none", asked("x", "/query/"), false),
                row("query is not decoded", asked("x", "/query/?lang=%64e"), false),
                row("no query is an empty one", asked("x", "/no-query/"), true),
                row("a query where none may be", asked("x", "/no-query/?x"), false),
                row("header", asked("x", "/header/", "Accept-Language: de, en;q=0.5\r\n"), true),
                row("header in another case", asked("x", "/header/", "ACCEPT-language: de\r\n"), true),
                row("header with white space around", asked("x", "/header/", "Accept-Language: \t de \r\n"), true),
                row("header that comes twice: any of its lines",
                    asked("x", "/header/", "Accept-Language: fr\r\nAccept-Language: de\r\n"), true),
                row("header, another value", asked("x", "/header/", "Accept-Language: fr, de\r\n"), false),
                row("header, none", asked("x", "/header/"), false),
                row("an absent field is an empty one", asked("x", "/without/"), true),
                row("a field where none may be", asked("x", "/without/", "X-Feature: yes\r\n"), false),
                row("both of two fields", asked("x", "/two/", "X-A: 1\r\nX-B: 2\r\n"), true),
                row("one of two fields", asked("x", "/two/", "X-A: 1\r\n"), false),
                row("the other of two fields", asked("x", "/two/", "X-B: 2\r\n"), false),
                row("scheme of a plain connection", asked("x", "/http/"), true),
                row("scheme, another", asked("x", "/https/"), false),
                row("scheme of an absolute form", "GET https://x/https/ HTTP/1.1\r\nHost: x\r\n\r\n", true),
                row("all of them", asked("a.example", "/all/?q", "X-A: 1\r\n"), true),
                row("all but the host", asked("b.example", "/all/?q", "X-A: 1\r\n"), false),
                row("all but the query", asked("a.example", "/all/?r", "X-A: 1\r\n"), false),
                row("all but the field", asked("a.example", "/all/?q", "X-A: 2\r\n"), false),
                {"contract [[site.rewrites]]", "a rule whose condition fails leaves the path to the next: holds",
                 asked("x", "/falls/?de"), ok("de\n")},
                {"contract [[site.rewrites]]", "a rule whose condition fails leaves the path to the next: fails",
                 asked("x", "/falls/"), ok("fr\n")},
                {"contract [[site.rewrites]]", "to https, for one host", asked("sec.example:80", "/plain/a%20b?c"),
                 leads(308, "https://sec.example/plain/a%20b?c")},
                {"contract [[site.rewrites]]", "not for another", asked("x.example", "/plain/a"), answer(404)},
                {"contract [[site.rewrites]]", "a refused client", asked("x", "/bots/", "User-Agent: a BadBot/1.0\r\n"),
                 answer(403).lists("Vary", "User-Agent")},
                {"contract [[site.rewrites]]", "another client", asked("x", "/bots/", "User-Agent: good\r\n"),
                 answer(404).lists("Vary", "User-Agent")},
            },
            {.cut = true, .head_too = true});
}

TEST_CASE_FIXTURE(Tree, "Vary names the fields that rules asked, whatever came of it") {
  const Server server(
      site, {.site = "compress = []\nprecompressed = []\n",
             .headers = rewrite("^/lang/(.*)$", "/de/$1", 0, when("header = { Accept-Language = '^de' }")) +
                        rewrite("^/lang/(.*)$", "/fr/$1", 0, when("header = { X-Region = '^fr' }")) +
                        rewrite("^/move/(.*)$", "/lang/$1", 301, when("header = { Accept-Language = '^en' }")) +
                        rewrite("^/gone/", "", 410, when("header = { X-Old = '.' }")) +
                        rewrite("^/byhost/", "/on/x.txt", 0, when("host = 'none', header = { X-Never = '1' }"))});
  const std::string german = "Accept-Language: de\r\n";
  const auto varies = [](Answer one) { return one.lists("Vary", "Accept-Language"); };
  run_table(
      server, "Vary",
      {
          asks("200 where it holds", "/lang/x.txt", varies(ok("de\n")), german),
          asks("200 where it does not", "/lang/x.txt", varies(ok("la\n")), "Accept-Language: en\r\n"),
          asks("200 without the field", "/lang/x.txt", varies(ok("la\n")).lists("Vary", "X-Region")),
          asks("200 of a later rule names both", "/lang/x.txt", varies(ok("fr\n")).lists("Vary", "X-Region"),
               "X-Region: fr\r\n"),
          asks("304 where it holds", "/lang/x.txt", varies(answer(304)), german + "If-None-Match: *\r\n"),
          asks("304 where it does not", "/lang/x.txt", varies(answer(304)), "If-None-Match: *\r\n"),
          asks("412", "/lang/x.txt", varies(answer(412)), german + "If-Match: \"x\"\r\n"),
          asks("404 where it holds", "/lang/only.txt", varies(answer(404)), german),
          asks("404 where it does not", "/lang/none.txt", varies(answer(404))),
          asks("403 of a directory", "/lang/dir/", varies(answer(403))),
          asks("301 of a directory", "/lang/dir", varies(answer(301))),
          asks("301 of the rule", "/move/x.txt", varies(leads(301, "/lang/x.txt")), "Accept-Language: en\r\n"),
          asks("404 of the rule that did not hold", "/move/x.txt", varies(answer(404))),
          asks("410 of a rule", "/gone/", answer(410).lists("Vary", "X-Old"), "X-Old: 1\r\n"),
          asks("404 where no 410 was said", "/gone/", answer(404).lists("Vary", "X-Old")),
          asks("not on paths that no such rule matches", "/probe.txt", ok(kProbe).lacks("Vary"), german),
          asks("not on a 404 that no such rule matches", "/none.txt", answer(404).lacks("Vary"), german),
          asks("not on what the rule leads to, asked for directly", "/de/x.txt", ok("de\n").lacks("Vary"), german),
      },
      {.head_too = true});
  run_table(server, "Vary and ranges",
            {
                asks("206", "/lang/x.txt", varies(part("de\n", 0, 1)), german + "Range: bytes=0-0\r\n"),
                asks("416", "/lang/x.txt", varies(answer(416)), german + "Range: bytes=9-\r\n"),
                asks("206 where it does not hold", "/lang/x.txt", varies(part("la\n", 0, 1)), "Range: bytes=0-0\r\n"),
            });
  Cases row("Vary of cold files");
  row("RFC 9110 §12.5.5", "a cold file's first answer has it, on both sides of the condition, and pipelined", [&] {
    for (int i = 0; i < 12; ++i) {
      const std::string name = "cold-" + std::to_string(i) + ".txt";
      site.file("lang/" + name, "lang " + name);
      site.file("de/" + name, "de " + name);
      site.file(name, "top " + name);
      Client client = server.connect();
      client.send(get_request("/lang/" + name, german) + get_request("/" + name) + get_request("/lang/" + name));
      const Response first = client.read_response();
      CHECK(first.body == "de " + name);
      CHECK(lists(first, "Vary", "Accept-Language"));
      const Response second = client.read_response();
      CHECK(second.body == "top " + name);
      CHECK(!second.has("Vary"));
      const Response third = client.read_response();
      CHECK(third.body == "lang " + name);
      CHECK(lists(third, "Vary", "Accept-Language"));
    }
  });
  row("RFC 9110 §12.5.5", "with a negotiated coding there is one Vary with both", [&] {
    const Server coding(site, {.headers = rewrite("^/c/(.*)$", "/files/$1", 0, when("header = { X-C = '^$' }"))});
    const Response response = get(coding, "/c/page.css", accept_encoding("gzip"));
    CHECK(response.status == 200);
    CHECK(lists(response, "Vary", "Accept-Encoding"));
    CHECK(lists(response, "Vary", "X-C"));
    int count = 0;
    for (const auto& [name, value] : response.fields) count += lower(name) == "vary";
    CHECK(count == 1);
  });
}

TEST_CASE_FIXTURE(Tree, "rewritten files have ranges, conditions, codings and the fields of their own path") {
  const auto headers = [](const std::string& match, const std::string& name) {
    return "[[site.headers]]\nmatch = \"" + match + "\"\nset = { \"" + name + "\" = \"yes\" }\n\n";
  };
  const Server server(
      site, {.server = "workers = 1",
             .cache = "stale_after = \"60s\"",
             .site = "cache_status = true\n",
             .headers = rewrite("^/l/(.*)$", "/files/$1") + rewrite("^/m/(.*)$", "/files/$1") +
                        rewrite("^/gone/", "/files/none.txt") + rewrite("^/moved/(.*)$", "/files/$1", 301) +
                        rewrite("^/no/(.*)$", "", 403) + headers("/files/**", "X-Files") + headers("/l/**", "X-L") +
                        headers("/moved/**", "X-Moved") + headers("/no/**", "X-No")});
  Cases row("rewritten files");
  row("RFC 9110 §14.2", "a range, a suffix, several ranges, and one too far", [&] {
    const Response one = get(server, "/l/large.bin", "Range: bytes=1000-1999\r\n");
    CHECK(one.status == 206);
    CHECK(same(one.body, large.substr(1000, 1000)));
    CHECK(same(get(server, "/l/large.bin", "Range: bytes=-7\r\n").body, large.substr(large.size() - 7)));
    CHECK(get(server, "/l/large.bin", "Range: bytes=0-1,5-6\r\n").field("Content-Type").starts_with("multipart/"));
    CHECK(get(server, "/l/small.txt", "Range: bytes=10-\r\n").status == 416);
    CHECK(same(get(server, "/l/large.bin").body, large));
  });
  row("RFC 9110 §13", "validators are those of the file, whatever it was asked by", [&] {
    for (const char* name : {"small.txt", "large.bin", "page.css"}) {
      const Response plain = get(server, std::string("/files/") + name);
      const Response rewritten = get(server, std::string("/l/") + name);
      CHECK(plain.status == 200);
      CHECK(rewritten.field("ETag") == plain.field("ETag"));
      CHECK(rewritten.field("Last-Modified") == plain.field("Last-Modified"));
      CHECK(rewritten.field("Content-Type") == plain.field("Content-Type"));
      CHECK(get(server, std::string("/l/") + name, "If-None-Match: " + plain.field("ETag") + "\r\n").status == 304);
      CHECK(get(server, std::string("/l/") + name, "If-Match: \"other\"\r\n").status == 412);
    }
  });
  row("contract [[site]] compress", "a copy is made of it, and is the one of the file", [&] {
    const auto coded = [](const Response& r) { return r.field("Content-Encoding") == "gzip"; };
    const Response copy = get_until(server, "/l/page.css", accept_encoding("gzip"), coded);
    REQUIRE(coded(copy));
    CHECK(decoded("gzip", copy.body) == css);
    CHECK(coded(get(server, "/files/page.css", accept_encoding("gzip"))));
    CHECK(lists(copy, "Vary", "Accept-Encoding"));
  });
  row("contract [[site]] precompressed", "its siblings are served", [&] {
    site.file("files/pre.css", "css");
    site.set_mtime("files/pre.css", 1600000000);
    site.file("files/pre.css.gz", "gzip");
    CHECK(get(server, "/m/pre.css", accept_encoding("gzip")).body == "gzip");
  });
  row("RFC 9211", "a file is held once, whichever path led to it", [&] {
    site.file("files/once.txt", "once");
    std::this_thread::sleep_for(Milliseconds{100});  // a file so young might still change within a tick of its clock
    const auto is_hit = [](const Response& r) { return r.field("Cache-Status").find("hit") != std::string::npos; };
    CHECK(!is_hit(get(server, "/l/once.txt")));
    CHECK(is_hit(get(server, "/m/once.txt")));
    CHECK(is_hit(get(server, "/files/once.txt")));
    CHECK(is_hit(get(server, "/l/once.txt")));
  });
  row("contract [[site.headers]]", "header rules match the rewritten path", [&] {
    const Response file = check_head_agrees(server, "/l/small.txt");
    CHECK(file.has("X-Files"));
    CHECK(!file.has("X-L"));
    for (const char* fields : {"Range: bytes=0-1\r\n", "If-None-Match: *\r\n", "Range: bytes=99-\r\n"}) {
      CHECK(get(server, "/l/small.txt", fields).has("X-Files"));
      CHECK(!get(server, "/l/small.txt", fields).has("X-L"));
    }
    CHECK(get(server, "/l/large.bin").has("X-Files"));
    CHECK(get(server, "/gone/x").has("X-Files"));
  });
  row("contract [[site.headers]]", "of a redirect and of a rule's own answer they match what was asked for", [&] {
    const Response moved = check_head_agrees(server, "/moved/small.txt");
    CHECK(moved.status == 301);
    CHECK(moved.has("X-Moved"));
    CHECK(!moved.has("X-Files"));
    const Response refused = check_head_agrees(server, "/no/small.txt");
    CHECK(refused.status == 403);
    CHECK(refused.has("X-No"));
    CHECK(!refused.has("X-Files"));
  });
  row("contract: freshness", "a change of the file is seen by each of its paths", [&] {
    site.file("files/change.txt", "old");
    CHECK(get(server, "/l/change.txt").body == "old");
    CHECK(get(server, "/m/change.txt").body == "old");
    std::this_thread::sleep_for(Milliseconds{150});
    site.replace("files/change.txt", "new");
    const auto is_new = [](const Response& r) { return r.body == "new"; };
    CHECK(is_new(get_until(server, "/l/change.txt", "", is_new)));
    CHECK(is_new(get(server, "/m/change.txt")));
    CHECK(is_new(get(server, "/files/change.txt")));
  });
}
