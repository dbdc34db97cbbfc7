// Map tables: what the lines of a txt or rnd map mean, what is odd and what is an error in them, that a build goes in
// bounded steps, and that a look-up takes nothing from the heap. map_cdb_test.cpp has the other kind.
#include "uringd/site/map_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../cache/allocations.hpp"
#include "../death.hpp"
#include "../random.hpp"
#include "built_map.hpp"
#include "naive_map.hpp"

using namespace uringd;
using config::MapKind;
using site::MapBuilder;
using site::MapFinding;
using testing::builder_of;
using testing::Built;
using testing::lines;

TEST_CASE("a line is a key, white space and a value, and nothing but whole keys is found") {
  const Built map("/a /1\n/b\t/2\n   /c \t  /3   \n");
  CHECK(map["/a"] == "/1");
  CHECK(map["/b"] == "/2");
  CHECK(map["/c"] == "/3");
  CHECK(map["/"] == "(none)");
  CHECK(map["/a "] == "(none)");
  CHECK(map["/A"] == "(none)");
  CHECK(map[""] == "(none)");
  CHECK(map.table->entries() == 3);
  CHECK(map.warnings.empty());
}

TEST_CASE("the last line of a map needs no line feed") { CHECK(Built("a 1\nb 2")["b"] == "2"); }

TEST_CASE("an empty map file, and one of white space and comments, is a table of 0 entries") {
  for (const char* file : {"", "\n", " \t \n\n#a b\n   # c d\n", "\xef\xbb\xbf"}) {
    CAPTURE(file);
    const Built map(file);
    REQUIRE(map.table);
    CHECK(map.table->entries() == 0);
    CHECK(map["a"] == "(none)");
    CHECK(map[""] == "(none)");
    CHECK(map.warnings.empty());
  }
}

TEST_CASE("lines of a map may end in CR LF") {
  const Built map("a 1\r\n\r\nb 2\r\n\"c\" \"3\"\r\nd 4\r");
  CHECK(map["a"] == "1");
  CHECK(map["b"] == "2");
  CHECK(map["c"] == "3");
  CHECK(map["d"] == "4");
  CHECK(map.warnings.empty());
}

TEST_CASE("a byte order mark is no part of a map's first key") {
  const Built map(
      "\xef\xbb\xbf"
      "a 1\nb 2\nb 3\n");
  CHECK(map["a"] == "1");
  CHECK(map.warning() == "3: this key is on line 2 already, and that one counts");
}

TEST_CASE("# begins a comment at the start of a line and behind a value, and nowhere else") {
  const Built map("#a 1\n \t# b 2\nc 3 # three\nd #4\n\"#e\" 5#\nf \"6\"# six\n");
  CHECK(map.table->entries() == 4);
  CHECK(map["c"] == "3");
  CHECK(map["d"] == "#4");
  CHECK(map["#e"] == "5#");
  CHECK(map["f"] == "6");
  CHECK(map.warnings.empty());
}

TEST_CASE("quotes hold white space, \\\" and \\\\; any other backslash is itself") {
  const Built map(R"("a b"  "c d"
"e\"f" "\\g\h\"i"
"" empty
nothing ""
k"l m"n
o\ p\q
)");
  CHECK(map["a b"] == "c d");
  CHECK(map["e\"f"] == "\\g\\h\"i");
  CHECK(map[""] == "empty");
  CHECK(map["nothing"].empty());
  CHECK(map["k\"l"] == "m\"n");
  CHECK(map["o\\"] == "p\\q");
  CHECK(map.table->entries() == 6);
  CHECK(map.warnings.empty());
}

TEST_CASE("the first of equal keys wins, and the warning names both lines") {
  const Built map("# one\na 1\nb 2\n\"a\" 3\n");
  CHECK(map["a"] == "1");
  CHECK(map.table->entries() == 2);
  CHECK(map.warning() == "4: this key is on line 2 already, and that one counts");
}

TEST_CASE("the line of a key's first occurrence is right far into a large map, behind escapes and empty lines") {
  std::string file = "\"\\\"x\" 0\n" + lines(20'000) + std::string(100'000, '\n');
  file += "/old/page-12345 /again\n\"\\\"x\" 1\n/late v\n" + std::string(65'000, 'k') + " v\n/late v\n";
  const Built map(file);
  REQUIRE(map.warnings.size() == 3);
  CHECK(map.warnings[0].line == 120'002);
  CHECK(map.warnings[0].message.find("on line 12347 already") != std::string::npos);
  CHECK(map.warnings[1].message.find("on line 1 already") != std::string::npos);
  CHECK(map.warnings[2].line == 120'006);
  CHECK(map.warnings[2].message.find("on line 120004 already") != std::string::npos);
  CHECK(map["/old/page-12345"] == "/new/section/12345");
}

TEST_CASE("a key on a line that begins in one 64 KiB of the file and itself in the next is on its own line") {
  const Built map(std::string(65'534, '#') + "\n k 1\nother 2\nk 3\n");
  CHECK(map.warning() == "4: this key is on line 2 already, and that one counts");
}

TEST_CASE("a key without a value is skipped with a warning that has its line") {
  for (const char* line : {"b", "b  ", "\"b\"", "b\r", "\tb\t"}) {
    CAPTURE(line);
    const Built map("a 1\n" + std::string(line) + "\nc 3\n");
    CHECK(map.warning() == "2: a key without a value: the line is skipped");
    CHECK(map["b"] == "(none)");
    CHECK(map["c"] == "3");
  }
}

TEST_CASE("a quote that is not closed on its line is skipped with a warning, and takes no other line with it") {
  for (const char* line : {"\"b 2", "b \"2", "b \"", "\"b\\\" 2", "b \"2\\"}) {
    CAPTURE(line);
    const Built map("a 1\n" + std::string(line) + "\nc \"3\"\n");
    CHECK(map.warning() == "2: a quote that is not closed: the line is skipped");
    CHECK(map.table->entries() == 2);
    CHECK(map["c"] == "3");
  }
}

TEST_CASE("text right behind a key's closing quote makes no key of another spelling") {
  const Built map("\"a\"b 1\n");
  CHECK(map.warning() == "1: text right behind the quotes of the key: the line is skipped");
  CHECK(map.table->entries() == 0);
}

TEST_CASE("text behind a value is ignored with a warning") {
  for (const char* line : {"a 1 2", "a \"1\" 2", "a \"1\"2", "a 1 \"#\""}) {
    CAPTURE(line);
    const Built map(line);
    CHECK(map["a"] == "1");
    CHECK(map.warning().starts_with("1: text behind the value is ignored"));
  }
}

TEST_CASE("a NUL byte in a txt map is an error with its line") {
  using namespace std::string_literals;
  CHECK(Built("a 1\nb\0 2\n"s).error_text() == "2: a NUL byte: this is no text");
  CHECK(Built("a 1\n# \0"s).error_text() == "2: a NUL byte: this is no text");
  CHECK(Built(std::string(10'000'000, '\0')).error_text() == "1: a NUL byte: this is no text");
  CHECK(Built("\0"s, MapKind::rnd).error_text() == "1: a NUL byte: this is no text");
}

TEST_CASE("a line of 65535 bytes is read, one of 65536 or 10 MB is an error with its line") {
  const std::string key(MapBuilder::most_line_bytes - 2, 'k');
  for (const char* end : {"", "\n"}) {
    CHECK(Built("a 1\n" + key + " v" + end)[key] == "v");
    CHECK(Built("a 1\n" + key + "k v" + end).error_text() == "2: the line is longer than 65535 bytes");
  }
  CHECK(Built("\n\n" + std::string(10'000'000, 'k')).error_text() == "3: the line is longer than 65535 bytes");
  CHECK(Built("v " + key)["v"] == key);
}

TEST_CASE("invalid UTF-8 is one warning with its first line, and the bytes are kept (RFC 3629 §4)") {
  for (const char* bytes :
       {"\x80", "\xc3", "\xc3(", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xf0\x9f\x90", "12345678\xe2\x82 12345678"}) {
    CAPTURE(bytes);
    const std::string value = '"' + std::string(bytes) + '"';
    const Built map("a 1\nb " + value + "\nc " + value + "\n");
    CHECK(map.warning() == "2: this is not UTF-8; the bytes are taken as they are, here and further on");
    CHECK(map["c"] == bytes);
  }
  for (const char* bytes : {"\xc3\xa9", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                            "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                            "12345678\xe2\x82\xac"
                            "12345678\x7f"}) {
    CAPTURE(bytes);
    const Built map("a " + std::string(bytes) + "\n");
    CHECK(map.warnings.empty());
    CHECK(map["a"] == bytes);
  }
}

TEST_CASE("ten warnings are told in the order of their lines, the rest are a count") {
  std::string file;
  for (int i = 0; i < 25; ++i) file += "lonely\n";
  const Built map(file + "a \xff\n");
  REQUIRE(map.warnings.size() == MapBuilder::most_warnings + 1);
  for (size_t i = 0; i < 9; ++i) CHECK(map.warnings[i].line == i + 1);
  CHECK(map.warnings[9].line == 26);
  CHECK(map.warnings[10].line == 0);
  CHECK(map.warnings[10].message == "16 more warnings");
}

TEST_CASE("a file of 4 GiB is an error before a byte of it is touched") {
  MapBuilder builder(MapKind::txt, std::make_unique<char[]>(1), size_t{1} << 32);
  CHECK(!builder.step());
  CHECK(builder.warnings().empty());
  CHECK(builder.finish().error().message == "it is 4 GiB or larger");
}

TEST_CASE("a table is not handed out before it is whole") {
  CHECK(testing::dies_of("!self.more", [] {
    MapBuilder builder = builder_of(MapKind::txt, "a 1\n");
    (void)builder.finish();
  }));
}

TEST_CASE("rnd picks each alternative as often as it is repeated: 100,000 picks are within five deviations") {
  const Built map("k a|b|b|c|b|c|\n", MapKind::rnd);
  site::Random random(20'240'607);
  std::map<std::string, int> picks;
  constexpr int count = 100'000;
  for (int i = 0; i < count; ++i) ++picks[std::string{map.table->find("k", random).value()}];
  CHECK(picks.size() == 4);
  const auto check = [&](const std::string& value, double share) {
    CAPTURE(value);
    const double deviation = std::sqrt(count * share * (1 - share));
    CHECK(std::abs(picks[value] - count * share) < 5 * deviation);
  };
  check("a", 1.0 / 7);
  check("b", 3.0 / 7);
  check("c", 2.0 / 7);
  check("", 1.0 / 7);
}

TEST_CASE("rnd takes a value without bars whole, and txt takes bars as they are") {
  CHECK(Built("k one\n", MapKind::rnd)["k"] == "one");
  CHECK(Built("k \"\"\n", MapKind::rnd)["k"].empty());
  CHECK(Built("k one\n", MapKind::rnd)["j"] == "(none)");
  CHECK(Built("k a|b\n")["k"] == "a|b");
}

TEST_CASE("txt and rnd maps have what a slow reader finds, in 500 files of odd bytes") {
  const std::vector<std::string> pieces = {"a",    "b",    "/c",    " ",    " ",     "\t",          "\n", "\n",
                                           "\r\n", "\"",   "\\",    "\\\"", "#",     "|",           "\r", "é",
                                           "\xff", "key ", "\" \"", "\n\"", "x y\n", "\xef\xbb\xbf"};
  size_t with_entries = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    testing::Random random(seed);
    std::string file;
    for (uint64_t left = random.below(400); left > 0; --left) file += pieces[random.below(pieces.size())];
    const Built map(file);
    const testing::NaiveMap expected = testing::read_naively(file);
    REQUIRE(map.table);
    REQUIRE(map.table->entries() == expected.entries.size());
    for (const auto& [key, value] : expected.entries) REQUIRE(map[key] == value);
    for (const std::string& piece : pieces) REQUIRE((map[piece] != "(none)") == expected.entries.contains(piece));
    uint64_t warnings = 0;
    for (const MapFinding& warning : map.warnings) warnings += warning.line ? 1 : std::stoull(warning.message);
    REQUIRE(warnings == expected.warnings);
    with_entries += expected.entries.size() > 3;
  }
  CHECK(with_entries > 100);
}

TEST_CASE("a hundred thousand lines are all found, and cost less than 32 bytes each beside the file") {
  const std::string file = lines(100'000);
  const Built map(file);
  REQUIRE(map.table->entries() == 100'000);
  size_t wrong = 0;
  for (int i = 0; i < 100'000; ++i) {
    wrong += map["/old/page-" + std::to_string(i)] != "/new/section/" + std::to_string(i);
    wrong += map["/old/page-" + std::to_string(i + 100'000)] != "(none)";
  }
  CHECK(wrong == 0);
  CHECK(map.table->bytes() > file.size());
  CHECK(map.table->bytes() - file.size() < 100'000 * 32);
}

TEST_CASE("comments and empty lines take no room beside the file") {
  std::string file = "a 1\n";
  for (int i = 0; i < 10'000; ++i) file += "# a comment\n\n\r\n";
  const Built map(file);
  CHECK(map.table->entries() == 1);
  CHECK(map.table->bytes() < file.size() + 1000);
}

TEST_CASE("no step of a build does more than its bound, whatever the lines or records are like") {
  std::string wide;
  for (int i = 0; i < 200; ++i) wide += "/" + std::to_string(i) + std::string(60'000, 'k') + " v\n";
  std::vector<std::pair<std::string, std::string>> large, small;
  for (int i = 0; i < 100; ++i) {
    large.emplace_back(std::string(60'000, 'k') + std::to_string(i), std::string(65'535, 'v'));
  }
  for (int i = 0; i < 50'000; ++i) small.emplace_back("k" + std::to_string(i), "v");
  const std::vector<std::pair<MapKind, std::string>> files = {{MapKind::txt, lines(50'000)},
                                                              {MapKind::txt, std::string(100'000, '\n')},
                                                              {MapKind::txt, wide},
                                                              {MapKind::cdb, testing::naive_cdb(large)},
                                                              {MapKind::cdb, testing::naive_cdb(small)}};
  for (const auto& [kind, file] : files) {
    MapBuilder builder = builder_of(kind, file);
    site::MapWork before;
    size_t steps = 0;
    for (bool more = true; more; ++steps) {
      more = builder.step();
      const site::MapWork now = builder.work();
      REQUIRE(now.bytes - before.bytes <= MapBuilder::most_step_bytes);
      REQUIRE(now.items - before.items <= MapBuilder::most_step_items);
      before = now;
    }
    CHECK(steps > 10);
    CHECK(before.bytes <= 2 * file.size());
    CHECK(before.bytes > file.size() / 2);
    CHECK(builder.finish().has_value());
  }
}

TEST_CASE("a look-up takes nothing from the heap, found or not") {
  std::vector<Built> maps;
  maps.emplace_back("a 1\n\"b c\" \"2\\\"\"\n");
  maps.emplace_back("a 1|2|3\n", MapKind::rnd);
  maps.emplace_back(testing::naive_cdb({{"a", "1"}}), MapKind::cdb);
  site::Random random(1);
  for (const Built& map : maps) {
    const auto before = testing::heap();
    const bool found = map.table->find("a", random).has_value();
    const bool missing = !map.table->find("/nowhere/at/all", random).has_value();
    CHECK(testing::heap().taken == before.taken);
    CHECK(found);
    CHECK(missing);
  }
}
