// /stats and its stream: JSON, with the members that are promised, in their order.
#include "uringd/admin/stats_json.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "made_report.hpp"
#include "naive_json.hpp"

using namespace uringd;
using namespace uringd::testing;

namespace {

using Names = std::vector<std::string>;

JsonValue parsed(const std::string& text) {
  const auto value = NaiveJson::parse(text);
  REQUIRE_MESSAGE(value, text);
  return *value;
}

void check_figures(const JsonValue& figures) {
  CHECK(figures.names() == Names{"requests", "by_code", "by_method", "response_bytes", "connections", "accepted",
                                 "closed", "refused", "timeouts", "aborted", "cache", "disk", "ring", "log",
                                 "latency"});
  CHECK(figures["connections"].names() == Names{"open", "idle", "reading", "waiting", "sending", "closing"});
  CHECK(figures["cache"].names() ==
        Names{"entries", "bytes", "capacity_bytes", "hits", "stale", "misses", "evictions"});
  CHECK(figures["cache"]["bytes"].names() == Names{"content", "compressed", "overlay", "negative", "files", "names"});
  CHECK(figures["cache"]["misses"].names() == Names{"cold", "expired"});
  CHECK(figures["cache"]["evictions"].names() ==
        Names{"capacity", "idle", "changed", "missing", "watch", "replaced", "closing", "admin"});
  CHECK(figures["disk"].names() == Names{"queue_depth", "queue_size", "rejected", "timeouts"});
  CHECK(figures["ring"].names() == Names{"enters", "sqes", "cqes", "cq_overflows"});
  CHECK(figures["log"].names() == Names{"lines", "dropped"});
  CHECK(figures["latency"].names() == Names{"request", "queue", "open", "read", "send"});
  for (const auto& [name, values] : figures["latency"].members) {
    CAPTURE(name);
    CHECK(values.names() == Names{"count", "sum_s", "p50_s", "p90_s", "p99_s", "p999_s", "max_s"});
  }
}

}  // namespace

TEST_CASE("/stats has every member that is promised, for all workers together and for each") {
  const std::string text = admin::render_stats(made_report());
  CHECK(text.ends_with("}\n"));
  const JsonValue stats = parsed(text);
  CHECK(stats.names() == Names{"version", "started", "time", "uptime_s", "state", "workers", "config", "process",
                               "total", "per_worker"});
  CHECK(stats["config"].names() == Names{"file", "reloads", "last_reload_successful", "last_reload_time", "text"});
  CHECK(stats["process"].names() == Names{"resident_bytes", "cpu_s", "open_files", "max_files"});
  check_figures(stats["total"]);
  REQUIRE(stats["per_worker"].list.size() == worker_count);
  for (const JsonValue& worker : stats["per_worker"].list) check_figures(worker);
}

TEST_CASE("/stats tells each number in its own place, times in RFC 3339, durations in seconds") {
  const JsonValue stats = parsed(admin::render_stats(made_report()));
  CHECK(stats["version"].text == "0.1.0");
  CHECK(stats["started"].text == "2026-11-22T03:41:17Z");
  CHECK(stats["time"].text == "2026-11-22T03:41:18.523Z");
  CHECK(stats["uptime_s"].number == 1.5);
  CHECK(stats["state"].text == "serving");
  CHECK(stats["workers"].number == worker_count);
  CHECK(stats["config"]["text"].text == "[server]\nlisten = \"\\t\"\n");
  CHECK(stats["config"]["reloads"].number == 3);
  CHECK(stats["config"]["last_reload_successful"].number == 1);
  CHECK(stats["config"]["last_reload_time"].text == "2026-11-22T03:41:18Z");
  CHECK(stats["process"]["cpu_s"].number == 0.25);
  CHECK(stats["process"]["max_files"].number == 14);
  const JsonValue& one = stats["per_worker"].list[0];
  CHECK(one["requests"].number == 29);
  CHECK(one["by_code"].names() == Names{"200", "404", "501"});
  CHECK(one["by_code"]["200"].number == 23);
  CHECK(one["by_method"].names() == Names{"GET", "HEAD", "other"});
  CHECK(one["by_method"]["GET"].number == 25);
  CHECK(one["response_bytes"].number == 1001);
  CHECK(one["connections"]["reading"].number == 8);
  CHECK(one["cache"]["bytes"]["overlay"].number == 304);
  CHECK(one["cache"]["capacity_bytes"].number == 308);
  CHECK(one["cache"]["misses"]["expired"].number == 312);
  CHECK(one["cache"]["evictions"]["admin"].number == 408);
  CHECK(one["disk"]["timeouts"].number == 504);
  CHECK(one["ring"]["cq_overflows"].number == 604);
  CHECK(one["log"]["dropped"].number == 702);
  CHECK(stats["total"]["requests"].number == 58);
  CHECK(stats["total"]["disk"]["rejected"].number == 1006);
  const JsonValue& request = one["latency"]["request"];
  CHECK(request["count"].number == 4);
  CHECK(request["sum_s"].number == doctest::Approx(0.030180));
  CHECK(request["p50_s"].number == doctest::Approx(0.00006).epsilon(0.04));
  CHECK(request["p999_s"].number == doctest::Approx(0.03).epsilon(0.04));
  CHECK(request["max_s"].number == doctest::Approx(0.03).epsilon(0.04));
  CHECK(one["latency"]["queue"]["p50_s"].number == doctest::Approx(0.007).epsilon(0.04));
}

TEST_CASE("/stats is JSON whatever the texts in it are") {
  admin::Report report = made_report();
  report.standing.config_file = "we\"ird\\na\nme\x01\x7f.toml";
  report.draining = true;
  report.standing.last_reload_successful = false;
  report.workers.clear();
  const JsonValue stats = parsed(admin::render_stats(report));
  CHECK(stats["config"]["file"].text == report.standing.config_file);
  CHECK(stats["config"]["last_reload_successful"].number == 0);
  CHECK(stats["state"].text == "draining");
  CHECK(stats["per_worker"].list.empty());
}

TEST_CASE("an event of the stream is one line of data: no configuration, and the latencies of its window") {
  const admin::Report report = made_report();
  server::Figures earlier = report.workers[0];
  const auto window = admin::Window::between(earlier, report.total, 1.002);
  const std::string event = admin::render_stream_event(report, window);
  REQUIRE(event.starts_with("data: "));
  REQUIRE(event.ends_with("}\n\n"));
  CHECK(event.find('\n') == event.size() - 2);
  const JsonValue stats = parsed(event.substr(6));
  CHECK(stats.names() == Names{"version", "started", "time", "uptime_s", "state", "workers", "process", "total",
                               "per_worker", "window"});
  CHECK(stats["window"]["interval_s"].number == 1.002);
  CHECK(stats["window"]["latency"].names() == Names{"request", "queue", "open", "read", "send"});
  const JsonValue& request = stats["window"]["latency"]["request"];
  CHECK(request.names() == Names{"count", "p50_s", "p99_s"});
  CHECK(request["count"].number == 4);  // the second worker's
  CHECK(request["p50_s"].number == doctest::Approx(0.00012).epsilon(0.04));
  CHECK(request["p99_s"].number == doctest::Approx(0.06).epsilon(0.04));
}

TEST_CASE("the process is read where there is a /proc") {
  const admin::ProcessFigures process = admin::read_process();
  CHECK(process.resident_bytes > 0);
  CHECK(process.virtual_bytes >= process.resident_bytes);
  CHECK(process.open_files >= 3);
  CHECK(process.max_files >= process.open_files);
}
