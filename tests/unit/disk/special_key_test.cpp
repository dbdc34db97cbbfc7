// The keys of what is held beside files: what each of them means, and that what is put together comes apart again.
#include "uringd/disk/special_key.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

using namespace uringd;
using disk::special_key;
using disk::SpecialKey;
using Form = http::ListingForm;

TEST_CASE("a path without two slashes in a row is a file's, whatever is in it") {
  for (const char* path : {"/", "/a", "/a/", "/a.js", "/a/b.c/d"}) {
    CAPTURE(path);
    CHECK(special_key(path).kind == SpecialKey::Kind::file);
    CHECK(special_key(path).path == path);
    CHECK(special_key(path).coding == http::Coding::identity);
  }
}

TEST_CASE("two slashes at the end are the names in the directory before them") {
  CHECK(special_key("/a/b//").kind == SpecialKey::Kind::names);
  CHECK(special_key("/a/b//").path == "/a/b");
  CHECK(special_key("//").kind == SpecialKey::Kind::names);
  CHECK(special_key("//").path.empty());
}

TEST_CASE("a sibling's key comes apart into its file and its coding, for every coding") {
  std::array<char, 64> memory;
  for (const http::Coding coding : http::real_codings) {
    const std::string_view key = disk::sibling_key_path("/a/b.js", coding, memory);
    REQUIRE(!key.empty());
    CHECK(special_key(key).kind == SpecialKey::Kind::sibling);
    CHECK(special_key(key).path == "/a/b.js");
    CHECK(special_key(key).coding == coding);
  }
}

TEST_CASE("a listing's key comes apart into its directory, with its slash, and its form, for every form") {
  std::array<char, 64> memory;
  for (const std::string directory : {"/", "/a/", "/a/b.c/"}) {
    for (const auto format : {Form::Format::html, Form::Format::json}) {
      for (const auto sort : {Form::Sort::name, Form::Sort::size, Form::Sort::time}) {
        for (const bool descending : {false, true}) {
          const Form form{.format = format, .sort = sort, .descending = descending};
          const std::string_view key = disk::listing_key_path(directory, form, memory);
          CAPTURE(key);
          REQUIRE(!key.empty());
          CHECK(special_key(key).kind == SpecialKey::Kind::listing);
          CHECK(special_key(key).path == directory);
          CHECK(special_key(key).form == form);
        }
      }
    }
  }
}

TEST_CASE("a tag that nobody gives is a file's path, which no file has") {
  for (const char* path : {"/a//deflate", "/a//identity", "/a///xyz", "/a///", "/a///hnaa", "/a//br/"}) {
    CAPTURE(path);
    CHECK(special_key(path).kind == SpecialKey::Kind::file);
    CHECK(special_key(path).path == path);
  }
}

TEST_CASE("a key that does not fit, or that no path may be as long as, is none") {
  std::array<char, 8192> memory;
  const std::string longest(disk::key_path_limit - 5, 'a');
  CHECK(disk::sibling_key_path("/" + longest.substr(1), http::Coding::br, memory).size() == disk::key_path_limit - 1);
  CHECK(disk::sibling_key_path("/" + longest, http::Coding::br, memory).empty());
  CHECK(disk::sibling_key_path("/a.js", http::Coding::br, std::span(memory).first(9)).size() == 9);
  CHECK(disk::sibling_key_path("/a.js", http::Coding::br, std::span(memory).first(8)).empty());
  CHECK(disk::listing_key_path("/a/", {}, std::span(memory).first(8)).size() == 8);
  CHECK(disk::listing_key_path("/a/", {}, std::span(memory).first(7)).empty());
}
