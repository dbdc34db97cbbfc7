// site.cache_control and [[site.headers]]: what may become a field of an answer, and the line that each mistake gets.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "spelling.hpp"
#include "temporary_directory.hpp"
#include "uringd/config/load.hpp"

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

Site site_of(const std::string& text, const Sources& sources = {}) {
  CHECK(problems_of(text, sources) == "");
  const auto loaded = load_text("[[site]]\nroot = \"/\"\n" + text, "config.toml", sources);
  REQUIRE(loaded.has_value());
  return loaded->config->sites.front();
}

/// The problem of a rule with `set = { …fields… }`, without where it is.
std::string set_problem(const std::string& fields) {
  const std::string line = problems_of("[[site.headers]]\nmatch = \"/**\"\nset = { " + fields + " }\n");
  constexpr std::string_view start = "site.headers: ";
  return line.contains(start) ? line.substr(line.find(start) + start.size()) : line;
}

std::string remove_problem(const std::string& names) {
  const std::string line = problems_of("[[site.headers]]\nmatch = \"/**\"\nremove = [" + names + "]\n");
  constexpr std::string_view start = "site.headers: ";
  return line.contains(start) ? line.substr(line.find(start) + start.size()) : line;
}

}  // namespace

TEST_CASE("cache_control replaces its default; a plain string means any media type") {
  CHECK(site_of("cache_control = { \"TEXT/*\" = \"max-age=60\", \"*\" = \"no-store\" }\n").cache_control ==
        Pairs{{"text/*", "max-age=60"}, {"*", "no-store"}});
  CHECK(site_of("cache_control = \"no-store\"\n").cache_control == Pairs{{"*", "no-store"}});
  CHECK(site_of("cache_control = {}\n").cache_control.empty());
  CHECK(site_of("cache_control.\"image/png\" = \"a\"\ncache_control.\"*\" = \"b\"\n").cache_control ==
        Pairs{{"image/png", "a"}, {"*", "b"}});
}

TEST_CASE("what cache_control cannot be keyed by is told with what was meant") {
  const std::string right = "; expected a media type such as \"text/css\", \"text/*\", or \"*\"";
  const auto problem = [](const std::string& key) { return problems_of("cache_control = { " + key + " = \"x\" }\n"); };
  const std::string where = "config.toml:3:19: site.cache_control: found ";
  CHECK(problem("\"*/*\"") == where + "\"*/*\"" + right + "; did you mean \"*\"?");
  CHECK(problem("\".css\"") == where + "\".css\"" + right + "; [types] gives extensions their media type");
  CHECK(problem("\"text/html; charset=utf-8\"") ==
        where + "\"text/html; charset=utf-8\"" + right + "; without parameters");
  CHECK(problem("css") == where + "\"css\"" + right);
  for (const char* range : {"*/html", "text/", "/*", "text/*/*", "text/h*", "**", "", "te xt/*", "text/*;q=1"}) {
    CAPTURE(range);
    CHECK_FALSE(is_media_range(range));
  }
  CHECK(problems_of("cache_control = { \"a/b\" = \"x\", \"A/B\" = \"y\" }\n") ==
        "config.toml:3:32: site.cache_control: found \"A/B\" twice; expected each media type once");
  CHECK(problems_of("cache_control = []\n") ==
        "config.toml:3:17: site.cache_control: found an array; expected a table { \"media/type\" = \"value\" } or a "
        "string");
}

TEST_CASE("values of cache_control are one line each") {
  CHECK(problems_of("cache_control = \"\"\n") ==
        "config.toml:3:17: site.cache_control: found \"\"; expected a value; {} sends none");
  CHECK(
      problems_of("cache_control = { \"*\" = \"a\\r\\nX: y\", \"a/b\" = 3, \"c/d\" = \"\" }\n") ==
      "config.toml:3:25: site.cache_control: found \"*\" = \"a\\u000D\\u000AX: y\"; expected one line without control "
      "characters\n"
      "config.toml:3:46: site.cache_control: found \"a/b\" = 3; expected a string\n"
      "config.toml:3:57: site.cache_control: found \"c/d\" = \"\"; expected a value; leave the entry out, or take the "
      "field away by a rule of [[site.headers]]");
}

TEST_CASE("a rule keeps its glob, what it removes in lower case, and what it sets in the order of the file") {
  const Site site = site_of(
      "[[site.headers]]\nmatch = \"/assets/**\"\nremove = [\"Server\", \"ETag\"]\n"
      "set = { X-B = \"2\", x-a = \"1, \\\"q\\\"\\t;é\" }\n[[site.headers]]\nmatch = \"/\"\nremove = \"X-B\"\n");
  REQUIRE(site.headers.size() == 2);
  CHECK(site.headers[0].match == "/assets/**");
  CHECK(site.headers[0].remove == std::vector<std::string>{"server", "etag"});
  CHECK(site.headers[0].set == Pairs{{"X-B", "2"}, {"x-a", "1, \"q\"\t;é"}});
  CHECK(site.headers[0].where == "config.toml:3:1");
  CHECK(site.headers[1].remove == std::vector<std::string>{"x-b"});
  CHECK(site.headers[1].set.empty());
  CHECK(site.headers[1].where == "config.toml:7:1");
}

TEST_CASE("every mistake in a rule is told in one go, each at its own place") {
  CHECK(problems_of("[[site.headers]]\nmatsch = \"/a\"\nremove = [3, \"a b\"]\nset = { \"X Y\" = \"1\", A = 2 }\n"
                    "[[site.headers]]\nmatch = \"**/*.css\"\nset = \"x\"\n[[site.headers]]\nmatch = 3\n") ==
        "config.toml:3:1: site.headers: found a block without match; expected match = \"/assets/**\", or \"/**\" for "
        "all\n"
        "config.toml:4:1: site.headers: \"matsch\": unknown key; did you mean match?\n"
        "config.toml:5:11: site.headers: found remove = 3; expected an array of field names\n"
        "config.toml:5:14: site.headers: found \"a b\" in remove; expected a field name of letters, digits and \"-\", "
        "such as \"Referrer-Policy\"\n"
        "config.toml:6:9: site.headers: found \"X Y\" in set; expected a field name of letters, digits and \"-\", such "
        "as \"Referrer-Policy\"\n"
        "config.toml:6:26: site.headers: found \"A\" = 2; expected a string\n"
        "config.toml:8:9: site.headers: found match = \"**/*.css\"; expected a pattern that begins with \"/\", such as "
        "\"/assets/**\"; did you mean \"/**/*.css\"?\n"
        "config.toml:9:7: site.headers: found set = \"x\"; expected a table { Name = \"value\" }\n"
        "config.toml:11:9: site.headers: found match = 3; expected a pattern that begins with \"/\", such as "
        "\"/assets/**\"");
}

TEST_CASE("a rule that changes nothing, and headers that are no array of tables, are told") {
  CHECK(problems_of("[[site.headers]]\nmatch = \"/a\"\nset = {}\n") ==
        "config.toml:3:1: site.headers: found a block that changes no field; expected set = { Name = \"value\" } or "
        "remove = [\"Name\"]");
  CHECK(problems_of("[site.headers]\nmatch = \"/a\"\n") ==
        "config.toml:3:1: site.headers: found a table; expected an array of tables: [[site.headers]]");
  CHECK(problems_of("headers = [1]\n") ==
        "config.toml:3:12: site.headers: found 1; expected a table: [[site.headers]]");
  CHECK(problems_of("[[site.header]]\nmatch = \"/a\"\n") ==
        "config.toml:3:8: site.header: unknown key; did you mean headers?");
  CHECK(problems_of("[[site.headers]]\nmatch = \"/a\"\nfrobnicate = 1\nremove = \"A\"\n") ==
        "config.toml:5:1: site.headers: \"frobnicate\": unknown key; expected match, remove or set");
}

TEST_CASE("braces in a pattern come in pairs, and few enough to write the patterns out") {
  const auto problem = [](const std::string& match) {
    return problems_of("[[site.headers]]\nmatch = '" + match + "'\nremove = \"A\"\n");
  };
  for (const char* match : {"/**/*.{css,js}", "/{a,b{c,d}}", "/{}", "/a\\{b", "/[{]", "/[!}]/x", "/[]{]", "/a\\}"}) {
    CAPTURE(match);
    CHECK(problem(match) == "");
  }
  const std::string right = "; expected each { with its }; a brace itself is \\{ or \\}";
  CHECK(problem("/*.{css,js") == "config.toml:4:9: site.headers: found match = \"/*.{css,js\"" + right);
  for (const char* match : {"/}", "/}{", "/{a}}", "/{{a}", "/[{", "/{[}]", "/[/{]"}) {
    CAPTURE(match);
    CHECK(problem(match).ends_with(right));
  }
  CHECK(problem("/{{{{{a}}}}}").starts_with("config.toml:4:9: site.headers: found match = \"/{{{{{a}}}}}\"; braces "));
}

TEST_CASE("a field name is a token (RFC 9110 §5.6.2)") {
  CHECK(is_token("X-1!#$%&'*+-.^_`|~a"));
  for (const char* name : {"", "a b", "a:", "a\t", "\"a\"", "a/b", "(a)", "a=b", "a,b", "a@b", "é", "a\r", "a\x7f"}) {
    CAPTURE(name);
    CHECK_FALSE(is_token(name));
  }
  CHECK(set_problem("\"Cache-Control: x\" = \"y\"") ==
        "found \"Cache-Control: x\" in set; expected a field name of letters, digits and \"-\", such as "
        "\"Referrer-Policy\"; did you mean \"Cache-Control\"?");
  CHECK(set_problem("\"X\\r\\nY\" = \"y\"").starts_with("found \"X\\u000D\\u000AY\" in set; expected a field name"));
}

TEST_CASE("a field value is one line of text without white space at its ends (RFC 9110 §5.5)") {
  const std::string one_line = "; expected one line without control characters";
  CHECK(set_problem("A = \"x\\ny\"") == "found \"A\" = \"x\\u000Ay\"" + one_line);
  CHECK(set_problem("A = \"x\\r\\nSet-Cookie: y\"") == "found \"A\" = \"x\\u000D\\u000ASet-Cookie: y\"" + one_line);
  CHECK(set_problem("A = \"\\u0000\"") == "found \"A\" = \"\\u0000\"" + one_line);
  CHECK(set_problem("A = \"\\u007f\"") == "found \"A\" = \"\\u007F\"" + one_line);
  for (const char* value : {" x", "x ", "\\tx", "x\\t", " "}) {
    CAPTURE(value);
    CHECK(set_problem("A = \"" + std::string(value) + "\"").ends_with("; expected no white space at its ends"));
  }
  CHECK(set_problem("A = \"\"") == "found \"A\" = \"\"; expected a value; to take the field away, use remove");
  CHECK(set_problem("A = \"x\\ty\", B = \"é\"") == "");
}

TEST_CASE("a variable cannot smuggle a second line into a field") {
  Sources sources;
  sources.environment = [](const char* name) -> const char* {
    return std::string_view(name) == "EVIL" ? "x\r\nSet-Cookie: y" : nullptr;
  };
  CHECK(problems_of("[[site.headers]]\nmatch = \"/**\"\nset = { A = \"${EVIL}\" }\n", sources)
            .ends_with("; expected one line without control characters"));
}

TEST_CASE("fields that frame a message or belong to uringd are refused with the reason, in any case") {
  const std::string connection = "it belongs to the connection, not to the file";
  const std::string body = "it must agree with the bytes that are sent";
  const Pairs never = {{"Connection", connection},
                       {"Keep-Alive", connection},
                       {"TE", connection},
                       {"Trailer", connection},
                       {"transfer-encoding", connection},
                       {"UPGRADE", connection},
                       {"Content-Length", body},
                       {"Content-Encoding", body},
                       {"Content-Range", body},
                       {"Content-Type", "media types come from [types]"},
                       {"Date", "it is the moment of the answer"},
                       {"Location", "it says where a redirect goes"},
                       {"Allow", "it lists the methods that are served"}};
  for (const auto& [name, reason] : never) {
    CHECK(set_problem(name + " = \"x\"") == "found \"" + name + "\" in set; expected another field: " + reason);
    CHECK(remove_problem("\"" + name + "\"") == "found \"" + name + "\" in remove; expected another field: " + reason);
  }
}

TEST_CASE("validators may be removed and not set; Vary may be set and not removed; Server may be both") {
  for (const std::string name : {"ETag", "Last-Modified", "accept-ranges"}) {
    CHECK(remove_problem("\"" + name + "\"") == "");
    CHECK(set_problem(name + " = \"x\"") ==
          "found \"" + name +
              "\" in set; expected another field: it must agree with the file; remove may take it away");
  }
  CHECK(set_problem("Vary = \"Origin\"") == "");
  CHECK(remove_problem("\"Vary\"") ==
        "found \"Vary\" in remove; expected another field: without it caches mix up representations; set adds to it");
  CHECK(set_problem("Server = \"x\"") == "");
  CHECK(remove_problem("\"Server\"") == "");
}

TEST_CASE("the same name twice in one rule is an error in any case, in two rules it is none") {
  CHECK(set_problem("X-A = \"1\", x-a = \"2\"") ==
        "found \"x-a\" twice in set; expected each field once; case does not count in field names");
  CHECK(remove_problem("\"ETag\", \"etag\"") == "found \"etag\" twice in remove; expected each field once");
  CHECK(problems_of("[[site.headers]]\nmatch = \"/a\"\nset = { A = \"1\" }\nremove = [\"a\"]\n"
                    "[[site.headers]]\nmatch = \"/a\"\nset = { A = \"2\" }\n") == "");
}

TEST_CASE("the fields of a site together have a bound, and the last byte of it may be used") {
  // "Cache-Control: no-cache\r\n" of the default, and "A: …\r\n" and "B: …\r\n".
  const std::size_t others = default_field_line.size() + 25 + 2 * 5;
  const auto rules = [](std::size_t bytes) {
    return "[[site.headers]]\nmatch = \"/a\"\nset = { A = \"" + std::string(100, 'x') +
           "\" }\n[[site.headers]]\nmatch = \"/b\"\nset = { B = \"" + std::string(bytes - 100, 'x') + "\" }\n";
  };
  CHECK(problems_of(rules(site_fields_most_bytes - others)) == "");
  CHECK(problems_of(rules(site_fields_most_bytes - others + 1)) ==
        "config.toml:3:8: site.headers: found 8193 bytes of fields, all rules and cache_control together; expected at "
        "most 8192");
  CHECK(problems_of("cache_control = \"" + std::string(9000, 'x') + "\"\n")
            .starts_with("config.toml:3:1: site.cache_control: found 9050 bytes of fields"));
  // Of the defaults by media type one stands in an answer, so only the longest counts.
  const std::string half(5000, 'x');
  CHECK(problems_of("cache_control = { \"a/b\" = \"" + half + "\", \"*\" = \"" + half + "\" }\n") == "");
}

TEST_CASE("--set changes these keys of every site, and is told once where it is wrong") {
  Sources sources;
  sources.sets = {{"site.listing", "true"},           {"site.compress", "[]"},
                  {"site.cache_control", "no-store"}, {"site.fallback", "/index.html"},
                  {"site.extensions", "html"},        {"site.headers", "[{ match = \"/x\", set = { A = \"b\" } }]"}};
  const Site site =
      site_of("hosts = [\"a\"]\n[[site]]\nroot = \"/\"\n[[site.headers]]\nmatch = \"/\"\nremove = \"a\"\n", sources);
  CHECK(site.listing);
  CHECK(site.compress.empty());
  CHECK(site.cache_control == Pairs{{"*", "no-store"}});
  CHECK(site.fallback == "/index.html");
  CHECK(site.extensions == std::vector<std::string>{"html"});
  REQUIRE(site.headers.size() == 1);
  CHECK(site.headers[0].where == "--set site.headers");
  sources.sets = {{"site.headers", "[{ match = \"/x\", set = { Date = \"b\" } }]"}};
  CHECK(problems_of("hosts = [\"a\"]\n[[site]]\nroot = \"/\"\n", sources) ==
        "--set site.headers: found \"Date\" in set; expected another field: it is the moment of the answer");
}

TEST_CASE("a fallback beside a page for 404 loads; one that is not there is a warning") {
  const TemporaryDirectory temporary;
  temporary.file("404.html", "x");
  temporary.file("index.html", "x");
  const auto warnings = [&](const std::string& fallback) {
    const auto loaded =
        load_text("[[site]]\nroot = \"" + temporary.path() + "\"\nerror_pages = { 404 = \"/404.html\" }" +
                      "\nfallback = \"" + fallback + "\"\n",
                  "config.toml");
    REQUIRE(loaded.has_value());
    return loaded->warnings.empty() ? "" : to_line(loaded->warnings.front());
  };
  CHECK(warnings("/index.html") == "");
  CHECK(warnings("") == "");
  CHECK(warnings("/app.html") ==
        "config.toml:4:1: site.fallback: \"/app.html\": no such file below root; 404 until it is there");
}
