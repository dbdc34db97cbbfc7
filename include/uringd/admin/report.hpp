// Report: everything that /metrics and /stats tell, as plain values of one moment: what the workers counted
// (server::Figures), and what the daemon and the kernel know of the process. Whoever answers gathers it; the renderers
// (metrics.hpp, stats_json.hpp) are pure. It holds no secrets: Standing::config_text is to be without them already.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "uringd/server/figures.hpp"

namespace uringd::admin {

/// What the kernel says of this process; 0 where it does not.
struct ProcessFigures {
  uint64_t resident_bytes = 0, virtual_bytes = 0;
  double cpu_s = 0;  // user and system
  uint64_t open_files = 0, max_files = 0;
};
/// Reads /proc; no serving thread's business.
[[nodiscard]] ProcessFigures read_process();

/// What only the daemon knows; told anew after each reload.
struct Standing {
  std::string version;
  int64_t started_ns = 0;  // wall clock
  uint64_t started_monotonic_ns = 0;
  std::string config_file;
  std::string config_text;  // in force, as --print-config prints it
  uint64_t reloads = 0;     // tried
  bool last_reload_successful = true;
  int64_t last_reload_ns = 0;           // wall clock; of the start where there was none
  int64_t last_successful_load_ns = 0;  // wall clock
};

struct Report {
  Standing standing;
  int64_t now_ns = 0;   // wall clock
  double uptime_s = 0;  // by the monotonic clock
  bool draining = false;
  ProcessFigures process;
  server::Figures total;                 // of all workers, overlays too
  std::vector<server::Figures> workers;  // each
};

/// What happened between two readings of all workers.
struct Window {
  double interval_s = 0;
  std::array<stats::Distribution, server::phase_names.size()> latency;  // by server::Phase

  [[nodiscard]] static Window between(const server::Figures& before, const server::Figures& after, double interval_s);
};

}  // namespace uringd::admin
