// What keeps a configuration with rules, maps and mounts from starting: every problem at once, each with its place and
// words that say what would be right; the same from --check; exit code 2, and no socket. And what --print-config makes
// of all of it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "harness.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

struct Outcome {
  Finished start;
  Finished check;
};

// A configuration of which each test shows the lines that matter; the first of them is line 5.
struct Bench {
  Bench() {
    site.file("a.txt", "a\n");
    site.outside_file("good.txt", "a /b\n");
    std::filesystem::create_directory(site.outside("up"));
  }
  [[nodiscard]] Outcome run(const std::string& lines) const {
    site.outside_file("config.toml", "[server]\nlisten = [\"127.0.0.1:" + std::to_string(free_port()) +
                                         "\"]\n[[site]]\nroot = \"root\"\n" + lines);
    const std::vector<std::string> arguments{"--config", site.outside("config.toml")};
    Outcome both{.start = run_to_end(arguments), .check = {}};
    both.check = run_to_end({"--check", arguments[0], arguments[1]});
    return both;
  }
  Site site;
};

bool contains(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

// Both refuse, in the same lines.
void check_refused(const Outcome& both) {
  INFO("start: ", both.start.err, "check: ", both.check.err, both.check.out);
  CHECK(both.start.exit_code == 2);
  CHECK(both.check.exit_code == 2);
  CHECK(both.start.err == both.check.err);
  CHECK(!both.start.err.empty());
}

struct Wrong {
  const char* name;
  std::string lines;
  std::string place;                   // "config.toml:6:9"
  std::vector<std::string> says = {};  // all of them
};

}  // namespace

TEST_CASE_FIXTURE(Bench, "rules that are wrong are refused, each with its place and what would be right") {
  const std::string maps = "[maps.legacy]\nfile = \"good.txt\"\n";
  // Line 5 is [[site.rewrites]], 6 match, 7 to, 8 status.
  const std::vector<Wrong> all = {
      {"an unclosed group", rewrite("^/old/(.*$", "/new/$1"), "config.toml:6:9", {"(", "missing"}},
      {"an unclosed class", rewrite("^/[a-$", "/new"), "config.toml:6:9", {"["}},
      {"a lookahead, which RE2 lacks", rewrite("^/(?!x)", "/new"), "config.toml:6:9", {"(?!"}},
      {"a back reference, which RE2 lacks", rewrite("^/(a)\\1$", "/new"), "config.toml:6:9", {"\\1"}},
      {"a repetition of nothing", rewrite("*", "/new"), "config.toml:6:9", {"*"}},
      {"a pattern that is too large", rewrite("((a{500}){500}){3}", "/new"), "config.toml:6:9", {}},
      {"a map that is not there",
       rewrite("^/(.*)$", "/new/${legcay:$1}") + maps,
       "config.toml:7:6",
       {"legcay", "legacy"}},
      {"a map where there is none", rewrite("^/(.*)$", "/new/${legacy:$1}"), "config.toml:7:6", {"legacy"}},
      {"a map that is called as a variable",
       rewrite("^/(.*)$", "/new/${legacy}") + maps,
       "config.toml:7:6",
       {"legacy", "${legacy:"}},
      {"a variable that is not there", rewrite("^/(.*)$", "/new/${hots}"), "config.toml:7:6", {"hots", "host"}},
      {"nginx's variable", rewrite("^/(.*)$", "https://$host/$1", 301), "config.toml:7:6", {"$"}},
      {"a capture that is not there", rewrite("^/(.*)$", "/new/$2"), "config.toml:7:6", {"$2"}},
      {"a capture in a map's key that is not there",
       rewrite("^/(.*)$", "/${legacy:$3|x}") + maps,
       "config.toml:7:6",
       {"$3"}},
      {"a capture where the pattern has none", rewrite("^/old$", "/new/$1"), "config.toml:7:6", {"$1"}},
      {"a group that does not capture", rewrite("^/(?:old)/x$", "/new/$1"), "config.toml:7:6", {"$1"}},
      {"a capture of two digits", rewrite("^/(.*)$", "/new/${10}"), "config.toml:7:6", {"10"}},
      {"a brace that is not closed", rewrite("^/(.*)$", "/new/${legacy:$1") + maps, "config.toml:7:6", {"}"}},
      {"a map in a map", rewrite("^/(.*)$", "/${legacy:${legacy:$1}}") + maps, "config.toml:7:6", {"map"}},
      {"a lone dollar sign", rewrite("^/a$", "/cost/5$"), "config.toml:7:6", {"$$"}},
      {"a redirect to itself", rewrite("^/a$", "/a", 301), "config.toml:7:6", {"itself", "/a"}},
      {"a redirect to itself by a capture", rewrite("^/x/(.*)$", "/x/$1", 302), "config.toml:7:6", {"itself"}},
      {"a redirect to itself by $0", rewrite("^/.*$", "$0", 302), "config.toml:7:6", {"itself"}},
      {"a redirect to itself by the path", rewrite("^/x", "${path}", 302), "config.toml:7:6", {"itself"}},
      {"a redirect that grows", rewrite("^/x(.*)$", "/x/y$1", 302), "config.toml:7:6", {"itself"}},
      {"two redirects to each other",
       rewrite("^/a$", "/b", 302) + rewrite("^/b$", "/a", 301),
       "config.toml:7:6",
       {"itself", "/b"}},
      {"an internal rewrite to another host", rewrite("^/a$", "https://other.example/a"), "config.toml:", {"30"}},
      {"to beside 404", rewrite("^/a$", "/b", 404), "config.toml:7:6", {"404", "to"}},
      {"to beside 410", rewrite("^/a$", "/b", 410), "config.toml:7:6", {"410", "to"}},
      {"no to", rewrite("^/a$", ""), "config.toml:5:1", {"to"}},
      {"no to of a redirect", rewrite("^/a$", "", 308), "config.toml:5:1", {"to", "308"}},
      {"no match", "[[site.rewrites]]\nto = '/b'\n", "config.toml:5:1", {"match"}},
      {"a relative to", rewrite("^/a$", "b"), "config.toml:7:6", {"/"}},
      {"a scheme that is none of ours", rewrite("^/a$", "javascript:alert(1)", 302), "config.toml:7:6", {"javascript"}},
      {"status 200", rewrite("^/a$", "/b", 200), "config.toml:8:10", {"200", "301"}},
      {"status 303", rewrite("^/a$", "/b", 303), "config.toml:8:10", {"303", "302"}},
      {"a status in quotes",
       "[[site.rewrites]]\nmatch = '/a'\nto = '/b'\nstatus = \"301\"\n",
       "config.toml:8:10",
       {"301"}},
      {"an unknown key", "[[site.rewrites]]\nmatch = '/a'\nto = '/b'\nstauts = 301\n", "config.toml:8:1", {"status"}},
      {"a condition beside when",
       "[[site.rewrites]]\nmatch = '/a'\nto = '/b'\nhost = 'x'\n",
       "config.toml:8:1",
       {"when.host"}},
      {"an unknown condition",
       rewrite("^/a$", "/b", 0, "when = { hots = 'x' }\n"),
       "config.toml:8:10",
       {"hots", "host"}},
      {"headers in the plural",
       rewrite("^/a$", "/b", 0, "when = { headers = { A = 'x' } }\n"),
       "config.toml:8:10",
       {"header"}},
      {"a bad pattern in a condition", rewrite("^/a$", "/b", 0, "when = { host = '(' }\n"), "config.toml:8:", {"host"}},
      {"a bad pattern for a header",
       rewrite("^/a$", "/b", 0, "when = { header = { Accept = '[' } }\n"),
       "config.toml:8:",
       {"Accept"}},
      {"a field name that is none",
       rewrite("^/a$", "/b", 0, "when = { header = { \"A b\" = 'x' } }\n"),
       "config.toml:8:",
       {"A b"}},
      {"a header rule with an open brace",
       "[[site.headers]]\nmatch = \"/{a,b\"\nset = { A = \"1\" }\n",
       "config.toml:6:9",
       {"{", "}"}},
      {"a header rule that means too many paths",
       "[[site.headers]]\nmatch = \"/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\"\nset = { A = \"1\" }\n",
       "config.toml:6:9",
       {"64"}},
      {"rewrites as a table", "[site.rewrites]\nmatch = '/a'\nto = '/b'\n", "config.toml:5:", {"rewrites"}},
      {"a match that is a number", "[[site.rewrites]]\nmatch = 5\nto = '/b'\n", "config.toml:6:9", {"5"}},
      {"a line end in to",
       "[[site.rewrites]]\nmatch = '/a'\nto = \"/b\\r\\nX: y\"\nstatus = 301\n",
       "config.toml:7:6",
       {}},
  };
  for (const Wrong& one : all) {
    INFO(one.name);
    const Outcome both = run(one.lines);
    check_refused(both);
    INFO(both.start.err);
    CHECK(contains(both.start.err, one.place));
    for (const std::string& words : one.says) {
      INFO(words);
      CHECK(contains(both.start.err, words));
    }
    CHECK(std::ranges::count(both.start.err, '\n') == 1);
  }
}

TEST_CASE_FIXTURE(Bench, "rules that only look odd are no errors") {
  const std::string maps = "[maps.legacy]\nfile = \"good.txt\"\n";
  for (const std::string& lines :
       {rewrite("^/(.*)$", "https://other.example/$1", 301),
        rewrite("^/(.*)$", "https://test.example/$1", 301, "when = { host = '^www' }\n"),
        rewrite("^/a/(.*)$", "/a/${legacy:$1|x}", 302) + maps, rewrite("^/a$", "/a"), rewrite("^/(a)|(b)$", "/$1$2"),
        rewrite("(((((((((((a)))))))))))", "/x$9"), rewrite("(?P<name>a)", "/x$1"), rewrite("^/a$", "/%24%7D"),
        rewrite("^/", "/home", 302), rewrite("(?i)^/about$", "/about", 301), rewrite("^/", "${path}?y", 302),
        rewrite("^/a$", "/b", 308, "when = { }\n"), "# ${UNSET} in a comment\n" + rewrite("a", "/x/$0")}) {
    INFO(lines);
    site.outside_file("config.toml", "[server]\nlisten = [\"127.0.0.1:1\"]\n[[site]]\nroot = \"root\"\n" + lines);
    const Finished check = run_to_end({"--check", "--config", site.outside("config.toml")});
    INFO(check.err);
    CHECK(check.exit_code == 0);
  }
}

TEST_CASE_FIXTURE(Bench, "maps that are wrong are refused, with the configuration's place or the map's own") {
  const auto map = [](const std::string& file, const std::string& more = "") {
    return rewrite("^/(.*)$", "/new/${m:$1|x}") + "[maps.m]\nfile = \"" + file + "\"\n" + more;
  };
  site.outside_file("nul.txt", std::string("a /b\nc /d\ne \0f\n", 15));
  site.outside_file("long.txt", "a /b\n" + std::string(10'000'000, 'x') + "\n");
  site.outside_file("large.txt", std::string(3000, '#') + "\n");
  site.outside_file("no.cdb", "a /b\n");
  std::filesystem::create_directory(site.outside("directory"));
  site.fifo("pipe");
  site.file("secret.txt", "x");
  const std::vector<Wrong> all = {
      {"missing", map("none.txt"), "config.toml:9:", {"none.txt", "No such file"}},
      {"a directory", map("directory"), "config.toml:9:", {"directory"}},
      {"a FIFO", map("root/pipe"), "config.toml:9:", {"pipe"}},
      {"too large", map("large.txt", "max_size = \"1KiB\"\n"), "config.toml:9:", {"large.txt", "max_size", "1KiB"}},
      {"a NUL", map("nul.txt"), "nul.txt:3", {"NUL"}},
      {"a line of 10 MB", map("long.txt"), "long.txt:2", {"65535"}},
      {"no cdb", map("no.cdb", "kind = \"cdb\"\n"), "config.toml:9:", {"cdb"}},
      {"no file", rewrite("^/a$", "/b") + "[maps.m]\nkind = \"rnd\"\n", "config.toml:9:7", {"file"}},
      {"an unknown kind", map("good.txt", "kind = \"dbm\"\n"), "config.toml:11:8", {"dbm", "cdb"}},
      {"an unknown key", map("good.txt", "maxsize = \"1MiB\"\n"), "config.toml:11:1", {"max_size"}},
      {"an unfit name", "[maps.\"a:b\"]\nfile = \"good.txt\"\n", "config.toml:5:", {"a:b"}},
      {"a value where a table belongs", "[maps]\nm = \"good.txt\"\n", "config.toml:6:", {"maps.m"}},
      {"not used, but wrong", "[maps.m]\nfile = \"none.txt\"\n", "config.toml:5:", {"none.txt"}},
  };
  for (const Wrong& one : all) {
    INFO(one.name);
    const Outcome both = run(one.lines);
    check_refused(both);
    INFO(both.start.err);
    CHECK(contains(both.start.err, one.place));
    for (const std::string& words : one.says) {
      INFO(words);
      CHECK(contains(both.start.err, words));
    }
    CHECK(std::ranges::count(both.start.err, '\n') == 1);
  }
}

TEST_CASE_FIXTURE(Bench, "mounts that are wrong are refused with their place") {
  const std::vector<Wrong> all = {
      {"missing", "mounts = { \"/a\" = \"none\" }\n", "config.toml:5:", {"/a", "none", "No such file"}},
      {"a file", "mounts = { \"/a\" = \"good.txt\" }\n", "config.toml:5:", {"good.txt", "directory"}},
      {"twice", "mounts = { \"/a\" = \"up\", \"/a/\" = \"up\" }\n", "config.toml:5:", {"/a/", "twice"}},
      {"root", "mounts = { \"/\" = \"up\" }\n", "config.toml:5:", {"root"}},
      {"without its slash", "mounts = { \"a\" = \"up\" }\n", "config.toml:5:", {"\"/a\""}},
      {"with dots", "mounts = { \"/a/../b\" = \"up\" }\n", "config.toml:5:", {".."}},
      {"with an empty part", "mounts = { \"/a//b\" = \"up\" }\n", "config.toml:5:", {"/a//b"}},
      {"a list", "mounts = [\"up\"]\n", "config.toml:5:", {"mounts"}},
      {"an empty directory name", "mounts = { \"/a\" = \"\" }\n", "config.toml:5:", {"/a"}},
  };
  for (const Wrong& one : all) {
    INFO(one.name);
    const Outcome both = run(one.lines);
    check_refused(both);
    INFO(both.start.err);
    CHECK(contains(both.start.err, one.place));
    for (const std::string& words : one.says) {
      INFO(words);
      CHECK(contains(both.start.err, words));
    }
  }
}

TEST_CASE_FIXTURE(Bench, "several problems of several kinds are told at once") {
  const Outcome both =
      run("mounts = { \"/a\" = \"none\" }\n" + rewrite("^/(", "/b") + rewrite("^/a$", "/$1") +
          rewrite("^/b$", "/${nope:$0}") + rewrite("^/c$", "/c", 301) + "[maps.gone]\nfile = \"no.txt\"\n");
  check_refused(both);
  INFO(both.start.err);
  // What a configuration says is looked at before what it names; a second run must not be full of news.
  CHECK(contains(both.start.err, "config.toml:5:"));
  const Outcome rest = run("\n" + rewrite("^/(", "/b") + rewrite("^/a$", "/$1") + rewrite("^/b$", "/${nope:$0}") +
                           rewrite("^/c$", "/c", 301) + "[maps.gone]\nfile = \"no.txt\"\n");
  check_refused(rest);
  INFO(rest.start.err);
  for (const char* place : {"config.toml:7:9", "config.toml:12:6", "config.toml:16:6", "no.txt"}) {
    INFO(place);
    CHECK(contains(rest.start.err, place));
  }
  // Loops are looked for where every rule is understood.
  CHECK(std::ranges::count(rest.start.err, '\n') == 4);
}

TEST_CASE_FIXTURE(Bench, "a map's name in two files is an error that names both places") {
  site.outside_file("sites/b.toml", "[maps.m]\nfile = \"../good.txt\"\n");
  site.outside_file("config.toml",
                    "include = [\"sites/*.toml\"]\n[[site]]\nroot = \"root\"\n[maps.m]\nfile = \"good.txt\"\n");
  const Finished check = run_to_end({"--check", "--config", site.outside("config.toml")});
  INFO(check.err);
  CHECK(check.exit_code == 2);
  CHECK(contains(check.err, "b.toml:1:"));
  CHECK(contains(check.err, "config.toml:4:"));
  CHECK(contains(check.err, "maps.m"));
}

TEST_CASE_FIXTURE(Bench, "--print-config of rules, maps and mounts is a configuration that means the same") {
  site.outside_file("r.txt", "a one|two\n");
  site.outside_file("config.toml",
                    "[server]\nlisten = [\"127.0.0.1:8099\"]\n[maps.m]\nfile = \"good.txt\"\nmax_size = \"2MiB\"\n"
                    "[maps.r-2]\nfile = \"r.txt\"\nkind = \"rnd\"\n"
                    "[[site]]\nroot = \"root\"\nhosts = [\"A.example\", \"*.b.example\", \"[2001:DB8::1]\"]\n"
                    "mounts = { \"/up\" = \"up\", \"/a b/\\u00e4\" = \"up\" }\n" +
                        rewrite("^/\"q\"\\d+\\\\(.*)$", "/n/${m:$1|d e}$$", 0) +
                        rewrite("^/r$", "/${r-2:a|$0}?x=1", 307) + rewrite("^/g", "", 410) +
                        rewrite("^/w$", "https://${host}${path}", 308,
                                "when = { host = '^www\\.', query = '^$', scheme = 'http', header = { Accept = 'a\"b', "
                                "X-Y = '\\d' } }\n") +
                        "[[site.headers]]\nmatch = \"/{a,b}/**\"\nset = { \"X-A\" = \"1\" }\n");
  const Finished first = run_to_end({"--print-config", "--config", site.outside("config.toml")});
  INFO(first.out, first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(contains(first.out, "[maps.m]"));
  CHECK(contains(first.out, "[[site.rewrites]]"));
  CHECK(contains(first.out, "mounts"));
  CHECK(contains(first.out, "config.toml:"));  // where values came from
  site.outside_file("printed.toml", first.out);
  CHECK(run_to_end({"--check", "--config", site.outside("printed.toml")}).exit_code == 0);
  const Finished second = run_to_end({"--print-config", "--config", site.outside("printed.toml")});
  INFO(second.out, second.err);
  CHECK(second.exit_code == 0);
  site.outside_file("printed.toml", second.out);
  const Finished third = run_to_end({"--print-config", "--config", site.outside("printed.toml")});
  const auto without_comments = [](const std::string& text) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      result += line.substr(0, line.find("  #")) + "\n";
      at = end + 1;
    }
    return result;
  };
  CHECK(without_comments(third.out) == without_comments(second.out));
  for (const char* words : {"r-2", "2MiB", "rnd", "/n/${m:$1|d e}$$", "/${r-2:a|$0}?x=1", "307", "410", "X-Y"}) {
    INFO(words);
    CHECK(contains(third.out, words));
  }
}
