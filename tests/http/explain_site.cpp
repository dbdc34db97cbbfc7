// A tree with something of everything: see explain_site.hpp.
#include "explain_site.hpp"

namespace uringd::testing {
std::string letters(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "the same words again and again, " + std::to_string(text.size() % 7) + "\n";
  return text.substr(0, size);
}

void fill(const Site& site) {
  site.file("index.html", "<!doctype html><title>first</title>");
  site.file("about.html", letters(600));
  site.file("app.html", letters(300));
  site.file("404.html", letters(700));
  site.file("style.css", letters(4000));
  site.file("style.css.br", "not really brotli, but nobody looks");
  site.file("style.css.gz", "nor gzip");
  site.file("old.js", letters(900));
  site.file("old.js.gz", "older than its file");
  site.set_mtime("old.js.gz", 1'000'000'000);
  site.file("short.txt", "short\n");
  site.file("noise.json", pattern(3000));
  site.file("image.png", pattern(2000));
  site.file("future.txt", "from the future\n");
  site.set_mtime("future.txt", 4'000'000'000);
  site.file("ancient.txt", "from the epoch\n");
  site.set_mtime("ancient.txt", 0);
  site.file("empty.txt", "");
  site.file("big.bin", pattern(200'000));
  site.file("big.txt", letters(300'000));
  site.file("big.txt.br", letters(100'000));
  site.file("docs/index.html", letters(500));
  site.file("docs/page.html", letters(100));
  site.file("plain/one.txt", "one\n");
  site.file("new/b.html", letters(400));
  site.file("new/b.html.br", "coded b");
  site.file("assets/v1/app.js", letters(800));
  site.file(".hidden/secret.txt", "secret\n");
  site.file(".well-known/security.txt", "Contact: nobody\n");
  site.file("odd name \xc3\xbc.txt", "odd\n");
  site.fifo("fifo");
  site.symlink("inside.txt", "short.txt");
  site.symlink("outside.txt", "../outside.txt");
  site.symlink("absolute.txt", "/etc/hostname");
  site.symlink("loop", "loop");
  site.outside_file("outside.txt", "outside\n");
  site.outside_file("second/a.txt", letters(1000));
  site.outside_file("second/dir/b.txt", "b\n");
  site.outside_file("second/dir/" + std::string("c & d.html"), "c\n");
  site.outside_file("second/link-target.txt", "target\n");
  site.outside_file("uploads/picture.jpg", pattern(500));
  site.outside_file("uploads/list/index.html", letters(300));
  site.outside_file("legacy.txt", "a b\nlong  b # the same\n\"two words\" c\n");
}

Setup setup_of(const Site& site) {
  Setup setup;
  setup.site =
      "hosts = [\"one.example\", \"*.wild.example\"]\n"
      "extensions = [\"html\"]\n"
      "fallback = \"/app.html\"\n"
      "error_pages = { 404 = \"/404.html\" }\n"
      "mounts = { \"/uploads\" = \"" +
      site.outside("uploads") +
      "\" }\n"
      "cache_control = { \"text/html\" = \"no-cache\", \"*\" = \"max-age=60\" }\n";
  setup.headers = R"(
[[site.headers]]
match = "/assets/**"
set = { "Cache-Control" = "public, max-age=31536000, immutable", "X-Kind" = "asset" }
[[site.headers]]
match = "/short*"
remove = ["ETag", "Server"]
[[site.headers]]
match = "/docs/"
set = { "X-Docs" = "yes" }
[[site.rewrites]]
match = "^/old/(.*)$"
to = "/new/${legacy:$1|none}"
[[site.rewrites]]
match = "^/moved/(.*)$"
to = "/new/$1"
status = 301
[[site.rewrites]]
match = "^/away$"
to = "https://other.example/?from=${host}"
status = 302
[[site.rewrites]]
match = "^/for-phones$"
to = "/about.html"
when = { header = { User-Agent = "Phone" } }
[[site.rewrites]]
match = "^/for-phones$"
to = "/docs/"
status = 307
[[site.rewrites]]
match = "^/secret/"
status = 403
[[site.rewrites]]
match = "^/gone$"
status = 410
[[site.rewrites]]
match = "^/nothing/"
status = 404
)";
  setup.more = "[[site]]\nhosts = [\"two.example\"]\nroot = \"" + site.outside("second") +
               "\"\nlisting = true\nsymlinks = \"never\"\ncompress = []\nprecompressed = []\n"
               "[maps.legacy]\nfile = \"" +
               site.outside("legacy.txt") + "\"\n";
  return setup;
}

std::vector<Ask> ordinary_requests() {
  const std::string br = "Accept-Encoding: br, gzip, zstd";
  const std::string html = "Accept: text/html,*/*;q=0.8";
  std::vector<Ask> asks;
  for (const char* target : {"/",
                             "/index.html",
                             "/about",
                             "/about.html",
                             "/style.css",
                             "/short.txt",
                             "/image.png",
                             "/future.txt",
                             "/ancient.txt",
                             "/empty.txt",
                             "/big.bin",
                             "/docs",
                             "/docs?a=b",
                             "/docs/",
                             "/docs/page",
                             "/docs/page/",
                             "/plain",
                             "/plain/",
                             "/plain/one.txt",
                             "/plain/one.txt/",
                             "/plain/one.txt/x",
                             "/missing",
                             "/missing.txt",
                             "/fifo",
                             "/inside.txt",
                             "/outside.txt",
                             "/absolute.txt",
                             "/loop",
                             "/.hidden/secret.txt",
                             "/.well-known/security.txt",
                             "/odd%20name%20%C3%BC.txt",
                             "/a/../short.txt",
                             "//short.txt",
                             "/%2e%2e/short.txt",
                             "/%2fshort.txt",
                             "/%00",
                             "/%zz",
                             "/a#b",
                             "/short.txt?x=y",
                             "/uploads",
                             "/uploads?q",
                             "/uploads/",
                             "/uploads/picture.jpg",
                             "/uploads/list",
                             "/uploads/list/",
                             "/uploads/../short.txt",
                             "/uploads/missing.jpg",
                             "/old/a",
                             "/old/long",
                             "/old/two%20words",
                             "/old/unknown",
                             "/moved/b.html?keep=this",
                             "/moved/%0D%0Ax",
                             "/away",
                             "/for-phones",
                             "/secret/x",
                             "/gone",
                             "/nothing/x",
                             "/assets/v1/app.js",
                             "/assets/none.js",
                             "http://one.example/short.txt",
                             "http://two.example/a.txt",
                             "*",
                             "no-slash",
                             "/caf\xc3\xa9"}) {
    asks.push_back({target});
  }
  asks.push_back({"/" + std::string(300, 'n')});
  asks.push_back({"/" + std::string(5000, 'n')});
  asks.push_back({"/" + std::string(20000, 'n')});
  for (const char* target : {"/", "/about", "/style.css", "/old.js", "/short.txt", "/noise.json", "/image.png",
                             "/big.txt", "/big.bin", "/old/long", "/missing", "/docs/"}) {
    asks.push_back({target, {br}});
    asks.push_back({target, {"Accept-Encoding: gzip;q=0.5, br;q=0.1"}});
    asks.push_back({target, {"Accept-Encoding: identity;q=0, zstd"}});
  }
  asks.push_back({"/style.css", {"Accept-Encoding: identity;q=0"}});
  asks.push_back({"/image.png", {"Accept-Encoding: identity;q=0"}});
  asks.push_back({"/style.css", {"Accept-Encoding: gzip", "Accept-Encoding: br;q=0"}});
  for (const char* target : {"/missing", "/missing.txt", "/docs/none", "/docs/none/"}) asks.push_back({target, {html}});
  asks.push_back({"/for-phones", {"User-Agent: A Phone"}});
  asks.push_back({"/short.txt", {"Connection: close"}});
  asks.push_back({"/short.txt", {"Content-Length: 5", "Transfer-Encoding: chunked"}});
  asks.push_back({"/short.txt", {"Content-Length: 99999999"}});
  asks.push_back({"/short.txt", {"Bad Name: x"}});
  asks.push_back({"/short.txt", {"Expect: miracles"}});
  for (const char* host : {"two.example", "TWO.example.:8080", "a.wild.example", "none.example", "bad host", "[::1]"}) {
    asks.push_back({"/a.txt", {}, host});
    asks.push_back({"/dir", {}, host});
  }
  asks.push_back({"/dir/", {}, "two.example"});
  asks.push_back({"/dir/?sort=size&order=desc", {}, "two.example"});
  asks.push_back({"/dir/", {"Accept: application/json"}, "two.example"});
  asks.push_back({"/", {br}, "two.example"});
  asks.push_back({"/dir/", {"Range: bytes=0-9"}, "two.example"});
  for (const char* range :
       {"bytes=0-9", "bytes=-5", "bytes=100-", "bytes=999999999-", "bytes=0-1,5-6,9-", "lines=1-2", "bytes=5-2"}) {
    asks.push_back({"/style.css", {std::string("Range: ") + range}});
    asks.push_back({"/style.css", {std::string("Range: ") + range, br}});
    asks.push_back({"/big.bin", {std::string("Range: ") + range}});
  }
  asks.push_back({"/style.css", {"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"}});
  asks.push_back({"/style.css", {"If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"}});
  asks.push_back({"/style.css", {"If-None-Match: *", br}});
  asks.push_back({"/style.css", {"If-Match: \"other\"", br}});
  asks.push_back({"/style.css", {"Range: bytes=0-3", "If-Range: \"other\""}});
  return asks;
}

}  // namespace uringd::testing
