// site.mounts: which prefixes there may be, where their directories start, and the line that each mistake gets.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

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

Pairs mounts_of(const std::string& text, const Sources& sources = {}, const std::string& name = "config.toml") {
  CHECK(problems_of(name == "config.toml" ? text : "", sources) == "");
  const auto loaded = load_text("[[site]]\nroot = \"/\"\n" + text, name, sources);
  REQUIRE(loaded.has_value());
  return loaded->config->sites.front().mounts;
}

}  // namespace

TEST_CASE("mounts keep the order of the file and lose a slash at the end of their prefix") {
  CHECK(mounts_of("mounts = { \"/b/c\" = \"/tmp\", \"/a b/\" = \"/\" }\n") == Pairs{{"/b/c", "/tmp"}, {"/a b", "/"}});
  CHECK(mounts_of("[site.mounts]\n\"/a\" = \"/\"\n") == Pairs{{"/a", "/"}});
  CHECK(mounts_of("mounts = {}\n").empty());
}

TEST_CASE("a mount's directory starts where the file is, as a root does") {
  const TemporaryDirectory temporary;
  temporary.directory("etc/up");
  CHECK(mounts_of("mounts.\"/u\" = \"up\"\n", {}, temporary.path("etc/c.toml")) ==
        Pairs{{"/u", temporary.path("etc/up")}});
}

TEST_CASE("a prefix is a normalised path below the top") {
  const auto problem = [](const std::string& prefix) { return problems_of("mounts = { " + prefix + " = \"/\" }\n"); };
  const std::string where = "config.toml:3:12: site.mounts: found ";
  const std::string right = "; expected a path such as \"/uploads\", without empty, \".\" and \"..\" parts";
  CHECK(problem("uploads") == where + "\"uploads\"" + right + "; did you mean \"/uploads\"?");
  CHECK(problem("\"up/\"") == where + "\"up/\"" + right + "; did you mean \"/up\"?");
  CHECK(problem("\"/\"") == where + "\"/\"" + right + "; root is the directory of \"/\"");
  for (const char* prefix :
       {"\"//\"", "\"/a//b\"", "\"/a//\"", "\"//a\"", "\"/./a\"", "\"/a/..\"", "\"/../\"", "\"/.\"", "\"/a\\u0000\""}) {
    CAPTURE(prefix);
    CHECK(problem(prefix).ends_with(right));
  }
  CHECK(problem("\"/a/..b/.c\"") == "");
  const std::string longest(mount_prefix_most_bytes - 1, 'n');
  CHECK(problem("\"/" + longest + "\"") == "");
  CHECK(problem("\"/" + longest + "n\"").ends_with("; expected at most 1024 bytes"));
}

TEST_CASE("the same prefix twice in a site is an error, in two sites it is none") {
  CHECK(problems_of("mounts = { \"/a\" = \"/\", \"/a/\" = \"/tmp\" }\n") ==
        "config.toml:3:24: site.mounts: found \"/a/\" twice; expected each prefix once; a slash at its end does not "
        "count");
  CHECK(problems_of("hosts = [\"a\"]\nmounts.\"/a\" = \"/\"\n[[site]]\nroot = \"/\"\nmounts.\"/a\" = \"/\"\n") == "");
}

TEST_CASE("what is no table of directories is told with what it should be") {
  CHECK(problems_of("mounts = [\"/a\"]\n") ==
        "config.toml:3:10: site.mounts: found an array; expected a table { \"/prefix\" = \"directory\" }");
  CHECK(problems_of("mounts = { \"/a\" = 3, \"/b\" = \"\", \"/c\" = \"/\\u0000\" }\n") ==
        "config.toml:3:19: site.mounts: found \"/a\" = 3; expected a string\n"
        "config.toml:3:29: site.mounts: found \"/b\" = \"\"; expected a directory\n"
        "config.toml:3:40: site.mounts: found \"/c\" = \"/\\u0000\"; expected a directory");
}

TEST_CASE("a mounted directory that is missing or a file is a problem like a root that is") {
  const TemporaryDirectory temporary;
  const std::string file = temporary.file("plain", "x");
  CHECK(problems_of("mounts = { \"/a\" = \"/nowhere\", \"/b\" = \"" + file + "\", \"/c\" = \"/\" }\n") ==
        "config.toml:3:1: site.mounts: found \"/a\" = \"/nowhere\": No such file or directory; expected a directory\n"
        "config.toml:3:1: site.mounts: found \"/b\" = \"" +
            file + "\": is no directory; expected a directory");
}

TEST_CASE("a prefix that no request gets through to is told, unless the site serves hidden names") {
  const auto warnings_of = [](const std::string& text) {
    const auto loaded = load_text("[[site]]\nroot = \"/\"\n" + text, "config.toml");
    REQUIRE(loaded.has_value());
    std::string out;
    for (const Problem& warning : loaded->warnings) out += to_line(warning);
    return out;
  };
  const std::string mount = "mounts = { \"/a/.git\" = \"/\" }\n";
  CHECK(warnings_of(mount) ==
        "config.toml:3:1: site.mounts: \"/a/.git\" begins a name with a dot: 404 for all of it, unless hidden = true");
  CHECK(warnings_of(mount + "hidden = true\n") == "");
  CHECK(warnings_of("mounts = { \"/.well-known\" = \"/\", \"/a.b\" = \"/\" }\n") == "");
}

TEST_CASE("--set adds mounts and replaces the directory of one that is there") {
  Sources sources;
  sources.sets = {{"site.mounts", "{ \"/a/\" = \"/tmp\", \"/b\" = \"/\" }"}};
  CHECK(mounts_of("mounts.\"/a\" = \"/\"\n", sources) == Pairs{{"/a", "/tmp"}, {"/b", "/"}});
  sources.sets = {{"site.mounts.\"/b\"", "/nowhere"}};
  CHECK(problems_of("mounts.\"/a\" = \"/\"\n", sources) ==
        "--set site.mounts.\"/b\": site.mounts: found \"/b\" = \"/nowhere\": No such file or directory; expected a "
        "directory");
  sources.sets = {{"site.mounts", "{ \"/b\" = \"/nowhere\" }"}};
  CHECK(problems_of("", sources) ==
        "--set site.mounts: found \"/b\" = \"/nowhere\": No such file or directory; expected a directory");
}

TEST_CASE("a site has at most 1,000 mounts, a flag's among them") {
  std::string table = "[site.mounts]\n";
  for (int index = 0; index < 1000; ++index) table += "\"/" + std::to_string(index) + "\" = \"/\"\n";
  CHECK(mounts_of(table).size() == 1000);
  CHECK(problems_of(table + "\"/x\" = \"/\"\n") ==
        "config.toml:3:1: site.mounts: found 1001 prefixes; expected at most 1000");
  Sources sources;
  sources.sets = {{"site.mounts", "{ \"/x\" = \"/\" }"}};
  CHECK(problems_of(table, sources) == "--set site.mounts: found 1001 prefixes; expected at most 1000");
}
