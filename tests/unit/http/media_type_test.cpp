// Content-Type by extension.
#include "uringd/http/media_type.hpp"

#include <doctest/doctest.h>

namespace uringd::http {
namespace {

TEST_CASE("the conventional types of a web site") {
  const MediaTypes types;
  const std::pair<const char*, const char*> expected[] = {{"/index.html", "text/html; charset=utf-8"},
                                                          {"/a.htm", "text/html; charset=utf-8"},
                                                          {"/a.css", "text/css; charset=utf-8"},
                                                          {"/a.js", "text/javascript; charset=utf-8"},
                                                          {"/a.mjs", "text/javascript; charset=utf-8"},
                                                          {"/a.txt", "text/plain; charset=utf-8"},
                                                          {"/a.md", "text/markdown; charset=utf-8"},
                                                          {"/a.csv", "text/csv; charset=utf-8"},
                                                          {"/a.json", "application/json"},
                                                          {"/a.map", "application/json"},
                                                          {"/a.xml", "application/xml"},
                                                          {"/a.svg", "image/svg+xml"},
                                                          {"/a.wasm", "application/wasm"},
                                                          {"/a.png", "image/png"},
                                                          {"/a.jpg", "image/jpeg"},
                                                          {"/a.jpeg", "image/jpeg"},
                                                          {"/a.gif", "image/gif"},
                                                          {"/a.webp", "image/webp"},
                                                          {"/a.avif", "image/avif"},
                                                          {"/a.ico", "image/vnd.microsoft.icon"},
                                                          {"/a.woff", "font/woff"},
                                                          {"/a.woff2", "font/woff2"},
                                                          {"/a.ttf", "font/ttf"},
                                                          {"/a.pdf", "application/pdf"},
                                                          {"/a.zip", "application/zip"},
                                                          {"/a.mp4", "video/mp4"},
                                                          {"/a.webm", "video/webm"},
                                                          {"/a.mp3", "audio/mpeg"},
                                                          {"/a.webmanifest", "application/manifest+json"},
                                                          {"/a.gz", "application/gzip"}};
  for (const auto& [path, value] : expected) CHECK(types.of(path).value == value);
}

TEST_CASE("only the last extension of the last component counts, in any case") {
  const MediaTypes types;
  CHECK(types.of("/a.tar.GZ").value == "application/gzip");
  CHECK(types.of("/A.Html").value == "text/html; charset=utf-8");
  CHECK(types.of("a.html/b").value == "application/octet-stream");
  CHECK(types.of("/x.css/").value == "application/octet-stream");
}

TEST_CASE("what is unknown is a stream of octets") {
  const MediaTypes types;
  for (const char* path : {"", "/", "/README", "/a.", "/a.unheardof", "/a.htmlx", "/a.htm\xc3\xa9", "/a.0",
                           "/a.zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"}) {
    CHECK(types.of(path).value == "application/octet-stream");
    CHECK_FALSE(types.of(path).compressible);
  }
}

TEST_CASE("additions beat the table, with or without a dot, and survive a move") {
  const std::vector<std::pair<std::string, std::string>> additions = {{".foo", "text/x-foo"},
                                                                      {"HTML", "text/html; charset=latin1"},
                                                                      {"averyveryveryveryveryverylongextension", "x/y"},
                                                                      {"dat", "application/vnd.x+json"}};
  MediaTypes first{additions};
  const MediaTypes types = std::move(first);
  CHECK(types.of("/a.FOO").value == "text/x-foo; charset=utf-8");
  CHECK(types.of("/a.foo").compressible);
  CHECK(types.of("/a.html").value == "text/html; charset=latin1");
  CHECK(types.of("/a.averyveryveryveryveryverylongextension").value == "x/y");
  CHECK(types.of("/a.dat").compressible);
  CHECK(types.of("/a.css").value == "text/css; charset=utf-8");
}

TEST_CASE("text, JSON, JavaScript, XML, SVG and wasm are compressible, in the table as by rule") {
  for (const char* type :
       {"text/html; charset=utf-8", "TEXT/x", "application/json", "application/ld+json", "application/javascript",
        "application/xml", "image/svg+xml", "application/wasm", "application/xhtml+xml ;q=1"}) {
    CHECK(compressible_type(type));
  }
  for (const char* type : {"image/png", "application/octet-stream", "application/zip", "textual/x", "", "text", "wasm"})
    CHECK_FALSE(compressible_type(type));
  const MediaTypes types;
  for (const char* path : {"a.html", "a.png", "a.svg", "a.wasm", "a.json", "a.js", "a.rss", "a.zip", "a.mp4", "a.xml",
                           "a.geojson", "a.toml", "a.dae"}) {
    CHECK(types.of(path).compressible == compressible_type(types.of(path).value));
  }
}

}  // namespace
}  // namespace uringd::http
