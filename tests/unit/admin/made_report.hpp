// A report of two workers in which every number is another, so that one in the place of another is seen.
#pragma once

#include <memory>

#include "uringd/admin/report.hpp"

namespace uringd::testing {

inline constexpr uint64_t worker_count = 2;

inline server::Figures made_figures(uint64_t seed) {
  auto latencies = std::make_unique<server::Latencies>();
  latencies->at_once.record(60'000 * seed, 3);
  latencies->of(server::Phase::request).record(30'000'000 * seed);
  latencies->of(server::Phase::send).record(40'000);
  latencies->of(server::Phase::queue).record(7'000'000);
  latencies->of(server::Phase::open).record(3'000'000);
  latencies->of(server::Phase::read).record(20'000'000);
  server::Figures made{.response_bytes = 1000 + seed,
                       .accepted = 110 + seed,
                       .closed = 80 + seed,
                       .refused = 2 + seed,
                       .timeouts = 4 + seed,
                       .aborted = 6 + seed,
                       .connections = {.open = 30, .idle = 9, .reading = 8, .waiting = 7, .sending = 4, .closing = 2},
                       .cache = {.entries = 301,
                                 .content_bytes = 302,
                                 .compressed_bytes = 303,
                                 .overlay_bytes = 304,
                                 .negative_bytes = 305,
                                 .files_bytes = 306,
                                 .names_bytes = 307,
                                 .capacity_bytes = 308,
                                 .hits = 309,
                                 .stale = 310,
                                 .cold = 311,
                                 .expired = 312,
                                 .evictions = {401, 402, 403, 404, 405, 406, 407, 408}},
                       .disk = {.queue_depth = 501, .queue_size = 502, .rejected = 503, .timeouts = 504},
                       .ring = {.enters = 601, .sqes = 602, .cqes = 603, .cq_overflows = 604},
                       .log = {.lines = 701, .dropped = 702}};
  const auto place = [](uint16_t status) { return server::status_places[status]; };
  made.answers[0][place(200)] = 20;
  made.answers[0][place(404)] = 5;
  made.answers[1][place(200)] = 3;
  made.answers[server::other_method][place(501)] = 1;
  for (size_t phase = 0; phase < server::phase_names.size(); ++phase) {
    made.latency[phase] = latencies->read(static_cast<server::Phase>(phase));
  }
  return made;
}

inline admin::Report made_report() {
  admin::Report report{
      .standing = {.version = "0.1.0",
                   .started_ns = 1'795'318'877'000'000'000,
                   .config_file = "config.toml",
                   .config_text = "[server]\nlisten = \"\\t\"\n",
                   .reloads = 3,
                   .last_reload_ns = 1'795'318'878'000'000'000,
                   .last_successful_load_ns = 1'795'318'877'250'000'000},
      .now_ns = 1'795'318'878'523'456'789,
      .uptime_s = 1.5,
      .process = {.resident_bytes = 11, .virtual_bytes = 12, .cpu_s = 0.25, .open_files = 13, .max_files = 14}};
  for (uint64_t seed = 1; seed <= worker_count; ++seed) {
    report.workers.push_back(made_figures(seed));
    report.total += report.workers.back();
  }
  return report;
}

}  // namespace uringd::testing
