// Copies that the server makes itself (contract [[site]] compress): the first answer may be plain, soon afterwards a
// coded one comes that decodes to the very bytes; and the bodies of which no copy is made. Copies are waited for 3 s.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "cases_support.hpp"
#include "multipart_reader.hpp"

using namespace uringd::testing;

namespace {

std::string text(std::size_t size_bytes, unsigned seed = 1) {
  std::string result;
  for (std::uint32_t n = seed; result.size() < size_bytes; n = n * 1664525U + 1013904223U) {
    result += "line " + std::to_string(n >> 16) + ": words that come again and again\n";
  }
  result.resize(size_bytes);
  return result;
}

Response get_coded(const Server& server, std::string_view target, std::string_view coding) {
  return get_until(server, target, accept_encoding(coding),
                   [&](const Response& response) { return response.field("Content-Encoding") == coding; });
}

// The answer is in that coding, says so, and decodes to these bytes.
void check_coded(const Response& response, std::string_view coding, const std::string& plain) {
  INFO(response.head);
  CHECK(response.status == 200);
  CHECK(response.field("Content-Encoding") == coding);
  CHECK(lists(response, "Vary", "Accept-Encoding"));
  CHECK(response.content_length() == response.body.size());
  const std::optional<std::string> bytes = decoded(coding, response.body);
  CHECK(bytes.has_value());
  CHECK(same(bytes.value_or(""), plain));
}

// Each worker makes its own copies: with one of them a row may ask over one connection and look over another.
constexpr const char* kOneWorker = "workers = 1";
constexpr const char* kCodings[] = {"br", "zstd", "gzip"};

struct Tree {
  Tree() { site.file("probe.txt", "probe\n"); }
  Site site;
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "copies of held, compressible files") {
  Cases row("own copies");
  struct File {
    std::string name;
    std::string type;
    std::string bytes;
  };
  std::vector<File> files = {
      {"page.html", "text/html; charset=utf-8", text(5000, 1)},
      {"style.css", "text/css; charset=utf-8", text(2000, 2)},
      {"app.js", "text/javascript; charset=utf-8", text(60 * 1024, 3)},
      {"data.json", "application/json", text(1000, 4)},
      {"image.svg", "image/svg+xml", text(3000, 5)},
      {"module.wasm", "application/wasm", text(4000, 6)},
      {"least.txt", "text/plain; charset=utf-8", text(256, 7)},
  };
  for (const File& file : files) site.file(file.name, file.bytes);
  const std::string page = files[0].bytes;
  const Server server(site, {.server = kOneWorker});
  for (const File& file : files) {
    for (const char* coding : kCodings) static_cast<void>(get(server, "/" + file.name, accept_encoding(coding)));
  }
  for (const File& file : files) {
    for (const char* coding : kCodings) {
      row("contract [[site]] compress", "/" + file.name + " as " + coding, [&] {
        const Response response = get_coded(server, "/" + file.name, coding);
        check_coded(response, coding, file.bytes);
        CHECK(response.field("Content-Type") == file.type);
        if (file.bytes.size() > 1000) CHECK(response.body.size() < file.bytes.size());
      });
    }
  }
  row("RFC 9110 §8.8.3.3", "four representations, four strong tags", [&] {
    std::set<std::string> tags{get(server, "/app.js").field("ETag")};
    for (const char* coding : kCodings) tags.insert(get_coded(server, "/app.js", coding).field("ETag"));
    CHECK(tags.size() == 4);
    for (const std::string& tag : tags) CHECK(tag.starts_with("\""));
  });
  row("RFC 9110 §12.5.5", "the plain bytes have Vary, before and after there are copies", [&] {
    const Response response = get(server, "/page.html");
    CHECK(lists(response, "Vary", "Accept-Encoding"));
    CHECK(!response.has("Content-Encoding"));
    CHECK(same(response.body, page));
  });
  row("RFC 9110 §12.5.3", "all alike: the order of compress (zstd, br, gzip)", [&] {
    const Response response = get_until(server, "/page.html", accept_encoding("gzip, br, zstd"),
                                        [](const Response& r) { return r.field("Content-Encoding") == "zstd"; });
    check_coded(response, "zstd", page);
  });
  row("RFC 9110 §12.5.3", "q decides before the order of compress", [&] {
    check_coded(get_until(server, "/page.html", accept_encoding("gzip;q=0.9, br;q=0.8, zstd;q=0.1"),
                          [](const Response& r) { return r.field("Content-Encoding") == "gzip"; }),
                "gzip", page);
  });
  row("RFC 9110 §8.4.1.3", "x-gzip is given gzip, by that name", [&] {
    check_coded(get_until(server, "/page.html", accept_encoding("x-gzip"),
                          [](const Response& r) { return r.has("Content-Encoding"); }),
                "gzip", page);
  });
  row("RFC 9110 §9.3.2", "HEAD agrees with GET once there is a copy", [&] {
    for (const char* coding : kCodings) {
      get_coded(server, "/style.css", coding);
      CHECK(check_head_agrees(server, "/style.css", accept_encoding(coding)).field("Content-Encoding") == coding);
    }
  });
  row("RFC 9110 §13.1.2", "a copy's tag is answered with 304, that tag and Vary", [&] {
    std::string tag;
    Response response;
    for (int i = 0; i < 5 && response.status != 304; ++i) {  // the best copy may take the quick one's place in between
      tag = get_coded(server, "/style.css", "br").field("ETag");
      response = get(server, "/style.css", accept_encoding("br") + "If-None-Match: " + tag + "\r\n");
    }
    CHECK(response.status == 304);
    CHECK(response.field("ETag") == tag);
    CHECK(lists(response, "Vary", "Accept-Encoding"));
    CHECK(get(server, "/style.css", "If-None-Match: " + tag + "\r\n").status == 200);
    const std::string plain_tag = get(server, "/style.css").field("ETag");
    CHECK(get(server, "/style.css", accept_encoding("br") + "If-None-Match: " + plain_tag + "\r\n").status == 200);
  });
  row("RFC 9110 §14.2", "ranges are of the plain bytes, If-Range with a copy's tag of the copy's", [&] {
    const Response whole = get_coded(server, "/app.js", "gzip");
    const std::string plain = files[2].bytes;
    const Response part = get(server, "/app.js", accept_encoding("gzip") + "Range: bytes=10-19\r\n");
    CHECK(part.status == 206);
    CHECK(part.body == plain.substr(10, 10));
    CHECK(!part.has("Content-Encoding"));
    CHECK(lists(part, "Vary", "Accept-Encoding"));
    const Response coded = get(
        server, "/app.js", accept_encoding("gzip") + "Range: bytes=10-19\r\nIf-Range: " + whole.field("ETag") + "\r\n");
    CHECK(coded.status == 206);
    CHECK(coded.body == whole.body.substr(10, 10));
    CHECK(coded.field("Content-Encoding") == "gzip");
  });
  row("RFC 9112 §9.3.2", "copies and plain bytes in one pipeline", [&] {
    for (const char* coding : kCodings) get_coded(server, "/page.html", coding);
    Client client = server.connect();
    std::string bytes;
    for (const char* coding : {"br", "identity", "zstd", "gzip", "identity"}) {
      bytes += get_request("/page.html", accept_encoding(coding));
    }
    client.send(bytes);
    for (const char* coding : {"br", "", "zstd", "gzip", ""}) {
      const Response response = client.read_response();
      CHECK(response.field("Content-Encoding") == coding);
      CHECK(same(decoded(coding, response.body).value_or(""), page));
    }
  });
  row("contract [[site]] compress", "a copy may be replaced by a better one, and each decodes to the bytes", [&] {
    for (int i = 0; i < 200; ++i) {
      const Response response = get(server, "/app.js", accept_encoding("br"));
      check_coded(response, "br", files[2].bytes);
    }
  });
}

TEST_CASE_FIXTURE(Tree, "bodies of which no copy is made") {
  Cases row("no copies");
  const std::string random = pattern(4000, 9);
  site.file("tiny.txt", text(255));
  site.file("empty.txt", "");
  site.file("photo.jpg", text(5000));
  site.file("film.mp4", text(5000));
  site.file("pack.zip", text(5000));
  site.file("blob.bin", text(5000));
  site.file("large.css", text(70 * 1024));
  site.file("noise.txt", random);
  site.file("page.html", text(5000));
  const Server server(site, {.server = kOneWorker, .cache = "max_file_size = \"64KiB\"\n"});
  const Server off(site, {.server = kOneWorker, .site = "compress = []\n"});
  const Server some(site, {.server = kOneWorker, .site = "compress = [\"gzip\"]\n"});
  const std::string all = accept_encoding("br, gzip, zstd");
  const std::vector<std::pair<const char*, const char*>> plain_ones = {
      {"/tiny.txt", "fewer than 256 bytes"},
      {"/empty.txt", "an empty file"},
      {"/photo.jpg", "an image"},
      {"/film.mp4", "a film"},
      {"/pack.zip", "an archive"},
      {"/blob.bin", "bytes of no known type"},
      {"/large.css", "a file beyond cache.max_file_size"},
      {"/noise.txt", "bytes that do not become fewer"},
  };
  Client client = server.connect();
  const auto ask_all = [&] {
    for (const auto& [target, why] : plain_ones) static_cast<void>(client.get(target, all));
    static_cast<void>(off.get("/page.html", all));
    static_cast<void>(some.get("/page.html", all));
  };
  for (int i = 0; i < 8; ++i) {
    ask_all();
    std::this_thread::sleep_for(Milliseconds{50});
  }
  for (const auto& [target, why] : plain_ones) {
    row("contract [[site]] compress", std::string("no copy of ") + why, [&, name = std::string(target)] {
      const Response response = check_head_agrees(server, name, all);
      CHECK(response.status == 200);
      CHECK(!response.has("Content-Encoding"));
      CHECK(same(response.body, file_bytes(site.path(name.substr(1)))));
    });
  }
  for (const char* target : {"/photo.jpg", "/film.mp4", "/pack.zip"}) {
    row("RFC 9110 §12.5.5", std::string("no Vary where nothing is chosen: ") + target,
        [&] { CHECK(!get(server, target, all).has("Vary")); });
  }
  row("contract [[site]] compress", "none with compress = []", [&] {
    const Response response = check_head_agrees(off, "/page.html", all);
    CHECK(!response.has("Content-Encoding"));
  });
  row("contract [[site]] compress", "only the codings named", [&] {
    check_coded(get_coded(some, "/page.html", "gzip"), "gzip", text(5000));
    CHECK(!get(some, "/page.html", accept_encoding("br, zstd")).has("Content-Encoding"));
    check_coded(get(some, "/page.html", all), "gzip", text(5000));
  });
  row("RFC 9110 §15.5.7", "identity;q=0 where no copy can be made is 406 with Vary", [&] {
    for (const char* target : {"/tiny.txt", "/noise.txt", "/large.css"}) {
      const Response response = get(server, target, accept_encoding("identity;q=0, gzip"));
      INFO(target);
      CHECK(response.status == 406);
      CHECK(lists(response, "Vary", "Accept-Encoding"));
    }
    CHECK(get(off, "/page.html", accept_encoding("identity;q=0, gzip")).status == 406);
  });
}

TEST_CASE_FIXTURE(Tree, "copies and time") {
  Cases row("copies and time");
  for (const char* coding : kCodings) site.file(std::string("first-") + coding + ".txt", text(20000, 11));
  for (const char* name : {"head.txt", "cold-a.txt", "cold-b.txt", "cold-c.txt"}) site.file(name, text(20000, 15));
  site.file("many.txt", text(30000, 12));
  site.file("changes.txt", text(8000, 13));
  site.file("both.css", text(4000, 14));
  site.set_mtime("both.css", 1600000000);
  site.file("both.css.gz", "a sibling that somebody made");
  site.set_mtime("both.css.gz", 1600000001);
  const Server server(site, {.server = kOneWorker});
  for (const char* coding : kCodings) {
    row("RFC 9110 §15.5.7", std::string("identity;q=0 on the very first request waits for the copy: ") + coding, [&] {
      const std::string target = std::string("/first-") + coding + ".txt";
      check_coded(get(server, target, accept_encoding(std::string("identity;q=0, ") + coding)), coding,
                  text(20000, 11));
    });
  }
  row("RFC 9110 §9.3.2", "HEAD with identity;q=0 waits for the copy too, and has its length", [&] {
    const std::string fields = accept_encoding("identity;q=0, gzip");
    const Response first = head(server, "/head.txt", fields);
    CHECK(first.field("Content-Encoding") == "gzip");
    const Response whole = get(server, "/head.txt", fields);
    check_coded(whole, "gzip", text(20000, 15));
    CHECK(first.field("ETag") == whole.field("ETag"));
    CHECK(first.content_length() == whole.body.size());
  });
  row("RFC 9110 §13.1.2", "identity;q=0 with If-None-Match: *, a tag and a range while there is no copy yet", [&] {
    const std::string fields = accept_encoding("identity;q=0, zstd");
    const Response known = get(server, "/cold-a.txt", fields + "If-None-Match: *\r\n");
    CHECK(known.status == 304);
    CHECK(lists(known, "Vary", "Accept-Encoding"));
    CHECK(get(server, "/cold-b.txt", fields + "If-None-Match: \"other\"\r\n").field("Content-Encoding") == "zstd");
    const Response part = get(server, "/cold-c.txt", fields + "Range: bytes=0-9\r\n");
    // No plain bytes; a part of the coded ones was not asked for by name, so it is the whole, or nothing.
    CHECK(lists(part, "Vary", "Accept-Encoding"));
    if (part.status == 200 || part.status == 206) CHECK(part.field("Content-Encoding") == "zstd");
  });
  row("RFC 9110 §15.5.7", "thirty clients wait for one copy, and all get it", [&] {
    std::vector<Client> clients;
    for (int i = 0; i < 30; ++i) {
      clients.push_back(server.connect());
      clients.back().send(get_request("/many.txt", accept_encoding("identity;q=0, br")) + get_request("/probe.txt"));
    }
    for (Client& client : clients) {
      check_coded(client.read_response(), "br", text(30000, 12));
      CHECK(client.read_response().body == "probe\n");
    }
  });
  row("contract [[site]] precompressed", "a sibling comes before a copy, a copy where there is no sibling", [&] {
    CHECK(get(server, "/both.css", accept_encoding("gzip")).body == "a sibling that somebody made");
    check_coded(get_coded(server, "/both.css", "zstd"), "zstd", text(4000, 14));
    CHECK(get(server, "/both.css", accept_encoding("gzip, zstd")).body == "a sibling that somebody made");
  });
  row("contract: truth", "a file that changes: its copies are of the new bytes, never a mixture", [&] {
    for (const char* coding : kCodings) get_coded(server, "/changes.txt", coding);
    for (unsigned version = 20; version < 26; ++version) {
      const std::string before = file_bytes(site.path("changes.txt"));
      const std::string after = text(8000 + version * 10, version);
      site.replace("changes.txt", after);
      for (const char* coding : {"br", "gzip", "zstd", "identity"}) {
        bool seen = false;
        const Response response = get_until(server, "/changes.txt", accept_encoding(coding), [&](const Response& r) {
          const std::string bytes = decoded(r.field("Content-Encoding"), r.body).value_or("");
          const bool is_new = same(bytes, after);
          const bool is_one = is_new || same(bytes, before);
          CHECK(is_one);
          const bool went_back = seen && !is_new;
          CHECK(!went_back);
          seen = seen || is_new;
          return is_new;
        });
        CHECK(same(decoded(response.field("Content-Encoding"), response.body).value_or(""), after));
      }
    }
    check_coded(get_coded(server, "/changes.txt", "br"), "br", file_bytes(site.path("changes.txt")));
  });
  row("contract [[site]] compress", "equal bytes under two names give equal copies (replicas agree on tags)", [&] {
    site.file("twin-a.txt", text(9000, 30));
    site.file("twin-b.txt", text(9000, 30));
    const Response one = get_coded(server, "/twin-a.txt", "gzip");
    const Response other = get_coded(server, "/twin-b.txt", "gzip");
    if (one.body.size() == other.body.size()) CHECK(one.field("ETag") == other.field("ETag"));
    check_coded(one, "gzip", text(9000, 30));
    check_coded(other, "gzip", text(9000, 30));
  });
  row("contract [[site]] compress", "hits go on at their speed while copies are made", [&] {
    for (unsigned i = 0; i < 40; ++i) site.file("load-" + std::to_string(i) + ".js", text(60000, 100 + i));
    Client busy = server.connect();
    for (unsigned i = 0; i < 40; ++i) {
      static_cast<void>(busy.get("/load-" + std::to_string(i) + ".js", accept_encoding("br")));
    }
    Client client = server.connect();
    int slow = 0;
    for (int i = 0; i < 300; ++i) {
      const auto start = std::chrono::steady_clock::now();
      CHECK(client.get("/probe.txt").status == 200);
      slow += std::chrono::steady_clock::now() - start > Milliseconds{100} ? 1 : 0;
    }
    CHECK(slow <= 30);  // the machine may be busy; a compressor on the worker would stop nearly all of them
  });
}
