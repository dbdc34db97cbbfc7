// See generator_tally.hpp.
#include "generator_tally.hpp"

#include <cinttypes>

namespace uringd::load {

void Tally::print(std::FILE* file, bool realtime) const {
  std::fprintf(file, "{\"requests\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"rate\": %.3f", requests,
               bytes, seconds, seconds > 0 ? static_cast<double>(requests) / seconds : 0);
  const char* comma = "";
  std::fprintf(file, ", \"statuses\": {");
  for (size_t status = 0; status != statuses.size(); ++status) {
    if (statuses[status] == 0) continue;
    std::fprintf(file, "%s\"%zu\": %" PRIu64, comma, status, statuses[status]);
    comma = ", ";
  }
  std::fprintf(file,
               "}, \"wrong\": %" PRIu64 ", \"failures\": %" PRIu64 ", \"timeouts\": %" PRIu64
               ", \"unanswered\": %" PRIu64 ", \"reconnects\": %" PRIu64,
               wrong, failures, timeouts, unanswered, reconnects);
  std::fprintf(file,
               ", \"latency_us\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": "
               "%.1f, \"p999\": %.1f, \"max\": %.1f}"
               ", \"late_us\": {\"p99\": %.1f, \"max\": %.1f}",
               latency.percentile_us(0.5), latency.percentile_us(0.9), latency.percentile_us(0.99),
               latency.percentile_us(0.999), latency.max_us(), late.percentile_us(0.99), late.max_us());
  std::fprintf(file, ", \"cpu_seconds\": %.6f, \"enters\": %" PRIu64 ", \"realtime\": %s}\n", cpu_seconds, enters,
               realtime ? "true" : "false");
}

}  // namespace uringd::load
