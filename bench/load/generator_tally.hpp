// What one run saw, and the JSON line that says so. One writer: the client's thread.
#pragma once
#include <array>
#include <cstdint>
#include <cstdio>

#include "generator_histogram.hpp"

namespace uringd::load {

struct Tally {
  uint64_t requests = 0;    // whole answers
  uint64_t bytes = 0;       // of bodies, also of those that the end of the run cut off
  uint64_t wrong = 0;       // whole answers with another status or body than expected
  uint64_t failures = 0;    // connections refused, broken or nonsense while
                            // something was owed on them
  uint64_t timeouts = 0;    // connections given up because nothing came
  uint64_t reconnects = 0;  // connections that the server closed while it owed
                            // nothing, or after saying so
  uint64_t unanswered = 0;
  uint64_t enters = 0;  // of io_uring_enter, which is every system call of a run
                        // where no connection is made
  std::array<uint64_t, 600> statuses{};
  Histogram latency;
  Histogram late;
  double seconds = 0;
  double cpu_seconds = 0;

  void print(std::FILE* file, bool realtime) const;
};

}  // namespace uringd::load
