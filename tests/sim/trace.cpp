// A ring of fixed lines: recording an event allocates nothing, so it costs little in the thousands of seeds that pass.
#include "trace.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace uringd::sim {
namespace {

constexpr size_t kept = 40;

struct Trace {
  std::array<std::array<char, 240>, kept> lines;
  size_t count = 0;
  std::string scenario;
  std::string replay;
  bool verbose = false;
};

Trace& current() {
  static Trace trace;
  return trace;
}

void print() {
  const Trace& trace = current();
  std::fprintf(stderr, "--- scenario ---\n%s\n--- the last events ---\n", trace.scenario.c_str());
  for (size_t line = trace.count - std::min(trace.count, kept); line < trace.count; ++line) {
    std::fprintf(stderr, "%s\n", trace.lines[line % kept].data());
  }
  std::fprintf(stderr, "--- play it again: %s ---\n", trace.replay.c_str());
  std::fflush(stderr);
}

void on_abort(int) {
  std::signal(SIGABRT, SIG_DFL);
  std::signal(SIGSEGV, SIG_DFL);
  print();
  std::abort();
}

}  // namespace

void begin_trace(std::string replay, bool verbose) {
  Trace& trace = current();
  trace.count = 0;
  trace.scenario.clear();
  trace.replay = std::move(replay);
  trace.verbose = verbose;
}

void trace_scenario(const std::string& text) {
  current().scenario = text;
  if (current().verbose) std::fprintf(stderr, "%s\n", text.c_str());
}

void trace(uint64_t now_ns, const char* format, ...) {
  Trace& trace = current();
  auto& line = trace.lines[trace.count++ % kept];
  const int used = std::snprintf(line.data(), line.size(), "%12.6f ms  ", static_cast<double>(now_ns) / 1e6);
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.data() + used, line.size() - static_cast<size_t>(used), format, arguments);
  va_end(arguments);
  if (trace.verbose) std::fprintf(stderr, "%s\n", line.data());
}

void fail(const char* format, ...) {
  std::fprintf(stderr, "\nFAILED: ");
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "\n");
  std::abort();
}

void catch_aborts() {
  std::signal(SIGABRT, on_abort);
#ifndef __SANITIZE_ADDRESS__  // it says more
  std::signal(SIGSEGV, on_abort);
#endif
}

}  // namespace uringd::sim
