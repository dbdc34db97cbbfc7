// The page as the binary holds it: whole, unpacked to the same bytes, tagged, small, and within its own policy.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <libdeflate.h>

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "uringd/admin/page.hpp"
#include "uringd/cache/etag.hpp"

namespace uringd::admin {
namespace {

std::string unpacked(std::string_view gzip, size_t size) {
  std::string bytes(size, '\0');
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  const auto result =
      libdeflate_gzip_decompress(decompressor, gzip.data(), gzip.size(), bytes.data(), bytes.size(), nullptr);
  libdeflate_free_decompressor(decompressor);
  return result == LIBDEFLATE_SUCCESS ? bytes : std::string{};
}

std::string tag_of(std::string_view bytes) {
  std::array<char, cache::etag_bytes> tag{};
  cache::write_etag(bytes, tag);
  return {tag.data(), tag.size()};
}

TEST_CASE("each asset has a type, its bytes, and a gzip copy of the same bytes, each with its own tag") {
  REQUIRE(!page_assets().empty());
  std::set<std::string_view> tags;
  for (const Asset& asset : page_assets()) {
    CAPTURE(asset.path);
    CHECK(asset.path.front() == '/');
    CHECK(asset.content_type.find('/') != std::string_view::npos);
    CHECK(!asset.identity.empty());
    CHECK(asset.etag == tag_of(asset.identity));
    CHECK(tags.insert(asset.etag).second);
    if (asset.gzip.empty()) continue;
    CHECK(asset.gzip.size() < asset.identity.size());
    CHECK(unpacked(asset.gzip, asset.identity.size()) == asset.identity);
    CHECK(asset.gzip_etag == tag_of(asset.gzip));
    CHECK(tags.insert(asset.gzip_etag).second);
  }
}

TEST_CASE("the page is found at /, its parts by their names, nothing else") {
  REQUIRE(page_asset("/") != nullptr);
  CHECK(page_asset("/")->content_type == "text/html; charset=utf-8");
  REQUIRE(page_asset("/page.js") != nullptr);
  CHECK(page_asset("/page.js")->content_type == "text/javascript; charset=utf-8");
  CHECK(page_asset("/index.html") == nullptr);
  CHECK(page_asset("/page.j") == nullptr);
  CHECK(page_asset("/zzz") == nullptr);
  CHECK(page_asset("") == nullptr);
}

TEST_CASE("all of it together takes less than 40 KiB on the wire") {
  size_t size = 0;
  for (const Asset& asset : page_assets()) size += asset.gzip.empty() ? asset.identity.size() : asset.gzip.size();
  MESSAGE(size << " bytes");
  CHECK(size < 40 * 1024);
}

TEST_CASE("nothing is inline and nothing comes from elsewhere: what the page names is an asset") {
  const std::string_view html = page_asset("/")->identity;
  CHECK(html.find(" style=") == std::string_view::npos);
  CHECK(html.find("<style") == std::string_view::npos);
  CHECK(html.find("://") == std::string_view::npos);
  CHECK(html.find("<script>") == std::string_view::npos);
  for (const std::string_view attribute : {" src=\"", "link rel=\"stylesheet\" href=\"", "modulepreload\" href=\""}) {
    for (size_t at = html.find(attribute); at != std::string_view::npos; at = html.find(attribute, at + 1)) {
      const size_t begin = at + attribute.size();
      const std::string name{html.substr(begin, html.find('"', begin) - begin)};
      CAPTURE(name);
      CHECK(page_asset("/" + name) != nullptr);
    }
  }
}

TEST_CASE("no script writes markup, or keeps anything but the choice of colours") {
  for (const Asset& asset : page_assets()) {
    if (!asset.path.ends_with(".js")) continue;
    CAPTURE(asset.path);
    for (const std::string_view word : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                                        "sessionStorage", "document.cookie", "indexedDB"})
      CHECK(asset.identity.find(word) == std::string_view::npos);
    for (size_t at = asset.identity.find("localStorage."); at != std::string_view::npos;
         at = asset.identity.find("localStorage.", at + 1))
      CHECK(asset.identity.substr(at, 40).find("(\"theme\"") != std::string_view::npos);
  }
}

}  // namespace
}  // namespace uringd::admin
