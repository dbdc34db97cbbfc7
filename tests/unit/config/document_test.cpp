// TOML to plain values: positions, kinds, order, and hostile texts that must end in a syntax error, not in a crash.
#include "document.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace uringd::config;

namespace {

std::string error_line(std::string_view text) {
  const auto table = parse_document(text);
  if (table) return "accepted";
  return std::to_string(table.error().at.line) + ":" + std::to_string(table.error().at.column);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (; times > 0; --times) out += text;
  return out;
}

}  // namespace

TEST_CASE("keys and values know their line and column, in code points") {
  const auto table = parse_document("[b]\n  \"ä\" = [1,\n 2]\n[a]\nk.l = true\n");
  REQUIRE(table.has_value());
  REQUIRE(table->size() == 2);
  CHECK((*table)[0].key == "b");
  CHECK((*table)[0].at == Position{1, 2});
  CHECK((*table)[1].key == "a");
  const Entry& entry = (*table)[0].value.as<Table>()->front();
  CHECK(entry.at == Position{2, 3});
  CHECK(entry.value.at == Position{2, 9});
  CHECK((*entry.value.as<Array>())[1].at == Position{3, 2});
}

TEST_CASE("entries keep the order of the file") {
  const auto table = parse_document("z = 1\na = 2\nm = 3\n");
  REQUIRE(table.has_value());
  CHECK((*table)[0].key == "z");
  CHECK((*table)[1].key == "a");
  CHECK((*table)[2].key == "m");
}

TEST_CASE("every kind of value is described in one short line") {
  const auto table =
      parse_document("a = \"x\\ny\"\nb = 17\nc = 1.5\nd = true\ne = [1]\nf = {}\ng = 2024-01-02\nh = inf\ni = '''" +
                     std::string(100, 'x') + "'''\n");
  REQUIRE(table.has_value());
  const char* expected[] = {"\"x\\u000Ay\"", "17", "1.5", "true", "an array", "a table", "the date 2024-01-02", "inf"};
  for (std::size_t index = 0; index < std::size(expected); ++index) {
    CHECK(describe((*table)[index].value) == expected[index]);
  }
  CHECK(describe((*table)[8].value) == "\"" + std::string(60, 'x') + "\"… (100 bytes)");
}

TEST_CASE("a syntax error has its position and one line of words") {
  const auto table = parse_document("a = 1\nb = = 2\n");
  REQUIRE_FALSE(table.has_value());
  CHECK(table.error().at == Position{2, 5});
  CHECK_FALSE(table.error().message.empty());
  CHECK_FALSE(table.error().message.contains('\n'));
  CHECK(error_line("a = 1\na = 2\n") == "2:5");
}

TEST_CASE("a header that begins with no name is told where it stands") {
  CHECK(error_line("a = 1\n  [#x]\n") == "2:3");
  CHECK(error_line("[") == "1:1");
  CHECK(error_line("[[ .a]]") == "1:1");
  CHECK(error_line("[\xc3\xa9]") == "1:1");
  CHECK(error_line("[]") != "accepted");
  CHECK(error_line("[ [a]]") != "accepted");
  CHECK(error_line("[ \"a\" . 'b' ]\nc = [\n#\n[\n#\n]]\n[[ d ]]\n") == "accepted");
}

TEST_CASE("letters beyond ASCII belong in strings and comments; a byte order mark may begin the text") {
  CHECK(error_line("a = \xc7\xa8\n") == "1:5");
  CHECK(error_line("a = 1\n\"\xc3\xa9\" = \"\xc3\xa9\" \xc3\xa9\n") == "2:11");
  CHECK(error_line("a = \"\"\"\\\n\n  \"\"\" \xc3\xa9\n") == "3:7");
  CHECK(error_line("\"\xc3\xa9\" = '\xc3\xa9' # \xc3\xa9\n") == "accepted");
  CHECK(error_line("\xef\xbb\xbf"
                   "a = 1\n") == "accepted");
}

TEST_CASE("deep nesting of every shape ends in a syntax error") {
  constexpr std::size_t half = 500'000;
  CHECK(error_line("a = " + repeated("[", half)) != "accepted");
  CHECK(error_line("a = " + repeated("{a=", half)) != "accepted");
  CHECK(error_line("a" + repeated(".a", half) + " = 1\n") == "1:1");
  CHECK(error_line("[a" + repeated(".a", half) + "]\n") == "1:1");
  CHECK(error_line("x = 1\na = {b = [\n{" + repeated("c.", 300) + "d = 1}]}\n") == "3:1");
  CHECK(error_line("[[a" + repeated(" . a", 300) + "]]\n") == "1:1");
}

TEST_CASE("dots in strings, comments and many statements are not nesting") {
  const std::string dots(1000, '.');
  CHECK(error_line("a = \"" + dots + "\"\n") == "accepted");
  CHECK(error_line("a = '" + dots + "'\n") == "accepted");
  CHECK(error_line("a = '''\n" + dots + "'''\n") == "accepted");
  CHECK(error_line("a = \"\"\"\n\\\"" + dots + "\"\"\"\"\"\nb = 1\n") == "accepted");
  CHECK(error_line("# " + dots + "\na = 1\n") == "accepted");
  CHECK(error_line("\"" + dots + "\" = 1\n") == "accepted");
  std::string statements;
  for (int index = 0; index < 1000; ++index) statements += "a.k" + std::to_string(index) + " = 1.5\n";
  CHECK(error_line(statements) == "accepted");
}

TEST_CASE("binary and random bytes end in a value or an error") {
  CHECK(error_line(std::string("a = 1\n\0", 7)) == "2:1");
  CHECK(error_line("\x7f"
                   "ELF\x02\x01") != "accepted");
  CHECK(error_line("a = \"\xff\xfe\"") != "accepted");
  std::mt19937 random(3);
  std::size_t errors = 0;
  constexpr std::string_view likely = "a.b=[]{}\"'#\n\\ 1,-:T";
  for (int round = 0; round < 5000; ++round) {
    std::string text(random() % 200, ' ');
    for (char& byte : text) {
      byte = random() % 4 ? likely[random() % likely.size()] : static_cast<char>(random());
    }
    errors += parse_document(text).has_value() ? 0 : 1;
  }
  CHECK(errors > 4000);
}

TEST_CASE("a megabyte of noise is refused in a moment") {
  std::mt19937 random(5);
  std::string noise(1 << 20, ' ');
  for (char& byte : noise) byte = static_cast<char>(random());
  CHECK(error_line(noise) != "accepted");
  CHECK(error_line(std::string(1 << 20, 'a')) != "accepted");
  CHECK(error_line("a = \"" + std::string(1 << 20, 'a')) != "accepted");
}

TEST_CASE("quoted text is a TOML string of the same bytes") {
  const std::string text = "a\"b\\c\td\ne\x01\x7f é";
  const auto table = parse_document("v = " + in_quotes(text));
  REQUIRE(table.has_value());
  CHECK(*table->front().value.as<std::string>() == text);
}
