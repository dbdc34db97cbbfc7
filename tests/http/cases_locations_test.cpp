// Locations of [[site.rewrites]]: what a client puts into a path never leads to another host, never becomes a query, a
// fragment or a further field, whatever the pattern captures and wherever `to` puts it (RFC 3986 §4.2, RFC 9110
// §10.2.2; CVE-2024-38474 is a decoded '?' that was taken for one). And results that are too long.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "cases_support.hpp"
#include "hot_client.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", kProbe);
    site.file("new/a.txt", "a\n");
    site.outside_file("m.txt",
                      "plain /p/a.txt\nlf \"/p/a\\nb\"\nspaced \"/p/a b<c>\"\nnon-ascii /p/\xc3\xa4\n"
                      "percent /p/100%\nencoded /p/%41%2f\nbare word\nslashes //cdn.example/x\ntwo /p/a#b#c\n"
                      "backslash \"/p\\\\\\\\evil\"\nhost example.net\n");
  }
  Site site;
};

std::string rules() {
  return rewrite("^/r/(?s:(.*))$", "/new/$1", 302) +                              //
         rewrite("^/tail/(?s:(.*))$", "$1", 302) +                                //
         rewrite("^/top(?s:(.*))$", "/$1", 302) +                                 //
         rewrite("^/both/(?s:(.*))$", "/$1/$1", 302) +                            //
         rewrite("^/q/(?s:(.*))$", "/s?q=$1&fixed=1", 302) +                      //
         rewrite("^/f/(?s:(.*))$", "/s#$1", 302) +                                //
         rewrite("^/far(?s:(.*))$", "https://example.com$1", 302) +               //
         rewrite("^/sub/([^/]*)/(?s:(.*))$", "https://$1.example.com/$2", 302) +  //
         rewrite("^/secure/", "https://example.com${path}", 301) +                //
         rewrite("^/here/(?s:(.*))$", "//${host}/$1", 302) +                      //
         rewrite("^/lang$", "/x?lang=de&${query}", 302) +                         //
         rewrite("^/m/(?s:(.*))$", "${m:$1|/none/$1}", 302) +                     //
         rewrite("^/mhost/(?s:(.*))$", "https://${m:$1|example.com}/x", 302);
}

// As browsers read it (WHATWG URL): tabs and line ends are dropped, backslashes are slashes.
std::string host_of(const std::string& location) {
  std::string url;
  for (const char c : location) {
    if (c != '\t' && c != '\n' && c != '\r') url += c == '\\' ? '/' : c;
  }
  std::size_t start = 0;
  const std::size_t scheme = url.find(':');
  if (scheme != std::string::npos && scheme < url.find_first_of("/?#")) {
    start = url.find_first_not_of('/', scheme + 1);
  } else if (url.starts_with("//")) {
    start = url.find_first_not_of('/');
  } else {
    return "";
  }
  if (start == std::string::npos) return "";
  std::string authority = url.substr(start, url.find_first_of("/?#", start) - start);
  return authority.substr(authority.rfind('@') + 1);
}

void check_harmless(const Response& response, std::string_view target) {
  const std::string location = response.field("Location");
  INFO(target, " → ", response.status, " ", location);
  CHECK(!response.has("Set-Cookie"));
  CHECK(!response.has("X-Evil"));
  if (response.status != 301 && response.status != 302) {
    CHECK(!response.has("Location"));
    return;
  }
  CHECK(!location.empty());
  CHECK(std::ranges::all_of(location, [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
  }));
  const std::string host = host_of(location);
  const bool ours = host.empty() || host == "example.com" || host.ends_with(".example.com") || host == "test.example" ||
                    host == "cdn.example" || host == "example.net";
  CHECK(ours);
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "locations: what captures become") {
  const Server server(site, {.headers = rules(), .more = map_table("m", "m.txt")});
  run_table(
      server, "locations",
      {
          asks("a space", "/r/a%20b", leads(302, "/new/a%20b")),
          asks("a question mark is data", "/r/a%3Fb=1", leads(302, "/new/a%3Fb=1")),
          asks("a question mark is data, and the query is kept behind it", "/r/a%3Fb?c", leads(302, "/new/a%3Fb?c")),
          asks("a number sign is data", "/r/a%23b", leads(302, "/new/a%23b")),
          asks("a percent sign is data", "/r/a%2541", leads(302, "/new/a%2541")),
          asks("a backslash is data", "/r/%5c%5cevil.example", leads(302, "/new/%5C%5Cevil.example")),
          asks("a line end is data", "/r/a%0d%0aSet-Cookie:%20a=b", leads(302, "/new/a%0D%0ASet-Cookie:%20a=b")),
          asks("UTF-8", "/r/%c3%a4", leads(302, "/new/%C3%A4")),
          asks("bytes that are no UTF-8", "/r/%ff%fe", leads(302, "/new/%FF%FE")),
          asks("quotes and brackets", "/r/%22%3c%3e%7b%7d%7c%5e%60%5b%5d",
               leads(302, "/new/%22%3C%3E%7B%7D%7C%5E%60%5B%5D")),
          asks("what may stand in a path stands", "/r/a-._~!$&'()*+,;=:@b", leads(302, "/new/a-._~!$&'()*+,;=:@b")),
          asks("a dollar in a capture is not expanded again", "/r/$1${host}", leads(302, "/new/$1$%7Bhost%7D")),
          asks("an encoded dollar in a capture is not expanded again", "/r/%241%24%7bhost%7d",
               leads(302, "/new/$1$%7Bhost%7D")),
          asks("a `to` that is a capture begins with a slash", "/tail/evil.example", leads(302, "/evil.example")),
          asks("slashes do not make a host", "/tail///evil.example", leads(302, "/evil.example")),
          asks("a scheme in a capture is a path", "/tail/https://evil.example/", leads(302, "/https:/evil.example/")),
          asks("javascript: is a path", "/tail/javascript:alert(1)", leads(302, "/javascript:alert(1)")),
          asks("a slash behind a slash is one", "/top/evil.example", leads(302, "/evil.example")),
          asks("a slash and a backslash", "/top/%5cevil.example", leads(302, "/%5Cevil.example")),
          asks("nothing", "/top", leads(302, "/")),
          asks("an empty capture and a slash", "/both/", leads(302, "/")),
          asks("in a query, its separators are data", "/q/a&fixed=2", leads(302, "/s?q=a%26fixed%3D2&fixed=1")),
          asks("in a query, plus and percent are data", "/q/1+1%25%3f%23", leads(302, "/s?q=1%2B1%25%3F%23&fixed=1")),
          asks("in a fragment", "/f/a%23b",
               answer(302).field_where("Location", [](auto v) { return v == "/s#a%23b"; })),
          asks("a host cannot be gone on with", "/far.evil.example/x",
               leads(302, "https://example.com/.evil.example/x")),
          asks("a host cannot become a user", "/far@evil.example/x", leads(302, "https://example.com/@evil.example/x")),
          asks("a host cannot get a port", "/far:8080/x", leads(302, "https://example.com/:8080/x")),
          asks("a path behind a host", "/far/x%20y?z", leads(302, "https://example.com/x%20y?z")),
          asks("a label out of a capture", "/sub/de/x", leads(302, "https://de.example.com/x")),
          asks("a label that would end the host", "/sub/evil.example%3f/x",
               leads(302, "https://evil.example%3F.example.com/x")),
          asks("a label that would be a user", "/sub/evil.example%40/x",
               leads(302, "https://evil.example%40.example.com/x")),
          asks("the path as a variable is encoded", "/secure/a%20b%0d?x",
               leads(301, "https://example.com/secure/a%20b%0D?x")),
          asks("the host as a variable", "/here/x", leads(302, "//test.example/x")),
          asks("the query as a variable stays as it was sent", "/lang?a=%20&b=c", leads(302, "/x?lang=de&a=%20&b=c")),
          asks("a map's value is URL text", "/m/encoded", leads(302, "/p/%41%2f")),
          asks("a map's value: a lone percent sign is encoded", "/m/percent", leads(302, "/p/100%25")),
          asks("a map's value: what no URL may hold is encoded", "/m/spaced", leads(302, "/p/a%20b%3Cc%3E")),
          asks("a map's value: UTF-8 is encoded", "/m/non-ascii", leads(302, "/p/%C3%A4")),
          asks("a map's value: a second number sign is encoded", "/m/two", leads(302, "/p/a#b%23c")),
          asks("a map's value without a slash becomes a path", "/m/bare", leads(302, "/word")),
          asks("a map's value may name another host: it is the owner's", "/m/slashes", leads(302, "//cdn.example/x")),
          asks("a map's value: backslashes are encoded", "/m/backslash",
               answer(302).field_where("Location", [](auto v) { return v.find('\\') == std::string_view::npos; })),
          asks("a map's default with a capture", "/m//evil.example", leads(302, "/none/evil.example")),
          asks("a map's value is a host", "/mhost/host", leads(302, "https://example.net/x")),
          asks("a map's default is a host", "/mhost/other", leads(302, "https://example.com/x")),
      },
      {.head_too = true});
}

TEST_CASE_FIXTURE(Tree, "locations: generated targets out of every piece that is dangerous lead nowhere else") {
  const Server server(site, {.headers = rules(), .more = map_table("m", "m.txt")});
  const std::vector<std::string> prefixes = {"/r/",   "/tail/",   "/top",   "/both/", "/q/", "/f/",    "/far",
                                             "/sub/", "/secure/", "/here/", "/lang",  "/m/", "/mhost/"};
  const std::vector<std::string> pieces = {"/",
                                           "//",
                                           "%5c",
                                           "%0d%0a",
                                           "%0a",
                                           "%0d",
                                           "%09",
                                           "%3f",
                                           "?",
                                           "%23",
                                           "%40",
                                           "@",
                                           ":",
                                           "%3a",
                                           "%25",
                                           "%252f",
                                           "%2e",
                                           ".",
                                           "..",
                                           "/../",
                                           "evil.example",
                                           "https:",
                                           "%00",
                                           "%ff",
                                           "%c3",
                                           "%e2%80%a8",
                                           "%20",
                                           "Set-Cookie:%20a=b",
                                           "X-Evil:1",
                                           "&",
                                           "=",
                                           "+",
                                           "%24",
                                           "$",
                                           "%7b",
                                           "%7d",
                                           "%5b::1%5d",
                                           "\\",
                                           "javascript:",
                                           ";",
                                           "%0d%0a%0d%0a<script>",
                                           "a"};
  std::mt19937 random(5);
  Client client = server.connect();
  for (int round = 0; round < (sanitized() ? 1500 : 6000); ++round) {
    std::string target = prefixes[random() % prefixes.size()];
    for (unsigned i = 0; i <= random() % 5; ++i) target += pieces[random() % pieces.size()];
    const Response response = client.ask(get_request(target));
    check_harmless(response, target);
    if (response.connection_says("close")) client = server.connect();
  }
  CHECK(client.get("/probe.txt").body == kProbe);
}

TEST_CASE_FIXTURE(Tree, "locations: results that are too long are 414, and the server goes on") {
  const Server server(
      site, {.headers = rewrite("^/i/(.*)$", "/x/$1$1$1$1$1$1$1$1$1") + rewrite("^/one/(.*)$", "/x/$1") +
                        rewrite("^/l/(.*)$", "/x/$1$1$1$1$1$1$1$1$1", 302) + rewrite("^/e/(.*)$", "/x/$1", 301) +
                        rewrite("^/k/(.*)$", "/x/${m:$1$1$1$1$1$1$1$1$1$1|no}", 301),
             .more = map_table("m", "m.txt")});
  Cases row("long results");
  const auto a = [](std::size_t n) { return std::string(n, 'a'); };
  const auto status_of = [&](const std::string& target) {
    const Response response = answer_to(server, get_request(target));
    INFO(target.substr(0, 20), "… of ", target.size(), " bytes: ", response.head);
    CHECK(response.status != 200);
    return response.status;
  };
  row("contract [[site.rewrites]]", "an internal path of more than 8 KiB is 414", [&] {
    CHECK(status_of("/i/" + a(1000)) == 414);
    CHECK(status_of("/i/" + a(10000)) == 414);
  });
  row("contract: a name over 255 bytes", "a shorter one that no file can have is 404", [&] {
    CHECK(status_of("/i/" + a(300)) == 404);
    CHECK(status_of("/one/" + a(4000)) == 404);
    std::string deep;
    for (int i = 0; i < 2500; ++i) deep += "b/";
    CHECK(status_of("/one/" + deep) == 404);
  });
  row("contract [[site.rewrites]]", "a Location of more than 8 KiB is 414, a shorter one stands whole", [&] {
    CHECK(status_of("/l/" + a(1000)) == 414);
    const Response response = answer_to(server, get_request("/e/" + a(8000)));
    CHECK(response.status == 301);
    CHECK(same(response.field("Location"), "/x/" + a(8000)));
    CHECK(status_of("/e/" + a(9000)) == 414);
  });
  row("contract [[site.rewrites]]", "what grows by being encoded counts encoded", [&] {
    std::string bytes;
    for (int i = 0; i < 4000; ++i) bytes += "%0a";
    CHECK(status_of("/e/" + bytes) == 414);
  });
  row("contract [[site.rewrites]]", "a kept query counts too",
      [&] { CHECK(status_of("/e/" + a(5000) + "?" + a(5000)) == 414); });
  row("contract [[site.rewrites]]", "a map's key that is too long is no crash", [&] {
    const int status = status_of("/k/" + a(3000));
    const bool known = status == 414 || status == 301;
    CHECK(known);
  });
  row("contract limits.header_size", "targets up to the limit of the head are matched, longer ones are 414", [&] {
    for (std::size_t size = 15000; size < 16900; size += 100) {
      Client client = server.connect();
      const Response response = client.ask(get_request("/i/" + a(size)));
      CHECK(response.status == 414);
      if (!response.connection_says("close")) CHECK(client.get("/probe.txt").body == kProbe);
    }
  });
  row("RFC 9112 §9.3.2", "414 of a rule keeps its place among pipelined answers", [&] {
    Client client = server.connect();
    client.send(get_request("/probe.txt") + get_request("/l/" + a(1000)) + get_request("/e/x"));
    CHECK(client.read_response().status == 200);
    const Response long_one = client.read_response();
    CHECK(long_one.status == 414);
    if (!long_one.connection_says("close")) CHECK(client.read_response().status == 301);
  });
}

TEST_CASE_FIXTURE(Tree, "hostile paths against hostile patterns are answered quickly, and nobody waits for them") {
  std::string patterns;
  for (const char* pattern : {"^/x/(a+)+$", "^/x/(a|aa)+$", "^/x/(a*)*b$", "^/x/(.*a){12}$", "(x+x+)+y",
                              "^/x/(([a-z])+.)+[A-Z]([a-z])+$", "^(/[^/]*)*/x{0,200}end$"}) {
    patterns += rewrite(pattern, "/new/a.txt");
  }
  const Server server(site, {.server = "workers = 2", .headers = patterns});
  HotClient hot(server, get_request("/probe.txt"));
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRequests = 60;
  Client client = server.connect();
  int answered = 0;
  for (int i = 0; i < kRequests; ++i) {
    const std::string fill = i % 3 == 0 ? "a" : i % 3 == 1 ? "x" : "ab/";
    std::string target = "/x/";
    while (target.size() < 8000) target += fill;
    answered += client.get(target + "!").status == 404;
  }
  const double took = milliseconds_since(start);
  hot.stop();
  MESSAGE("60 hostile paths of 8 KiB in ", took, " ms; beside them: ", hot.figures());
  CHECK(answered == kRequests);
  CHECK(took < (sanitized() ? 30000 : 6000));
  CHECK(hot.wrong() == 0);
  CHECK(hot.percentile(0.5) < (sanitized() ? 500 : 50));
}
