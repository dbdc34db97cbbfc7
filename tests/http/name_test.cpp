// Names: long, odd, hidden. What the file system can hold is served under its percent-encoded name.
#include <doctest/doctest.h>

#include "harness.hpp"

using namespace uringd::testing;

TEST_CASE("a name of 255 bytes is served, one of 256 is 404, and so is a path too long for the system") {
  Site site;
  const std::string longest(255, 'n');
  site.file(longest, "long\n");
  site.file(longest.substr(1) + "/" + longest, "deep\n");
  Server server(site);
  Client client = server.connect();
  CHECK(client.get("/" + longest).body == "long\n");
  CHECK(client.get("/" + longest.substr(1) + "/" + longest).body == "deep\n");
  CHECK(client.get("/" + longest + "n").status == 404);
  CHECK(client.get("/" + longest + "n/x").status == 404);
  std::string deep;
  for (int i = 0; i < 2600; ++i) deep += "/dd";
  CHECK(client.get(deep).status == 404);
  CHECK(client.get("/" + std::string(10000, 'a')).status == 404);
}

TEST_CASE("names with every odd character are served under their escaped form") {
  Site site;
  const std::vector<std::string> names = {"a b.txt",
                                          "a+b.txt",
                                          "100%.txt",
                                          "%41.txt",
                                          "q?a=b.txt",
                                          "h#frag.txt",
                                          "semi;colon.txt",
                                          "amp&amp.txt",
                                          "quote\"s.txt",
                                          "it's.txt",
                                          "<tag>.txt",
                                          "back\\slash.txt",
                                          "new\nline.txt",
                                          "carriage\rreturn.txt",
                                          "tab\t.txt",
                                          "-dash.txt",
                                          "~tilde",
                                          "colon:1.txt",
                                          "at@host.txt",
                                          "[brackets].txt",
                                          "{braces}.txt",
                                          "pipe|.txt",
                                          "trailing.",
                                          "trailing ",
                                          "...dots",
                                          "\xc3\xa4\xc3\xb6\xc3\xbc.txt",
                                          "z\xcc\x87.txt",
                                          "\xe6\x97\xa5\xe6\x9c\xac.txt",
                                          "\xf0\x9f\x92\xbe.txt",
                                          "\xff\xfe.txt",
                                          "\x01\x02\x7f.txt",
                                          "\xe2\x80\xae"
                                          "gpj.exe"};
  for (const std::string& name : names) {
    if (name[0] != '.') site.file(name, "content of " + name);
  }
  Server server(site);
  Client client = server.connect();
  for (const std::string& name : names) {
    if (name[0] == '.') continue;
    INFO(percent_encoded(name));
    const Response response = client.get("/" + percent_encoded(name));
    CHECK(response.status == 200);
    CHECK(response.body == "content of " + name);
  }
  // Unescaped where RFC 3986 §3.3 allows it.
  CHECK(client.get("/a+b.txt").body == "content of a+b.txt");
  CHECK(client.get("/it's.txt").body == "content of it's.txt");
  CHECK(client.get("/semi;colon.txt").body == "content of semi;colon.txt");
  CHECK(client.get("/at@host.txt").body == "content of at@host.txt");
}

TEST_CASE("hidden names are 404 however they are spelled, /.well-known/ is served") {
  Site site;
  site.file(".env", "hidden\n");
  site.file(".git/config", "hidden\n");
  site.file("a/.b/c.txt", "hidden\n");
  site.file("..dots", "hidden\n");
  site.file(".well-known/security.txt", "contact\n");
  site.file(".well-known/.inner", "hidden\n");
  site.file(".well-known-not/x.txt", "hidden\n");
  Server server(site);
  for (const char* target :
       {"/.env", "/%2eenv", "/.git/config", "/.git/", "/.git", "/a/.b/c.txt", "/a/%2eb/c.txt", "/..dots", "//.env",
        "/a/../.env", "/.well-known/.inner", "/.well-known-not/x.txt", "/.well-known/../.env"}) {
    INFO(target);
    CHECK(server.get(target).status == 404);
  }
  CHECK(server.get("/.well-known/security.txt").body == "contact\n");
  CHECK(server.get("/%2ewell-known/security.txt").body == "contact\n");
}

TEST_CASE("hidden = true serves names that begin with a dot") {
  Site site;
  site.file(".env", "shown\n");
  site.file("..dots", "shown\n");
  Server server(site, {.site = "hidden = true"});
  CHECK(server.get("/.env").body == "shown\n");
  CHECK(server.get("/..dots").body == "shown\n");
}

TEST_CASE("a file is no directory: a slash or a further segment behind it is 404") {
  Site site;
  site.file("a.txt", "a\n");
  site.file("large.bin", pattern(200000));
  Server server(site);
  Client client = server.connect();
  for (const char* target :
       {"/a.txt/", "/a.txt/b", "/a.txt//", "/a.txt/b/", "/large.bin/", "/missing/", "/a.txt/index.html"}) {
    INFO(target);
    CHECK(client.get(target).status == 404);
  }
  // The cache must not take one for the other, in either order.
  CHECK(client.get("/a.txt").status == 200);
  CHECK(client.get("/a.txt/").status == 404);
}
