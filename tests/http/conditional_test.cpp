// Conditional requests: when 304 is the answer and when not (RFC 9110 §13).
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
constexpr std::time_t kMtime = 1600000000;

struct Tree {
  Tree() {
    site.file("small.txt", "small\n");
    site.file("large.bin", pattern(300000));
    site.set_mtime("small.txt", kMtime);
    site.set_mtime("large.bin", kMtime);
  }
  Site site;
};

std::string none_match(const std::string& tags) { return "If-None-Match: " + tags + "\r\n"; }
std::string modified_since(const std::string& date) { return "If-Modified-Since: " + date + "\r\n"; }
}  // namespace

TEST_CASE_FIXTURE(Tree, "If-None-Match with the current tag gets 304 without a body (§13.1.2)") {
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"/small.txt", "/large.bin"}) {
    INFO(target);
    const std::string tag = client.get(target).field("ETag");
    for (const std::string& tags : {tag, "W/" + tag, "\"other\", " + tag, tag + ",\"x\"", std::string("*")}) {
      INFO(tags);
      const Response response = client.get(target, none_match(tags));
      CHECK(response.status == 304);
      CHECK(response.body.empty());
      CHECK(response.field("ETag") == tag);
      CHECK(client.head(target, none_match(tags)).status == 304);
    }
  }
}

TEST_CASE_FIXTURE(Tree, "If-None-Match with other tags gets the file") {
  Server server(site);
  Client client = server.connect();
  const std::string tag = client.get("/small.txt").field("ETag");
  const std::string inner = tag.substr(1, tag.size() - 2);
  for (const std::string& tags :
       {std::string("\"x\""), std::string("\"\""), "\"" + inner + "x\"", "\"x" + inner + "\""}) {
    INFO(tags);
    CHECK(client.get("/small.txt", none_match(tags)).status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "If-Modified-Since decides by the date when there is no If-None-Match (§13.1.3)") {
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"/small.txt", "/large.bin"}) {
    INFO(target);
    CHECK(client.get(target, modified_since(http_date(kMtime))).status == 304);
    CHECK(client.get(target, modified_since(http_date(kMtime + 1000))).status == 304);
    CHECK(client.get(target, modified_since(http_date(kMtime - 1))).status == 200);
    CHECK(client.get(target, modified_since("Sunday, 13-Sep-20 12:26:40 GMT")).status == 304);  // §5.6.7
    CHECK(client.get(target, modified_since("Sun Sep 13 12:26:40 2020")).status == 304);
  }
}

TEST_CASE_FIXTURE(Tree, "If-Modified-Since that is no date is ignored") {
  Server server(site);
  Client client = server.connect();
  for (const char* date : {"yesterday", "", "Sun, 13 Sep 2020 12:26:40", "1600000000", "Sun, 32 Sep 2020 12:26:40 GMT",
                           "Sun, 13 Sep 2020 25:26:40 GMT"}) {
    INFO(date);
    CHECK(client.get("/small.txt", modified_since(date)).status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "If-None-Match outranks If-Modified-Since (§13.2.2)") {
  Server server(site);
  Client client = server.connect();
  const std::string tag = client.get("/small.txt").field("ETag");
  CHECK(client.get("/small.txt", none_match("\"x\"") + modified_since(http_date(kMtime))).status == 200);
  CHECK(client.get("/small.txt", none_match(tag) + modified_since(http_date(kMtime - 1000))).status == 304);
}

TEST_CASE_FIXTURE(Tree, "a condition does not turn a missing file into 304") {
  Server server(site);
  Client client = server.connect();
  CHECK(client.get("/missing", none_match("*")).status == 404);
  CHECK(client.get("/missing", modified_since(http_date(std::time(nullptr)))).status == 404);
}

TEST_CASE_FIXTURE(Tree, "an answer after a 304 on the same connection is whole") {
  Server server(site);
  Client client = server.connect();
  const std::string tag = client.get("/large.bin").field("ETag");
  client.send(get_request("/large.bin", none_match(tag)) + get_request("/small.txt"));
  CHECK(client.read_response().status == 304);
  CHECK(client.read_response().body == "small\n");
}
