// Cases of paths (RFC 3986 §2, §5.2.4; RFC 8615): decoding once, dot segments, slashes, names of all kinds, hidden
// names. Each row is asked as GET and as HEAD. A secret lies beside root; no row's answer is that.
#include <doctest/doctest.h>

#include "case_table.hpp"

using namespace uringd::testing;

namespace {
using Rows = std::vector<Case>;
using Named = std::vector<std::pair<std::string, std::string>>;

const Answer kMissing = answer(404);

Case row(const std::string& section, const std::string& target, const Answer& expected, const std::string& claim) {
  return {section, target + ": " + claim, get_request(target), expected};
}

// What names mean, and the plain spelling of each where RFC 3986 §3.3 (pchar) allows it.
const Named kNames{{"a b.txt", ""},
                   {"a+b.txt", "/a+b.txt"},
                   {"a;b.txt", "/a;b.txt"},
                   {"a;v=1,2.txt", "/a;v=1,2.txt"},
                   {"a&b.txt", "/a&b.txt"},
                   {"a=b.txt", "/a=b.txt"},
                   {"a,b.txt", "/a,b.txt"},
                   {"a:b.txt", "/a:b.txt"},
                   {"a@b.txt", "/a@b.txt"},
                   {"a!b.txt", "/a!b.txt"},
                   {"a$b.txt", "/a$b.txt"},
                   {"a'b.txt", "/a'b.txt"},
                   {"(a).txt", "/(a).txt"},
                   {"a*b.txt", "/a*b.txt"},
                   {"~a", "/~a"},
                   {"a_b", "/a_b"},
                   {"-a", "/-a"},
                   {"a..txt", "/a..txt"},
                   {"a.", "/a."},
                   {"a?b.txt", ""},
                   {"a#b.txt", ""},
                   {"a%b.txt", ""},
                   {"%41.txt", ""},
                   {"%2e%2e", ""},
                   {"%00", ""},
                   {"a\\b.txt", ""},
                   {"a\"b.txt", ""},
                   {"<a>.txt", ""},
                   {"[a].txt", ""},
                   {"{a}.txt", ""},
                   {"a|b.txt", ""},
                   {"a^b.txt", ""},
                   {"a`b.txt", ""},
                   {"a\tb.txt", ""},
                   {"a\nb.txt", ""},
                   {"a\r\nSet-Cookie: b", ""},
                   {"\x01.txt", ""},
                   {"\x7f.txt", ""},
                   {" leading", ""},
                   {"trailing ", ""},
                   {"\xc3\xa4.txt", ""},
                   {"a\xcc\x88.txt", ""},
                   {"\xd0\xb6.txt", ""},
                   {"\xe6\x97\xa5\xe6\x9c\xac.txt", ""},
                   {"\xf0\x9f\x92\xbe.txt", ""},
                   {"\xe4.txt", ""},
                   {"\xff\xfe.txt", ""},
                   {"\xe2\x80\xae.txt", ""},
                   {"CON", "/CON"},
                   {"a.txt:stream", "/a.txt:stream"}};

Rows names() {
  Rows rows;
  for (const auto& [name, plain] : kNames) {
    const std::string target = "/names/" + percent_encoded(name);
    rows.push_back(row("RFC 3986 §2.1", target, ok("content of " + name), "the file of that name"));
    if (!plain.empty()) {
      rows.push_back(row("RFC 3986 §3.3", "/names" + plain, ok("content of " + name), "the file, without escapes"));
    }
  }
  return rows;
}

Rows decoding() {
  Rows rows;
  const Answer file = ok("a\n"), inner = ok("b\n");
  for (const char* target : {"/%61.txt", "/%61%2e%74%78%74", "/a%2Etxt", "/a%2etxt", "/%61%2E%74x%74"}) {
    rows.push_back(row("RFC 3986 §6.2.2.2", target, file, "escapes of ordinary letters are decoded"));
  }
  for (const char* target : {"/%2561.txt", "/%25%36%31.txt", "/dir%252fb.txt", "/%252e%252e/a.txt", "/a.txt%2500",
                             "/%252561.txt", "/dir/%252e%252e/a.txt"}) {
    rows.push_back(row("RFC 3986 §2.4", target, kMissing, "nothing is decoded twice"));
  }
  for (const char* target : {"/%", "/%4", "/a.txt%", "/a.txt%6", "/%zz", "/%4g", "/%g4", "/%%41", "/%u0061.txt", "/%-1",
                             "/%+1", "/%0x41", "/dir/%/b.txt", "/%\xc2\xb2", "/x%"}) {
    rows.push_back(row("RFC 3986 §2.1", target, refused(400), "no escape"));
  }
  for (const char* target :
       {"/%00", "/a.txt%00", "/a.txt%00.html", "/%00a.txt", "/dir/%00/../b.txt", "/dir%00/b.txt"}) {
    rows.push_back(row("RFC 3986 §7.3", target, refused(400), "an encoded NUL"));
  }
  for (const char* target : {"/dir%2fb.txt", "/dir%2Fb.txt", "/%2fa.txt", "/dir/%2f", "/%2f%2fa.txt", "/dir%2f",
                             "/..%2fa.txt", "/%2e%2e%2fsecret.txt", "/dir/..%2f..%2fsecret.txt"}) {
    rows.push_back(row("RFC 3986 §2.2", target, refused(400), "an encoded slash"));
  }
  for (const char* target : {"/dir%5cb.txt", "/dir%5Cb.txt", "/..%5csecret.txt", "/dir/..%5c..%5ca.txt", "/%5ca.txt"}) {
    rows.push_back(row("RFC 3986 §2.2", target, kMissing, "a backslash is an ordinary character"));
  }
  for (const char* target : {"/a.txt?", "/a.txt?q", "/a.txt?%zz", "/a.txt?%00", "/a.txt?/../../secret.txt", "/a.txt??",
                             "/a.txt?a/b", "/a.txt?http://b/"}) {
    rows.push_back(row("RFC 3986 §3.4", target, file, "the query does not matter and is not decoded"));
  }
  for (const char* target : {"/%c0%ae%c0%ae/secret.txt", "/%c0%afa.txt", "/%e0%80%ae%e0%80%ae/secret.txt",
                             "/%f0%80%80%afa.txt", "/%ef%bc%8fa.txt", "/%ef%bc%8e%ef%bc%8e/secret.txt"}) {
    rows.push_back(row("RFC 3629 §10", target, kMissing, "no second spelling of a dot or a slash"));
  }
  for (const char* target : {"/A.TXT", "/a.txT", "/Dir/b.txt"}) {
    rows.push_back(row("RFC 3986 §6.2.2.1", target, kMissing, "names are told apart by case"));
  }
  rows.push_back(row("RFC 3986 §3.3", "/dir;v=1/b.txt", kMissing, "a parameter is part of the name"));
  rows.push_back(row("RFC 3986 §3.3", "/a.txt;", kMissing, "a semicolon at the end is part of the name"));
  rows.push_back(row("RFC 3986 §2.1", "/a+b/%2B", kMissing, "a plus is no space"));
  rows.push_back(row("RFC 3986 §2.1", "/dir/%62.txt", inner, "an escape below a directory"));
  return rows;
}

Rows segments() {
  Rows rows;
  const Answer file = ok("a\n"), inner = ok("b\n"), root = ok("root index\n"), index = ok("index\n");
  for (const char* target : {"/./a.txt", "/././a.txt", "/dir/../a.txt", "/x/../a.txt", "/x/y/../../a.txt",
                             "/dir/./../a.txt", "/%2e/a.txt", "/%2E/a.txt", "/dir/%2e%2e/a.txt", "/dir/%2E./a.txt",
                             "/dir/.%2e/a.txt", "/a.txt/../a.txt", "/x/%2e%2e/a.txt"}) {
    rows.push_back(row("RFC 3986 §5.2.4", target, file, "dot segments are resolved"));
  }
  for (const char* target : {"/../a.txt", "/../../a.txt", "/dir/../../a.txt", "/%2e%2e/a.txt", "/..//a.txt",
                             "/./../a.txt", "/dir/../../../../a.txt"}) {
    rows.push_back(row("RFC 3986 §5.2.4", target, file, "what leads above the root is cut off there"));
  }
  for (const char* target : {"/../secret.txt", "/dir/../../secret.txt", "/%2e%2e/secret.txt", "/..;/secret.txt",
                             "/.../secret.txt", "/..%20/secret.txt", "/..%01/secret.txt", "/....//secret.txt"}) {
    rows.push_back(row("RFC 3986 §5.2.4", target, kMissing, "the file beside root is not there"));
  }
  for (const char* target : {"//a.txt", "///a.txt", "/.//a.txt", "//./a.txt"}) {
    rows.push_back(row("RFC 3986 §3.3", target, file, "slashes in a row are one"));
  }
  for (const char* target :
       {"/dir//b.txt", "//dir///b.txt", "/dir/./b.txt", "/dir/x/../b.txt", "/dir//x/..//b.txt", "/dir/../dir/b.txt"}) {
    rows.push_back(row("RFC 3986 §5.2.4", target, inner, "the file below the directory"));
  }
  for (const char* target : {"/", "//", "/.", "/./", "/..", "/../", "/%2e", "/%2e%2e", "/dir/..", "/dir/../", "/x/..",
                             "/?", "/?q", "/index.html"}) {
    rows.push_back(row("RFC 3986 §5.2.4", target, root, "the root's index"));
  }
  for (const char* target : {"/dir/", "/dir//", "/dir/.", "/dir/./", "/dir/sub/..", "/dir/x/../", "/dir/b.txt/..",
                             "/dir/%2e", "/dir/?q", "/dir/index.html", "/x/../dir/"}) {
    rows.push_back(row("RFC 3986 §5.2.4", target, index, "the directory's index"));
  }
  for (const char* target : {"/a.txt/", "/a.txt//", "/a.txt/.", "/a.txt/b", "/a.txt/index.html", "/dir/b.txt/",
                             "/missing/", "/missing/.", "/large.bin/", "/index.html/", "/a.txt/?q"}) {
    rows.push_back(row("RFC 3986 §3.3", target, kMissing, "a file is no directory"));
  }
  return rows;
}

Rows hidden() {
  Rows rows;
  for (const char* target : {"/.env",
                             "/%2eenv",
                             "/%2Eenv",
                             "/.git/config",
                             "/.git/",
                             "/.git",
                             "/dir/.x/b.txt",
                             "/dir/%2ex/b.txt",
                             "/..data/b.txt",
                             "/...",
                             "/dir/.b.txt",
                             "//.env",
                             "/./.env",
                             "/dir/../.env",
                             "/.well-known/.x",
                             "/.well-known/../.env",
                             "/.well-known-not/a",
                             "/dir/.well-known/a",
                             "/.WELL-KNOWN/a",
                             "/.well-known%20/a",
                             "/.env?q",
                             "/.missing"}) {
    rows.push_back(row("contract, hidden = false", target, kMissing, "a hidden name is not there"));
  }
  for (const char* target :
       {"/.well-known/security.txt", "/%2ewell-known/security.txt", "//.well-known/security.txt",
        "/dir/../.well-known/security.txt", "/.well-known/./security.txt", "/.well%2dknown/security.txt"}) {
    rows.push_back(row("RFC 8615 §3", target, ok("contact\n"), "well-known locations are served"));
  }
  rows.push_back(row("RFC 8615 §3", "/.well-known", answer(301).field("Location", "/.well-known/"), "a directory"));
  rows.push_back(row("RFC 8615 §3", "/.well-known/missing", kMissing, "a missing well-known location"));
  return rows;
}

Rows lengths() {
  const std::string longest(255, 'n');
  std::string deep, wide;
  for (int i = 0; i < 2600; ++i) deep += "/dd";
  for (int i = 0; i < 255; ++i) wide += "%FF";
  const auto named = [](const std::string& name, const std::string& target, const Answer& expected) {
    return Case{"NAME_MAX", name, get_request(target), expected};
  };
  return {named("a name of 255 bytes is served", "/" + longest, ok("long\n")),
          named("a name of 255 escapes is served", "/" + wide, ok("wide\n")),
          named("a name of 256 bytes is missing", "/" + longest + "n", kMissing),
          named("a name of 256 escapes is missing", "/" + wide + "%FF", kMissing),
          named("a directory's name of 256 bytes is missing", "/" + longest + "n/a.txt", kMissing),
          named("a name of 255 bytes in a missing directory is missing", "/x/" + longest, kMissing),
          named("a name of 10000 bytes is missing", "/" + std::string(10000, 'n'), kMissing),
          named("a path of 2600 components is missing", deep, kMissing),
          named(
              "a path beyond PATH_MAX that resolves to a short one is found",
              [] {
                std::string s;
                for (int i = 0; i < 1500; ++i) s += "/d/..";
                return s;
              }() +
                  "/a.txt",
              ok("a\n")),
          named("5000 slashes are one", std::string(5000, '/') + "a.txt", ok("a\n")),
          named("a query of 10000 bytes does not matter", "/a.txt?" + std::string(10000, 'q'), ok("a\n"))};
}

struct Tree {
  Tree() {
    for (const auto& [name, plain] : kNames) site.file("names/" + name, "content of " + name);
    site.outside_file("secret.txt", "secret\n");
    site.file("a.txt", "a\n");
    site.file("index.html", "root index\n");
    site.file("large.bin", pattern(100000));
    site.file("dir/index.html", "index\n");
    site.file("dir/b.txt", "b\n");
    site.directory("dir/sub");
    site.file(".env", "hidden\n");
    site.file(".git/config", "hidden\n");
    site.file("dir/.x/b.txt", "hidden\n");
    site.file("dir/.b.txt", "hidden\n");
    site.file("dir/.well-known/a", "hidden\n");
    site.file("..data/b.txt", "hidden\n");
    site.file(".well-known/security.txt", "contact\n");
    site.file(".well-known/.x", "hidden\n");
    site.file(".well-known-not/a", "hidden\n");
    site.file(std::string(255, 'n'), "long\n");
    site.file(std::string(255, '\xff'), "wide\n");
    site.file("probe.txt", kProbe);
  }
  Site site;
};
}  // namespace

TEST_CASE_FIXTURE(Tree, "paths are decoded once and resolved as RFC 3986 §5.2.4 says; names are what the disk has") {
  const Server server(site);
  run_table(server, "names", names(), {.head_too = true});
  run_table(server, "decoding", decoding(), {.head_too = true});
  run_table(server, "segments", segments(), {.head_too = true});
  run_table(server, "hidden names", hidden(), {.head_too = true});
  run_table(server, "lengths of names", lengths(), {.head_too = true});
}
