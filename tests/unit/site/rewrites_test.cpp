// Rewrites: which rule decides and what comes of it, and what is wrong with rules.
#include "uringd/site/rewrites.hpp"

#include <string>
#include <utility>
#include <vector>

#include "rule_site.hpp"
#include "uringd/http/request_parser.hpp"

using namespace uringd;
using namespace uringd::site;
using namespace uringd::site::test;

TEST_CASE("the first rule whose pattern is found in the path decides") {
  Site site({rule("^/a/(.*)$", "/x/$1"), rule("b", "", 403), rule("\\.php$", "", 410), rule("^/a", "", 404)});
  const Rewritten internal = site.apply({.path = "/a/b.php", .query = "q", .has_query = true});
  CHECK((internal.rule == 0 && internal.status == 0 && internal.path == "/x/b.php"));
  CHECK((internal.query == "q" && internal.has_query && internal.location.empty()));
  CHECK(site.apply({.path = "/c/b.php"}).status == 403);
  CHECK(site.apply({.path = "/c.php"}).status == 410);
  CHECK(site.apply({.path = "/a"}).rule == 3);
  CHECK(site.decides("/c.phps") == none);
  CHECK(site.decides("/c") == none);
  CHECK(site.apply({.path = "/c"}).status == 0);
}

TEST_CASE("an internal rule keeps the request's query unless it has one; a redirect says where to") {
  Site site({rule("^/a$", "/x?b=1"), rule("^/c$", "/d", 301), rule("^/e(.*)$", "https://b.example$1", 308)});
  const Rewritten own = site.apply({.path = "/a", .query = "q", .has_query = true});
  CHECK((own.path == "/x" && own.query == "b=1" && own.has_query));
  const Rewritten moved = site.apply({.path = "/c", .query = "q", .has_query = true});
  CHECK((moved.status == 301 && moved.location == "/d?q" && moved.path.empty()));
  CHECK(site.apply({.path = "/e/f g"}).location == "https://b.example/f%20g");
}

TEST_CASE("a newline, a byte above ASCII or invalid UTF-8 does not slip past a rule that refuses") {
  Site site({rule("^/private.*/secret$", "", 403), rule("^/[^/]+/x$", "", 404)});
  CHECK(site.decides("/private\n/secret") == 0);
  CHECK(site.decides("/private/\xff\xfe/secret") == 0);
  CHECK(site.decides("/\xc3(/x") == 1);
}

TEST_CASE("conditions are found in host, query, scheme and any line of a field; an absent field is empty") {
  const std::string head =
      "GET / HTTP/1.1\r\nHost: a.example\r\nAccept: text/html\r\nX-A: one\r\nx-a: two\r\n\r\nX-B: next\r\n";
  http::RequestParser parser;
  REQUIRE(parser.parse_head(head.data(), head.size()) == http::RequestParser::Progress::head_complete);
  auto decides = [&](config::Rewrite::When when) {
    Site site({rule("^/", "", 403, std::move(when))});
    return site.apply(
                   {.request = &parser.request(), .path = "/", .host = "a.example", .query = "v=2", .has_query = true})
               .rule == 0;
  };
  CHECK(decides({.host = "^a\\."}));
  CHECK_FALSE(decides({.host = "^b\\."}));
  CHECK(decides({.query = "(^|&)v=2(&|$)"}));
  CHECK_FALSE(decides({.query = "v=3"}));
  CHECK(decides({.scheme = "^http$"}));
  CHECK_FALSE(decides({.scheme = "^https$"}));
  CHECK(decides({.headers = {{"ACCEPT", "html"}}}));
  CHECK(decides({.headers = {{"X-A", "^two$"}}}));
  CHECK_FALSE(decides({.headers = {{"X-A", "^one, two$"}}}));
  CHECK(decides({.headers = {{"X-B", "^$"}}}));
  CHECK_FALSE(decides({.headers = {{"X-B", "."}}}));
  CHECK(decides({.host = "a", .headers = {{"X-A", "o"}, {"Accept", "text"}}}));
  CHECK_FALSE(decides({.host = "b", .headers = {{"X-A", "o"}}}));
}

TEST_CASE("the fields that were asked are those of rules whose pattern and other conditions held (RFC 9110 §12.5.5)") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  http::RequestParser parser;
  REQUIRE(parser.parse_head(head.data(), head.size()) == http::RequestParser::Progress::head_complete);
  Site site({rule("^/a", "", 403, {.headers = {{"Accept", "x"}, {"X-A", "x"}}}),
             rule("^/b", "", 403, {.headers = {{"X-B", "x"}}}),
             rule("^/", "", 403, {.host = "^c$", .headers = {{"X-C", "x"}}}),
             rule("^/", "", 404, {.headers = {{"aCCEPT", ""}}})});
  const Rewritten a = site.apply({.request = &parser.request(), .path = "/a", .host = "a"});
  CHECK((a.rule == 3 && a.fields == 0b0011));
  const Rewritten b = site.apply({.request = &parser.request(), .path = "/b", .host = "c"});
  CHECK((b.rule == 3 && b.fields == 0b1101));
  CHECK(site.rewrites.rules().field(0) == "Accept");
  CHECK(site.rewrites.rules().field(3) == "X-C");
  CHECK(site.rewrites.rules().size() == 4);
}

TEST_CASE("a redirect to where the client is passes the request on to the next rule") {
  Site site({rule("^/(.*)$", "${legacy:$1|/else}", 301), rule("^/a b$", "", 403)},
            {{"a b", "/a%20b"}, {"c", "//x/../c"}, {"d/", "/./d/?q=%41#e"}, {"e", "/e/"}, {"f", "/f?"}});
  CHECK(site.decides("/a b") == 1);
  CHECK(site.location("/d/", "q=A") == "");
  CHECK(site.location("/d/", "q=B") == "/./d/?q=%41#e");
  CHECK(site.location("/e") == "/e/");
  CHECK(site.location("/f") == "/f?");
  CHECK(site.location("/c") == "//x/../c");
  CHECK(site.location("/g") == "/else");
  CHECK(site.location("/else") == "");
}

TEST_CASE("what expands to more than fits is 414 (RFC 9110 §15.5.15)") {
  Site site({rule("^/i(.*)$", "/$1$1$1$1"), rule("^/r(.*)$", "/$1", 302)});
  const std::string longer(2500, ' '), shorter(2000, 'a');
  CHECK(site.apply({.path = "/i" + longer}).status == 414);
  CHECK(site.apply({.path = "/i" + longer}).rule == 0);
  CHECK(site.apply({.path = "/i" + shorter}).path.size() == 8001);
  const std::string encoded_longer(3000, ' ');
  CHECK(site.apply({.path = "/r" + encoded_longer}).status == 414);
  CHECK(site.apply({.path = "/r" + longer}).location.size() == 7501);
}

TEST_CASE("--explain is told which rules matched, what each missed, captures and look-ups") {
  Site site(
      {rule("^/(a)", "", 403, {.host = "^b$"}), rule("^/x", "", 404), rule("^/(a)(z)?/(.*)$", "/${legacy:$3|no}")},
      {{"k", "v"}});
  const Rewritten found = site.apply({.path = "/a/k", .host = "h"}, true);
  CHECK((found.rule == 2 && found.path == "/v"));
  REQUIRE(site.trace.tried.size() == 2);
  CHECK((site.trace.tried[0].rule == 0 && site.trace.tried[0].missed == "when.host"));
  CHECK((site.trace.tried[1].rule == 2 && site.trace.tried[1].missed.empty()));
  CHECK(site.trace.captures == std::vector<std::string>{"/a/k", "a", "", "k"});
  REQUIRE(site.trace.lookups.size() == 1);
  CHECK((site.trace.lookups[0].key == "k" && site.trace.lookups[0].value == "v"));
}

TEST_CASE("what is wrong with a rule is said with its place, all of it at once") {
  CHECK(only_problem({rule("^/(a", "/x")}) ==
        "c:2:1: site.rewrites.match: found \"^/(a\", which is no pattern: missing ): ^/(a");
  CHECK(only_problem({rule("a**\n", "/x")}).find("bad repetition operator: **") != std::string::npos);
  CHECK(only_problem({rule("((a{100}){100}){100}", "/x")}).find("which is no pattern") != std::string::npos);
  CHECK(only_problem({rule("^/(a)$", "/x$2")}) ==
        "c:3:1: site.rewrites.to: found $2; expected no capture above $1, as match has no more groups");
  CHECK(only_problem({rule("^/a$", "/${legcy:a}")}) ==
        "c:3:1: site.rewrites.to: found \"/${legcy:a}\"; byte 2: \"legcy\" is not a map; did you mean legacy?");
  CHECK(only_problem({rule("^/a$", "https://b.example/")}).find("expected a path, as status is 0") !=
        std::string::npos);
  CHECK(only_problem({rule("^/a$", "/b", 0, {.headers = {{"Accept", "["}}})})
            .starts_with("c:4:1: site.rewrites.when.header.Accept: found \"[\", which is no pattern: missing ]"));
  CHECK(Compiled({rule("(", "x"), rule("a", "$1", 301, {.host = ")"})}).problems.size() == 4);
  CHECK(only_problem({rule("^/a$", "", 403), rule("^/b$", "/c", 302)}) == "0 problems");
  Rules many;
  for (int i = 0; i < 65; ++i) many.push_back(rule("^/a$", "", 403, {.headers = {{"X-" + std::to_string(i), "a"}}}));
  CHECK(only_problem(many).find("at most 64") != std::string::npos);
  many.pop_back();
  CHECK(only_problem(many) == "0 problems");
  Rules longest;
  for (const char c : {'A', 'B', 'C', 'D'})
    longest.push_back(rule("^/a$", "", 403, {.headers = {{std::string(256, c), "a"}}}));
  CHECK(only_problem(longest) == "0 problems");
  longest[0].when.headers[0].first += 'A';
  CHECK(only_problem(longest).find("at most 1024 bytes of names") != std::string::npos);
}

TEST_CASE("redirects that never end are an error, and a warning where it depends on the request or a map") {
  CHECK(only_problem({rule("^/x$", "/x", 301)}) == "c:3:1: site.rewrites.to: redirects to itself: /x leads to /x");
  CHECK(only_problem({rule("^/(.*)$", "/new/$1", 302)}).find("redirects to itself: /new/new/") != std::string::npos);
  CHECK(only_problem({rule("^/a$", "/b", 301), rule("^/b$", "/a", 301)}).ends_with("/b leads to /a, /a leads to /b"));
  CHECK(only_problem({rule("^(.*)$", "$1$1$1$1$1", 301)}).find("redirects to itself") != std::string::npos);
  CHECK(only_problem({rule("^/x/.*$", "$0", 302)}).find("redirects to itself: /x/") != std::string::npos);
  CHECK(only_problem({rule("^/a/(b(.*))/(.*)[.]html$", "/a/$1/$3.html", 301)}) == "0 problems");
  CHECK(only_problem({rule("^/x$", "/x", 301), rule("^/y$", "/y", 301)}) == "2 problems");
  for (const Rules& fine :
       {Rules{rule("^/old/(.*)$", "/new/$1", 301)}, Rules{rule("^/a$", "/b", 301), rule("^/b$", "/c", 301)},
        Rules{rule("^/new/", "/files/"), rule("^/(.*)$", "/new/$1", 302)},
        Rules{rule("^(.*)$", "https://b.example$1", 301)}, Rules{rule("^(.*[^/])$", "$1/", 301)}}) {
    const Compiled compiled(fine);
    CHECK(compiled.rules);
    CHECK(compiled.warnings.empty());
  }
  CHECK(only_warning({rule("^/x$", "/x", 301, {.scheme = "https"})}) ==
        "c:3:1: site.rewrites.to: may redirect to itself: /x leads to /x");
  CHECK(only_warning({rule("^/(.*)$", "/${legacy:$1|x}", 301)}).find("may redirect to itself") != std::string::npos);
}

TEST_CASE("a redirect that only puts addresses in order is a rule, and what it leaves alone is told") {
  const std::string end = ": a request for that is not redirected, and goes on to the next rule";
  CHECK(only_warning({rule("(?i)^/about$", "/about", 301)}) == "c:3:1: site.rewrites.to: /about leads to /about" + end);
  CHECK(only_warning({rule("^/docs/?$", "/docs/", 301)}) == "c:3:1: site.rewrites.to: /docs/ leads to /docs/" + end);
  CHECK(only_warning({rule("^/", "/home", 302)}) == "c:3:1: site.rewrites.to: /home leads to /home" + end);
  CHECK(only_warning({rule("^/a/(.*)$", "/b/../a/./$1", 301)}).ends_with(end));
  CHECK(only_warning({rule("^/v/(.*)$", "${path}?v=2", 302)}).ends_with(end));
  Site site({rule("(?i)^/about$", "/about", 301)});
  CHECK(site.location("/About") == "/about");
  CHECK(site.decides("/about") == none);
}

TEST_CASE("a rule with the pattern of an earlier one without conditions is told as never reached") {
  CHECK(only_warning({rule("^/a$", "", 403), rule("^/a$", "", 404)}) ==
        "c:2:1: site.rewrites.match: found \"^/a$\", which the rule at c:1:1 has too; this rule is never reached");
  CHECK(only_warning({rule("^/a$", "", 403, {.host = "b"}), rule("^/a$", "", 404)}) == "0 warnings");
}
