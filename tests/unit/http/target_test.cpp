// parse_target and encode_path: named cases, then a slow reference on generated encodings.
#include "uringd/http/target.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace uringd::http {
namespace {

struct Parsed {
  int status = 0;
  std::string path, query, authority;
  bool asterisk = false, trailing_slash = false, hidden = false, has_query = false, name_too_long = false;
};

Parsed parse(std::string_view raw) {
  INFO(raw);
  std::vector<char> out(raw.size() + 2);
  const auto target = parse_target(raw, out);
  Parsed failed;
  if (!target) return failed.status = target.error(), failed;
  REQUIRE(target->path.data() == out.data());
  REQUIRE(out[target->path.size()] == '\0');
  return {200,
          std::string{target->path},
          std::string{target->query},
          std::string{target->authority},
          target->asterisk,
          target->trailing_slash,
          target->hidden,
          target->has_query,
          target->name_too_long};
}

/// "400", or the path; with "!" behind it where it names a directory.
std::string normalise(std::string_view decoded) {
  std::vector<char> out(decoded.size() + 2);
  const auto target = normalise_path(decoded, out);
  if (!target) return "400";
  REQUIRE(out[target->path.size()] == '\0');
  return std::string{target->path} + (target->trailing_slash ? "!" : "");
}

std::string encode(std::string_view path, size_t room = 10000) {
  std::vector<char> out(room);
  const size_t size = encode_path(path, out);
  return {out.data(), size};
}

/// The same rules with lists of strings: decode all, split, resolve.
std::string reference_path(std::string_view raw) {
  std::string decoded;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      decoded += raw[i];
      continue;
    }
    if (i + 2 >= raw.size() || !isxdigit(static_cast<unsigned char>(raw[i + 1])) ||
        !isxdigit(static_cast<unsigned char>(raw[i + 2])))
      return "400";
    const int value = std::stoi(std::string{raw.substr(i + 1, 2)}, nullptr, 16);
    if (value == 0 || value == '/') return "400";
    decoded += static_cast<char>(value);
    i += 2;
  }
  std::vector<std::string> names;
  std::string name;
  for (char c : decoded.substr(1) + "/") {
    if (c != '/') {
      name += c;
      continue;
    }
    if (name == ".." && !names.empty()) names.pop_back();
    if (!name.empty() && name != "." && name != "..") names.push_back(name);
    name.clear();
  }
  std::string path;
  for (const std::string& each : names) path += "/" + each;
  return path.empty() ? "/" : path;
}

TEST_CASE("a path is decoded once") {
  CHECK(parse("/a%20b").path == "/a b");
  CHECK(parse("/%e2%82%AC").path == "/\xe2\x82\xac");
  CHECK(parse("/%252e%252e/x").path == "/%2e%2e/x");
  CHECK(parse("/a%5cb\\c").path == "/a\\b\\c");
  CHECK(parse("/a+b").path == "/a+b");
  CHECK(parse("/%0d%0a").path == "/\r\n");
}

TEST_CASE("encoded slashes and NULs and bad escapes are 400") {
  for (const char* raw :
       {"/a%2fb", "/a%2Fb", "/..%2f..%2fetc", "/%00", "/a%00.html", "/%", "/%4", "/%zz", "/%4g", "/a%/b", "/%u0041"}) {
    CHECK(parse(raw).status == 400);
  }
}

TEST_CASE("dot segments are resolved, encoded ones too, and end at the root (RFC 3986 §5.2.4)") {
  CHECK(parse("/a/./b/../c").path == "/a/c");
  CHECK(parse("/a/%2e/b/%2E%2e/c").path == "/a/c");
  CHECK(parse("/.%2e/%2e./etc/passwd").path == "/etc/passwd");
  CHECK(parse("/../../..").path == "/");
  CHECK(parse("/a/b/../../../../c").path == "/c");
  CHECK(parse("/.../..a/a..").path == "/.../..a/a..");
}

TEST_CASE("slashes are merged, before dot segments are resolved") {
  CHECK(parse("//a///b//").path == "/a/b");
  CHECK(parse("/a//../b").path == "/b");
  CHECK(parse("//evil.example/").authority == "");
}

TEST_CASE("a slash or a dot segment at the end names a directory") {
  for (const char* raw : {"/", "/a/", "/a/.", "/a/..", "/a/%2e", "//", "/a//", "http://a", "*"})
    CHECK(parse(raw).trailing_slash);
  for (const char* raw : {"/a", "/a/../b", "/a?/", "/..."}) CHECK_FALSE(parse(raw).trailing_slash);
}

TEST_CASE("hidden: a component of the resolved path begins with a dot, a first .well-known aside (RFC 8615)") {
  for (const char* raw : {"/.git/config", "/a/.b", "/%2egit", "/...", "/.well-known/.x", "/a/.well-known",
                          "/.well-knownx", "/.well-known.", "/.WELL-KNOWN/"}) {
    CHECK(parse(raw).hidden);
  }
  for (const char* raw : {"/.well-known", "/.well-known/acme", "/a/../.well-known/x", "/a.b", "/a/./b", "/.git/../a"})
    CHECK_FALSE(parse(raw).hidden);
}

TEST_CASE("a component over 255 decoded bytes is too long, one of 255 is not") {
  CHECK_FALSE(parse("/" + std::string(255, 'a') + "/b").name_too_long);
  CHECK(parse("/a/" + std::string(256, 'a')).name_too_long);
  std::string escaped = "/";
  for (int i = 0; i < 255; ++i) escaped += "%61";
  CHECK_FALSE(parse(escaped).name_too_long);
  CHECK_FALSE(parse("/" + std::string(300, 'a') + "/../b").name_too_long);
}

TEST_CASE("the query is left as sent") {
  const Parsed target = parse("/a%20b?x=%2f%zz&y=?/../");
  CHECK(target.path == "/a b");
  CHECK(target.query == "x=%2f%zz&y=?/../");
  CHECK(target.has_query);
  CHECK(parse("/a?").has_query);
  CHECK(parse("/a?").query == "");
  CHECK_FALSE(parse("/a").has_query);
}

TEST_CASE("absolute form and asterisk form (RFC 9112 §3.2)") {
  CHECK(parse("http://example.org:80/a/../b?c").authority == "example.org:80");
  CHECK(parse("http://example.org:80/a/../b?c").path == "/b");
  CHECK(parse("HTTPS://[::1]").path == "/");
  CHECK(parse("http://a?b").query == "b");
  CHECK(parse("http://a?b").path == "/");
  CHECK(parse("*").asterisk);
  CHECK(parse("*").path == "/");
  CHECK_FALSE(parse("/*").asterisk);
  for (const char* raw :
       {"", "a", "a/b", "a:80", "http:/a", "http://", "http://u@a/", "file:///etc/passwd", "**", "?a", "http://a b/"}) {
    CHECK(parse(raw).status == 400);
  }
}

TEST_CASE("fragments, white space, control and non-ASCII bytes are 400") {
  for (const char* raw : {"/a#b", "/a?b#c", "/a b", "/a\tb", "/a\r\n", "/\x7f", "/\xc3\xa4", "/?\x80"})
    CHECK(parse(raw).status == 400);
}

TEST_CASE("a byte or a pair that counts is seen wherever it lies in a long target") {
  const std::string plain(40, 'a');
  for (size_t size = 1; size < plain.size(); ++size) {
    for (size_t at = 0; at + 2 <= size; ++at) {
      for (const std::string_view pair : {"//", "/.", "%4", "..", "/x"}) {
        std::string raw = "/" + plain.substr(0, size);
        raw.replace(1 + at, 2, pair);
        CAPTURE(raw);
        const Parsed parsed = parse(raw);
        REQUIRE((parsed.status == 200 ? parsed.path : "400") == reference_path(raw));
      }
      for (const char bad : {' ', '\t', '\x01', '\x7f', '#', '\x80', '\xff'}) {
        std::string raw = "/" + plain.substr(0, size);
        raw[1 + at] = bad;
        CAPTURE(raw);
        REQUIRE(parse(raw).status == 400);
      }
    }
  }
}

TEST_CASE("targets as a table: the path that openat2 gets, or 400") {
  struct Row {
    std::string_view section, raw, path;  // path: or "400"
  };
  const Row rows[] = {
      {"3986 3.3 empty path", "http://h", "/"},
      {"3986 3.3 root", "/", "/"},
      {"3986 3.3 sub-delims are ordinary", "/!$&'()*+,;=:@", "/!$&'()*+,;=:@"},
      {"3986 3.3 plus is no space", "/a+b", "/a+b"},
      {"3986 3.3 parameters belong to the name", "/a;v=1/b;c", "/a;v=1/b;c"},
      {"3986 3.3 dots with parameters are a name", "/..;/a", "/..;/a"},
      {"3986 3.3 colon in the first component", "/http://h/x", "/http:/h/x"},
      {"3986 2.1 hexadecimal in both cases", "/%4a%4A", "/JJ"},
      {"3986 2.1 UTF-8", "/%E2%82%AC/%f0%9f%98%80", "/\xe2\x82\xac/\xf0\x9f\x98\x80"},
      {"3986 2.1 bytes that are no UTF-8", "/%ff%c0%80", "/\xff\xc0\x80"},
      {"3986 2.1 overlong slash is no slash", "/%c0%af%c0%ae", "/\xc0\xaf\xc0\xae"},
      {"3986 2.1 encoded control bytes", "/%01%7f%0a", "/\x01\x7f\n"},
      {"3986 2.2 encoded question mark", "/a%3Fb?c", "/a?b"},
      {"3986 2.2 encoded number sign", "/a%23b", "/a#b"},
      {"3986 2.2 encoded percent sign", "/100%25", "/100%"},
      {"3986 2.4 decoded once", "/%2541", "/%41"},
      {"3986 2.4 double encoding of dots", "/%252e%252e/a", "/%2e%2e/a"},
      {"3986 2.4 double encoding of a slash", "/a%252fb", "/a%2fb"},
      {"3986 2.4 double encoding of NUL", "/a%2500", "/a%00"},
      {"contract: backslash is ordinary", "/a\\..\\b", "/a\\..\\b"},
      {"contract: encoded backslash too", "/a%5c..%5Cb", "/a\\..\\b"},
      {"contract: encoded slash", "/a%2fb", "400"},
      {"contract: encoded slash behind dots", "/..%2f..%2fetc/passwd", "400"},
      {"contract: NUL", "/a%00.html", "400"},
      {"contract: NUL at the end", "/a%00", "400"},
      {"2.1 percent sign at the end", "/a%", "400"},
      {"2.1 one digit", "/a%4", "400"},
      {"2.1 one digit before a slash", "/a%4/b", "400"},
      {"2.1 escape across a slash", "/a%/41", "400"},
      {"2.1 escape across the query", "/a%4?1", "400"},
      {"2.1 no digits", "/%zz", "400"},
      {"2.1 sign", "/%+1", "400"},
      {"2.1 space", "/% 1", "400"},
      {"2.1 UTF-16 escape", "/%u0041", "400"},
      {"2.1 percent sign before an escape", "/%%41", "400"},
      {"3.4 bad escape in the query is the query's business", "/a?%zz%00", "/a"},
      {"3.4 dots in the query", "/a?/../..", "/a"},
      {"5.2.4 one dot", "/a/./b", "/a/b"},
      {"5.2.4 two dots", "/a/b/../c", "/a/c"},
      {"5.2.4 dots at the end", "/a/b/..", "/a"},
      {"5.2.4 above the root", "/../../a", "/a"},
      {"5.2.4 above the root, encoded", "/%2e%2e/%2E./.%2e/a", "/a"},
      {"5.2.4 far above the root", "/a/../../../../../../../../etc/passwd", "/etc/passwd"},
      {"5.2.4 three dots are a name", "/.../a", "/.../a"},
      {"5.2.4 dots and spaces are a name", "/..%20/a", "/.. /a"},
      {"5.2.4 in an absolute target", "http://h/a/../../b", "/b"},
      {"contract: slashes are merged", "////a////b", "/a/b"},
      {"contract: slashes, then dots", "/a//..//b", "/b"},
      {"contract: slashes in an absolute target", "http://h//e//x", "/e/x"},
      {"4.2 two slashes are no authority", "//evil.example/x", "/evil.example/x"},
      {"3.5 fragment", "/a#b", "400"},
      {"3.5 fragment alone", "/#", "400"},
      {"9112 3.2 non-ASCII", "/\xc3\xa9", "400"},
      {"9112 3.2 no slash", "a/b", "400"},
      {"9112 3.2 empty", "", "400"},
      {"9110 4.2.1 empty authority", "http:///a", "400"},
      {"9110 4.2.4 user information", "http://u@h/a", "400"},
      {"9112 3.2 other scheme", "file:///etc/passwd", "400"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.section);
    CAPTURE(row.raw);
    const Parsed target = parse(row.raw);
    CHECK((target.status == 400 ? "400" : target.path) == row.path);
  }
}

TEST_CASE("generated encodings agree with the slow reference, stay below the root, and are fixed points") {
  std::mt19937 random{7};
  const std::vector<std::string> parts = {"/",   "/",   ".",   "..",  "%2e", "%2E", "a",   "%61",    "b.c",
                                          "%25", "%2f", "%00", "%5c", "%",   "~",   "%ff", "%C3%A9", "\\"};
  int good = 0;
  for (int round = 0; round < 50000; ++round) {
    std::string raw = "/";
    for (auto i = random() % 12; i > 0; --i) raw += parts[random() % (round % 4 == 0 ? parts.size() : 9)];
    INFO(raw);
    const Parsed target = parse(raw);
    const std::string expected = reference_path(raw);
    if (expected == "400") {
      REQUIRE(target.status == 400);
      continue;
    }
    ++good;
    REQUIRE(target.path == expected);
    const std::string location = encode(target.path);
    REQUIRE(parse(location).path == target.path);
    REQUIRE(encode(parse(location).path) == location);
  }
  CHECK(good > 10000);
}

TEST_CASE("an encoded path stays one path on this host") {
  CHECK(encode("/a b") == "/a%20b");
  CHECK(encode("/\r\nX: y") == "/%0D%0AX:%20y");
  CHECK(encode("/\\evil.example") == "/%5Cevil.example");
  CHECK(encode("//evil.example/") == "/evil.example/");
  CHECK(encode("/a?b#c%d\"<>") == "/a%3Fb%23c%25d%22%3C%3E");
  CHECK(encode("/\xc3\xa9") == "/%C3%A9");
  CHECK(encode("/~a-b._!$&'()*+,;=:@") == "/~a-b._!$&'()*+,;=:@");
  CHECK(encode("a") == "");
  CHECK(encode("") == "");
}

TEST_CASE("an encoded path that does not fit is 0, one that just fits is whole") {
  CHECK(encode("/a b", 6) == "/a%20b");
  CHECK(encode("/a b", 5) == "");
  CHECK(encode("/ab", 2) == "");
}

TEST_CASE("decoded text is normalised as a target is, and not decoded again") {
  CHECK(normalise("/") == "/!");
  CHECK(normalise("/a/b") == "/a/b");
  CHECK(normalise("//a///b//") == "/a/b!");
  CHECK(normalise("/a/./../../../b") == "/b");
  CHECK(normalise("/a/..") == "/!");
  CHECK(normalise("/%2e%2e/%41?x#y") == "/%2e%2e/%41?x#y");
  CHECK(normalise("/a\n\xff b") == "/a\n\xff b");
  CHECK(normalise("") == "400");
  CHECK(normalise("a/b") == "400");
  CHECK(normalise(std::string_view("/a\0b", 4)) == "400");
}

}  // namespace
}  // namespace uringd::http
