// The admin interface on its socket: every endpoint with the right and with the wrong token, method, Host, Origin, body
// and path; and clients that are slow (contract.md, Admin interface).
#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "admin_client.hpp"

using namespace uringd::testing;

namespace {

struct Endpoint {
  const char* method;
  const char* target;
  bool health;   // answers everybody
  bool changes;  // takes the token
};

const std::vector<Endpoint> endpoints = {
    {"GET", "/healthz", true, false},   {"GET", "/readyz", true, false},  {"GET", "/cache", false, false},
    {"GET", "/stats", false, false},    {"POST", "/reload", false, true}, {"DELETE", "/cache/a.txt", false, true},
    {"DELETE", "/cache/", false, true},
};

struct Tree : AdminPlace {
  Tree() { site.file("a.txt", "a\n"); }
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "every endpoint answers whoever may ask, in JSON that nobody caches or frames") {
  Server server(site, {.more = table()});
  Client client = connect();
  for (const Endpoint& endpoint : endpoints) {
    INFO(endpoint.method << " " << endpoint.target);
    const Response response = client.ask(admin_request(endpoint.method, endpoint.target, kBearer), endpoint.method);
    CHECK(response.status == 200);
    CHECK(response.field("Content-Type") == "application/json");
    CHECK(response.field("Cache-Control") == "no-store");
    CHECK(response.field("X-Content-Type-Options") == "nosniff");
    CHECK(response.field("Cross-Origin-Resource-Policy") == "same-origin");
    CHECK(!response.connection_says("close"));
  }
  CHECK(client.ask(admin_request("GET", "/healthz")).body == "{\"status\":\"ok\"}\n");
}

TEST_CASE_FIXTURE(Tree, "reading takes no token on loopback; changing takes the right one (401, WWW-Authenticate)") {
  Server server(site, {.more = table()});
  for (const Endpoint& endpoint : endpoints) {
    INFO(endpoint.method << " " << endpoint.target);
    for (const std::string& field : {std::string(), std::string("Authorization: Bearer wrong-token\r\n"),
                                     std::string("Authorization: Basic b3Blbg==\r\n")}) {
      const Response response = ask(endpoint.method, endpoint.target, field);
      CHECK(response.status == (endpoint.changes ? 401 : 200));
      if (!endpoint.changes) continue;
      CHECK(is_error(response));
      CHECK(response.field("WWW-Authenticate").starts_with("Bearer"));
    }
  }
}

TEST_CASE_FIXTURE(Tree, "read = \"token\" asks whoever reads for it too, but never the probes") {
  Server server(site, {.more = table("read = \"token\"\n")});
  CHECK(get("/cache").status == 401);
  CHECK(get("/cache", kBearer).status == 200);
  CHECK(get("/healthz").status == 200);
  CHECK(get("/readyz").status == 200);
}

TEST_CASE_FIXTURE(Tree, "off loopback reading takes the token, unless read = \"open\"") {
  const std::string everywhere = "0.0.0.0:" + std::to_string(admin_port);
  {
    Server server(site, {.more = table("", everywhere)});
    CHECK(get("/cache").status == 401);
    CHECK(get("/cache", kBearer).status == 200);
    CHECK(get("/healthz").status == 200);
  }
  Server server(site, {.more = table("read = \"open\"\n", everywhere)});
  CHECK(get("/cache").status == 200);
  CHECK(ask("POST", "/reload").status == 401);
}

TEST_CASE_FIXTURE(Tree, "without a token_file nothing can be changed") {
  Server server(site, {.more = "[admin]\nlisten = \"127.0.0.1:" + std::to_string(admin_port) + "\"\n"});
  CHECK(get("/cache").status == 200);
  for (const std::string& field : {std::string(), kBearer, std::string("Authorization: Bearer \r\n")}) {
    const Response response = ask("POST", "/reload", field);
    CHECK(response.status == 403);
    CHECK(is_error(response));
  }
}

TEST_CASE_FIXTURE(Tree, "a wrong method gets 405 with Allow, an unknown path 404, whoever asks") {
  Server server(site, {.more = table()});
  for (const Endpoint& endpoint : endpoints) {
    for (const char* method : {"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "TRACE", "PROPFIND"}) {
      INFO(method << " " << endpoint.target);
      const bool reads = std::string_view(endpoint.method) == "GET";
      const bool right = method == std::string_view(endpoint.method) || (reads && method == std::string_view("HEAD"));
      const bool puts = method == std::string_view("PUT") && std::string_view(endpoint.target).starts_with("/cache/");
      if (right || puts) continue;
      const Response response = ask(method, endpoint.target, kBearer);
      CHECK(response.status == 405);
      CHECK(response.field("Allow").contains(endpoint.method));
      if (method != std::string_view("HEAD")) CHECK(is_error(response));
    }
    const Response options = ask("OPTIONS", endpoint.target);
    CHECK(options.status == 204);
    CHECK(options.field("Allow").contains(endpoint.method));
  }
  for (const char* target : {"/nope", "/a.txt", "/healthz/x", "/cach", "/reload/"}) {
    INFO(target);
    const Response response = ask("GET", target);
    CHECK(response.status == 404);
    CHECK(is_error(response));
  }
}

TEST_CASE_FIXTURE(Tree, "a Host that names somebody else gets 403 (DNS rebinding), but probes answer to every name") {
  Server server(site, {.more = table()});
  for (const Endpoint& endpoint : endpoints) {
    for (const char* host : {"evil.example", "evil.example:80", "localhost.evil.example"}) {
      INFO(endpoint.method << " " << endpoint.target << " of " << host);
      const Response response = ask(endpoint.method, endpoint.target, kBearer, host);
      CHECK(response.status == (endpoint.health ? 200 : 403));
      if (!endpoint.health) CHECK(is_error(response));
    }
    for (const std::string& host : {std::string("127.0.0.1"), "localhost:" + std::to_string(admin_port),
                                    std::string("[::1]"), std::string("x.localhost")}) {
      CHECK(ask(endpoint.method, endpoint.target, kBearer, host).status == 200);
    }
  }
}

TEST_CASE_FIXTURE(Tree, "a page of another origin may neither read nor change anything") {
  Server server(site, {.more = table()});
  const std::string own = "localhost:" + std::to_string(admin_port);
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.health) continue;
    INFO(endpoint.method << " " << endpoint.target);
    for (const char* origin : {"http://evil.example", "null", "http://localhost:1"}) {
      const Response response = ask(endpoint.method, endpoint.target, kBearer + "Origin: " + origin + "\r\n", own);
      CHECK(response.status == 403);
      CHECK(is_error(response));
    }
    CHECK(ask(endpoint.method, endpoint.target, kBearer + "Origin: http://" + own + "\r\n", own).status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "bodies that nobody wants are read over up to 64 KiB; more gets 413 at once") {
  Server server(site, {.more = table()});
  Client client = connect();
  const std::string body(65536, 'b');
  client.send(admin_request("POST", "/reload", kBearer + "Content-Length: 65536\r\n") + body);
  CHECK(client.read_response("POST").status == 200);
  client.send(admin_request("DELETE", "/cache/x", kBearer + "Transfer-Encoding: chunked\r\n") +
              "5\r\nhello\r\n0\r\n\r\n");
  CHECK(client.read_response("DELETE").status == 200);
  for (const char* framing : {"Content-Length: 65537\r\n", "Transfer-Encoding: chunked\r\n"}) {
    INFO(framing);
    Client other = connect();
    other.send(admin_request("POST", "/reload", kBearer + framing));
    if (framing[0] == 'T') other.send("10001\r\n");
    const Response response = other.read_response("POST");
    CHECK(response.status == 413);
    CHECK(response.connection_says("close"));
    CHECK(is_error(response));
  }
}

TEST_CASE_FIXTURE(Tree, "paths are normalised before anything is looked up, and broken ones get 400") {
  Server server(site, {.more = table()});
  CHECK(get("/x/../healthz").status == 200);
  CHECK(ask("POST", "/cache/../reload").status == 401);
  CHECK(ask("GET", "/cache/../reload").status == 405);
  for (const char* target : {"/cache/a%2fb", "/cache/%00", "/cache/%", "/healthz%zz"}) {
    INFO(target);
    const Response response = ask("GET", target, kBearer);
    CHECK(response.status == 400);
    CHECK(is_error(response));
  }
}

TEST_CASE_FIXTURE(Tree, "what the parser refuses is said in JSON too, and ends the connection") {
  Server server(site, {.more = table()});
  for (const auto& [bytes, status] :
       {std::pair<std::string, int>{"GET /healthz HTTP/1.1\r\n\r\n", 400},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {admin_request("GET", "/healthz", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"GET /" + std::string(20000, 'x') + " HTTP/1.1\r\n\r\n", 414},
        {admin_request("GET", "/", "X: " + std::string(20000, 'x') + "\r\n"), 431}}) {
    Client client = connect();
    client.send(bytes);
    const Response response = client.read_response();
    CHECK(response.status == status);
    CHECK(is_error(response));
    CHECK(response.connection_says("close"));
  }
}

TEST_CASE_FIXTURE(Tree, "requests may be pipelined, HEAD has GET's head, and connections are kept") {
  Server server(site, {.more = table()});
  Client client = connect();
  client.send(admin_request("GET", "/healthz") + admin_request("HEAD", "/cache") + admin_request("GET", "/nope") +
              admin_request("GET", "/readyz"));
  CHECK(client.read_response().status == 200);
  const Response head = client.read_response("HEAD");
  CHECK(head.status == 200);
  CHECK(head.content_length() > 10);
  CHECK(client.read_response().status == 404);
  CHECK(client.read_response().body.contains("ok"));
}

TEST_CASE_FIXTURE(Tree, "a slow client gets 408, and holds up neither other clients nor the site") {
  Server server(site, {.limits = "header_timeout = \"500ms\"", .more = table()});
  Client slow = connect();
  slow.send("GET /healthz HTTP/1.1\r\nHost: loc");
  for (int count = 0; count < 5; ++count) CHECK(get("/healthz").status == 200);
  CHECK(server.get("/a.txt").body == "a\n");
  const Response late = slow.read_response();
  CHECK(late.status == 408);
  CHECK(is_error(late));
}

TEST_CASE_FIXTURE(Tree, "more clients than there are places wait, and are served when others leave") {
  Server server(site, {.more = table()});
  std::vector<Client> idle;
  for (int count = 0; count < 160; ++count) idle.push_back(connect());
  CHECK(server.get("/a.txt").body == "a\n");
  idle.erase(idle.begin(), idle.begin() + 100);
  CHECK(get("/healthz").status == 200);
}

TEST_CASE_FIXTURE(Tree, "limits.connections_per_ip is the site's, not the admin interface's") {
  Server server(site, {.limits = "connections_per_ip = 1", .more = table()});
  std::vector<Client> clients;
  for (int count = 0; count < 5; ++count) {
    clients.push_back(connect());
    CHECK(clients.back().ask(admin_request("GET", "/healthz")).status == 200);
  }
}
