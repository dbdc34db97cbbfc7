// The manual's keys and the completions' list: every key of the schema is there, with what scdoc would take for its own
// markup escaped, and what a shell is offered as a value is one that the key takes.
#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "schema.hpp"
#include "temporary_directory.hpp"
#include "uringd/config/load.hpp"
#include "uringd/config/print.hpp"

using namespace uringd::config;

namespace {

/// The text that scdoc makes of a line: escapes gone. A marker that is not escaped stays, so it is found.
std::string unescaped(std::string_view line) {
  std::string out;
  for (std::size_t index = 0; index < line.size(); ++index) {
    if (line[index] == '\\') ++index;
    if (index < line.size()) out += line[index];
  }
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the manual has every key once, under the heading of its section, with default and meaning") {
  std::string heading;
  std::size_t terms = 0;
  const std::vector<std::string> lines = lines_of(reference_scdoc());
  for (const Key& key : schema()) {
    CAPTURE(key.path);
    const std::string term = "*" + std::string(key.path) + "*" +
                             (key.default_text.empty() ? " (required)" : " = " + std::string(key.default_text));
    std::size_t found = 0;
    for (std::size_t index = 0; index < lines.size(); ++index) {
      if (lines[index].starts_with("## ")) heading = lines[index].substr(3);
      if (!lines[index].starts_with('*') || unescaped(lines[index]) != term) continue;
      ++found;
      const std::string section(key.section().empty() ? key.name() : key.section());
      CHECK(heading == (key.in_site() ? "[[site]]" : "[" + section + "]"));
      REQUIRE(index + 3 < lines.size());
      CHECK(lines[index + 1].starts_with("\tTakes "));
      CHECK(lines[index + 1].ends_with("A new value needs a restart.") == (key.change == Change::restart));
      const std::string sentence = unescaped(lines[index + 3]);
      CHECK(sentence.starts_with('\t'));
      CHECK_FALSE((sentence[1] >= 'a' && sentence[1] <= 'z'));
      CHECK(sentence.substr(2) == std::string(key.meaning.substr(1)) + ".");
      CHECK((sentence[1] | 0x20) == (key.meaning[0] | 0x20));
    }
    CHECK(found == 1);
    ++terms;
  }
  CHECK(terms == 59);
}

TEST_CASE("of the manual's markup nothing comes from a default or a meaning") {
  bool literal = false;
  for (const std::string& line : lines_of(reference_scdoc())) {
    CAPTURE(line);
    if (line == "\t```") literal = !literal;
    if (literal || line == "\t```" || line.starts_with("## ")) continue;
    // scdoc takes none of these where a backslash stands before it.
    std::size_t stars = 0;
    for (std::size_t index = 0; index < line.size(); ++index) {
      if (line[index] == '\\') {
        ++index;
        continue;
      }
      stars += line[index] == '*' ? 1 : 0;
      CHECK(std::string_view("_[]|#~`<>").find(line[index]) == std::string_view::npos);
    }
    CHECK(stars == (line.starts_with('*') ? 2 : 0));
    CHECK_FALSE(line.starts_with('.'));
  }
  CHECK_FALSE(literal);
}

TEST_CASE("blocks have an example in the manual, as it would stand in a file") {
  const std::string text = reference_scdoc();
  CHECK(text.contains("\n\t```\n\t[[site.headers]]\n\tmatch = \"/assets/**\"\n"));
  CHECK(text.contains("\n\t```\n\t[[site.rewrites]]\n\tmatch = \"^/old/(.*)$\"\n"));
}

TEST_CASE("completion offers every key but those of maps, and only values that the key takes") {
  const TemporaryDirectory directory;
  const std::vector<std::string> lines = lines_of(completion_keys());
  std::size_t keys = 0;
  std::size_t values = 0;
  for (const Key& key : schema()) {
    if (key.in_map()) continue;
    REQUIRE(keys < lines.size());
    std::istringstream words(lines[keys++]);
    std::string name;
    words >> name;
    CHECK(name == key.path);
    for (std::string value; words >> value; ++values) {
      CAPTURE(name);
      CAPTURE(value);
      Sources sources;
      sources.sets = {{name, value}};
      const auto loaded = load_text("[[site]]\nroot = \"/\"\n", directory.path("config.toml"), sources);
      if (!loaded) FAIL_CHECK(to_line(loaded.error().front()));
    }
  }
  CHECK(keys == lines.size());
  CHECK(values > 30);
  CHECK(completion_keys().contains("\nlog.format combined json\n"));
  CHECK(completion_keys().contains("\nserver.pin auto true false\n"));
}
