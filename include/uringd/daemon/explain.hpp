// explain: what a request would get and why, step by step, without serving it: the site, the rule, the look-ups in
// maps, the file, which representation of it, and the head of the answer. It reads the configuration and the tree as a
// server that starts now would, with system calls that may block, and opens no socket and no ring. For the main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "uringd/config/load.hpp"

namespace uringd::daemon {

/// A GET request in HTTP/1.1, as --explain, --host and --header give it. No line break in any of it.
struct Question {
  std::string target;               // "/path?query" or "http://host/path", as a request line has it
  std::optional<std::string> host;  // else the target's; else the first name of the first site; else "localhost"
  std::vector<std::string> fields;  // "Name: value"
};

/// Prints the story on stdout. Exit code: 0 where the answer would be 2xx or 3xx, 1 where it would be 4xx or 5xx, 2
/// where the configuration is no good for what it names (patterns, maps, roots); the reason is on stderr then.
int explain(const config::Loaded& loaded, const Question& question);

}  // namespace uringd::daemon
