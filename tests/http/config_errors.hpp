// Broken configurations as tables: what is written, and every line that must be said of it. Data that never changes;
// config_errors_test.cpp gives each row to the real binary.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace uringd::testing {

/// A directory with config.toml, the directories www and logs and the file plain; "@" stands for its path.
struct Broken {
  const char* name = "";
  std::string text = {};  // of config.toml
  /// All of stderr, a line each without its "uringd: ", in order. One that begins with a digit is of config.toml; one
  /// that ends in "…" need only begin so: the rest is in the TOML parser's words.
  std::vector<std::string> says = {};
  std::vector<std::pair<std::string, std::string>> files = {};  // further ones: name, content
  std::vector<std::string> arguments = {};
  std::vector<std::pair<std::string, std::string>> environment = {};
  bool names_config = true;  // --config config.toml
  bool starts = false;       // a plain start is tried too: the same words, and no socket
};

const std::vector<Broken>& broken_server();
const std::vector<Broken>& broken_values();
const std::vector<Broken>& broken_files();
const std::vector<Broken>& broken_sites();
const std::vector<Broken>& broken_flags();

}  // namespace uringd::testing
