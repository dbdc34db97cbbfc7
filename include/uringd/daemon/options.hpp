// options: the command line, from words to what to do and where the configuration comes from. Pure: reads no file and
// no environment itself. The flags are one table in options.cpp, from which parsing, help and suggestions come.
#pragma once

#include <span>
#include <string>

#include "uringd/base/result.hpp"
#include "uringd/config/load.hpp"
#include "uringd/daemon/explain.hpp"

namespace uringd::daemon {

struct Options {
  enum class Action { serve, check, print_config, explain, features, health, version, help };
  Action action = Action::serve;
  config::Sources sources;
  Question question;       // of explain
  std::string health_url;  // of health; empty: as the configuration says
};

/// `arguments` without the program's name. `uringd_config_env` is URINGD_CONFIG or null: the file where neither
/// --config nor DIR is given. serve, check, print_config and explain have a file or a directory. --help and --version
/// win over whatever follows them. The error is one line without "uringd: " in front; main exits with 2.
Result<Options> parse_options(std::span<char* const> arguments, const char* uringd_config_env);

/// What --help prints, ending in a newline.
std::string help_text();

}  // namespace uringd::daemon
