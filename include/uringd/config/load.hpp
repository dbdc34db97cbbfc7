// load: from files, environment and flags to one checked Config, or to every problem found, in reading order.
// Precedence: defaults < file (and what it includes) < flags. Blocking file reads: start-up, --check and the reload
// helper only, never a serving worker. Nothing throws through here; a file of any bytes ends in a Config or problems.
// Bounds: 1 MiB per file, 1024 included files, 100 problems told one by one (the rest as a count).
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uringd/config/config.hpp"

namespace uringd::config {

/// One thing that is wrong. `where` is "config.toml:12:5", "config.toml" or a flag ("--set server.workers");
/// `message` names the key, the value found and what would be right; neither holds a newline.
struct Problem {
  std::string where;
  std::string message;
};

/// "config.toml:12:5: server.workres: unknown key; did you mean workers?"
std::string to_line(const Problem& problem);

/// Where a configuration comes from. All empty: the defaults.
struct Sources {
  std::optional<std::string> file;
  std::optional<std::string> directory;                      // `uringd DIR`: the root of the one site
  std::vector<std::string> listen;                           // replaces server.listen where not empty
  std::vector<std::pair<std::string, std::string>> sets;     // {"server.workers", "2"}; "site.KEY" means every site
  std::function<const char*(const char* name)> environment;  // for ${NAME}; empty = getenv(3)
  /// A token_file that this user may not read is no problem: admin.token is empty then.
  bool without_token = false;
};

struct Loaded {
  std::shared_ptr<const Config> config;
  std::vector<Problem> warnings;
  /// Where each value that is not a default came from: "server.workers", "site.0.root" or "maps.NAME.file" →
  /// "config.toml:3:1".
  std::map<std::string, std::string> origins;
};

/// The checked configuration, or at least one problem.
std::expected<Loaded, std::vector<Problem>> load(const Sources& sources);

/// As load(), with `text` in place of the content of the file `name` (relative paths and includes start in its
/// directory); sources.file is not looked at.
std::expected<Loaded, std::vector<Problem>> load_text(std::string_view text, const std::string& name,
                                                      const Sources& sources = {});

/// What an empty file gives, with one site at "www"; looks at no file.
Config default_config();

}  // namespace uringd::config
