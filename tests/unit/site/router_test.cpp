// Router: from a parsed request to a site and a path: who is turned away with which status, whose host it is, and what
// the path looks like that disk/ will open.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "uringd/site/router.hpp"

#include <string>
#include <utility>
#include <vector>

#include "uringd/http/request_parser.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using site::Route;

namespace {

config::Config config_of(const std::vector<std::vector<std::string>>& hosts) {
  config::Config config;
  for (const auto& names : hosts) config.sites.push_back({.hosts = names});
  return config;
}

/// A router over a plan of its own.
class Router {
 public:
  static constexpr size_t path_limit = site::Router::path_limit;
  explicit Router(const config::Config& config) : router_(plan_of(config), maps_, 1) {}
  site::Router* operator->() const { return &router_; }

 private:
  static std::shared_ptr<const site::RouterPlan> plan_of(const config::Config& config) {
    std::vector<config::Problem> warnings;
    auto plan = site::RouterPlan::build(config, warnings);
    REQUIRE(plan);
    return *plan;
  }
  site::Maps maps_;
  mutable site::Router router_;
};

/// A request and the route that it gets; views of the route point into it.
struct Asked {
  std::string bytes;
  http::RequestParser parser;
  std::vector<char> scratch;
  Route route;

  Asked(const Router& router, const std::string& line, const std::string& host = "example.com")
      : bytes(line + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"),
        parser({.header_size = 65536}),
        scratch(site::Router::scratch_bytes(bytes.size()), '#') {
    REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == http::RequestParser::Progress::head_complete);
    route = router->route(parser.request(), scratch);
  }
};

const Router& one_site() {
  static const Router router(config_of({{"*"}}));
  return router;
}

int status_of(const std::string& line) { return Asked(one_site(), line).route.status; }
std::string path_of(const std::string& target) {
  const Asked asked(one_site(), "GET " + target);
  if (asked.route.status != 0) return std::to_string(asked.route.status);
  REQUIRE(asked.route.path.data()[asked.route.path.size()] == '\0');
  return std::string(asked.route.path);
}
uint32_t site_of(const Router& router, const std::string& host) { return Asked(router, "GET /", host).route.site; }

}  // namespace

TEST_CASE("GET and HEAD are looked up, OPTIONS is answered 204 at once (RFC 9110 §9.3)") {
  CHECK(status_of("GET /a") == 0);
  CHECK(status_of("HEAD /a") == 0);
  CHECK(status_of("OPTIONS /a") == 204);
  CHECK(status_of("OPTIONS *") == 204);
}

TEST_CASE("methods that exist but are not allowed get 405, others 501 (RFC 9110 §15.5.6, §15.6.2)") {
  for (const char* method : {"POST", "PUT", "DELETE", "TRACE", "PATCH"}) {
    CAPTURE(method);
    CHECK(status_of(std::string(method) + " /a") == 405);
  }
  CHECK(status_of("CONNECT example.com:80") == 405);
  CHECK(status_of("BREW /a") == 501);
  CHECK(status_of("get /a") == 501);
}

TEST_CASE("the method is looked at before the target: a bad or hidden path does not hide a 405 or a 501") {
  CHECK(status_of("POST /%00") == 405);
  CHECK(status_of("BREW /.git/config") == 501);
}

TEST_CASE("a target that cannot be understood is 400, for OPTIONS too") {
  for (const char* target : {"/%", "/%4", "/%zz", "/a%00b", "/a%2fb", "/%2F"}) {
    CAPTURE(target);
    CHECK(status_of(std::string("GET ") + target) == 400);
    CHECK(status_of(std::string("OPTIONS ") + target) == 400);
  }
}

TEST_CASE("an asterisk is for OPTIONS alone (RFC 9112 §3.2.4)") {
  // Refused by the parser or by the router, but never looked up as a file.
  const std::string bytes = "GET * HTTP/1.1\r\nHost: a\r\n\r\n";
  http::RequestParser parser;
  if (parser.parse_head(bytes.data(), bytes.size()) == http::RequestParser::Progress::head_complete) {
    CHECK(status_of("GET *") == 400);
  } else {
    CHECK(parser.status() == 400);
  }
}

TEST_CASE("paths are decoded once, normalised and NUL-terminated") {
  CHECK(path_of("/") == "/");
  CHECK(path_of("/a") == "/a");
  CHECK(path_of("/a%20b") == "/a b");
  CHECK(path_of("/a//b") == "/a/b");
  CHECK(path_of("/a/./b/../c") == "/a/c");
  CHECK(path_of("/../../etc/passwd") == "/etc/passwd");
  CHECK(path_of("/%2e%2e/%2e%2e/etc") == "/etc");
  CHECK(path_of("/%252e%252e/x") == "/%2e%2e/x");
  CHECK(path_of("/a%5cb") == "/a\\b");
}

TEST_CASE("a path that names a directory ends with one slash, any other with none") {
  CHECK(path_of("/a/") == "/a/");
  CHECK(path_of("/a//") == "/a/");
  CHECK(path_of("/a/.") == "/a/");
  CHECK(path_of("/a/b/..") == "/a/");
  CHECK(path_of("/a/..") == "/");
  CHECK(path_of("//") == "/");
  CHECK(path_of("/a/?q=/") == "/a/");
  CHECK(path_of("/a?q=/") == "/a");
}

TEST_CASE("the query is kept as it was sent, and an empty one is not none") {
  const Asked with(one_site(), "GET /a?x=%31&y");
  CHECK(with.route.has_query);
  CHECK(with.route.query == "x=%31&y");
  const Asked empty(one_site(), "GET /a?");
  CHECK(empty.route.has_query);
  CHECK(empty.route.query.empty());
  CHECK_FALSE(Asked(one_site(), "GET /a").route.has_query);
}

TEST_CASE("hidden names are 404, at any depth, encoded or not") {
  for (const char* target : {"/.git", "/.git/config", "/a/.env", "/%2egit/config", "/a/b/.c/d", "/.well-known/.x",
                             "/a/.well-known/x", "/...", "/.well-knownx"}) {
    CAPTURE(target);
    CHECK(status_of(std::string("GET ") + target) == 404);
  }
}

TEST_CASE(".well-known at the top is not hidden (RFC 8615 §3), nor are dots inside names") {
  for (const char* target : {"/.well-known/acme", "/.well-known", "/.well-known/", "/a.b/c.d", "/a."}) {
    CAPTURE(target);
    CHECK(status_of(std::string("GET ") + target) == 0);
  }
}

TEST_CASE("a site may serve hidden names, and its neighbours do not for that") {
  config::Config config = config_of({{"open"}, {"closed"}});
  config.sites[0].hidden = true;
  const Router router(config);
  CHECK(Asked(router, "GET /.git/config", "open").route.status == 0);
  CHECK(Asked(router, "GET /.git/config", "closed").route.status == 404);
}

TEST_CASE("a name that no file can have is 404: over 255 bytes, decoded") {
  const std::string longest(255, 'n');
  CHECK(status_of("GET /" + longest) == 0);
  CHECK(status_of("GET /" + longest + "n") == 404);
  CHECK(status_of("GET /a/" + longest + "n/b") == 404);
  std::string encoded;
  for (int byte = 0; byte < 255; ++byte) encoded += "%6e";
  CHECK(status_of("GET /" + encoded) == 0);
  CHECK(status_of("GET /" + encoded + "n") == 404);
}

TEST_CASE("a path that openat2(2) would call too long is 404, one that just fits with its slash and NUL is not") {
  // Components of 99 bytes and a last one that brings the path, slash at its end included, to `size`.
  const auto path_of_size = [](size_t size) {
    std::string path;
    while (path.size() + 250 < size) path += "/" + std::string(99, 'n');
    return path + "/" + std::string(size - path.size() - 2, 'n') + "/";
  };
  REQUIRE(path_of_size(4095).size() == 4095);
  const Asked fits(one_site(), "GET " + path_of_size(Router::path_limit - 1));
  CHECK(fits.route.status == 0);
  CHECK(fits.route.path.size() == Router::path_limit - 1);
  CHECK(fits.route.path.ends_with("n/"));
  CHECK(fits.route.path.data()[fits.route.path.size()] == '\0');
  CHECK(status_of("GET " + path_of_size(Router::path_limit)) == 404);
  CHECK(status_of("GET " + path_of_size(Router::path_limit + 5000)) == 404);
}

TEST_CASE("an exact host beats a suffix, the longest suffix beats shorter ones, and any suffix beats *") {
  const Router router(config_of({{"*"}, {"*.example.com"}, {"*.b.example.com"}, {"a.b.example.com"}}));
  CHECK(site_of(router, "a.b.example.com") == 3);
  CHECK(site_of(router, "c.b.example.com") == 2);
  CHECK(site_of(router, "d.c.b.example.com") == 2);
  CHECK(site_of(router, "b.example.com") == 1);
  CHECK(site_of(router, "x.example.com") == 1);
  CHECK(site_of(router, "example.com") == 0);
  CHECK(site_of(router, "badexample.com") == 0);
  CHECK(site_of(router, "com") == 0);
}

TEST_CASE("a host that no site names gets the site with *, and where there is none the first") {
  CHECK(site_of(Router(config_of({{"a"}, {"*"}})), "elsewhere") == 1);
  CHECK(site_of(Router(config_of({{"a"}, {"b"}})), "elsewhere") == 0);
  CHECK(site_of(Router(config_of({{"a"}, {"b", "c"}})), "c") == 1);
}

TEST_CASE("hosts compare without case, port and one trailing dot (RFC 3986 §3.2.2)") {
  const Router router(config_of({{"other"}, {"example.com", "[::1]"}}));
  for (const char* host : {"example.com", "EXAMPLE.com", "example.com:8080", "example.com.", "Example.Com.:80",
                           "example.com:", "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]"}) {
    CAPTURE(host);
    CHECK(site_of(router, host) == 1);
  }
  CHECK(site_of(router, "example.com..") == 0);
}

TEST_CASE("the authority of an absolute-form target replaces Host (RFC 9112 §3.2.2)") {
  const Router router(config_of({{"a.example"}, {"b.example"}}));
  const Asked asked(router, "GET http://B.example:8080/x?q", "a.example");
  CHECK(asked.route.site == 1);
  CHECK(asked.route.path == "/x");
  CHECK(asked.route.query == "q");
  CHECK(Asked(router, "GET http://b.example", "a.example").route.path == "/");
  CHECK(Asked(router, "GET http://nowhere.example/x", "b.example").route.site == 0);
}

TEST_CASE("a request of HTTP/1.0 without Host gets the first site") {
  const Router router(config_of({{"a"}, {"b"}}));
  const std::string bytes = "GET /x HTTP/1.0\r\n\r\n";
  http::RequestParser parser;
  REQUIRE(parser.parse_head(bytes.data(), bytes.size()) == http::RequestParser::Progress::head_complete);
  std::vector<char> scratch(site::Router::scratch_bytes(bytes.size()));
  const Route route = router->route(parser.request(), scratch);
  CHECK(route.status == 0);
  CHECK(route.site == 0);
}

TEST_CASE("a long host name does not disturb the path, which shares the scratch memory with it") {
  const Router router(config_of({{"*"}, {"b." + std::string(200, 'h')}}));
  const Asked asked(router, "GET /some/path/", "B." + std::string(200, 'H') + ":80");
  CHECK(asked.route.site == 1);
  CHECK(asked.route.path == "/some/path/");
  CHECK(asked.route.path.data()[asked.route.path.size()] == '\0');
  CHECK(Asked(router, "GET /x", std::string(5000, 'h') + ".example").route.site == 0);
}

namespace {

config::Config with_mounts() {
  config::Config config = config_of({{"a"}, {"b"}});
  config.sites[0].mounts = {{"/up", "/srv/up"}, {"/up/deep", "/srv/deep"}};
  config.sites[1].mounts = {{"/up", "/srv/other"}};
  return config;
}

struct Placed {
  uint32_t tree;
  std::string path;
  bool operator==(const Placed&) const = default;
};

Placed placed(const Router& router, const std::string& target, const std::string& host = "a") {
  const Asked asked(router, "GET " + target, host);
  REQUIRE(asked.route.status == 0);
  return {asked.route.place.tree, std::string(asked.route.path_in_tree())};
}

}  // namespace

TEST_CASE("a path below a mount's prefix lies in the mount's tree, the longest prefix first; trees follow the roots") {
  const Router router(with_mounts());
  CHECK(placed(router, "/x") == Placed{0, "/x"});
  CHECK(placed(router, "/up/x") == Placed{2, "/x"});
  CHECK(placed(router, "/up/") == Placed{2, "/"});
  CHECK(placed(router, "/up/deep/x/") == Placed{3, "/x/"});
  CHECK(placed(router, "/up/x", "b") == Placed{4, "/x"});
  CHECK(placed(router, "/x", "b") == Placed{1, "/x"});
}

TEST_CASE("a prefix ends at a slash, and dot segments lead out of a mount before it is looked for") {
  const Router router(with_mounts());
  CHECK(placed(router, "/upx") == Placed{0, "/upx"});
  CHECK(placed(router, "/upx/y") == Placed{0, "/upx/y"});
  CHECK(placed(router, "/up/../x") == Placed{0, "/x"});
  CHECK(placed(router, "/up/%2e%2e/%2e%2e/x") == Placed{0, "/x"});
  CHECK(placed(router, "/x/../up/./y") == Placed{2, "/y"});
  CHECK(placed(router, "/%75p/y") == Placed{2, "/y"});
}

TEST_CASE("a mount's prefix without its slash is a directory's name: 301") {
  const Router router(with_mounts());
  for (const char* target : {"/up", "/up/deep", "/x/../up"}) {
    CAPTURE(target);
    const Asked asked(router, std::string("GET ") + target, "a");
    CHECK(asked.route.status == 301);
    CHECK(asked.route.location.empty());
  }
}

TEST_CASE("an internal rewrite is normalised and confined again, may lead into a mount, and never to a hidden name") {
  config::Config config = with_mounts();
  config.sites[0].rewrites = {{.match = "^/m/(.*)$", .to = "/up/$1"},
                              {.match = "^/above$", .to = "/x/../../../etc/passwd"},
                              {.match = "^/secret$", .to = "/.git/config"},
                              {.match = "^/slashes$", .to = "/a///b/./"},
                              {.match = "^/long$", .to = "/" + std::string(256, 'n')},
                              {.match = "^/q$", .to = "/x?sort=name"},
                              {.match = "^/percent/(.*)$", .to = "/$1"}};
  const Router router(config);
  CHECK(placed(router, "/m/y/") == Placed{2, "/y/"});
  CHECK(placed(router, "/above") == Placed{0, "/etc/passwd"});
  CHECK(placed(router, "/slashes") == Placed{0, "/a/b/"});
  CHECK(placed(router, "/percent/%252e%252e/x") == Placed{0, "/%2e%2e/x"});  // decoded once, never again
  CHECK(Asked(router, "GET /secret", "a").route.status == 404);
  CHECK(Asked(router, "GET /long", "a").route.status == 404);
  const Asked query(router, "GET /q?other=1", "a");
  CHECK(query.route.query == "sort=name");
  CHECK(query.route.rewritten);
  const Asked kept(router, "GET /m/y?other=1", "a");
  CHECK(kept.route.query == "other=1");
  CHECK(kept.route.path.data()[kept.route.path.size()] == '\0');
}

TEST_CASE("a rule sees a hidden path before it is refused, the path with its slash, and no OPTIONS") {
  config::Config config = config_of({{"*"}});
  config.sites[0].rewrites = {{.match = "^/[.]git", .status = 410},
                              {.match = "^/dir/$", .status = 403},
                              {.match = "^/go$", .to = "https://example.org/", .status = 302}};
  const Router router(config);
  CHECK(Asked(router, "GET /.git/config").route.status == 410);
  CHECK(Asked(router, "GET /.hg").route.status == 404);
  CHECK(Asked(router, "GET /dir/").route.status == 403);
  CHECK(Asked(router, "GET /dir").route.status == 0);
  CHECK(Asked(router, "GET /go").route.status == 302);
  CHECK(Asked(router, "GET /go").route.location == "https://example.org/");
  CHECK(Asked(router, "OPTIONS /go").route.status == 204);  // a preflight must not be redirected (Fetch, CORS)
  CHECK(Asked(router, "OPTIONS /go").route.location.empty());
  CHECK(Asked(router, "POST /go").route.status == 405);
}

TEST_CASE("OPTIONS and what is refused have the path that GET would have, for the rules that set fields by path") {
  config::Config config = config_of({{"*"}});
  config.sites[0].rewrites = {{.match = "^/v1/(.*)$", .to = "/up/$1"}};
  const Router router(config);
  for (const char* method : {"GET", "OPTIONS", "POST", "BREW"}) {
    CAPTURE(method);
    CHECK(Asked(router, std::string(method) + " /v1/a%20b/").route.path == "/up/a b/");
  }
  CHECK(Asked(router, "OPTIONS /v1/a").route.status == 204);
  CHECK(Asked(router, "BREW /v1/a").route.status == 501);
}
