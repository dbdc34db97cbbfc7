// /stats as JSON: objects in objects, numbers in base units. Shortest forms that read back the same.
#include "uringd/admin/stats_json.hpp"

#include <time.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "names.hpp"
#include "say.hpp"

namespace uringd::admin {
namespace {

constexpr int64_t ns_per_s = 1'000'000'000, ns_per_ms = 1'000'000;

class Json {
 public:
  void begin(std::string_view name = {}) {
    key(name);
    text_ += '{';
    first_ = true;
  }
  void end() {
    text_ += '}';
    first_ = false;
  }
  void begin_list(std::string_view name) {
    key(name);
    text_ += '[';
    first_ = true;
  }
  void end_list() {
    text_ += ']';
    first_ = false;
  }
  void add(std::string_view name, std::string_view value) {
    key(name);
    append_json(text_, value);
  }
  void add(std::string_view name, uint64_t value) {
    key(name);
    number(value);
  }
  void seconds(std::string_view name, double value) {
    key(name);
    number(value);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    text_ += value ? "true" : "false";
  }
  std::string take() { return std::move(text_); }

 private:
  void key(std::string_view name) {
    if (!std::exchange(first_, false)) text_ += ',';
    if (name.empty()) return;
    append_json(text_, name);
    text_ += ':';
  }
  template <typename Number>
  void number(Number value) {
    std::array<char, 32> digits;
    text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }

  std::string text_;
  bool first_ = true;
};

/// RFC 3339, UTC, with milliseconds where they are asked for.
std::string time_text(int64_t wall_ns, bool milliseconds) {
  const time_t seconds = wall_ns / ns_per_s;
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text;
  const size_t size = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string found(text.data(), size);
  if (milliseconds) {
    const int written =
        std::snprintf(text.data(), text.size(), ".%03d", static_cast<int>(wall_ns % ns_per_s / ns_per_ms));
    found.append(text.data(), static_cast<size_t>(written));
  }
  return found + "Z";
}

double in_s(double ns) { return ns / 1e9; }

void put_latency(Json& json, std::string_view name, const stats::Distribution& values) {
  json.begin(name);
  json.add("count", values.count());
  json.seconds("sum_s", in_s(static_cast<double>(values.sum_ns())));
  json.seconds("p50_s", in_s(values.quantile_ns(0.5)));
  json.seconds("p90_s", in_s(values.quantile_ns(0.9)));
  json.seconds("p99_s", in_s(values.quantile_ns(0.99)));
  json.seconds("p999_s", in_s(values.quantile_ns(0.999)));
  json.seconds("max_s", in_s(static_cast<double>(values.most_ns())));
  json.end();
}

void put_requests(Json& json, const server::Figures& figures) {
  json.add("requests", figures.requests());
  json.begin("by_code");
  for (size_t status = 0; status < server::counted_statuses.size(); ++status) {
    if (const uint64_t count = figures.by_status(status)) json.add(code_name(status), count);
  }
  json.end();
  json.begin("by_method");
  for (size_t method = 0; method < server::counted_methods.size(); ++method) {
    if (const uint64_t count = figures.by_method(method)) json.add(server::counted_methods[method], count);
  }
  json.end();
  json.add("response_bytes", figures.response_bytes);
}

void put_cache(Json& json, const server::Figures::Cache& cache) {
  json.begin("cache");
  json.add("entries", cache.entries);
  json.begin("bytes");
  for (const auto& [name, bytes] : kinds_of(cache)) json.add(name, bytes);
  json.end();
  json.add("capacity_bytes", cache.capacity_bytes);
  json.add("hits", cache.hits);
  json.add("stale", cache.stale);
  json.begin("misses");
  json.add("cold", cache.cold);
  json.add("expired", cache.expired);
  json.end();
  json.begin("evictions");
  for (size_t reason = 0; reason < eviction_names.size(); ++reason) {
    json.add(eviction_names[reason], cache.evictions[reason]);
  }
  json.end();
  json.end();
}

void put_figures(Json& json, std::string_view name, const server::Figures& figures) {
  json.begin(name);
  put_requests(json, figures);
  json.begin("connections");
  json.add("open", figures.connections.open);
  for (const auto& [state, count] : states_of(figures.connections)) json.add(state, count);
  json.end();
  json.add("accepted", figures.accepted);
  json.add("closed", figures.closed);
  json.add("refused", figures.refused);
  json.add("timeouts", figures.timeouts);
  json.add("aborted", figures.aborted);
  put_cache(json, figures.cache);
  json.begin("disk");
  json.add("queue_depth", figures.disk.queue_depth);
  json.add("queue_size", figures.disk.queue_size);
  json.add("rejected", figures.disk.rejected);
  json.add("timeouts", figures.disk.timeouts);
  json.end();
  json.begin("ring");
  json.add("enters", figures.ring.enters);
  json.add("sqes", figures.ring.sqes);
  json.add("cqes", figures.ring.cqes);
  json.add("cq_overflows", figures.ring.cq_overflows);
  json.end();
  json.begin("log");
  json.add("lines", figures.log.lines);
  json.add("dropped", figures.log.dropped);
  json.end();
  json.begin("latency");
  for (size_t phase = 0; phase < server::phase_names.size(); ++phase) {
    put_latency(json, server::phase_names[phase], figures.latency[phase]);
  }
  json.end();
  json.end();
}

void put_config(Json& json, const Report& report) {
  json.begin("config");
  json.add("file", report.standing.config_file);
  json.add("reloads", report.standing.reloads);
  json.flag("last_reload_successful", report.standing.last_reload_successful);
  json.add("last_reload_time", time_text(report.standing.last_reload_ns, false));
  json.add("text", report.standing.config_text);
  json.end();
}

void put_process(Json& json, const ProcessFigures& process) {
  json.begin("process");
  json.add("resident_bytes", process.resident_bytes);
  json.seconds("cpu_s", process.cpu_s);
  json.add("open_files", process.open_files);
  json.add("max_files", process.max_files);
  json.end();
}

void put_window(Json& json, const Window& window) {
  json.begin("window");
  json.seconds("interval_s", window.interval_s);
  json.begin("latency");
  for (size_t phase = 0; phase < server::phase_names.size(); ++phase) {
    const stats::Distribution& values = window.latency[phase];
    json.begin(server::phase_names[phase]);
    json.add("count", values.count());
    json.seconds("p50_s", in_s(values.quantile_ns(0.5)));
    json.seconds("p99_s", in_s(values.quantile_ns(0.99)));
    json.end();
  }
  json.end();
  json.end();
}

/// `window` or the configuration.
std::string render(const Report& report, const Window* window) {
  Json json;
  json.begin();
  json.add("version", report.standing.version);
  json.add("started", time_text(report.standing.started_ns, false));
  json.add("time", time_text(report.now_ns, true));
  json.seconds("uptime_s", report.uptime_s);
  json.add("state", report.draining ? "draining" : "serving");
  json.add("workers", report.workers.size());
  if (!window) put_config(json, report);
  put_process(json, report.process);
  put_figures(json, "total", report.total);
  json.begin_list("per_worker");
  for (const server::Figures& worker : report.workers) put_figures(json, {}, worker);
  json.end_list();
  if (window) put_window(json, *window);
  json.end();
  return json.take();
}

}  // namespace

std::string render_stats(const Report& report) { return render(report, nullptr) + "\n"; }

std::string render_stream_event(const Report& report, const Window& window) {
  return "data: " + render(report, &window) + "\n\n";
}

}  // namespace uringd::admin
