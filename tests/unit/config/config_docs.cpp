// config_docs: prints what the schema says for people, so that config.toml and README.md are never written by hand.
//   config_docs template | reference      to stdout
//   config_docs refresh ROOT              rewrites ROOT/config.toml and the marked section of ROOT/README.md
// A tool for developers; the unit test `config` fails while the files differ from what this prints.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "readme_section.hpp"
#include "uringd/config/print.hpp"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int refresh(const std::string& root) {
  std::ofstream(root + "/config.toml", std::ios::binary) << uringd::config::commented_template();
  std::string readme = read_file(root + "/README.md");
  const auto section = find_reference_section(readme);
  if (!section) {
    std::cerr << "config_docs: README.md lacks a section between `" << reference_begin << "` and `" << reference_end
              << "`\n";
    return 1;
  }
  readme.replace(section->first, section->second, reference_section_text());
  std::ofstream(root + "/README.md", std::ios::binary) << readme;
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const std::string_view action = argument_count > 1 ? arguments[1] : "";
  if (action == "template") return std::cout << uringd::config::commented_template(), 0;
  if (action == "reference") return std::cout << uringd::config::reference_markdown(), 0;
  if (action == "refresh" && argument_count == 3) return refresh(arguments[2]);
  std::cerr << "usage: config_docs template | reference | refresh ROOT\n";
  return 2;
}
