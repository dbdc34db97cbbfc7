// One life of a server over one directory: made, asked, changed, stopped.
#pragma once

#include <string>

#include "checks.hpp"

struct Round {
  std::string name;       // for the report
  std::string directory;  // empty; on the file system that is to be tried
  std::string uringd;     // the program
  std::string zero_copy;  // disk.zero_copy
};

/// Adds what came out to `count`; where something failed, prints the server's log.
void run_round(Count& count, const Round& round);
