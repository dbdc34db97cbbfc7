// [[site.rewrites]] (contract): what a path means instead. Internal ones, redirects and answers; order, captures,
// variables and maps; the path that patterns see; where the outcome may lead; and what of HTTP stays as it was.
#include <doctest/doctest.h>

#include "cases_support.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", kProbe);
    site.file("index.html", "<p>top\n");
    site.file("new/a.txt", "a\n");
    site.file("new/b.txt", "b\n");
    site.file("new/index.html", "<p>new\n");
    site.file("new/deep/er.txt", "deeper\n");
    site.file("new/noslash/a.txt", "a\n");
    site.file("new/a b.txt", "space\n");
    site.file("new/\xc3\xa4.txt", "umlaut\n");
    site.file("new/q?x.txt", "question\n");
    site.file("page.html", "<p>page\n");
    site.file("private/x.txt", "private\n");
    site.file(".git/config", "hidden\n");
    site.file("errors/403.html", "<p>own 403\n");
    site.file("errors/404.html", "<p>own 404\n");
    site.file("errors/410.html", "<p>own 410\n");
    site.file("same/once-a.txt", "not this\n");
    site.file("z.html", "<p>fallback\n");
    site.outside_file("secret.txt", "secret\n");
    site.outside_file("legacy.txt",
                      "# what was where\n"
                      "a.txt  b.txt\n"
                      "deep/x deep/er.txt\n"
                      "\"two words\" \"a b.txt\"\n"
                      "up     ../../secret.txt\n"
                      "dots   ../.git/config\n"
                      "de-x   a.txt\n");
    site.outside_file("links.txt", "out https://other.example/x%20y?p=1#z\nhere /new/a.txt\nquery /new/?v=2\n");
  }
  [[nodiscard]] std::string maps() const { return map_table("legacy", "legacy.txt") + map_table("links", "links.txt"); }
  Site site;
};

const std::string kPages =
    "error_pages = { 403 = \"/errors/403.html\", 404 = \"/errors/404.html\", 410 = \"/errors/410.html\" }\n"
    "extensions = [\"html\"]\n";

std::string many_rules() {
  return rewrite("^/old/(.*)$", "/new/$1") +            //
         rewrite("^/r301/(.*)$", "/new/$1", 301) +      //
         rewrite("^/r302/(.*)$", "/new/$1", 302) +      //
         rewrite("^/r307/(.*)$", "/new/$1", 307) +      //
         rewrite("^/r308/(.*)$", "/new/$1", 308) +      //
         rewrite("^/private/.*", "", 403) +             //
         rewrite("^/nothing/.*", "", 404) +             //
         rewrite("-gone-", "", 410) +                   //
         rewrite("^/first/.*$", "/new/a.txt") +         //
         rewrite("^/first/b$", "/new/b.txt") +          //
         rewrite("^/once/a$", "/once/b") +              //
         rewrite("^/once/b$", "/new/b.txt") +           //
         rewrite("^/replaced$", "/new/?v=2", 302) +     //
         rewrite("^/fragment$", "/new/#part", 302) +    //
         rewrite("^/emptied$", "/new/?", 302) +         //
         rewrite("^/zero/.*$", "/see$0", 302) +         //
         rewrite("^/dollar$", "/cost/$$5", 302) +       //
         rewrite("^/brace/(\\w+)$", "/x/${1}0", 302) +  //
         rewrite("^/opt/(a)?(b)?$", "/x/$1-$2", 302) +  //
         rewrite("^/nine/(.)(.)(.)(.)(.)(.)(.)(.)(.)$", "/$9$8$7$6$5$4$3$2$1", 302) +
         rewrite("^/vars$", "http://${host}/v${path}?s=${scheme}", 302) +
         rewrite("^/map/(.*)$", "/new/${legacy:$1|index.html}") +         //
         rewrite("^/bare/(.*)$", "/new/${legacy:$1}") +                   //
         rewrite("^/self/(.*)$", "/new/${legacy:$1|$1}") +                //
         rewrite("^/two/(\\w+)/(\\w+)$", "/new/${legacy:$1-$2|b.txt}") +  //
         rewrite("^/go/(.*)$", "${links:$1|/none/$1}", 301) +             //
         rewrite("^/b c/(.*)$", "/new/$1") +                              //
         rewrite("^/\xc3\xa4/(.*)$", "/new/$1") +                         //
         rewrite("^/slash/$", "/new/a.txt") +                             //
         rewrite("^/slash$", "/new/b.txt") +                              //
         rewrite("^/todir$", "/new/deep") +                               //
         rewrite("^/new/noslash/$", "/new/noslash") +                     //
         rewrite("^/toindex$", "/new/") +                                 //
         rewrite("^/tomissing$", "/none.txt") +                           //
         rewrite("^/tohidden$", "/.git/config") +                         //
         rewrite("^/toslash$", "/new/a.txt/") +                           //
         rewrite("^/up/(.*)$", "/new/../../../$1") +                      //
         rewrite("^/raw$", "/new/a%20b.txt") +                            //
         rewrite("^/asis$", "/new/a b.txt") +                             //
         rewrite("^/doubled$", "/new///a.txt") +                          //
         rewrite("^/ext$", "/page") +                                     //
         rewrite("^/q/(.*)$", "/new/$1") +                                //
         rewrite("^/self-same$", "/self-same") +                          //
         rewrite("(?i)^/CASE/(.*)$", "/new/$1");
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "rewrites: what each rule makes of a path") {
  const Server server(site, {.site = kPages, .headers = many_rules(), .more = maps()});
  std::vector<Case> rows = {
      asks("an internal rewrite serves the other file", "/old/a.txt", ok("a\n")),
      asks("an internal rewrite has no Location", "/old/a.txt?x", ok("a\n").lacks("Location")),
      asks("a capture spans slashes", "/old/deep/er.txt", ok("deeper\n")),
      asks("a capture may be empty", "/old/", ok("<p>new\n")),
      asks("a path that no rule matches is what it is", "/new/a.txt", ok("a\n")),
      asks("301", "/r301/a.txt", leads(301, "/new/a.txt")),
      asks("302", "/r302/a.txt", leads(302, "/new/a.txt")),
      asks("307", "/r307/a.txt", leads(307, "/new/a.txt")),
      asks("308", "/r308/a.txt", leads(308, "/new/a.txt")),
      asks("a redirect does not ask whether the file is there", "/r301/none", leads(301, "/new/none")),
      asks("403 has the site's page", "/private/x.txt", answer(403).body("<p>own 403\n")),
      asks("404 has the site's page", "/nothing/a", answer(404).body("<p>own 404\n")),
      asks("410 has the site's page", "/is-gone-for/ever", answer(410).body("<p>own 410\n")),
      asks("a pattern without ^ and $ matches anywhere", "/x/-gone-", answer(410)),
      asks("the first rule that matches decides", "/first/b", ok("a\n")),
      asks("rules are applied once", "/once/a", answer(404)),
      asks("what was rewritten is not rewritten again, asked directly it is", "/once/b", ok("b\n")),
      asks("an internal rewrite to itself is served once, not for ever", "/self-same", answer(404)),
      asks("a redirect keeps the query", "/r302/a.txt?x=1&y=%20z", leads(302, "/new/a.txt?x=1&y=%20z")),
      asks("a redirect keeps an empty query or drops it, and invents none", "/r302/a.txt?",
           answer(302).field_where("Location", [](auto v) { return v == "/new/a.txt" || v == "/new/a.txt?"; })),
      asks("a query is kept as it was sent", "/r302/a.txt??a=//evil/&b=%0d%0a",
           leads(302, "/new/a.txt??a=//evil/&b=%0d%0a")),
      asks("a query in `to` replaces the request's", "/replaced?x=1", leads(302, "/new/?v=2")),
      asks("a query in `to` stands without one in the request", "/replaced", leads(302, "/new/?v=2")),
      asks("the kept query stands before the fragment", "/fragment?x=1", leads(302, "/new/?x=1#part")),
      asks("an empty query in `to` takes the request's away", "/emptied?x=1",
           answer(302).field_where("Location", [](auto v) { return v == "/new/" || v == "/new/?"; })),
      asks("$0 is the whole match", "/zero/x/y", leads(302, "/see/zero/x/y")),
      asks("$$ is a dollar sign", "/dollar", leads(302, "/cost/$5")),
      asks("${1}0 is the first capture and a zero", "/brace/ab", leads(302, "/x/ab0")),
      asks("a group that took no part is empty", "/opt/b", leads(302, "/x/-b")),
      asks("nine captures", "/nine/abcdefghi", leads(302, "/ihgfedcba")),
      asks("host, path and scheme are variables", "/vars", leads(302, "http://test.example/v/vars?s=http")),
      asks("a map's value", "/map/a.txt", ok("b\n")),
      asks("a map's value for a key with a slash", "/map/deep/x", ok("deeper\n")),
      asks("a quoted key and a quoted value", "/map/two%20words", ok("space\n")),
      asks("a key that the map lacks: the default", "/map/other", ok("<p>new\n")),
      asks("keys are compared byte for byte, in their case", "/map/A.TXT", ok("<p>new\n")),
      asks("no default: nothing", "/bare/other", ok("<p>new\n")),
      asks("a capture inside the default", "/self/deep/er.txt", ok("deeper\n")),
      asks("captures inside the key", "/two/de/x", ok("a\n")),
      asks("captures inside the key, not found", "/two/fr/x", ok("b\n")),
      asks("a map's value is a whole address", "/go/out", leads(301, "https://other.example/x%20y?p=1#z")),
      asks("a map's value is a path, and the query is kept", "/go/here?x=1", leads(301, "/new/a.txt?x=1")),
      asks("a query in a map's value replaces the request's", "/go/query?x=1", leads(301, "/new/?v=2")),
      asks("a default with a capture in a redirect", "/go/x%20y", leads(301, "/none/x%20y")),
      asks("patterns see the decoded path: a space", "/b%20c/a.txt", ok("a\n")),
      asks("patterns see the decoded path: UTF-8", "/%C3%A4/%c3%a4.txt", ok("umlaut\n")),
      asks("patterns see the decoded path: letters", "/%6fld/%61.txt", ok("a\n")),
      asks("patterns see the normalised path", "//x/..//old/./a.txt", ok("a\n")),
      asks("with its slash at the end", "/slash/", ok("a\n")),
      asks("without a slash at the end", "/slash", ok("b\n")),
      asks("a rewrite to a directory redirects to it with its slash", "/todir?x=1", leads(301, "/new/deep/?x=1")),
      asks("a rewrite that takes a directory's slash away is no redirect in a circle", "/new/noslash/", answer(404)),
      asks("a rewrite to a directory with its slash serves the index", "/toindex", ok("<p>new\n")),
      asks("a rewrite to nothing is 404 with the site's page", "/tomissing", answer(404).body("<p>own 404\n")),
      asks("a rewrite to a hidden name is 404", "/tohidden", answer(404).body("<p>own 404\n")),
      asks("a rewrite to a file with a slash behind it is 404", "/toslash", answer(404)),
      asks("a rewrite out of root is cut off at root", "/up/new/a.txt", ok("a\n")),
      asks("a rewrite out of root finds no secret", "/up/secret.txt", answer(404)),
      asks("a map's value leads to no secret", "/map/up", answer(404)),
      asks("a map's value leads to no hidden name", "/map/dots", answer(404)),
      asks("an internal `to` is text, not an address: %20 is three bytes", "/raw", answer(404)),
      asks("an internal `to` may hold a space", "/asis", ok("space\n")),
      asks("doubled slashes in `to` are one", "/doubled", ok("a\n")),
      asks("extensions find the rewritten file", "/ext", ok("<p>page\n")),
      asks("a '?' out of a capture is part of the name", "/q/q%3Fx.txt", ok("question\n")),
      asks("a flag in the pattern: case does not count", "/cAsE/a.txt", ok("a\n")),
  };
  run_table(server, "rewrites", rows, {.cut = true, .head_too = true});
}

TEST_CASE_FIXTURE(Tree, "rewrites: no spelling slips past a rule that refuses") {
  const Server server(site, {.site = kPages, .headers = many_rules(), .more = maps()});
  std::vector<Case> rows;
  for (const char* target : {"/private/x.txt",
                             "/private/",
                             "/private/%0ax",
                             "/private/%0a",
                             "/private/x%0d%0ay",
                             "/private/%ff",
                             "/private/%ff%fe%0a",
                             "/private/%c3",
                             "/private/%ed%a0%80",
                             "/%70rivate/x.txt",
                             "/%70%72ivate/x.txt",
                             "//private/x.txt",
                             "/./private/x.txt",
                             "/new/../private/x.txt",
                             "/private/../private/x.txt",
                             "/private/./x.txt",
                             "/private//x.txt",
                             "/private/x.txt/",
                             "/private/x.txt?y",
                             "/private/.",
                             "/%2e/private/x.txt",
                             "/..//private/x.txt",
                             "/%2e%2e/private/x.txt",
                             "/private/%20",
                             "/private/x%01",
                             "http://test.example/private/x.txt",
                             "HTTP://TEST.example//private/x.txt?a"}) {
    rows.push_back(asks(std::string("403: ") + target, target, answer(403).body("<p>own 403\n")));
  }
  for (const char* target : {"/private%2fx.txt", "/%2fprivate/x.txt", "/private/%00"}) {
    rows.push_back(asks(std::string("refused: ") + target, target, refused(400)));
  }
  rows.push_back(asks("a path that only looks alike is another's", "/Private/x.txt", answer(404)));
  rows.push_back(asks("a path that leaves is not inside", "/private/../new/a.txt", ok("a\n")));
  run_table(server, "refusing rules", rows, {.cut = true});
}

TEST_CASE_FIXTURE(Tree, "rewrites: methods, versions and pipelines") {
  const Server server(site, {.site = kPages, .headers = many_rules(), .more = maps()});
  const auto row = [](std::string name, std::string bytes, Answers answers) {
    return Case{.section = "RFC 9112 §9.3", .name = std::move(name), .bytes = std::move(bytes), .answers = answers};
  };
  std::string deep;
  Answers deep_answers;
  for (int i = 0; i < 40; ++i) {
    deep += get_request("/old/a.txt") + get_request("/r301/" + std::to_string(i)) + get_request("/map/a.txt") +
            get_request("/private/x") + get_request("/new/deep/er.txt");
    for (const Answer& one :
         {ok("a\n"), leads(301, "/new/" + std::to_string(i)), ok("b\n"), answer(403), ok("deeper\n")}) {
      deep_answers.list.push_back(one);
    }
  }
  std::vector<Case> rows = {
      row("OPTIONS is answered, not redirected", request("OPTIONS", "/r301/a.txt"),
          answer(204).lists("Allow", "GET").lacks("Location")),
      row("OPTIONS of an internally rewritten path", request("OPTIONS", "/old/a.txt"),
          answer(204).lists("Allow", "GET")),
      row("other methods are refused before any rule", request("POST", "/r301/a.txt"),
          answer(405).has("Allow").lacks("Location")),
      row("HEAD of a redirect", request("HEAD", "/r301/a.txt?x"), leads(301, "/new/a.txt?x")),
      row("HEAD of a rewritten file", request("HEAD", "/old/a.txt"), answer(200).field("Content-Length", "2")),
      row("HTTP/1.0 without Host, rewritten", "GET /old/a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ok("a\n")),
      row("HTTP/1.0 without Host, redirected", "GET /r301/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          leads(301, "/new/a")),
      row("HTTP/1.0 closes behind a rewritten file", "GET /old/a.txt HTTP/1.0\r\n\r\n", ok("a\n").closing()),
      row("an absolute form, rewritten", "GET http://test.example/old/a.txt HTTP/1.1\r\nHost: x\r\n\r\n", ok("a\n")),
      row("an absolute form, redirected with its query",
          "GET http://test.example/r308/a.txt?x HTTP/1.1\r\nHost: x\r\n\r\n", leads(308, "/new/a.txt?x")),
      row("an absolute form names ${host}", "GET http://Other.Example:80/vars HTTP/1.1\r\nHost: test.example\r\n\r\n",
          answer(302).field_where("Location", [](auto v) { return v.starts_with("http://other.example/v/vars?s="); })),
      row("a body behind a redirected request is read",
          "GET /r301/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd", leads(301, "/new/a")),
      row("two hundred answers in order", deep, deep_answers),
  };
  run_table(server, "rewrites and connections", rows, {.cut = true});
  Cases block("cold rewrites");
  block("RFC 9112 §9.3.2", "cold rewritten files back to back, in one packet, come in order", [&] {
    for (int i = 0; i < 30; ++i) site.file("new/cold-" + std::to_string(i), "cold " + std::to_string(i) + "\n");
    const Server fresh(site, {.site = kPages, .headers = many_rules(), .more = maps()});
    Client client = fresh.connect();
    std::string all;
    for (int i = 0; i < 30; ++i) all += get_request((i % 2 ? "/old/cold-" : "/self/cold-") + std::to_string(i));
    client.send(all);
    for (int i = 0; i < 30; ++i) CHECK(client.read_response().body == "cold " + std::to_string(i) + "\n");
    // Different connections wait on one worker while others are routed.
    std::vector<Client> clients;
    for (int i = 0; i < 30; ++i) site.file("new/late-" + std::to_string(i), "late " + std::to_string(i) + "\n");
    for (int i = 0; i < 30; ++i) {
      clients.push_back(fresh.connect());
      clients.back().send(get_request("/self/late-" + std::to_string(i)));
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      CHECK(clients[i].read_response().body == "late " + std::to_string(i) + "\n");
    }
  });
}

TEST_CASE_FIXTURE(Tree, "rewrites: fallback answers for what a rule leads to") {
  const Server server(site, {.site = "fallback = \"/z.html\"\n", .headers = many_rules(), .more = maps()});
  const std::string browser = accept("text/html,*/*;q=0.8");
  run_table(server, "rewrites and fallback",
            {asks("a rewrite to a missing page falls back", "/old/app/view", ok("<p>fallback\n"), browser),
             asks("a rewrite to a missing file with an extension does not", "/old/none.txt", answer(404), browser),
             asks("a rule's own 404 does not fall back", "/nothing/app", answer(404), browser),
             asks("a rule's own 410 does not fall back", "/x-gone-y", answer(410), browser),
             asks("the rewritten name's extension decides, not the asked one's", "/tomissing", answer(404), browser)},
            {.head_too = true});
}

TEST_CASE_FIXTURE(Tree, "rewrites: a redirect to the very address that was asked for is passed over") {
  site.file("x/a.txt", "x\n");
  site.outside_file("same.txt", "here /same/here\nthere /new/a.txt\nquery /same/query?v=1\n");
  const Server server(site,
                      {.headers = rewrite("^/x/.*", "$0", 302) + rewrite("^/same/(.*)$", "${same:$1|/same/$1}", 301) +
                                  rewrite("^/v/(.*)$", "${path}?v=2", 302),
                       .more = map_table("same", "same.txt")});
  site.file("v/a.txt", "v\n");
  run_table(server, "redirects to themselves",
            {
                asks("by $0", "/x/a.txt", ok("x\n")),
                asks("by $0, with a query", "/x/a.txt?y", ok("x\n")),
                asks("by $0, in another spelling", "/x/%61.txt", ok("x\n")),
                asks("by $0, to nothing", "/x/none", answer(404)),
                asks("by a map's value", "/same/here", answer(404)),
                asks("by a map's default", "/same/nowhere", answer(404)),
                asks("by a map's value elsewhere", "/same/there", leads(301, "/new/a.txt")),
                asks("by a map's value, another query", "/same/query", leads(301, "/same/query?v=1")),
                asks("by a map's value, its query", "/same/query?v=1", answer(404)),
                asks("a query that is added", "/v/a.txt", leads(302, "/v/a.txt?v=2")),
                asks("is added once", "/v/a.txt?v=2", ok("v\n")),
            },
            {.head_too = true});
}

TEST_CASE_FIXTURE(Tree, "rewrites: a listing of a rewritten directory is sorted by the query that `to` has") {
  site.file("list/1.txt", "1");
  site.file("list/22.txt", "22");
  const Server server(site,
                      {.site = "listing = true\n",
                       .headers = rewrite("^/kept/$", "/list/") + rewrite("^/own/$", "/list/?sort=name&order=desc")});
  const auto first_is = [&](std::string_view target, std::string_view name) {
    const Response response = get(server, target, accept("application/json"));
    INFO(target, ": ", response.body);
    CHECK(response.status == 200);
    const std::size_t one = response.body.find("\"1.txt\"");
    const std::size_t two = response.body.find("\"22.txt\"");
    REQUIRE(one != std::string::npos);
    REQUIRE(two != std::string::npos);
    CHECK((one < two) == (name == "1.txt"));
  };
  first_is("/kept/", "1.txt");
  first_is("/kept/?sort=name&order=desc", "22.txt");
  first_is("/own/", "22.txt");
  first_is("/own/?sort=name&order=asc", "22.txt");
}
