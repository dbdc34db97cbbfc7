// [[site.rewrites]]: what a block keeps, what is never expanded, every bound, and the line that each mistake gets.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "uringd/config/load.hpp"
#include "uringd/config/print.hpp"

using namespace uringd::config;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The problems of a site that holds `text`, one per line; "" where it loads. `text` begins at config.toml:3:1.
std::string problems_of(const std::string& text, const Sources& sources = {}) {
  const auto loaded = load_text("[[site]]\nroot = \"/\"\n" + text, "config.toml", sources);
  std::string out;
  if (!loaded) {
    for (const Problem& problem : loaded.error()) out += (out.empty() ? "" : "\n") + to_line(problem);
  }
  return out;
}

std::vector<Rewrite> rewrites_of(const std::string& text, const Sources& sources = {}) {
  CHECK(problems_of(text, sources) == "");
  const auto loaded = load_text("[[site]]\nroot = \"/\"\n" + text, "config.toml", sources);
  REQUIRE(loaded.has_value());
  return loaded->config->sites.front().rewrites;
}

/// The problems of a block with these lines behind `match = "a"`, which is config.toml:4.
std::string block_problem(const std::string& lines) {
  return problems_of("[[site.rewrites]]\nmatch = \"a\"\n" + lines + "\n");
}

std::string when_problem(const std::string& conditions) {
  return block_problem("to = \"b\"\nwhen = { " + conditions + " }");
}

}  // namespace

TEST_CASE("a rewrite keeps its pattern, its target, its status and its conditions in the order of the file") {
  const std::vector<Rewrite> rules = rewrites_of(
      "[[site.rewrites]]\nmatch = \"^/old/(.*)$\"\nto = \"/new/$1?a=b\"\n"
      "[[site.rewrites]]\nstatus = 308\nmatch = '^/(\\d+)\\z'\nto = \"https://example.com/$1\"\n"
      "when = { host = \"^www[.]\", query = \"^$\", scheme = \"http\", header = { X-B = \"2\", accept = \"é\" } }\n"
      "[[site.rewrites]]\nmatch = \"secret\"\nstatus = 403\n");
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].match == "^/old/(.*)$");
  CHECK(rules[0].to == "/new/$1?a=b");
  CHECK(rules[0].status == 0);
  CHECK(rules[0].when.host.empty());
  CHECK(rules[0].when.headers.empty());
  CHECK(rules[1].match == "^/(\\d+)\\z");
  CHECK(rules[1].status == 308);
  CHECK(rules[1].when.host == "^www[.]");
  CHECK(rules[1].when.query == "^$");
  CHECK(rules[1].when.scheme == "http");
  CHECK(rules[1].when.headers == Pairs{{"X-B", "2"}, {"accept", "é"}});
  CHECK(rules[2].to.empty());
  CHECK(rules[2].status == 403);
}

TEST_CASE("every part of a rewrite knows its line and column; what is not written is where the block is") {
  const std::vector<Rewrite> rules = rewrites_of(
      "[[site.rewrites]]\nmatch = \"a\"\n  to =  \"b\"\nwhen.host = \"c\"\n"
      "[[site.rewrites]]\nmatch = \"d\"\nstatus = 404\n"
      "[[site.rewrites]]\nmatch = \"e\"\nto = \"f\"\n[site.rewrites.when]\nhost = \"g\"\n");
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].where == "config.toml:3:1");
  CHECK(rules[0].match_where == "config.toml:4:9");
  CHECK(rules[0].to_where == "config.toml:5:9");
  CHECK(rules[0].when_where == "config.toml:6:1");
  CHECK(rules[1].where == "config.toml:7:1");
  CHECK(rules[1].match_where == "config.toml:8:9");
  CHECK(rules[1].to_where == "config.toml:7:1");
  CHECK(rules[1].when_where == "config.toml:7:1");
  CHECK(rules[2].when_where == "config.toml:13:1");
}

TEST_CASE("variables expand in conditions and status, never in match and to") {
  Sources sources;
  sources.environment = [](const char* name) -> const char* {
    return std::string_view(name) == "HOME" ? "410" : nullptr;
  };
  const std::vector<Rewrite> rules = rewrites_of(
      "[[site.rewrites]]\nmatch = \"^/${HOME}$${x}/(a){2}$\"\nto = \"/${legacy:$1|x}$${HOME}${HOME}\"\n"
      "when = { host = \"${HOME}$${HOME}\", header = { to = \"${HOME}\", match = \"${NO:-d}\" } }\n"
      "[[site.rewrites]]\nmatch = \"a\"\nstatus = \"${HOME}\"\n",
      sources);
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].match == "^/${HOME}$${x}/(a){2}$");
  CHECK(rules[0].to == "/${legacy:$1|x}$${HOME}${HOME}");
  CHECK(rules[0].when.host == "410${HOME}");
  CHECK(rules[0].when.headers == Pairs{{"to", "410"}, {"match", "d"}});
  CHECK(rules[1].status == 410);
  CHECK(problems_of("[[site.rewrites]]\nmatch = \"${\"\nto = \"${\"\nwhen.query = \"${NO}\"\n", sources) ==
        "config.toml:6:14: site.rewrites: found \"${NO}\"; ${NO} is not set in the environment; set it, or write "
        "${NO:-default}");
}

TEST_CASE("a status is internal, a redirect or an answer, and nothing else") {
  const std::string right = "; expected 0 (internal), 301, 302, 307, 308 (redirects), 403, 404 or 410";
  for (const char* status : {"0", "301", "302", "307", "308"}) {
    CAPTURE(status);
    CHECK(block_problem("to = \"b\"\nstatus = " + std::string(status)) == "");
  }
  for (const char* status : {"403", "404", "410"}) {
    CAPTURE(status);
    CHECK(block_problem("status = " + std::string(status)) == "");
  }
  for (const char* status : {"200", "-1", "303", "401", "500", "4294967597", "1.5", "true"}) {
    CAPTURE(status);
    CHECK(block_problem("status = " + std::string(status)) ==
          "config.toml:5:10: site.rewrites: found status = " + std::string(status) + right);
  }
  CHECK(block_problem("status = \"301\"") ==
        "config.toml:5:10: site.rewrites: found status = \"301\"" + right + "; without quotes");
  CHECK(block_problem("status = \"gone\"") == "config.toml:5:10: site.rewrites: found status = \"gone\"" + right);
}

TEST_CASE("a redirect and an internal rewrite need a target, an answer has none") {
  const std::string what = "; expected to = \"/new/$1\", or a status that is the answer: 403, 404 or 410";
  CHECK(block_problem("") == "config.toml:3:1: site.rewrites: found a block without to, status = 0" + what);
  CHECK(block_problem("status = 301") ==
        "config.toml:3:1: site.rewrites: found a block without to, status = 301" + what);
  CHECK(block_problem("to = \"/x\"\nstatus = 410") ==
        "config.toml:5:6: site.rewrites: found to beside status = 410; expected no to, which that answer has no use "
        "for");
}

TEST_CASE("a target is one line of text, so that no Location can be two (RFC 9110 §5.5)") {
  CHECK(block_problem("to = \"/a\\r\\nSet-Cookie: b\"") ==
        "config.toml:5:6: site.rewrites: found to = \"/a\\u000D\\u000ASet-Cookie: b\"; expected one line without "
        "control characters");
  for (const char* to : {"\"a\\u0000\"", "\"a\\tb\"", "\"\\u007f\"", "\"\\u001b[2J\"", "'''a\nb'''"}) {
    CAPTURE(to);
    CHECK(block_problem("to = " + std::string(to)).ends_with("; expected one line without control characters"));
  }
  CHECK(block_problem("to = \"/é ü\"") == "");
  const std::string right = "; expected a path or an address such as \"/new/$1\"";
  CHECK(block_problem("to = \"\"") == "config.toml:5:6: site.rewrites: found to = \"\"" + right);
  CHECK(block_problem("to = 3") == "config.toml:5:6: site.rewrites: found to = 3" + right);
}

TEST_CASE("a rewrite needs a pattern") {
  const std::string right = "; expected a pattern such as \"^/old/(.*)$\"";
  CHECK(problems_of("[[site.rewrites]]\nto = \"b\"\n") ==
        "config.toml:3:1: site.rewrites: found a block without match; expected match = \"^/old/(.*)$\"");
  CHECK(problems_of("[[site.rewrites]]\nmatch = \"\"\nto = \"b\"\n") ==
        "config.toml:4:9: site.rewrites: found match = \"\"" + right);
  CHECK(problems_of("[[site.rewrites]]\nmatch = [\"a\"]\nto = \"b\"\n") ==
        "config.toml:4:9: site.rewrites: found match = an array" + right);
  CHECK(problems_of("[[site.rewrites]]\nmatch = \"a\\u0000\"\nto = \"b\"\n") ==
        "config.toml:4:9: site.rewrites: found match = \"a\\u0000\"" + right);
}

TEST_CASE("unknown keys of a rewrite and of its conditions are told with the nearest name") {
  CHECK(block_problem(
            "to = \"b\"\nmatsch = 1\nwhen = { hots = \"a\", headers = {}, frob = 1 }\nhost = \"a\"\nfrob = 1") ==
        "config.toml:6:1: site.rewrites: \"matsch\": unknown key; did you mean match?\n"
        "config.toml:7:10: site.rewrites: \"hots\" in when: unknown key; did you mean host?\n"
        "config.toml:7:22: site.rewrites: \"headers\" in when: unknown key; did you mean header?\n"
        "config.toml:7:36: site.rewrites: \"frob\" in when: unknown key; expected host, query, scheme or header\n"
        "config.toml:8:1: site.rewrites: \"host\": unknown key; did you mean when.host?\n"
        "config.toml:9:1: site.rewrites: \"frob\": unknown key; expected match, to, status or when");
}

TEST_CASE("conditions are patterns; an empty one, which would hold for all, is none") {
  const std::string right = "; expected a pattern; \"^$\" is one for nothing";
  CHECK(block_problem("to = \"b\"\nwhen = \"a\"") ==
        "config.toml:6:8: site.rewrites: found when = \"a\"; expected a table { host = \"…\" }");
  CHECK(when_problem("host = \"\"") == "config.toml:6:17: site.rewrites: found when.host = \"\"" + right);
  CHECK(when_problem("query = 1") == "config.toml:6:18: site.rewrites: found when.query = 1" + right);
  CHECK(when_problem("scheme = {}") == "config.toml:6:19: site.rewrites: found when.scheme = a table" + right);
  CHECK(when_problem("header = \"a\"") ==
        "config.toml:6:19: site.rewrites: found when.header = \"a\"; expected a table { Name = \"pattern\" }");
  CHECK(when_problem("header = { A = \"\", \"X!\" = 2 }") ==
        "config.toml:6:25: site.rewrites: found when.header.A = \"\"" + right +
            "\nconfig.toml:6:36: site.rewrites: found when.header.\"X!\" = 2" + right);
  CHECK(when_problem("") == "");
}

TEST_CASE("a condition's field name is a token (RFC 9110 §5.1), once in its rewrite whatever its case") {
  const std::string right = "; expected a field name of letters, digits and \"-\", such as \"Accept-Language\"";
  for (const char* name : {"\"\"", "\"a b\"", "\"a:\"", "\"é\"", "\"a\\r\""}) {
    CAPTURE(name);
    CHECK(when_problem("header = { " + std::string(name) + " = \"x\" }").ends_with(" in when.header" + right));
  }
  CHECK(when_problem("header = { X-A = \"1\", x-a = \"2\" }") ==
        "config.toml:6:32: site.rewrites: found \"x-a\" twice in when.header; expected each field once; case does not "
        "count in field names");
}

TEST_CASE("the conditions of a site name at most 64 different fields") {
  std::string rules;
  for (int index = 0; index < 64; ++index) {
    rules += "[[site.rewrites]]\nmatch = \"a\"\nto = \"b\"\nwhen.header.F" + std::to_string(index) + " = \"x\"\n";
  }
  rules += "[[site.rewrites]]\nmatch = \"a\"\nto = \"b\"\nwhen.header = { f63 = \"y\", f0 = \"z\" }\n";
  CHECK(rewrites_of(rules).size() == 65);
  CHECK(problems_of(rules + "[[site.rewrites]]\nmatch = \"a\"\nto = \"b\"\nwhen.header.G = \"x\"\n") ==
        "config.toml:266:13: site.rewrites: found \"G\" in when.header beside 64 other fields; expected at most 64 "
        "different ones in a site");
  const std::string other = "[[site]]\nhosts = [\"a\"]\nroot = \"/\"\n[[site.rewrites]]\nmatch = \"a\"\nto = \"b\"\n";
  CHECK(problems_of(rules + other + "when.header.G = \"x\"\n") == "");
}

TEST_CASE("patterns and targets have at most 4096 bytes") {
  const std::string most(4096, 'x');
  const auto block = [](const std::string& match, const std::string& to, const std::string& host) {
    return "[[site.rewrites]]\nmatch = \"" + match + "\"\nto = \"" + to + "\"\nwhen = { host = \"" + host + "\" }\n";
  };
  CHECK(problems_of(block(most, most, most)) == "");
  const std::string shown = "\"" + std::string(60, 'x') + "\"… (4097 bytes); expected at most 4096 bytes";
  CHECK(problems_of(block(most + "x", most + "x", most + "x")) ==
        "config.toml:4:9: site.rewrites: found match = " + shown + "\nconfig.toml:5:6: site.rewrites: found to = " +
            shown + "\nconfig.toml:6:17: site.rewrites: found when.host = " + shown);
}

TEST_CASE("a site has at most 10,000 rewrites") {
  std::string rules;
  for (int index = 0; index < 10'000; ++index) rules += "[[site.rewrites]]\nmatch='a'\nto='b'\n";
  CHECK(rewrites_of(rules).size() == 10'000);
  CHECK(problems_of(rules + "[[site.rewrites]]\n") ==
        "config.toml:30003:1: site.rewrites: found 10001 rewrites in one site; expected at most 10000");
}

TEST_CASE("rewrites are an array of tables") {
  CHECK(problems_of("[site.rewrites]\nmatch = \"a\"\n") ==
        "config.toml:3:1: site.rewrites: found a table; expected an array of tables: [[site.rewrites]]");
  CHECK(problems_of("rewrites = [3]\n") ==
        "config.toml:3:13: site.rewrites: found 3; expected a table: [[site.rewrites]]");
  CHECK(problems_of("[[site.rewrite]]\nmatch = \"a\"\n") ==
        "config.toml:3:8: site.rewrite: unknown key; did you mean rewrites?");
  CHECK(problems_of("rewrites = []\n") == "");
}

TEST_CASE("--set replaces the rewrites of every site, and is told once where it is wrong") {
  Sources sources;
  sources.sets = {{"site.rewrites", "[{ match = \"a\", to = \"${HOME}\" }]"}};
  const std::vector<Rewrite> rules = rewrites_of("[[site.rewrites]]\nmatch = \"x\"\nstatus = 404\n", sources);
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].to == "${HOME}");
  for (const std::string& where : {rules[0].where, rules[0].match_where, rules[0].to_where, rules[0].when_where}) {
    CHECK(where == "--set site.rewrites");
  }
  sources.sets = {{"site.rewrites", "[{ match = \"a\" }]"}};
  CHECK(problems_of("hosts = [\"a\"]\n[[site]]\nroot = \"/\"\n", sources) ==
        "--set site.rewrites: found a block without to, status = 0; expected to = \"/new/$1\", or a status that is the "
        "answer: 403, 404 or 410");
}

TEST_CASE("rewrites are printed as blocks that say where they were written") {
  const auto loaded = load_text(
      "[[site]]\nroot = \"/\"\n[[site.rewrites]]\nmatch = '^/${a}\\.b$'\nto = \"/${m:$1|\\\"}\"\n"
      "when = { query = \"$${X}\", header = { A = \"b\" } }\n[[site.rewrites]]\nmatch = \"c\"\nstatus = 410\n",
      "c.toml");
  REQUIRE(loaded.has_value());
  const std::string text = print_config(*loaded);
  CHECK(
      text.ends_with("\n\n[[site.rewrites]]  # c.toml:3:1\nmatch = \"^/${a}\\\\.b$\"\nto = \"/${m:$1|\\\"}\"\n"
                     "status = 0\nwhen = { query = \"$${X}\", header = { A = \"b\" } }\n"
                     "\n[[site.rewrites]]  # c.toml:7:1\nmatch = \"c\"\nstatus = 410\nwhen = {}\n"));
  CHECK_FALSE(text.contains("rewrites = "));
  CHECK(text.contains("\nheaders = []"));
}
