// Cases of methods and expectations (RFC 9110 §9, §10.1.1): what is served, what is known and refused, what is unknown;
// bodies on every method; HEAD beside GET; 100-continue and 417.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;
using Named = std::vector<std::pair<std::string, std::string>>;

const Answer kFile = ok("a\n");
const Named kPaths{{"a file", "/a.txt"},
                   {"a large file", "/large.bin"},
                   {"a missing file", "/missing"},
                   {"a directory", "/dir/"},
                   {"a directory without slash", "/dir"},
                   {"a directory without index", "/bare/"},
                   {"a hidden name", "/.hidden"},
                   {"a query", "/a.txt?q=1"}};

Answer with_allow(Answer answer) {
  return answer.lists("Allow", "GET").lists("Allow", "HEAD").lists("Allow", "OPTIONS");
}

Rows refused_methods() {
  Rows rows;
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "TRACE"}) {
    for (const auto& [what, path] : kPaths) {
      rows.push_back({"RFC 9110 §15.5.6", std::string(method) + " of " + what + " gets 405 with Allow",
                      request(method, path), with_allow(answer(405))});
    }
  }
  for (const char* method : {"get", "Get", "head", "options", "BREW", "PROPFIND", "MKCOL", "M-SEARCH", "G", "GETT",
                             "QUERY", "LINK", "PURGE", "SOURCE", "!#$%&'*+-.^_`|~"}) {
    rows.push_back({"RFC 9110 §15.6.2", std::string("the unknown method ") + method + " gets 501",
                    request(method, "/a.txt"), answer(501)});
  }
  rows.insert(
      rows.end(),
      {{"RFC 9110 §9.3.6", "CONNECT gets 405 and a close", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        with_allow(answer(405)).closing()},
       {"RFC 9110 §9.3.6", "CONNECT of an IPv6 address gets 405 and a close",
        "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", with_allow(answer(405)).closing()},
       {"RFC 9110 §9.3.6", "CONNECT in HTTP/1.0 gets 405 and a close", "CONNECT a:443 HTTP/1.0\r\n\r\n",
        with_allow(answer(405)).closing()},
       {"RFC 9110 §9.3.6", "CONNECT without a port gets 400", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", refused(400)},
       {"RFC 9110 §9.3.6", "CONNECT to port 0 gets 400", "CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", refused(400)},
       {"contract HTTP", "CONNECT of a path gets 405, as the other methods do there",
        "CONNECT /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", with_allow(answer(405)).closing()},
       {"RFC 9112 §3.2.3", "CONNECT of an absolute form gets 400", "CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        refused(400)},
       {"RFC 9112 §3.2.3", "GET of an authority gets 400", request("GET", "a:80"), refused(400)},
       {"RFC 9112 §3.2.4", "GET of an asterisk gets 400", request("GET", "*"), refused(400)},
       {"RFC 9112 §3.2.4", "HEAD of an asterisk gets 400", request("HEAD", "*"), refused(400)},
       {"RFC 9112 §3.2.4", "POST of an asterisk gets 400", request("POST", "*"), refused(400)},
       {"RFC 9110 §9.3.8", "TRACE sends nothing of the request back", request("TRACE", "/a.txt", "Cookie: secret\r\n"),
        answer(405).field_where("Content-Type", [](std::string_view type) { return type != "message/http"; })},
       {"RFC 9110 §9.3.3", "a POST with a body gets 405, and the connection goes on",
        request("POST", "/a.txt", "Content-Length: 5\r\n") + "hello", answer(405)},
       {"RFC 9110 §9.3.4", "a PUT with a chunked body gets 405, and the connection goes on",
        request("PUT", "/a.txt", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n", answer(405)},
       {"RFC 9110 §9.3.8", "a TRACE with a body gets 405, and the connection goes on",
        request("TRACE", "/a.txt", "Content-Length: 5\r\n") + "hello", answer(405)},
       {"RFC 9110 §15.6.2", "an unknown method with a body gets 501, and the connection goes on",
        request("BREW", "/a.txt", "Content-Length: 5\r\n") + "hello", answer(501)},
       {"RFC 9110 §15.6.2", "an unknown method does not hide a bad request: 400",
        request("BREW", "/a.txt", "Content-Length: x\r\n"), refused(400)}});
  return rows;
}

Rows options() {
  Rows rows;
  // RFC 9110 §8.6 forbids a Content-Length in a 204.
  const Answer allowed = with_allow(answer(204)).lacks("Transfer-Encoding").lacks("Content-Length");
  for (const auto& [what, path] : kPaths) {
    rows.push_back(
        {"RFC 9110 §9.3.7", "OPTIONS of " + what + " gets 204 with Allow", request("OPTIONS", path), allowed});
  }
  rows.insert(
      rows.end(),
      {{"RFC 9110 §9.3.7", "OPTIONS of the server gets 204 with Allow", request("OPTIONS", "*"), allowed},
       {"RFC 9112 §3.2.4", "OPTIONS of an absolute form without a path is of the server",
        request("OPTIONS", "http://a"), allowed},
       {"RFC 9110 §9.3.7", "OPTIONS with a body drops it", request("OPTIONS", "*", "Content-Length: 5\r\n") + "hello",
        allowed},
       {"RFC 9110 §7.6.2", "Max-Forwards: 0 is answered here", request("OPTIONS", "/a.txt", "Max-Forwards: 0\r\n"),
        allowed},
       {"RFC 9110 §9.3.7", "OPTIONS ignores a condition", request("OPTIONS", "/a.txt", "If-Match: \"x\"\r\n"), allowed},
       {"RFC 9110 §14.2", "OPTIONS ignores Range", request("OPTIONS", "/a.txt", "Range: bytes=0-0\r\n"), allowed},
       {"RFC 3986 §2.1", "OPTIONS of a bad escape gets 400", request("OPTIONS", "/%zz"), refused(400)},
       {"RFC 9112 §3.2", "OPTIONS of an empty path gets 400", request("OPTIONS", ""), refused(400)},
       {"RFC 9112 §3.2", "OPTIONS of two asterisks gets 400", request("OPTIONS", "**"), refused(400)}});
  return rows;
}

Rows gets(const std::string& large) {
  return {
      {"RFC 9110 §9.3.2", "a small file", get_request("/a.txt"), kFile.has("ETag").has("Last-Modified")},
      {"RFC 9110 §9.3.2", "a large file", get_request("/large.bin"), ok(large).has("ETag")},
      {"RFC 9110 §9.3.2", "an empty file", get_request("/empty.txt"), ok("").field("Content-Length", "0")},
      {"RFC 9110 §9.3.2", "an index", get_request("/dir/"), ok("index\n")},
      {"RFC 9110 §9.3.2", "a redirect to a directory", get_request("/dir"), answer(301).field("Location", "/dir/")},
      {"RFC 9110 §9.3.2", "a missing file is missing", get_request("/missing"), answer(404).lacks("ETag")},
      {"RFC 9110 §9.3.2", "a directory without index is refused", get_request("/bare/"), answer(403)},
      {"RFC 9110 §9.3.2", "a hidden name is missing", get_request("/.hidden"), answer(404)},
      {"RFC 9110 §9.3.1", "a file in HTTP/1.0", "GET /a.txt HTTP/1.0\r\n\r\n", kFile.closing()},
      {"RFC 9110 §9.3.1", "a GET with a body is answered", get_request("/a.txt", "Content-Length: 5\r\n") + "hello",
       kFile},
      {"RFC 9110 §9.3.1", "a GET with a chunked body is answered",
       get_request("/a.txt", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n", kFile},
      {"RFC 9110 §9.3.2", "an absolute form", get_request("http://a/a.txt"), kFile},
      {"RFC 9110 §12.5.1", "Accept of another type is no reason to refuse", get_request("/a.txt", "Accept: x/y\r\n"),
       kFile},
  };
}

Rows expectations() {
  const std::string five = "Content-Length: 5\r\n", wait = "Expect: 100-continue\r\n";
  const std::string te = "Transfer-Encoding: chunked\r\n", old = "GET /a.txt HTTP/1.0\r\n";
  Rows rows{
      {"RFC 9110 §10.1.1",
       "100-continue gets 100, and the answer behind the body",
       get_request("/a.txt", wait + five),
       answer(100),
       {{"hello", kFile}}},
      {"RFC 9110 §10.1.1",
       "100-continue before chunks gets 100",
       get_request("/a.txt", wait + te),
       answer(100),
       {{"5\r\nhello\r\n0\r\n\r\n", kFile}}},
      {"RFC 9110 §10.1.1",
       "100-continue in other letters gets 100",
       get_request("/a.txt", "expect: 100-CONTINUE\r\n" + five),
       answer(100),
       {{"hello", kFile}}},
      {"RFC 9110 §10.1.1",
       "the body behind 100 may come in parts",
       get_request("/a.txt", wait + five),
       answer(100),
       {{"he", Answers{}}, {"llo", kFile}}},
      {"RFC 9110 §10.1.1",
       "100-continue of HEAD gets 100",
       request("HEAD", "/a.txt", wait + five),
       answer(100),
       {{"hello", answer(200).without_body()}}},
      {"RFC 9110 §10.1.1",
       "the second request of a connection gets its 100 too",
       get_request("/a.txt") + get_request("/a.txt", wait + five),
       {kFile, answer(100)},
       {{"hello", kFile}}},
      {"RFC 9110 §10.1.1", "no 100 where the body came along", get_request("/a.txt", wait + five) + "hello", kFile},
      {"RFC 9110 §10.1.1", "no 100 where there is no body", get_request("/a.txt", wait), kFile},
      {"RFC 9110 §10.1.1", "no 100 where Content-Length is 0", get_request("/a.txt", wait + "Content-Length: 0\r\n"),
       kFile},
      {"RFC 9110 §10.1.1", "no 100 to HTTP/1.0", old + "Connection: keep-alive\r\n" + wait + five + "\r\nhello", kFile},
      {"RFC 9110 §10.1.1", "no 100 before 413", get_request("/a.txt", wait + "Content-Length: 99999999\r\n"),
       refused(413)},
      {"RFC 9110 §10.1.1", "no 100 before 400", get_request("/a.txt", wait + "Content-Length: x\r\n"), refused(400)},
      {"RFC 9110 §10.1.1", "an unknown expectation of HTTP/1.0 is ignored", old + "Expect: x\r\n\r\n", kFile.closing()},
      {"RFC 9110 §10.1.1", "an empty Expect is none", get_request("/a.txt", "Expect:\r\n"), kFile},
  };
  for (const char* value : {"x", "100", "101-continue", "100-continue-not", "100-continue, x", "x, 100-continue", "x=y",
                            "200-ok", "100-continue=1"}) {
    rows.push_back({"RFC 9110 §15.5.18", "the expectation " + std::string(value) + " gets 417",
                    get_request("/a.txt", "Expect: " + std::string(value) + "\r\n"), refused(417)});
  }
  return rows;
}

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("large.bin", large);
    site.file("empty.txt", "");
    site.file("dir/index.html", "index\n");
    site.file(".hidden", "hidden\n");
    site.directory("bare");
    site.file("probe.txt", kProbe);
  }
  const std::string large = pattern(300000, 5);
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "each method is served, refused with Allow, or unknown (RFC 9110 §9)") {
  const Server server(site);
  run_table(server, "refused methods", refused_methods());
  run_table(server, "OPTIONS", options());
  run_table(server, "GET and HEAD", gets(large), {.head_too = true});
  run_table(server, "expectations", expectations());
}
