// print: the schema and a loaded configuration as text for people. All four texts come from the one table in
// src/config/schema.cpp; tests compare config.toml and README.md with what is printed here.
#pragma once

#include <string>

#include "uringd/config/load.hpp"

namespace uringd::config {

/// The effective configuration as TOML that loads to the same Config, each key with where its value came from.
std::string print_config(const Loaded& loaded);

/// The config.toml at the top of the repository: runs unedited with the sample site, other keys commented out.
std::string commented_template();

/// README's table of keys (Markdown): key, default, what it takes, meaning.
std::string reference_markdown();

}  // namespace uringd::config
