// CORS by [[site.headers]]: the very configuration that README.md gives, read out of it, and what a browser asks of
// such a server (Fetch Standard §3.2): preflights, and the fields on answers of every kind. Also globs with
// alternatives and rules that a stranger to this program would write.
#include <doctest/doctest.h>

#include <cstdlib>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

// The first block of TOML in the section on CORS.
std::string recipe() {
  const char* path = std::getenv("URINGD_README");
  if (!path) FAIL("URINGD_README must name README.md (meson test sets it)");
  const std::string readme = file_bytes(path);
  const std::size_t section = readme.find("(CORS)\n");
  REQUIRE(section != std::string::npos);
  const std::string fence = "```toml\n";
  const std::size_t start = readme.find(fence, section) + fence.size();
  return readme.substr(start, readme.find("```", start) - start);
}

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    site.file("fonts/a.woff2", "font");
    site.file("api/a.json", json);
    site.file("api/large.json", large);
    site.file("api/dir/index.html", "<p>index\n");
    site.directory("api/empty");
    site.file("other/a.json", "{}");
    for (const char* name : {"a.css", "a.js", "a.txt", "deep/er/a.css", "img/a.png", "img/a.webp"})
      site.file(name, "x");
  }
  const std::string json = "{\"a\":\"" + std::string(2000, 'j') + "\"}\n";
  const std::string large = "\"" + std::string(300000, 'l') + "\"\n";
  Site site;
};

const std::string kOrigin = "Origin: https://app.example\r\n";
const std::string kPreflight = kOrigin +
                               "Access-Control-Request-Method: GET\r\n"
                               "Access-Control-Request-Headers: if-none-match\r\n";

}  // namespace

TEST_CASE_FIXTURE(Tree, "CORS: README's recipe does what it says") {
  const Server server(site, {.headers = recipe()});
  Cases row("CORS");
  for (const char* target :
       {"/api/a.json", "/api/", "/api/none.json", "/api/none/none", "/api/large.json", "/api/dir"}) {
    row("Fetch §3.2.3 CORS-preflight", std::string("a preflight is answered: ") + target, [&] {
      const Response response = answer_to(server, request("OPTIONS", target, kPreflight), "OPTIONS");
      CHECK(response.status == 204);
      CHECK(response.body.empty());
      CHECK(response.field("Access-Control-Allow-Origin") == "*");
      CHECK(lists(response, "Access-Control-Allow-Methods", "GET"));
      CHECK(lists(response, "Access-Control-Allow-Headers", "If-None-Match"));
      CHECK(response.field("Access-Control-Max-Age") == "86400");
      CHECK(lists(response, "Allow", "GET"));
      CHECK(!response.has("Location"));
      CHECK(!response.has("Content-Length"));  // RFC 9110 §8.6
    });
  }
  row("Fetch §3.2.3 CORS-preflight", "paths without such a rule allow nothing", [&] {
    for (const char* target : {"/other/a.json", "/", "*", "/apiary", "/api"}) {
      INFO(target);
      const Response response = answer_to(server, request("OPTIONS", target, kPreflight), "OPTIONS");
      CHECK(response.status == 204);
      CHECK(!response.has("Access-Control-Allow-Origin"));
      CHECK(lists(response, "Allow", "GET"));
    }
  });
  row("Fetch §3.2.3 CORS-preflight", "a path is the same in every spelling", [&] {
    for (const char* target :
         {"/%61pi/a.json", "//api/a.json", "/x/../api/a.json", "/api/a.json?q", "http://h/api/x"}) {
      INFO(target);
      const Response response = answer_to(server, request("OPTIONS", target, kPreflight), "OPTIONS");
      CHECK(response.field("Access-Control-Allow-Origin") == "*");
    }
  });
  struct Kind {
    const char* name;
    const char* target;
    const char* fields;
    int status;
  };
  constexpr Kind kKinds[] = {
      {"a file", "/api/a.json", "", 200},
      {"a font", "/fonts/a.woff2", "", 200},
      {"a stream", "/api/large.json", "", 200},
      {"an index", "/api/dir/", "", 200},
      {"a range", "/api/a.json", "Range: bytes=0-3\r\n", 206},
      {"several ranges", "/api/large.json", "Range: bytes=0-3,9-10\r\n", 206},
      {"not modified", "/api/a.json", "If-None-Match: *\r\n", 304},
      {"not modified, a stream", "/api/large.json", "If-None-Match: *\r\n", 304},
      {"a missing file", "/api/none.json", "", 404},
      {"a missing font", "/fonts/none.woff2", "", 404},
      {"a directory without its slash", "/api/dir", "", 301},
      {"a directory that is not listed", "/api/empty/", "", 403},
      {"a failed precondition", "/api/a.json", "If-Match: \"x\"\r\n", 412},
      {"a range that is not there", "/api/a.json", "Range: bytes=99999-\r\n", 416},
  };
  for (const Kind& one : kKinds) {
    row("Fetch §3.2.5 HTTP-responses", std::string("the fields are on ") + one.name, [&] {
      // HEAD knows no ranges (RFC 9110 §14.2).
      const bool ranged = std::string_view(one.fields).starts_with("Range");
      const std::string fields = kOrigin + one.fields;
      const Response response =
          ranged ? get(server, one.target, fields) : check_head_agrees(server, one.target, fields);
      CHECK(response.status == one.status);
      CHECK(response.field("Access-Control-Allow-Origin") == "*");
      if (std::string_view(one.target).starts_with("/api/")) {
        CHECK(lists(response, "Access-Control-Expose-Headers", "ETag"));
      }
    });
  }
  row("Fetch §3.2.5 HTTP-responses", "also on other methods' 405, so that a script learns why", [&] {
    for (const char* method : {"DELETE", "POST", "PUT"}) {
      const Response response = answer_to(server, request(method, "/api/a.json", kOrigin), method);
      CHECK(response.status == 405);
      CHECK(response.field("Access-Control-Allow-Origin") == "*");
      CHECK(lists(response, "Allow", "GET"));
    }
  });
  row("Fetch §3.2.5 HTTP-responses", "on a coded copy, whose Vary stays", [&] {
    const auto coded = [](const Response& r) { return r.has("Content-Encoding"); };
    const Response copy = get_until(server, "/api/a.json", accept_encoding("br") + kOrigin, coded);
    CHECK(copy.field("Access-Control-Allow-Origin") == "*");
    CHECK(lists(copy, "Vary", "Accept-Encoding"));
  });
  row("contract [[site.headers]]", "nothing of it is on other paths", [&] {
    for (const char* target : {"/other/a.json", "/probe.txt", "/none"}) {
      CHECK(!get(server, target, kOrigin).has("Access-Control-Allow-Origin"));
    }
  });
  row("RFC 9112 §9.3.2", "a preflight and its request on one connection", [&] {
    Client client = server.connect();
    client.send(request("OPTIONS", "/api/a.json", kPreflight) + get_request("/api/a.json", kOrigin) +
                request("OPTIONS", "/other/a.json", kPreflight) + get_request("/probe.txt", kOrigin));
    CHECK(client.read_response("OPTIONS").field("Access-Control-Allow-Origin") == "*");
    CHECK(client.read_response().body == json);
    CHECK(!client.read_response("OPTIONS").has("Access-Control-Allow-Origin"));
    CHECK(client.read_response().body == "probe\n");
  });
  row("RFC 9110 §9.3.7", "a preflight with a body is read to its end", [&] {
    const std::string body = request("OPTIONS", "/api/a.json", kPreflight + "Content-Length: 5\r\n") + "hello";
    CHECK(answer_to(server, body, "OPTIONS").status == 204);
  });
}

TEST_CASE_FIXTURE(Tree, "header rules with alternatives") {
  const auto rule = [](const std::string& match, const std::string& name) {
    return "[[site.headers]]\nmatch = '" + match + "'\nset = { \"" + name + "\" = \"yes\" }\n\n";
  };
  const Server server(site, {.headers = rule("/**/*.{css,js}", "X-Code") + rule("/{a.txt,img/**}", "X-Either") +
                                        rule("/img/a.{png,web{p,m}}", "X-Nested") + rule("/deep{,/er}/*", "X-Empty") +
                                        rule("/[a-z].{t?t,j*}", "X-Wild") + rule("/a.\\{css,js\\}", "X-Escaped")});
  struct Row {
    const char* target;
    const char* fields;  // that it has; it lacks the others
  };
  constexpr Row kRows[] = {
      {"/a.css", "X-Code"},
      {"/a.js", "X-Code X-Wild"},
      {"/a.txt", "X-Either X-Wild"},
      {"/deep/er/a.css", "X-Code X-Empty"},
      {"/img/a.png", "X-Either X-Nested"},
      {"/img/a.webp", "X-Either X-Nested"},
      {"/img/a.webm", "X-Either X-Nested"},
      {"/img/a.web", "X-Either"},
      {"/deep/x", "X-Empty"},
      {"/a.%7bcss,js%7d", "X-Escaped"},
      {"/a.cssjs", ""},
      {"/probe.txt", ""},
  };
  Cases row("alternatives");
  for (const Row& one : kRows) {
    row("contract [[site.headers]] match", std::string(one.target) + " has " + one.fields, [&] {
      const Response response = get(server, one.target);
      for (const std::string name : {"X-Code", "X-Either", "X-Nested", "X-Empty", "X-Wild", "X-Escaped"}) {
        INFO(name);
        const bool expected = (" " + std::string(one.fields) + " ").find(" " + name + " ") != std::string::npos;
        CHECK(response.has(name) == expected);
      }
    });
  }
}
