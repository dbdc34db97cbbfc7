// Where two rules meet: ranges of what has no acceptable bytes of its own, errors about what was negotiated, and times
// of a request that has none.
#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

struct Tree {
  Tree() {
    site.file("probe.txt", "probe");
    site.file("index.html", "<p>index</p>" + std::string(400, ' '));
    site.file("list/a.txt", "a");
    for (const char* name : {"a.css", "b.bin"}) {
      site.file(name, std::string(3000, 'a'));
      site.file(std::string(name) + ".gz", "coded bytes of the sibling");
    }
  }
  Site site;
};

}  // namespace

TEST_CASE("a site that negotiates nothing ignores what is accepted (RFC 9110 §12.4.1)") {
  Tree tree;
  Server server(tree.site, {.site = "precompressed = []\ncompress = []"});
  Cases cases("nothing to choose");
  for (const char* target : {"/a.css", "/b.bin", "/"}) {
    cases("RFC 9110 §12.4.1", std::string("identity;q=0 is met with the file: ") + target, [&] {
      const Response plain = get(server, target, accept_encoding("gzip, identity;q=0"));
      CHECK(plain.status == 200);
      CHECK(!plain.has("Content-Encoding"));
      CHECK(!plain.has("Vary"));
    });
  }
}

TEST_CASE("where two rules meet") {
  Tree tree;
  Server server(tree.site, {.server = "workers = 1",
                            .site = "listing = true\nfallback = \"/index.html\"\ncompress = []\nserver_timing = true\n"
                                    "cache_status = true"});
  Cases cases("corners");

  cases("RFC 9110 §12.5.3, §14.2", "a range beside identity;q=0 is of the coded bytes", [&] {
    const Response part = get(server, "/a.css", "Range: bytes=0-4\r\n" + accept_encoding("gzip, identity;q=0"));
    CHECK(part.status == 206);
    CHECK(part.field("Content-Encoding") == "gzip");
    CHECK(part.body == "coded");
  });
  cases("RFC 9110 §12.5.3, §14.2", "several ranges of coded bytes are the whole", [&] {
    const std::string tag = get(server, "/a.css", accept_encoding("gzip")).field("ETag");
    const Response whole =
        get(server, "/a.css", "Range: bytes=0-1,5-6\r\nIf-Range: " + tag + "\r\n" + accept_encoding("gzip"));
    CHECK(whole.status == 200);
    CHECK(whole.field("Content-Encoding") == "gzip");
    CHECK(whole.body == "coded bytes of the sibling");
  });
  cases("RFC 9110 §12.5.5", "errors about a fallback say that they could have been otherwise", [&] {
    for (const char* fields : {"If-Match: \"x\"\r\n", "Range: bytes=9000-\r\n"}) {
      CAPTURE(fields);
      const Response error = get(server, "/no/such", std::string(fields) + accept("text/html"));
      CHECK((error.status == 412 || error.status == 416));
      CHECK(lists(error, "Vary", "Accept"));
    }
  });
  cases("RFC 9110 §12.5.5", "errors about a listing say that they could have been otherwise", [&] {
    for (const char* fields : {"If-Match: \"x\"\r\n", "Range: bytes=99000-\r\n"}) {
      CAPTURE(fields);
      const Response error = get(server, "/list/", fields);
      CHECK((error.status == 412 || error.status == 416));
      CHECK(lists(error, "Vary", "Accept"));
    }
  });
  cases("contract [[site]] server_timing", "a request that is refused at once took no time, whatever the clock says",
        [&] {
          for (const int requests_before : {0, 1}) {
            Client client = server.connect();
            if (requests_before > 0) CHECK(client.get("/probe.txt").status == 200);
            const Response refused = client.ask("GET / HTTP/1.1\r\n\r\n");  // no Host
            CHECK(refused.status == 400);
            const std::string timing = refused.field("Server-Timing");
            const std::size_t send = timing.find("send;dur=");
            REQUIRE(send != std::string::npos);
            CHECK(std::stod(timing.substr(send + 9)) < 5000.0);
          }
        });
  cases("RFC 9211 §2.2", "what was not held says so, and is a hit then", [&] {
    CHECK(get(server, "/b.bin").field("Cache-Status") == "uringd; fwd=uri-miss");
    CHECK(get(server, "/b.bin").field("Cache-Status") == "uringd; hit");
  });
}
