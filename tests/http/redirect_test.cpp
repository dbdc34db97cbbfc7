// A directory asked for without its slash: 301 to the same place with it, and never to anywhere else.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
std::string location(Client& client, std::string_view target) {
  const Response response = client.get(target);
  CHECK(response.status == 301);
  return response.field("Location");
}
}  // namespace

TEST_CASE("a directory without slash redirects to itself with the slash") {
  Site site;
  site.file("docs/index.html", "index\n");
  site.file("docs/deeper/index.html", "deeper\n");
  Server server(site);
  Client client = server.connect();
  CHECK(location(client, "/docs") == "/docs/");
  CHECK(location(client, "/docs/deeper") == "/docs/deeper/");
  CHECK(client.get("/docs/").body == "index\n");
  CHECK(client.head("/docs").field("Location") == "/docs/");
}

TEST_CASE("the query is kept as it was sent") {
  Site site;
  site.file("docs/index.html", "index\n");
  Server server(site);
  Client client = server.connect();
  CHECK(location(client, "/docs?a=b&c=%20d") == "/docs/?a=b&c=%20d");
  CHECK(location(client, "/docs?next=//evil.example/") == "/docs/?next=//evil.example/");
  CHECK(location(client, "/docs??") == "/docs/??");
}

TEST_CASE("a name with special characters is escaped in Location") {
  Site site;
  for (const char* name : {"a b", "q?x", "h#x", "p%41", "\xc3\xa4"}) site.directory(name);
  Server server(site);
  Client client = server.connect();
  CHECK(location(client, "/a%20b") == "/a%20b/");
  CHECK(location(client, "/q%3Fx") == "/q%3Fx/");
  CHECK(location(client, "/h%23x") == "/h%23x/");
  CHECK(location(client, "/p%2541") == "/p%2541/");
  CHECK(location(client, "/%C3%A4") == "/%C3%A4/");
}

TEST_CASE("no target makes a Location that leads to another host") {
  Site site;
  site.directory("evil.example");
  site.directory("\\evil.example");
  site.directory("evil.example/sub");
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"//evil.example", "///evil.example", "/%2Fevil.example", "/%2f%2fevil.example",
                             "/./evil.example", "/x/..//evil.example", "/%5Cevil.example", "//evil.example/sub",
                             "/..//evil.example", "/%2e%2e//evil.example"}) {
    INFO(target);
    const Response response = client.ask(get_request(target));
    if (response.status == 400) {  // %2f and dot segments above root may be refused outright; then the connection ends
      client = server.connect();
      continue;
    }
    CHECK(response.status == 301);
    const std::string where = response.field("Location");
    CHECK(where.starts_with("/"));
    // Browsers read "/\" as "//".
    CHECK(!where.starts_with("//"));
    CHECK(!where.starts_with("/\\"));
  }
}

TEST_CASE("a line break in a directory's name does not become one in the head") {
  Site site;
  site.directory("x\r\nSet-Cookie: a=b");
  Server server(site);
  const Response response = server.get("/x%0d%0aSet-Cookie:%20a=b");
  CHECK(!response.has("Set-Cookie"));
  const bool harmless = response.status == 301 || response.status == 400 || response.status == 404;
  CHECK(harmless);
}
