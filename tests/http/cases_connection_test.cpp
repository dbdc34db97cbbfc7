// Cases of connections (RFC 9112 §9): who keeps them open, in which order answers come, and how they end. An answer
// that leaves a connection open is followed by a request that must be answered on it; one that ends it by a clean FIN.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;

const Answer kFile = ok("a\n");
const Answer kHead = answer(200).without_body();
std::string old(std::string_view fields, std::string_view target = "/a.txt") {
  return "GET " + std::string(target) + " HTTP/1.0\r\n" + std::string(fields) + "\r\n";
}
std::string connection(std::string_view value) { return "Connection:" + std::string(value) + "\r\n"; }
bool says_nothing_of_keep_alive(std::string_view value) { return lower(value).find("keep-alive") == std::string::npos; }

Rows persistence() {
  Rows rows;
  for (const char* value :
       {" close", "close", " Close", " CLOSE", "\tclose\t", " close, TE", " TE,close", " TE , close , x",
        " keep-alive, close", " close, keep-alive", ",close", " , ,close,", " close,close"}) {
    rows.push_back({"RFC 9112 §9.3", "Connection:" + std::string(value) + " ends a connection of HTTP/1.1",
                    get_request("/a.txt", connection(value)), kFile.closing()});
    rows.push_back({"RFC 9112 §9.3", "Connection:" + std::string(value) + " ends a connection of HTTP/1.0",
                    old(connection(value)), kFile.closing()});
  }
  for (const char* value : {"", " keep-alive", " Keep-Alive", " TE", " closed", " xclose", " close-not", " clos",
                            " \"close\"", " upgrade", " x, y"}) {
    rows.push_back({"RFC 9112 §9.3", "Connection:" + std::string(value) + " leaves a connection of HTTP/1.1 open",
                    get_request("/a.txt", connection(value)), kFile});
  }
  for (const char* value : {"", " TE", " keep-alived", " xkeep-alive", " keep", " upgrade"}) {
    rows.push_back({"RFC 9112 §9.3", "Connection:" + std::string(value) + " does not keep a connection of HTTP/1.0",
                    old(connection(value)), kFile.closing()});
  }
  for (const char* value :
       {" keep-alive", " Keep-Alive", " KEEP-ALIVE", " TE, keep-alive", " keep-alive,x", ",keep-alive"}) {
    rows.push_back({"RFC 9112 §9.3",
                    "Connection:" + std::string(value) + " keeps a connection of HTTP/1.0, and we say so",
                    old(connection(value)), kFile.lists("Connection", "keep-alive")});
  }
  rows.insert(
      rows.end(),
      {{"RFC 9112 §9.3", "HTTP/1.1 alone leaves the connection open", get_request("/a.txt"), kFile},
       {"RFC 9112 §9.3", "HTTP/1.0 alone ends it", old(""), kFile.closing()},
       {"RFC 9112 §9.3", "HTTP/1.0 with Host ends it", old("Host: a\r\n"), kFile.closing()},
       {"RFC 9110 §7.6.1", "close in a second Connection line counts",
        get_request("/a.txt", connection(" TE") + connection(" close")), kFile.closing()},
       {"RFC 9110 §7.6.1", "keep-alive in a second Connection line counts",
        old(connection(" TE") + connection(" keep-alive")), kFile.lists("Connection", "keep-alive")},
       {"RFC 9112 §9.3", "close and keep-alive in two lines: close",
        old(connection(" close") + connection(" keep-alive")), kFile.closing()},
       {"RFC 9112 §C.2.2", "Proxy-Connection: keep-alive keeps nothing", old("Proxy-Connection: keep-alive\r\n"),
        kFile.closing()},
       {"RFC 9112 §C.2.2", "Proxy-Connection: close ends nothing", get_request("/a.txt", "Proxy-Connection: close\r\n"),
        kFile},
       {"RFC 9112 §9.3", "a Keep-Alive field alone keeps nothing", old("Keep-Alive: timeout=5\r\n"), kFile.closing()},
       {"RFC 9110 §7.8", "an upgrade to h2c is ignored",
        get_request("/a.txt", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        kFile},
       {"RFC 9110 §7.8", "an upgrade to WebSocket is ignored",
        get_request("/a.txt", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), kFile},
       {"RFC 9110 §7.6.1", "a field that Connection names is acted upon all the same",
        get_request("/a.txt", "Connection: Range\r\nIf-None-Match: *\r\n"), answer(304)},
       {"RFC 9110 §6.2", "an answer to HTTP/1.0 that ends the connection promises no keep-alive", old(""),
        kFile.closing().field_where("Connection", says_nothing_of_keep_alive)}});
  const std::string keep = connection(" keep-alive");
  for (const auto& [target, status] : std::vector<std::pair<std::string, int>>{
           {"/missing", 404}, {"/dir", 301}, {"/bare/", 403}, {"/large.bin", 200}, {"/.hidden", 404}}) {
    const std::string words = target + " (" + std::to_string(status) + ")";
    rows.push_back({"RFC 9112 §9.3", words + " leaves HTTP/1.1 open", get_request(target), answer(status)});
    rows.push_back({"RFC 9112 §9.3", words + " with close ends HTTP/1.1", get_request(target, connection(" close")),
                    answer(status).closing()});
    rows.push_back({"RFC 9112 §9.3", words + " ends HTTP/1.0", old("", target), answer(status).closing()});
    rows.push_back({"RFC 9112 §9.3", words + " with keep-alive keeps HTTP/1.0", old(keep, target),
                    answer(status).lists("Connection", "keep-alive")});
  }
  return rows;
}

Rows pipelines(const std::string& large) {
  const std::string a = get_request("/a.txt"), b = get_request("/b.txt"), missing = get_request("/missing");
  const std::string big = get_request("/large.bin");
  const std::string bad = "BAD\r\n\r\n";
  const Answer second = ok("b\n"), none = answer(404), whole = ok(large);
  std::string hundred;
  std::vector<Answer> answers;
  for (int i = 0; i < 100; ++i) {
    hundred += i % 3 == 0 ? a : i % 3 == 1 ? b : missing;
    answers.push_back(i % 3 == 0 ? kFile : i % 3 == 1 ? second : none);
  }
  Answers all(kFile);
  all.list = answers;
  return {
      {"RFC 9112 §9.3.2", "two requests are answered in order", a + b, {kFile, second}},
      {"RFC 9112 §9.3.2", "a large file before a small one", big + a, {whole, kFile}},
      {"RFC 9112 §9.3.2", "small ones around a large one", a + big + b, {kFile, whole, second}},
      {"RFC 9112 §9.3.2", "two large ones", big + big, {whole, whole}},
      {"RFC 9112 §9.3.2", "404 between two files", a + missing + b, {kFile, none, second}},
      {"RFC 9112 §9.3.2", "404 first", missing + a, {none, kFile}},
      {"RFC 9112 §9.3.2", "405 between two files", a + request("POST", "/a.txt") + b, {kFile, answer(405), second}},
      {"RFC 9112 §9.3.2", "501 between two files", a + request("BREW", "/a.txt") + b, {kFile, answer(501), second}},
      {"RFC 9112 §9.3.2",
       "301 and 403 between two files",
       a + get_request("/dir") + get_request("/bare/") + b,
       {kFile, answer(301), answer(403), second}},
      {"RFC 9112 §9.3.2",
       "304 and 412 between two files",
       a + get_request("/a.txt", "If-None-Match: *\r\n") + get_request("/a.txt", "If-Match: \"x\"\r\n") + b,
       {kFile, answer(304), answer(412), second}},
      {"RFC 9112 §9.3.2",
       "416 and 206 between two files",
       a + get_request("/b.txt", "Range: bytes=9-\r\n") + get_request("/b.txt", "Range: bytes=0-0\r\n") + b,
       {kFile, answer(416), answer(206).body("b"), second}},
      {"RFC 9112 §6.3",
       "a HEAD between two files sends no body",
       a + request("HEAD", "/large.bin") + b,
       {kFile, kHead, second}},
      {"RFC 9112 §6.3",
       "a HEAD of a missing file between two files sends no body",
       a + request("HEAD", "/missing") + b,
       {kFile, answer(404).without_body(), second}},
      {"RFC 9112 §6.3",
       "a 204 between two files has no body",
       a + request("OPTIONS", "*") + b,
       {kFile, answer(204), second}},
      {"RFC 9112 §9.3.2",
       "bodies between requests are dropped",
       get_request("/a.txt", "Content-Length: 3\r\n") + "xyz" +
           get_request("/b.txt", "Transfer-Encoding: chunked\r\n") + "3\r\nxyz\r\n0\r\n\r\n" + a,
       {kFile, second, kFile}},
      {"RFC 9112 §2.2",
       "empty lines between requests are skipped",
       a + "\r\n" + b + "\r\n\r\n" + a,
       {kFile, second, kFile}},
      {"RFC 9112 §9.3.2",
       "requests of both versions take turns",
       old(connection(" keep-alive")) + a + b,
       {kFile, kFile, second}},
      {"RFC 9112 §9.3.2", "a hundred requests in one piece", hundred, all},
      {"RFC 9112 §9.6", "nothing behind a bad request is answered", a + bad + b, {kFile, refused(400)}},
      {"RFC 9112 §9.6", "a bad request behind a large file waits for it", big + bad, {whole, refused(400)}},
      {"RFC 9112 §9.6",
       "a bad request behind 404 and 405 is the third answer",
       missing + request("PUT", "/") + bad,
       {none, answer(405), refused(400)}},
      {"RFC 9112 §9.6",
       "413 behind two files is the third answer",
       a + b + get_request("/a.txt", "Content-Length: 999999\r\n"),
       {kFile, second, refused(413)}},
      {"RFC 9112 §9.6", "505 behind a file is the second answer", a + "GET / HTTP/2.0\r\n\r\n", {kFile, refused(505)}},
  };
}

// Sent in one piece only: a client that says close and then sends more in a later packet (which RFC 9112 §9.6 forbids
// it) may find a socket that is closed already.
Rows behind_a_close(const std::string& large) {
  const std::string a = get_request("/a.txt"), b = get_request("/b.txt");
  const std::string close = get_request("/a.txt", connection(" close"));
  const Answer whole = ok(large);
  return {
      {"RFC 9112 §9.6",
       "nothing behind a request that says close is answered",
       a + close + b,
       {kFile, kFile.closing()}},
      {"RFC 9112 §9.6", "nothing behind a request of HTTP/1.0 is answered", a + old("") + b, {kFile, kFile.closing()}},
      {"RFC 9112 §9.6", "a large file with close comes whole, and nothing behind it",
       get_request("/large.bin", connection(" close")) + b, whole.closing()},
  };
}

Rows endings(const std::string& large) {
  const std::string a = get_request("/a.txt"), b = get_request("/b.txt"), junk = pattern(150000, 8);
  const std::string big_body = "Content-Length: 150000\r\n";
  Rows rows{
      {"RFC 9112 §9.6", "a half-closed client gets its answer", a, kFile, {}, true},
      {"RFC 9112 §9.6",
       "a half-closed client gets all its answers",
       a + b + get_request("/missing"),
       {kFile, ok("b\n"), answer(404)},
       {},
       true},
      {"RFC 9112 §9.6", "a half-closed client gets a large file whole", get_request("/large.bin"), ok(large), {}, true},
      {"RFC 9112 §9.6", "a half-closed client of HTTP/1.0 gets its answer", old(""), kFile.closing(), {}, true},
      {"RFC 9112 §9.6", "a half-closed client gets 400 for a bad request", "BAD\r\n\r\n", refused(400), {}, true},
      {"RFC 9112 §9.6", "a half-close behind a later request", a, kFile, {{b, ok("b\n")}}, true},
      {"RFC 9112 §9.6",
       "a half-closed client that sent a body gets its answer",
       get_request("/a.txt", "Content-Length: 5\r\n") + "hello",
       kFile,
       {},
       true},
      {"RFC 9112 §9.6", "413 is not lost to the body that still comes", get_request("/a.txt", big_body) + junk,
       refused(413)},
      {"RFC 9112 §9.6", "413 to a POST is not lost to the body that still comes",
       request("POST", "/a.txt", big_body) + junk, refused(413)},
      {"RFC 9112 §9.6", "400 is not lost to what still comes", "BAD\r\n\r\n" + junk, refused(400)},
      {"RFC 9112 §9.6", "431 is not lost to what still comes", get_request("/a.txt", "X: " + std::string(150000, 'x')),
       refused(431)},
      {"RFC 9112 §9.6", "414 is not lost to what still comes", get_request("/" + std::string(150000, 'x')),
       refused(414)},
      {"RFC 9112 §9.6", "417 is not lost to the body that still comes",
       get_request("/a.txt", "Expect: x\r\nContent-Length: 60000\r\n") + junk.substr(0, 60000), refused(417)},
      {"RFC 9112 §9.6", "an answer with close is not lost to what still comes",
       get_request("/a.txt", connection(" close")) + junk, kFile.closing()},
      {"RFC 9112 §9.6", "an answer to HTTP/1.0 is not lost to what still comes", old("") + junk, kFile.closing()},
      {"RFC 9112 §9.6", "a large file with close is not lost to what still comes",
       get_request("/large.bin", connection(" close")) + junk, ok(large).closing()},
  };
  return rows;
}

struct Tree {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("b.txt", "b\n");
    site.file("large.bin", large);
    site.file("dir/index.html", "index\n");
    site.file(".hidden", "hidden\n");
    site.directory("bare");
    site.file("probe.txt", kProbe);
  }
  const std::string large = pattern(1200000, 5);
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "connections persist, keep their order and end as RFC 9112 §9 says") {
  const Server server(site);
  run_table(server, "persistence", persistence());
  run_table(server, "pipelines", pipelines(large), {.cut = true});
  run_table(server, "behind a close", behind_a_close(large));
  run_table(server, "endings", endings(large));
}

TEST_CASE_FIXTURE(Tree, "requests_per_connection ends a connection with its last answer, and not before") {
  const std::string a = get_request("/a.txt"), missing = get_request("/missing"), bad = "BAD\r\n\r\n";
  const Answer last = kFile.closing(), none = answer(404);
  {
    const Server server(site, {.limits = "requests_per_connection = 3"});
    run_table(server, "three requests a connection",
              {{"RFC 9112 §9.6", "one and the probe", a, kFile},
               {"RFC 9112 §9.6", "the third says close", a, kFile, {{a, kFile}, {a, last}}},
               {"RFC 9112 §9.6", "five in one piece get three answers", a + a + a + a + a, {kFile, kFile, last}},
               {"RFC 9112 §9.6", "errors count", missing + missing + missing, {none, none, none.closing()}},
               {"RFC 9112 §9.6",
                "the third of HTTP/1.0 does not keep the connection",
                a + a + old(connection(" keep-alive")),
                {kFile, kFile, last}},
               {"RFC 9112 §9.6",
                "the third may be a HEAD",
                a + a + request("HEAD", "/a.txt"),
                {kFile, kFile, last.without_body()}},
               {"RFC 9112 §9.6",
                "a body behind the third is dropped",
                a + a + get_request("/a.txt", "Content-Length: 5\r\n") + "hello",
                {kFile, kFile, last}}},
              {.cut = true, .trap = true});
  }
  const Server server(site, {.limits = "requests_per_connection = 1"});
  run_table(server, "one request a connection",
            {{"RFC 9112 §9.6", "the first says close", a, last},
             {"RFC 9112 §9.6", "a missing file says close", missing, none.closing()},
             {"RFC 9112 §9.6", "405 says close", request("POST", "/a.txt"), answer(405).closing()},
             {"RFC 9112 §9.6", "a bad request says close", bad, refused(400)},
             {"RFC 9112 §9.6", "a large file comes whole", get_request("/large.bin"), ok(large).closing()}},
            {.cut = true, .trap = true});
}
