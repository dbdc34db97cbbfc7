// Single ranges (RFC 9110 §14): the right bytes out of a cached and out of a streamed file, and 416.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() {
    site.file("small.bin", small);
    site.file("large.bin", large);
    site.file("empty.bin", "");
  }
  const std::string small = pattern(1000, 3);
  const std::string large = pattern(3 * 1024 * 1024 + 7, 4);
  Site site;
};

std::string range(std::string_view set) { return "Range: " + std::string(set) + "\r\n"; }

void check_part(Client& client, const char* target, const std::string& whole, const std::string& set, std::size_t first,
                std::size_t last) {
  INFO(target << " " << set);
  const Response response = client.get(target, range(set));
  CHECK(response.status == 206);
  CHECK(response.field("Content-Range") ==
        "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(whole.size()));
  const bool same = response.body == whole.substr(first, last - first + 1);
  CHECK(same);
  CHECK(response.has("ETag"));
}
}  // namespace

TEST_CASE_FIXTURE(Tree, "a satisfiable range gets 206 with exactly its bytes (§15.3.7)") {
  Server server(site);
  Client client = server.connect();
  for (const auto& [target, whole] :
       {std::pair<const char*, const std::string*>{"/small.bin", &small}, {"/large.bin", &large}}) {
    const std::size_t size = whole->size();
    const std::string end = std::to_string(size - 1);
    check_part(client, target, *whole, "bytes=0-0", 0, 0);
    check_part(client, target, *whole, "bytes=1-99", 1, 99);
    check_part(client, target, *whole, "bytes=0-", 0, size - 1);
    check_part(client, target, *whole, "bytes=500-", 500, size - 1);
    check_part(client, target, *whole, "bytes=" + end + "-" + end, size - 1, size - 1);
    check_part(client, target, *whole, "bytes=-1", size - 1, size - 1);
    check_part(client, target, *whole, "bytes=-900", size - 900, size - 1);
    check_part(client, target, *whole, "bytes=-99999999", 0, size - 1);
    check_part(client, target, *whole, "bytes=10-99999999", 10, size - 1);
    check_part(client, target, *whole, "BYTES=10-20", 10, 20);  // §14.1: range units are case-insensitive
  }
  check_part(client, "/large.bin", large, "bytes=524287-524289", 524287, 524289);
  check_part(client, "/large.bin", large, "bytes=100000-1700000", 100000, 1700000);
}

TEST_CASE_FIXTURE(Tree, "a range wholly beyond the end gets 416 with the length (§15.5.17)") {
  Server server(site);
  Client client = server.connect();
  for (const char* set : {"bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=9223372036854775807-",
                          "bytes=18446744073709551614-18446744073709551615"}) {
    INFO(set);
    const Response response = client.get("/small.bin", range(set));
    CHECK(response.status == 416);
    CHECK(response.field("Content-Range") == "bytes */1000");
  }
  CHECK(client.get("/empty.bin", range("bytes=0-")).status == 416);
}

TEST_CASE_FIXTURE(Tree, "a range set that is malformed or of another unit is ignored (§14.2)") {
  Server server(site);
  Client client = server.connect();
  for (const char* set : {"bytes=abc", "bytes=5-2", "bytes=", "bytes", "lines=0-1", "bytes=-", "bytes=1-2-3",
                          "bytes=0x1-2", "bytes=+1-2", "bytes 0-1"}) {
    INFO(set);
    const Response response = client.get("/small.bin", range(set));
    CHECK(response.status == 200);
    CHECK(response.body.size() == 1000);
  }
}

TEST_CASE_FIXTURE(Tree, "numbers past 64 bits do not wrap into the file") {
  Server server(site);
  Client client = server.connect();
  for (const char* set : {"bytes=18446744073709551616-18446744073709551617", "bytes=99999999999999999999999-",
                          "bytes=-18446744073709551617", "bytes=0-18446744073709551616"}) {
    INFO(set);
    const Response response = client.get("/small.bin", range(set));
    const bool whole = (response.status == 200 || response.status == 206) && response.body == small;
    const bool acceptable = whole || response.status == 416;
    CHECK(acceptable);
  }
}

TEST_CASE_FIXTURE(Tree, "several ranges give the whole file, multipart, or 416, never a wrong single part") {
  Server server(site);
  Client client = server.connect();
  const Response response = client.get("/small.bin", range("bytes=0-1,5-6"));
  if (response.status == 206) {
    CHECK(response.field("Content-Type").starts_with("multipart/byteranges"));
  } else {
    CHECK(response.status == 200);
    CHECK(response.body == small);
  }
  std::string many = "bytes=0-";
  for (int i = 0; i < 1000; ++i) many += ",0-";
  const Response flood = client.get("/small.bin", range(many));
  CHECK(flood.body.size() < 10 * small.size());
}

TEST_CASE_FIXTURE(Tree, "If-Range with another tag gets the whole file, with the current one the part (§13.1.5)") {
  Server server(site);
  Client client = server.connect();
  for (const char* target : {"/small.bin", "/large.bin"}) {
    INFO(target);
    const std::string tag = client.get(target).field("ETag");
    CHECK(client.get(target, range("bytes=0-9") + "If-Range: " + tag + "\r\n").status == 206);
    CHECK(client.get(target, range("bytes=0-9") + "If-Range: \"other\"\r\n").status == 200);
    CHECK(client.get(target, range("bytes=0-9") + "If-Range: W/" + tag + "\r\n").status == 200);
  }
}

TEST_CASE_FIXTURE(Tree, "Range is ignored where it has no meaning: HEAD, errors, and it does not beat a 304") {
  Server server(site);
  Client client = server.connect();
  const Response head = client.head("/small.bin", range("bytes=0-9"));
  CHECK(head.status == 200);  // §14.2: defined for GET only
  CHECK(head.content_length() == 1000);
  CHECK(client.get("/missing", range("bytes=0-0")).status == 404);
  const std::string tag = client.get("/small.bin").field("ETag");
  CHECK(client.get("/small.bin", range("bytes=0-9") + "If-None-Match: " + tag + "\r\n").status == 304);
}
