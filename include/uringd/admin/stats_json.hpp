// stats_json: a report as JSON (RFC 8259), for /stats, and as an event of /stats/stream (server-sent events).
#pragma once

#include <string>

#include "uringd/admin/report.hpp"

namespace uringd::admin {

[[nodiscard]] std::string render_stats(const Report& report);
/// "data: {…}\n\n": the same without the configuration, and with the latencies of `window`.
[[nodiscard]] std::string render_stream_event(const Report& report, const Window& window);

}  // namespace uringd::admin
