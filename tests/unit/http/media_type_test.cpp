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
    CHECK(types.of(path).density == Density::other);
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
  CHECK(types.of("/a.foo").density == Density::plain);
  CHECK(types.of("/a.html").value == "text/html; charset=latin1");
  CHECK(types.of("/a.averyveryveryveryveryverylongextension").value == "x/y");
  CHECK(types.of("/a.dat").density == Density::plain);
  CHECK(types.of("/a.averyveryveryveryveryverylongextension").density == Density::other);
  CHECK(types.of("/a.css").value == "text/css; charset=utf-8");
}

TEST_CASE("an addition is as dense as its media type is") {
  const std::vector<std::pair<std::string, std::string>> additions = {
      {"html", "video/mp4"}, {"png", "image/svg+xml"}, {"zip", "application/octet-stream"}};
  const MediaTypes types{additions};
  CHECK(types.of("/a.html").density == Density::dense);
  CHECK(types.of("/a.png").density == Density::plain);
  CHECK(types.of("/a.zip").density == Density::other);
}

TEST_CASE("text, JSON, JavaScript, XML, SVG and wasm are plain") {
  for (const std::string_view type :
       {"text/html; charset=utf-8", "TEXT/x", "text/css", "application/json", "application/ld+json",
        "application/manifest+json", "application/javascript", "text/javascript", "application/xml", "image/svg+xml",
        "IMAGE/SVG+XML", "application/wasm", "application/xhtml+xml ;q=1", "application/rss+xml", "model/x3d+xml",
        "application/vnd.openxmlformats-officedocument.custom-properties+xml"}) {
    CAPTURE(type);
    CHECK(density_of(type) == Density::plain);
  }
}

TEST_CASE("what has a compression of its own is dense") {
  for (const std::string_view type : {"image/png",
                                      "image/jpeg",
                                      "image/gif",
                                      "image/webp",
                                      "image/avif",
                                      "IMAGE/PNG ; a=b",
                                      "video/mp4",
                                      "video/x",
                                      "audio/mpeg",
                                      "audio/ogg",
                                      "font/woff",
                                      "font/woff2",
                                      "application/zip",
                                      "application/gzip",
                                      "application/x-gzip",
                                      "application/zstd",
                                      "application/brotli",
                                      "application/x-xz",
                                      "application/x-bzip2",
                                      "application/x-7z-compressed",
                                      "application/vnd.rar",
                                      "application/x-rar-compressed",
                                      "application/java-archive",
                                      "application/epub+zip",
                                      "model/usdz+zip",
                                      "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}) {
    CAPTURE(type);
    CHECK(density_of(type) == Density::dense);
  }
}

TEST_CASE("of everything else nobody knows") {
  for (const std::string_view type : {"image/bmp",
                                      "image/x-ms-bmp",
                                      "image/x-icon",
                                      "image/vnd.microsoft.icon",
                                      "image/tiff",
                                      "audio/wav",
                                      "audio/x-wav",
                                      "audio/midi",
                                      "audio/aiff",
                                      "audio/x-aiff",
                                      "font/ttf",
                                      "font/otf",
                                      "application/pdf",
                                      "application/octet-stream",
                                      "application/zipped",
                                      "application/x-tar",
                                      "model/gltf-binary",
                                      "textual/x",
                                      "videos/x",
                                      "image",
                                      "text",
                                      "wasm",
                                      "zip",
                                      ""}) {
    CAPTURE(type);
    CHECK(density_of(type) == Density::other);
  }
}

TEST_CASE("each row of the table has the density that the rule gives its type") {
  struct Row {
    std::string_view extension, value;
    Density density;
  };
  using enum Density;
  constexpr Row table[] = {
#include "../../../src/http/media_type_table.inc"
  };
  const MediaTypes types;
  for (const Row& row : table) {
    CAPTURE(row.extension);
    CHECK(row.density == density_of(row.value));
    CHECK(types.of(std::string("/a.").append(row.extension)).density == row.density);
  }
}

}  // namespace
}  // namespace uringd::http
