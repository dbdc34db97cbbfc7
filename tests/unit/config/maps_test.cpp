// [maps.NAME]: what a map may be called and say, several files' maps together, and the line that each mistake gets.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "temporary_directory.hpp"
#include "uringd/config/load.hpp"
#include "uringd/config/print.hpp"

using namespace uringd::config;

namespace {

std::string lines_of(const std::vector<Problem>& problems) {
  std::string out;
  for (const Problem& problem : problems) out += (out.empty() ? "" : "\n") + to_line(problem);
  return out;
}

constexpr const char* site = "[[site]]\nroot = \"/\"\n";

/// The problems of `text` and a site behind it, one per line; "" where it loads.
std::string problems_of(const std::string& text, const Sources& sources = {}) {
  const auto loaded = load_text(text + site, "config.toml", sources);
  return loaded ? "" : lines_of(loaded.error());
}

std::vector<Map> maps_of(const std::string& text, const Sources& sources = {},
                         const std::string& name = "config.toml") {
  const auto loaded = load_text(text + site, name, sources);
  CHECK((loaded ? "" : lines_of(loaded.error())) == "");
  REQUIRE(loaded.has_value());
  return loaded->config->maps;
}

}  // namespace

TEST_CASE("a map has a file, a kind and a bound, the latter two with the defaults of contract.md") {
  const std::vector<Map> maps = maps_of("[maps.legacy]\nfile = \"legacy.txt\"\n");
  REQUIRE(maps.size() == 1);
  CHECK(maps[0].name == "legacy");
  CHECK(maps[0].file == "legacy.txt");
  CHECK(maps[0].kind == MapKind::txt);
  CHECK(maps[0].max_size_bytes == 268435456);
  CHECK(maps[0].where == "config.toml:1:7");
  CHECK(maps_of("").empty());
}

TEST_CASE("maps come in the order of their names, and each has its own values") {
  const std::vector<Map> maps = maps_of(
      "[maps.b]\nfile = \"/b\"\nkind = \"rnd\"\n[maps.C-3_x]\nfile = \"/c\"\nkind = \"cdb\"\nmax_size = \"1KiB\"\n"
      "[maps.a]\nfile = \"/a\"\n[maps.10]\nfile = \"/10\"\nmax_size = \"4095MiB\"\n");
  REQUIRE(maps.size() == 4);
  CHECK(maps[0].name == "10");
  CHECK(maps[0].max_size_bytes == 4293918720);
  CHECK(maps[1].name == "C-3_x");
  CHECK(maps[1].file == "/c");
  CHECK(maps[1].kind == MapKind::cdb);
  CHECK(maps[1].max_size_bytes == 1024);
  CHECK(maps[2].name == "a");
  CHECK(maps[2].file == "/a");
  CHECK(maps[2].kind == MapKind::txt);
  CHECK(maps[3].name == "b");
  CHECK(maps[3].kind == MapKind::rnd);
  CHECK(maps[3].where == "config.toml:1:7");
}

TEST_CASE("a map's file starts at the directory of the file that names it, and variables expand in it") {
  Sources sources;
  sources.environment = [](const char* name) -> const char* {
    return std::string_view(name) == "HOME" ? "/srv/me" : nullptr;
  };
  CHECK(maps_of("[maps.a]\nfile = \"${HOME}/a.txt\"\n", sources, "/etc/u/c.toml")[0].file == "/srv/me/a.txt");
  CHECK(maps_of("[maps.a]\nfile = \"maps/a.txt\"\n", sources, "/etc/u/c.toml")[0].file == "/etc/u/maps/a.txt");
  CHECK(maps_of("[maps.a]\nfile = \"$${HOME}\"\n", sources)[0].file == "${HOME}");
  CHECK(problems_of("[maps.a]\nfile = \"${NO}\"\n", sources) ==
        "config.toml:2:8: maps.a.file: found \"${NO}\"; ${NO} is not set in the environment; set it, or write "
        "${NO:-default}");
}

TEST_CASE("a map without a file is told once, at the map") {
  CHECK(problems_of("[maps.legacy]\nkind = \"rnd\"\n") ==
        "config.toml:1:7: maps.legacy: found a table without file; expected file = \"maps/legacy.txt\"");
  CHECK(problems_of("[maps.legacy]\nfile = 3\n") == "config.toml:2:8: maps.legacy.file: found 3; expected a path");
  CHECK(problems_of("[maps.legacy]\nfile = \"\"\n") ==
        "config.toml:2:8: maps.legacy.file: found \"\"; expected a path");
}

TEST_CASE("every mistake in a map is told in one go, each at its own place") {
  CHECK(problems_of("[maps.legacy]\nfil = \"a\"\nkind = \"dbm\"\nmax_size = \"5GiB\"\n[maps.b]\nfile = \"b\"\n"
                    "kind = \"TXT\"\nmax_size = 1023\nfrobnicate = 1\n") ==
        "config.toml:1:7: maps.legacy: found a table without file; expected file = \"maps/legacy.txt\"\n"
        "config.toml:2:1: maps.legacy.fil: unknown key; did you mean file?\n"
        "config.toml:3:8: maps.legacy.kind: found \"dbm\"; expected \"txt\", \"rnd\" or \"cdb\"\n"
        "config.toml:4:12: maps.legacy.max_size: found \"5GiB\"; expected a size from \"1KiB\" to \"4095MiB\"\n"
        "config.toml:7:8: maps.b.kind: found \"TXT\"; expected \"txt\", \"rnd\" or \"cdb\"; did you mean \"txt\"?\n"
        "config.toml:8:12: maps.b.max_size: found 1023; expected a size from \"1KiB\" to \"4095MiB\"\n"
        "config.toml:9:1: maps.b.frobnicate: unknown key");
}

TEST_CASE("a map's name is a bare word, and a map is a table") {
  CHECK(problems_of("[maps.\"a b\"]\nfile = \"a\"\n") ==
        "config.toml:1:7: maps.\"a b\": unfit as a name; expected letters, digits, \"_\" and \"-\"");
  for (const char* name : {"\"\"", "\"a:b\"", "\"a.b\"", "\"a}b\"", "\"é\"", "\"a$\""}) {
    CAPTURE(name);
    CHECK(problems_of("[maps." + std::string(name) + "]\nfile = \"a\"\n")
              .ends_with(": unfit as a name; expected letters, digits, \"_\" and \"-\""));
  }
  CHECK(problems_of("[maps]\nfile = \"a\"\n") ==
        "config.toml:2:1: maps.file: found \"a\"; expected a table: [maps.NAME]");
  CHECK(problems_of("maps = 3\n") == "config.toml:1:1: maps: found 3; expected a table per map: [maps.NAME]");
  CHECK(problems_of("[[maps]]\nfile = \"a\"\n") ==
        "config.toml:1:3: maps: found an array; expected a table per map: [maps.NAME]");
  CHECK(problems_of("[map.a]\nfile = \"a\"\n") == "config.toml:1:2: map: unknown key; did you mean maps?");
}

TEST_CASE("maps of several files add up; the same name twice names both places") {
  const TemporaryDirectory temporary;
  const std::string one = temporary.file("sites/one.toml", "[maps.c]\nfile = \"c\"\n\n[maps.a]\nfile = \"a\"\n");
  const std::string main =
      temporary.file("main.toml", "include = \"sites/one.toml\"\n[maps.b]\nfile = \"b\"\n" + std::string(site));
  Sources sources;
  sources.file = main;
  const auto loaded = load(sources);
  REQUIRE(loaded.has_value());
  const std::vector<Map>& maps = loaded->config->maps;
  REQUIRE(maps.size() == 3);
  CHECK(maps[0].file == temporary.path("sites/a"));
  CHECK(maps[0].where == one + ":4:7");
  CHECK(maps[1].file == temporary.path("b"));
  CHECK(maps[2].name == "c");

  temporary.file("sites/one.toml", "[maps.b]\nkind = \"none\"\n");
  const auto twice = load(sources);
  REQUIRE_FALSE(twice.has_value());
  CHECK(lines_of(twice.error()) == one + ":1:7: maps.b: already set at " + main + ":2:7; expected once");
}

TEST_CASE("there are at most 1,000 maps, told without delay where there are many more") {
  const auto maps = [](int count) {
    std::string text;
    for (int index = count; index > 0; --index) text += "maps.m" + std::to_string(index) + ".file=\"a\"\n";
    return text;
  };
  CHECK(maps_of(maps(1000)).size() == 1000);
  CHECK(problems_of(maps(1001)) == "config.toml:1001:6: maps.m1: one map too many; expected at most 1000");
  CHECK(problems_of(maps(40'000)).ends_with("and 38900 problems more"));
}

TEST_CASE("--set changes a map of the file or makes one") {
  Sources sources;
  sources.sets = {{"maps.a.file", "/other"}, {"maps.new", "{ file = \"/new\" }"}, {"maps.a.kind", "rnd"}};
  const std::vector<Map> maps = maps_of("[maps.a]\nfile = \"/a\"\n[maps.b]\nfile = \"/b\"\n", sources);
  REQUIRE(maps.size() == 3);
  CHECK(maps[0].file == "/other");
  CHECK(maps[0].kind == MapKind::rnd);
  CHECK(maps[0].where == "config.toml:1:7");
  CHECK(maps[1].file == "/b");
  CHECK(maps[2].file == "/new");
  CHECK(maps[2].where == "--set maps.new");
  sources.sets = {{"maps.x.kind", "rnd"}, {"maps.a.kinnd", "rnd"}, {"maps.a.max_size", "1"}, {"maps.a", "b"}};
  CHECK(problems_of("[maps.a]\nfile = \"/a\"\n", sources) ==
        "--set maps.x.kind: maps.x: found a table without file; expected file = \"maps/x.txt\"\n"
        "--set maps.a.kinnd: unknown key; did you mean kind?\n"
        "--set maps.a.max_size: found 1; expected a size from \"1KiB\" to \"4095MiB\"\n"
        "--set maps.a: found \"b\"; expected a table: [maps.NAME]");
}

TEST_CASE("a map is printed as its table, each key with where its value came from") {
  Sources sources;
  sources.sets = {{"maps.a.max_size", "2000"}};
  const auto loaded =
      load_text("[maps.b]\nfile = \"/b $${X}\"\n[maps.a]\nfile = \"/a\"\nkind = \"cdb\"\n" + std::string(site),
                "c.toml", sources);
  REQUIRE(loaded.has_value());
  CHECK(
      print_config(*loaded).contains("\n[maps.a]\n"
                                     "file = \"/a\"      # c.toml:4:1\n"
                                     "kind = \"cdb\"     # c.toml:5:1\n"
                                     "max_size = 2000  # --set maps.a.max_size\n"
                                     "\n[maps.b]\n"
                                     "file = \"/b $${X}\"    # c.toml:2:1\n"
                                     "kind = \"txt\"         # default\n"
                                     "max_size = \"256MiB\"  # default\n"
                                     "\n[[site]]\n"));
}
