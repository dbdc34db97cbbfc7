// Trace: the last events of the seed that is being played, and how to play it again. A failed CHECK aborts the process
// from anywhere, so the trace prints from the signal handler: there is one per process, the one place of tests/sim with
// such an object.
#pragma once

#include <cstdint>
#include <string>

namespace uringd::sim {

/// Begins a seed; `verbose`: every event is printed at once. `replay` is the command that plays it again.
void begin_trace(std::string replay, bool verbose);
/// The scenario in words, printed when something fails.
void trace_scenario(const std::string& text);
[[gnu::format(printf, 2, 3)]] void trace(uint64_t now_ns, const char* format, ...);
/// A checker's verdict: prints everything and ends the process.
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);
/// A failed CHECK prints the trace too.
void catch_aborts();

}  // namespace uringd::sim
