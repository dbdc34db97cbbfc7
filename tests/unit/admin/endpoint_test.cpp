// Where requests lead, by normalised paths; what is said in JSON; what a query means.
#include "endpoint.hpp"

#include "asked.hpp"
#include "query.hpp"
#include "say.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::admin;
using testing::One;

namespace {

struct Led {
  int status = 0;
  Endpoint endpoint = Endpoint::unknown;
  std::string path, allow;
  bool allowed = false;
};

Led led(const std::string& target, const std::string& method = "GET") {
  const One one(target, "", method);
  if (!one.understood()) return {.status = 400};
  std::string memory(target.size() + 2, '\0');
  const auto routed = route(one.request(), memory);
  if (!routed) return {.status = routed.error()};
  return {0, routed->endpoint, std::string(routed->path), std::string(routed->allow), routed->allowed};
}

std::string json(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

}  // namespace

TEST_CASE("every endpoint is found by its path, and by no other") {
  CHECK(led("/healthz").endpoint == Endpoint::health);
  CHECK(led("/readyz?x").endpoint == Endpoint::readiness);
  CHECK(led("/metrics").endpoint == Endpoint::metrics);
  CHECK(led("/stats").endpoint == Endpoint::stats);
  CHECK(led("/stats/stream").endpoint == Endpoint::stream);
  CHECK(led("/cache?site=a").endpoint == Endpoint::entries);
  CHECK(led("/reload", "POST").endpoint == Endpoint::reload);
  for (const char* target : {"/healthz/", "/stats/", "/reload/x", "/Metrics", "/cachex", "/nope", "/stats/stream/x"}) {
    CAPTURE(target);
    CHECK(led(target).endpoint == Endpoint::unknown);
  }
}

TEST_CASE("methods are those of the path") {
  CHECK(led("/cache").allowed);
  CHECK(led("/cache", "HEAD").allowed);
  CHECK(!led("/cache", "DELETE").allowed);
  CHECK(led("/cache", "DELETE").allow == "GET, HEAD, OPTIONS");
  CHECK(led("/cache/a", "DELETE").allowed);
  CHECK(!led("/cache/a").allowed);
  CHECK(led("/cache/a").allow == "PUT, DELETE, OPTIONS");
  CHECK(!led("/reload").allowed);
  CHECK(!led("/reload", "POSTX").allowed);
  CHECK(!led("/reload", "POS").allowed);
}

TEST_CASE("an entry's path is decoded and normalised once, and leads nowhere else") {
  CHECK(led("/cache/a%20b/c.css", "DELETE").path == "/a b/c.css");
  CHECK(led("/cache/", "DELETE").path == "/");
  CHECK(led("/cache/dir/", "DELETE").path == "/dir/");
  CHECK(led("/cache//dir//a/./b", "DELETE").path == "/dir/a/b");
  CHECK(led("/cache/a/../b", "DELETE").path == "/b");
  CHECK(led("/cache/../stats").endpoint == Endpoint::stats);
  CHECK(led("/cache/%2e%2e/reload", "POST").endpoint == Endpoint::reload);  // and is asked for its token there
  CHECK(led("/cache/%252e%252e/x", "DELETE").path == "/%2e%2e/x");
  for (const char* target : {"/cache/a%2fb", "/cache/%00", "/cache/%zz", "/cache/%"}) {
    CAPTURE(target);
    CHECK(led(target, "DELETE").status == 400);
  }
}

TEST_CASE("JSON strings hold any bytes that a file name has") {
  CHECK(json("plain") == "\"plain\"");
  CHECK(json("\"\\\n\x01\x7f") == "\"\\\"\\\\\\u000a\\u0001\\u007f\"");
  CHECK(json("é € 😀") == "\"é € 😀\"");
  for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    CHECK(json(std::string("a") + bad + "b").starts_with("\"a\xef\xbf\xbd"));
    CHECK(json(std::string("a") + bad + "b").ends_with("b\""));
  }
}

TEST_CASE("a query's values are decoded as forms encode them; broken ones are none") {
  CHECK(query_value("a=1&b=2", "b") == "2");
  CHECK(query_value("q=%2Fa+b%25", "q") == "/a b%");
  CHECK(query_value("q=1&q=2", "q") == "1");
  CHECK(query_value("q", "q") == "");
  CHECK(query_value("%71=x", "q") == "x");
  CHECK(!query_value("a=1", "q"));
  CHECK(!query_value("", "q"));
  for (const char* bad : {"q=%", "q=%2", "q=%zz", "q=%+1", "q=%-1"}) CHECK(!query_value(bad, "q"));
}
