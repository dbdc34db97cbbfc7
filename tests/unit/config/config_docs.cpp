// config_docs: prints what the schema says for people, so that config.toml, the README's reference, the manual's and
// the completions' keys are never written by hand.
//   config_docs template | reference | manual | keys      to stdout
//   config_docs refresh ROOT      rewrites ROOT/config.toml and the sections that generated_section.hpp names
// A tool for developers; the unit test `config` fails while the files differ from what this prints.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "generated_section.hpp"
#include "uringd/config/print.hpp"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int refresh(const std::string& root) {
  std::ofstream(root + "/config.toml", std::ios::binary) << uringd::config::commented_template();
  for (const GeneratedSection& section : generated_sections) {
    const std::string path = root + "/" + std::string(section.file);
    std::string content = read_file(path);
    const auto place = find_section(section, content);
    if (!place) {
      std::cerr << "config_docs: " << path << " lacks a section between `" << section.begin << "` and `" << section.end
                << "`\n";
      return 1;
    }
    content.replace(place->first, place->second, section.text());
    std::ofstream(path, std::ios::binary) << content;
  }
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const std::string_view action = argument_count > 1 ? arguments[1] : "";
  if (action == "template") return std::cout << uringd::config::commented_template(), 0;
  if (action == "reference") return std::cout << uringd::config::reference_markdown(), 0;
  if (action == "manual") return std::cout << uringd::config::reference_scdoc(), 0;
  if (action == "keys") return std::cout << uringd::config::completion_keys(), 0;
  if (action == "refresh" && argument_count == 3) return refresh(arguments[2]);
  std::cerr << "usage: config_docs template | reference | manual | keys | refresh ROOT\n";
  return 2;
}
