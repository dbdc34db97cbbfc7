// print: the schema and a loaded configuration as text for people. All texts come from the one table in
// src/config/schema.cpp; tests compare config.toml, README.md, the manual and the completions with it.
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

/// The manual's list of keys (scdoc's markup): a heading for each section, and for each key its default, what it takes
/// and its meaning.
std::string reference_scdoc();

/// What completes --set: a line for each key, "log.format combined json", with the values that can be told beforehand.
/// Keys of maps are left out: their names are the user's.
std::string completion_keys();

}  // namespace uringd::config
