// Negotiation by Accept-Encoding (RFC 9110 §8.4, §12.5.3) over siblings: which of file, file.br, file.zst, file.gz is
// sent, and with which fields. The siblings hold bytes of the test's choosing, since the server never decodes them, and
// the server makes no copies of its own here. One server a table.
#include <doctest/doctest.h>

#include "cases_support.hpp"

using namespace uringd::testing;

namespace {

constexpr std::time_t kBase = 1600000000;

void sibling(const Site& site, const std::string& name, const std::string& bytes, std::time_t at = kBase + 60) {
  site.file(name, bytes);
  site.set_mtime(name, at);
}

void base(const Site& site, const std::string& name, const std::string& bytes) {
  site.file(name, bytes);
  site.set_mtime(name, kBase);
}

struct Tree {
  Tree() {
    site.file("probe.txt", "probe\n");
    base(site, "a.js", plain);
    sibling(site, "a.js.br", "brotli bytes of a");
    sibling(site, "a.js.zst", "zstandard bytes of a!");
    sibling(site, "a.js.gz", "gzip bytes of a, longer");
    base(site, "gz.css", "body { color: red }\n");
    sibling(site, "gz.css.gz", "gzip bytes of css");
    base(site, "bare.txt", "no sibling has this file\n");
  }
  const std::string plain = "let plain = 'the bytes of a.js';\n";
  Site site;
  Setup setup{.site = "compress = []\n"};
};

// The coding that a.js came in, and whether everything about the answer agrees with that.
std::string coding_of_a(const Response& response, const std::string& plain) {
  CHECK(response.status == 200);
  CHECK(lists(response, "Vary", "Accept-Encoding"));
  CHECK(response.field("Content-Type") == "text/javascript; charset=utf-8");
  CHECK(response.content_length() == response.body.size());
  std::string coding = response.field("Content-Encoding");
  CHECK(response.has("Content-Encoding") == !coding.empty());
  if (coding.empty()) CHECK(response.body == plain);
  if (coding == "br") CHECK(response.body == "brotli bytes of a");
  if (coding == "zstd") CHECK(response.body == "zstandard bytes of a!");
  if (coding == "gzip") CHECK(response.body == "gzip bytes of a, longer");
  return coding;
}

struct Row {
  const char* name;
  const char* fields;  // Accept-Encoding values; "|" between field lines; nullptr: no field
  const char* coding;  // "" for identity
};

std::string lines(const char* values) {
  std::string text;
  std::string_view rest = values;
  while (true) {
    const std::size_t bar = rest.find('|');
    text += accept_encoding(rest.substr(0, bar));
    if (bar == rest.npos) return text;
    rest.remove_prefix(bar + 1);
  }
}

constexpr Row kRows[] = {
    {"no field: the file's own bytes", nullptr, ""},
    {"an empty field: the file's own bytes", "", ""},
    {"gzip alone", "gzip", "gzip"},
    {"br alone", "br", "br"},
    {"zstd alone", "zstd", "zstd"},
    {"all alike: the server's order (precompressed)", "gzip, zstd, br", "br"},
    {"all alike in another order: still the server's", "br, gzip, zstd", "br"},
    {"gzip and zstd: the server's order", "gzip, zstd", "zstd"},
    {"what browsers say", "gzip, deflate, br, zstd", "br"},
    {"what older browsers say", "gzip, deflate", "gzip"},
    {"the highest q first", "br;q=0.5, gzip;q=0.9, zstd;q=0.7", "gzip"},
    {"q in thousandths counts", "br;q=0.001, gzip;q=0.002", "gzip"},
    {"q=1.000 is q=1", "br;q=1.000, gzip", "br"},
    {"q=0 is not wanted", "br;q=0, gzip", "gzip"},
    {"q=0.0 and q=0.000 are not wanted", "br;q=0.0, zstd;q=0.000, gzip", "gzip"},
    {"only q=0: identity", "br;q=0, gzip;q=0, zstd;q=0", ""},
    {"a star means any: the server's best", "*", "br"},
    {"a star for what is not named", "br;q=0, *", "zstd"},
    {"a star does not override a name", "*;q=1, br;q=0, zstd;q=0", "gzip"},
    {"star with q=0 forbids what is not named", "gzip, *;q=0", "gzip"},
    {"a star with a lower q than a name", "*;q=0.1, gzip;q=0.2", "gzip"},
    {"identity alone", "identity", ""},
    {"identity is named as good: a coding is as welcome", "identity;q=0.5, gzip;q=0.5", "gzip"},
    {"identity is named as better", "identity;q=1, gzip;q=0.5", ""},
    {"identity is not named: any coding is better", "gzip;q=0.01", "gzip"},
    {"x-gzip is gzip (§8.4.1.3)", "x-gzip", "gzip"},
    {"names have no case", "GZip;Q=1", "gzip"},
    {"upper case br", "BR", "br"},
    {"identity;q=0 with a coding", "identity;q=0, gzip", "gzip"},
    {"identity;q=0 with a star: the server's best", "identity;q=0, *", "br"},
    {"unknown codings are passed over", "sdch, compress, exi, gzip", "gzip"},
    {"deflate is not offered", "deflate", ""},
    {"a name that only begins like one", "gzipped, brotli, zst", ""},
    {"several field lines are one list", "deflate|gzip", "gzip"},
    {"several field lines with q", "gzip;q=0.4|br;q=0.3|zstd;q=0.9", "zstd"},
    {"q=0 on a later line", "gzip|*;q=0", "gzip"},
    {"spaces around everything", "  gzip ;  q=0.8 ,\tbr ; q=0.2  ", "gzip"},
    {"empty members", ", ,gzip,,", "gzip"},
    {"a member that is malformed costs itself alone", "gzip;q=x, zstd", "zstd"},
    {"q above 1 is malformed", "br;q=7, gzip", "gzip"},
    {"a member with spaces in its name is none", "gz ip, zstd", "zstd"},
};

}  // namespace

TEST_CASE_FIXTURE(Tree, "Accept-Encoding chooses among siblings") {
  const Server server(site, setup);
  Cases row("Accept-Encoding");
  for (const Row& one : kRows) {
    row("RFC 9110 §12.5.3", one.name, [&] {
      const std::string fields = one.fields ? lines(one.fields) : "";
      CHECK(coding_of_a(check_head_agrees(server, "/a.js", fields), plain) == one.coding);
    });
  }
  row("RFC 9110 §12.5.3", "a list of a thousand codings is read to its end", [&] {
    std::string value;
    for (int i = 0; i < 1000; ++i) value += "c" + std::to_string(i) + ",";
    CHECK(coding_of_a(get(server, "/a.js", accept_encoding(value + "gzip")), plain) == "gzip");
  });
  row("RFC 9110 §12.5.3", "precompressed = [\"gzip\", \"br\"] is the order, and zstd is not offered", [&] {
    const Server other(site, {.site = "compress = []\nprecompressed = [\"gzip\", \"br\"]\n"});
    CHECK(coding_of_a(get(other, "/a.js", accept_encoding("br, gzip, zstd")), plain) == "gzip");
    CHECK(coding_of_a(get(other, "/a.js", accept_encoding("br, zstd")), plain) == "br");
    CHECK(coding_of_a(get(other, "/a.js", accept_encoding("zstd")), plain).empty());
  });
  row("RFC 9110 §12.5.5", "precompressed = [] and compress = []: no choice, so no Vary", [&] {
    const Server other(site, {.site = "compress = []\nprecompressed = []\n"});
    const Response response = check_head_agrees(other, "/a.js", accept_encoding("br, gzip"));
    CHECK(response.body == plain);
    CHECK(!response.has("Vary"));
    CHECK(!response.has("Content-Encoding"));
  });
}

TEST_CASE_FIXTURE(Tree, "a sibling's fields, and when it is none") {
  Cases row("siblings");
  const std::string streamed = pattern(3 * 1024 * 1024 + 5, 7);
  const std::string streamed_gz = pattern(1024 * 1024 + 1, 8);
  base(site, "photo.jpg", "jpeg bytes");
  sibling(site, "photo.jpg.gz", "gzip of jpeg");
  base(site, "font.woff2", "woff2 bytes");
  sibling(site, "font.woff2.br", "br of woff2");
  base(site, "stale.css", "fresh bytes\n");
  sibling(site, "stale.css.gz", "stale gzip", kBase - 1);
  sibling(site, "stale.css.br", "same second br", kBase);
  sibling(site, "lonely.css.gz", "gzip without its file");
  base(site, "dir.css", "beside a directory\n");
  site.directory("dir.css.gz");
  base(site, "pipe.css", "beside a FIFO\n");
  site.fifo("pipe.css.gz");
  base(site, "escape.css", "beside a link that leaves\n");
  site.outside_file("secret", "secret");
  site.symlink("escape.css.gz", "../secret");
  base(site, "zero.css", "");
  sibling(site, "zero.css.gz", "gzip of nothing");
  base(site, "big.js", streamed);
  sibling(site, "big.js.gz", streamed_gz);
  sibling(site, "big.js.br", "a small br of a large file");
  base(site, "dir/index.html", "<p>index\n");
  sibling(site, "dir/index.html.br", "br of the index");
  base(site, "about.html", "<p>about\n");
  sibling(site, "about.html.gz", "gzip of about");
  base(site, "odd", "no extension\n");
  sibling(site, "odd.gz", "gzip of odd");
  const Server server(site, {.site = "compress = []\nextensions = [\"html\"]\nlisting = true\n"});
  const std::string all = accept_encoding("gzip, br, zstd");

  row("RFC 9110 §8.8.3.3", "every representation has an ETag of its own, strong, and keeps it", [&] {
    std::set<std::string> tags;
    for (const char* coding : {"identity", "gzip", "br", "zstd"}) {
      const std::string tag = get(server, "/a.js", accept_encoding(coding)).field("ETag");
      CHECK(tag.starts_with("\""));
      CHECK(get(server, "/a.js", accept_encoding(coding)).field("ETag") == tag);
      tags.insert(tag);
    }
    CHECK(tags.size() == 4);
  });
  for (const char* target : {"/photo.jpg", "/font.woff2"}) {
    row("contract: dense types", std::string("dense bytes are not negotiated: ") + target, [&] {
      const Response response = check_head_agrees(server, target, all);
      CHECK(response.status == 200);
      CHECK(!response.has("Content-Encoding"));
      CHECK(!response.has("Vary"));
      CHECK(response.body.find(" bytes") != std::string::npos);
    });
  }
  row("contract [[site]] precompressed", "a sibling older than its file is ignored", [&] {
    const Response response = get(server, "/stale.css", accept_encoding("gzip"));
    CHECK(response.body == "fresh bytes\n");
    CHECK(lists(response, "Vary", "Accept-Encoding"));
  });
  row("contract [[site]] precompressed", "a sibling of the same time is not older",
      [&] { CHECK(get(server, "/stale.css", all).body == "same second br"); });
  row("contract [[site]] precompressed", "a sibling whose file does not exist: 404 for the file", [&] {
    CHECK(check_head_agrees(server, "/lonely.css", all).status == 404);
    CHECK(get(server, "/lonely.css").status == 404);
  });
  row("RFC 9110 §8.4", "a sibling asked for by its own name is a file of its own", [&] {
    const Response response = check_head_agrees(server, "/a.js.gz", all);
    CHECK(response.status == 200);
    CHECK(response.body == "gzip bytes of a, longer");
    CHECK(!response.has("Content-Encoding"));
    CHECK(response.field("Content-Type") != "text/javascript; charset=utf-8");
    CHECK(get(server, "/a.js.br", all).body == "brotli bytes of a");
    CHECK(get(server, "/lonely.css.gz").body == "gzip without its file");
  });
  for (const char* target : {"/dir.css", "/pipe.css", "/escape.css"}) {
    row("contract: special files, symlinks", std::string("what is no file is no sibling: ") + target, [&] {
      const Response response = check_head_agrees(server, target, accept_encoding("gzip"));
      CHECK(response.status == 200);
      CHECK(!response.has("Content-Encoding"));
      CHECK(response.body.starts_with("beside "));
      CHECK(lists(response, "Vary", "Accept-Encoding"));
    });
  }
  row("RFC 9110 §8.4", "an empty file may have a sibling that is longer", [&] {
    const Response response = get(server, "/zero.css", accept_encoding("gzip"));
    const bool sane = response.body.empty() || response.body == "gzip of nothing";
    CHECK(sane);
    CHECK(response.has("Content-Encoding") == !response.body.empty());
  });
  row("RFC 9110 §8.4", "siblings of an index file serve its directory", [&] {
    const Response response = check_head_agrees(server, "/dir/", all);
    CHECK(response.body == "br of the index");
    CHECK(response.field("Content-Encoding") == "br");
    CHECK(response.field("Content-Type") == "text/html; charset=utf-8");
    CHECK(get(server, "/dir/").body == "<p>index\n");
    CHECK(lists(get(server, "/dir/"), "Vary", "Accept-Encoding"));
  });
  row("RFC 9110 §8.4", "siblings of a file that an extension found", [&] {
    const Response response = check_head_agrees(server, "/about", all);
    CHECK(response.body == "gzip of about");
    CHECK(response.field("Content-Encoding") == "gzip");
    CHECK(response.field("Content-Type") == "text/html; charset=utf-8");
    CHECK(get(server, "/about").body == "<p>about\n");
  });
  row("RFC 9110 §8.4", "siblings of a file without an extension", [&] {
    const Response response = check_head_agrees(server, "/odd", all);
    const bool sane = response.body == "gzip of odd" || response.body == "no extension\n";
    CHECK(sane);
    CHECK(response.has("Content-Encoding") == (response.body == "gzip of odd"));
    CHECK(lists(response, "Vary", "Accept-Encoding") == lists(get(server, "/odd"), "Vary", "Accept-Encoding"));
  });
  row("RFC 9110 §8.4", "a streamed file: its streamed sibling", [&] {
    const Response response = check_head_agrees(server, "/big.js", accept_encoding("gzip"));
    CHECK(same(response.body, streamed_gz));
    CHECK(response.field("Content-Encoding") == "gzip");
    CHECK(response.field("Content-Type") == "text/javascript; charset=utf-8");
  });
  row("RFC 9110 §8.4", "a streamed file: its small sibling", [&] {
    const Response response = check_head_agrees(server, "/big.js", all);
    CHECK(response.body == "a small br of a large file");
    CHECK(response.field("Content-Encoding") == "br");
  });
  row("RFC 9110 §12.5.5", "a streamed file by itself has Vary and another ETag than its siblings", [&] {
    const Response plain_answer = get(server, "/big.js");
    CHECK(same(plain_answer.body, streamed));
    CHECK(lists(plain_answer, "Vary", "Accept-Encoding"));
    CHECK(!plain_answer.has("Content-Encoding"));
    CHECK(plain_answer.field("ETag") != get(server, "/big.js", all).field("ETag"));
    CHECK(plain_answer.field("ETag") != get(server, "/big.js", accept_encoding("gzip")).field("ETag"));
  });
  row("RFC 9112 §9.3.2", "all variants of small and streamed files in one pipeline", [&] {
    Client client = server.connect();
    std::string bytes;
    for (const char* target : {"/a.js", "/big.js"}) {
      for (const char* coding : {"gzip", "identity", "br", "zstd"}) {
        bytes += get_request(target, accept_encoding(coding));
      }
    }
    client.send(bytes);
    for (const char* coding : {"gzip", "", "br", "zstd"}) CHECK(coding_of_a(client.read_response(), plain) == coding);
    CHECK(same(client.read_response().body, streamed_gz));
    CHECK(same(client.read_response().body, streamed));
    CHECK(client.read_response().body == "a small br of a large file");
    CHECK(same(client.read_response().body, streamed));
  });
  row("RFC 9110 §12.5.5", "no coding was chosen: Vary all the same", [&] {
    for (const char* fields : {"", "Accept-Encoding: identity\r\n", "Accept-Encoding: zstd\r\n"}) {
      const Response response = get(server, "/gz.css", fields);
      CHECK(!response.has("Content-Encoding"));
      CHECK(lists(response, "Vary", "Accept-Encoding"));
    }
    CHECK(lists(get(server, "/bare.txt"), "Vary", "Accept-Encoding"));
  });
  row("RFC 9110 §15.5.7", "identity;q=0 and nothing else there: 406, and the answer says why it could differ", [&] {
    for (const char* value : {"identity;q=0", "*;q=0", "identity;q=0, zstd;q=0, br"}) {
      const Response response = check_head_agrees(server, "/bare.txt", accept_encoding(value));
      INFO(value);
      CHECK(response.status == 406);
      CHECK(lists(response, "Vary", "Accept-Encoding"));
      CHECK(!response.has("ETag"));
    }
  });
  row("RFC 9110 §15.5.7", "identity;q=0 alone is 406 or a coding, never the plain bytes", [&] {
    for (const char* value : {"identity;q=0", "*;q=0, br;q=0.1", "identity;q=0, gzip;q=0.5"}) {
      const Response response = get(server, "/a.js", accept_encoding(value));
      CHECK(lists(response, "Vary", "Accept-Encoding"));
      if (response.status != 406) CHECK(!coding_of_a(response, plain).empty());
    }
  });
  row("RFC 9110 §15.5.7", "identity;q=0 for a streamed file without that sibling is 406",
      [&] { CHECK(get(server, "/big.js", accept_encoding("identity;q=0, zstd")).status == 406); });
  row("RFC 9110 §9.3.7", "OPTIONS, 404 and redirects do not depend on siblings", [&] {
    CHECK(!answer_to(server, request("OPTIONS", "/a.js", all)).has("Content-Encoding"));
    CHECK(get(server, "/dir", all).status == 301);
    CHECK(!get(server, "/dir", all).has("Content-Encoding"));
  });
}
