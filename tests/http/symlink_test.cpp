// Symbolic links below root: "inside" follows relative ones that stay below root, "never" refuses all; what is
// refused gets 403, a loop included, and a link to nothing is a missing file.
#include <doctest/doctest.h>

#include <filesystem>

#include "harness.hpp"

using namespace uringd::testing;

namespace {
struct Tree {
  Tree() {
    site.outside_file("secret.txt", "secret\n");
    site.outside_file("secrets/a.txt", "secret\n");
    site.file("a.txt", "a\n");
    site.file("dir/b.txt", "b\n");
    site.file("dir/index.html", "index\n");
    site.symlink("to-file", "a.txt");
    site.symlink("dir/up", "../a.txt");
    site.symlink("to-dir", "dir");
    site.symlink("to-link", "to-file");
    site.symlink("round/index.html", "../dir/../dir/index.html");
    site.symlink("outside-file", "../secret.txt");
    site.symlink("outside-dir", "../secrets");
    site.symlink("out-and-in", "../root/a.txt");
    site.symlink("absolute-in", site.path("a.txt"));
    site.symlink("absolute-out", site.outside("secret.txt"));
    site.symlink("passwd", "/etc/passwd");
    site.symlink("magic", "/proc/self/exe");
    site.symlink("loop", "loop");
    site.symlink("ring-1", "ring-2");
    site.symlink("ring-2", "ring-1");
    site.symlink("dangling", "nowhere");
    site.symlink("escape-index/index.html", "../../secret.txt");
    site.symlink("deep-0", "a.txt");
    for (int i = 1; i <= 60; ++i) site.symlink("deep-" + std::to_string(i), "deep-" + std::to_string(i - 1));
  }
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "relative links that stay below root are followed") {
  Server server(site);
  CHECK(server.get("/to-file").body == "a\n");
  CHECK(server.get("/dir/up").body == "a\n");
  CHECK(server.get("/to-link").body == "a\n");
  CHECK(server.get("/to-dir/b.txt").body == "b\n");
  CHECK(server.get("/to-dir/").body == "index\n");
  CHECK(server.get("/to-dir").status == 301);
  CHECK(server.get("/round/").body == "index\n");
}

TEST_CASE_FIXTURE(Tree, "links that leave root, absolute ones and loops get 403, and nobody hangs") {
  Server server(site);
  for (const char* target :
       {"/outside-file", "/outside-dir/a.txt", "/outside-dir/", "/outside-dir", "/out-and-in", "/absolute-in",
        "/absolute-out", "/passwd", "/magic", "/loop", "/loop/x", "/ring-1", "/escape-index/", "/deep-60"}) {
    INFO(target);
    const Response response = server.get(target);
    CHECK(response.status == 403);
    CHECK(response.body.find("secret") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Tree, "a link to nothing is a missing file") {
  Server server(site);
  CHECK(server.get("/dangling").status == 404);
  CHECK(server.get("/dangling/x").status == 404);
}

TEST_CASE_FIXTURE(Tree, "symlinks = \"never\" refuses every link, at the end and on the way") {
  Server server(site, {.site = "symlinks = \"never\""});
  for (const char* target :
       {"/to-file", "/dir/up", "/to-link", "/to-dir/b.txt", "/to-dir/", "/outside-file", "/loop"}) {
    INFO(target);
    CHECK(server.get(target).status == 403);
  }
  CHECK(server.get("/a.txt").body == "a\n");
  CHECK(server.get("/dir/b.txt").body == "b\n");
}

TEST_CASE_FIXTURE(Tree, "root itself may be a link, and a component of it too") {
  site.outside_file("releases/1/public/a.txt", "release 1\n");
  std::filesystem::create_directory_symlink("releases/1", site.outside("current"));
  const int port = free_port();
  Server server(site, {site.outside("current/public"), "--listen", "127.0.0.1:" + std::to_string(port)}, port);
  CHECK(server.get("/a.txt").body == "release 1\n");
}

TEST_CASE_FIXTURE(Tree, "a link that starts to lead outside while it is being asked for never gives the secret") {
  Server server(site, {.cache = "stale_after = \"100ms\""});
  Client client = server.connect();
  site.symlink("flip", "a.txt");
  for (int round = 0; round < 300; ++round) {
    const std::string fresh = site.outside("flip-new");
    std::filesystem::create_symlink(round % 2 ? "a.txt" : "../secret.txt", fresh);
    std::filesystem::rename(fresh, site.path("flip"));
    const Response response = client.get("/flip");
    INFO("round " << round << ", status " << response.status);
    REQUIRE(response.body.find("secret") == std::string::npos);
    const bool right =
        response.body == "a\n" || response.status == 403 || response.status == 404 || response.status == 503;
    REQUIRE(right);
  }
}
