// Nothing outside root is ever served: dot segments in every spelling, absolute paths, encodings of encodings, and a
// generator for the whole class. A secret lies beside root under several names, so an escape would be seen.
#include <doctest/doctest.h>

#include <random>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
constexpr const char* kSecret = "TOP-SECRET-BYTES";

struct Tree {
  Tree() {
    site.outside_file("secret.txt", kSecret);
    site.outside_file("b/secret.txt", kSecret);
    site.outside_file("root-2/secret.txt", kSecret);
    site.file("index.html", "the index\n");
    site.file("a/b/file.txt", "the file\n");
    site.file("a\\b.txt", "backslash\n");
    site.file("%2e%2e/plain.txt", "literal percent signs\n");
  }
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "no spelling of a path above root leads to a file outside it") {
  Server server(site);
  std::string up = "/";
  for (int i = 0; i < 60; ++i) up += "../";
  const std::vector<std::string> targets = {"/../secret.txt",
                                            "/a/../../secret.txt",
                                            "/a/b/../../../secret.txt",
                                            "/..//secret.txt",
                                            "//../secret.txt",
                                            "/./../secret.txt",
                                            "/%2e%2e/secret.txt",
                                            "/%2E%2E/secret.txt",
                                            "/.%2e/secret.txt",
                                            "/%2e./secret.txt",
                                            "/..%2fsecret.txt",
                                            "/..%2Fsecret.txt",
                                            "/%2e%2e%2fsecret.txt",
                                            "/a/..%2f..%2fsecret.txt",
                                            "/%2f..%2fsecret.txt",
                                            "/%252e%252e/secret.txt",
                                            "/%252e%252e%252fsecret.txt",
                                            "/..%252fsecret.txt",
                                            "/%25%32%65%25%32%65/secret.txt",
                                            "/..%5csecret.txt",
                                            "/..%5c..%5csecret.txt",
                                            "/..\\secret.txt",
                                            "/%5c../secret.txt",
                                            "/..;/secret.txt",
                                            "/..%00/secret.txt",
                                            "/%00/../secret.txt",
                                            "/a/b/file.txt/../../../../secret.txt",
                                            "/missing/../../secret.txt",
                                            "/%c0%ae%c0%ae/secret.txt",
                                            "/%e0%80%ae%e0%80%ae/secret.txt",
                                            "/%uff0e%uff0e/secret.txt",
                                            "/.../secret.txt",
                                            "/....//secret.txt",
                                            "/..%2e/secret.txt",
                                            "/../root-2/secret.txt",
                                            "/../root/../secret.txt",
                                            "/a/../../b/secret.txt",
                                            up + "etc/passwd",
                                            site.outside("secret.txt"),
                                            "//" + site.outside("secret.txt"),
                                            "/" + site.outside("secret.txt"),
                                            "/%2f" + site.outside("secret.txt"),
                                            "/file:" + site.outside("secret.txt"),
                                            "/proc/self/root/etc/passwd",
                                            "/../root-2",
                                            "/..",
                                            "/../",
                                            "/%2e%2e",
                                            "/a/../.."};
  for (const std::string& target : targets) {
    INFO(target);
    Client client = server.connect();
    const Response response = client.get(target);
    CHECK(response.body.find(kSecret) == std::string::npos);
    CHECK(response.body.find("root:") == std::string::npos);
    const bool refused_or_cut = response.status == 400 || response.status == 403 || response.status == 404 ||
                                (response.status == 200 && response.body == "the index\n");
    CHECK(refused_or_cut);
  }
}

TEST_CASE_FIXTURE(Tree, "no absolute-form or asterisk target leads outside either") {
  Server server(site);
  for (const char* target : {"http://a/../secret.txt", "http://a/%2e%2e/secret.txt", "http://../secret.txt",
                             "http:///../secret.txt", "file:///etc/passwd", "http://a/a/../../secret.txt"}) {
    INFO(target);
    Client client = server.connect();
    const Response response = client.get(target);
    CHECK(response.body.find(kSecret) == std::string::npos);
    const bool acceptable = response.status == 400 || response.status == 404 || response.status == 403;
    CHECK(acceptable);
  }
}

TEST_CASE_FIXTURE(Tree, "generated targets out of every piece an escape is made of never reach the secret") {
  Server server(site);
  constexpr unsigned kSeed = 4177342013;
  std::mt19937 random(kSeed);
  const std::vector<std::string> pieces = {"..",     ".",     "%2e",  "%2E",    "/",          "//",     "%2f",
                                           "%5c",    "\\",    "a",    "b",      "secret.txt", "%252e",  "%252f",
                                           "%25",    "2e",    "root", "root-2", ";",          "%20",    "index.html",
                                           "%c0%ae", "..%2f", "../",  "/../",   "file.txt",   "%2e%2e", "x"};
  for (int round = 0; round < 1500; ++round) {
    std::string target = "/";
    const std::size_t count = 1 + random() % 12;
    for (std::size_t i = 0; i < count; ++i) target += pieces[random() % pieces.size()];
    if (round % 2) target += "/secret.txt";
    INFO("seed " << kSeed << ", target " << target);
    Client client = server.connect();
    client.send(get_request(target, "Connection: close\r\n"));
    const Response response = client.read_response();
    REQUIRE(response.status < 500);
    REQUIRE(response.body.find(kSecret) == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Tree, "dot segments, doubled slashes and escapes inside root are resolved once") {
  Server server(site);
  for (const char* target : {"/a/b/file.txt", "/a/./b/file.txt", "/a/x/../b/file.txt", "/a//b///file.txt",
                             "//a/b/file.txt", "/a/b/../b/./file.txt", "/%61/b/file.txt", "/a/b/file%2etxt",
                             "/a/%2e/b/file.txt", "/a/x/%2e%2e/b/file.txt", "/missing/../a/b/file.txt"}) {
    INFO(target);
    CHECK(server.get(target).body == "the file\n");
  }
  CHECK(server.get("/%252e%252e/plain.txt").body == "literal percent signs\n");
}

TEST_CASE_FIXTURE(Tree, "an encoded slash is a slash or 400, an encoded backslash an ordinary character") {
  Server server(site);
  const Response slash = server.get("/a%2fb/file.txt");
  const bool allowed = slash.status == 400 || slash.body == "the file\n";
  CHECK(allowed);
  CHECK(server.get("/a%5cb.txt").body == "backslash\n");
  CHECK(server.get("/a%5cb/file.txt").status == 404);
}
