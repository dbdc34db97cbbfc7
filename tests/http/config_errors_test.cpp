// A configuration that is wrong is told so in exact words (contract.md, "Command line"): file, line and column, the
// value found, what would be right, the nearest known name; every problem of a file in one go and in its order; exit
// code 2; and the same from --check as from a start.
#include "config_errors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>

#include "harness.hpp"

using namespace uringd::testing;

namespace {

std::string with_directory(std::string text, const std::string& directory) {
  for (std::size_t at = 0; (at = text.find('@', at)) != std::string::npos; at += directory.size()) {
    text.replace(at, 1, directory);
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// A row's files in a directory of their own.
class Scene {
 public:
  explicit Scene(const Broken& row) : row_(row) {
    std::filesystem::create_directory(site_.outside("www"));
    std::filesystem::create_directory(site_.outside("logs"));
    site_.outside_file("plain", "a /b\n");
    site_.outside_file("config.toml", row.text);
    for (const auto& [name, content] : row.files) {
      std::filesystem::create_directories(std::filesystem::path(site_.outside(name)).parent_path());
      site_.outside_file(name, content);
    }
  }

  [[nodiscard]] Finished run(bool check) const {
    std::vector<std::string> arguments;
    if (check) arguments.emplace_back("--check");
    if (row_.names_config) arguments.insert(arguments.end(), {"--config", site_.outside("config.toml")});
    arguments.insert(arguments.end(), row_.arguments.begin(), row_.arguments.end());
    auto environment = row_.environment;
    for (auto& variable : environment) variable.second = with_directory(variable.second, directory());
    return run_to_end(arguments, {}, environment);
  }

  [[nodiscard]] std::string expected(const std::string& line) const {
    const bool of_main_file = std::isdigit(static_cast<unsigned char>(line.front())) != 0;
    return with_directory("uringd: " + std::string(of_main_file ? "@/config.toml:" : "") + line, directory());
  }

 private:
  [[nodiscard]] std::string directory() const {
    const std::string path = site_.outside("");
    return path.substr(0, path.size() - 1);
  }

  Site site_;
  const Broken& row_;
};

void check_words(const Scene& scene, const Broken& row, const Finished& run) {
  INFO(row.name << ": " << run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  const std::vector<std::string> said = lines_of(run.err);
  CHECK(said.size() == row.says.size());
  for (std::size_t index = 0; index < std::min(said.size(), row.says.size()); ++index) {
    constexpr std::string_view open_end = "…";
    const std::string expected = scene.expected(row.says[index]);
    if (expected.ends_with(open_end)) {
      const std::size_t size = expected.size() - open_end.size();
      CHECK(said[index].substr(0, size) == expected.substr(0, size));
      CHECK(said[index].size() > size);
    } else {
      CHECK(said[index] == expected);
    }
  }
}

void check_rows(const std::vector<Broken>& rows) {
  for (const Broken& row : rows) {
    const Scene scene(row);
    check_words(scene, row, scene.run(true));
    if (row.starts) check_words(scene, row, scene.run(false));
  }
}

}  // namespace

TEST_CASE("what is wrong in [server] is told in exact words") { check_rows(broken_server()); }

TEST_CASE("what is wrong in limits, disk, cache, logs, admin, types and maps is told in exact words") {
  check_rows(broken_values());
}

TEST_CASE("what is wrong in included files, in TOML itself and in variables is told in exact words") {
  check_rows(broken_files());
}

TEST_CASE("what is wrong in a site, and in every section at once, is told in exact words") {
  check_rows(broken_sites());
}

TEST_CASE("what is wrong on the command line and in URINGD_CONFIG is told in exact words") {
  check_rows(broken_flags());
}

TEST_CASE("the tables hold at least 80 broken configurations, and a dozen are started too") {
  std::size_t rows = 0, starts = 0;
  for (const auto* table : {&broken_server(), &broken_values(), &broken_files(), &broken_sites(), &broken_flags()}) {
    rows += table->size();
    for (const Broken& row : *table) {
      starts += row.starts ? 1 : 0;
      INFO(row.name);
      CHECK(!row.says.empty());
    }
  }
  CHECK(rows >= 80);
  CHECK(starts >= 12);
}
