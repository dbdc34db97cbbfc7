// The command line of uringd_load, and what it means. Read once by main; constant afterwards.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator_requests.hpp"

namespace uringd::load {

struct Options {
  uint16_t port = 0;
  unsigned connections = 64;
  double seconds = 3;
  bool timed = true;  // it ends after `seconds`; not so with --once alone
  double rate = 0;    // questions a second, of all connections together; 0: closed loop
  unsigned depth = 1;
  bool close = false;
  std::vector<std::string> fields;
  std::vector<std::string> targets;
  bool listed = false;  // they come from --paths
  Order order = Order::walk;
  std::vector<int> statuses{200};
  bool drop = false;
  std::optional<std::string> expected;  // the file's bytes
  bool realtime = false;
  bool once = false;
  double patience_seconds = 10;
};

/// The options, or in `complaint` one line that says what is wrong.
std::optional<Options> parse_options(int count, char** arguments, std::string& complaint);

}  // namespace uringd::load
