// /metrics: what Prometheus' own promtool says of it, where there is one, and what must hold of it everywhere. The
// dashboard in packaging/ asks for nothing that is not in it.
#include "uringd/admin/metrics.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "made_report.hpp"
#include "naive_json.hpp"

using namespace uringd;
using namespace uringd::testing;

namespace {

/// Samples by name and labels; families with HELP and TYPE, which come before their samples.
struct Scraped {
  explicit Scraped(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) take(line);
  }
  void take(const std::string& line) {
    CAPTURE(line);
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      CHECK(helped.insert(family).second);
      return;
    }
    if (line.starts_with("# TYPE ")) {
      CHECK(line.substr(7, line.find(' ', 7) - 7) == family);
      types[family] = line.substr(line.rfind(' ') + 1);
      return;
    }
    const size_t value = line.rfind(' ');
    REQUIRE(value != line.npos);
    const std::string name = line.substr(0, std::min(line.find('{'), value));
    const bool of_histogram = types[family] == "histogram" &&
                              (name == family + "_bucket" || name == family + "_sum" || name == family + "_count");
    CHECK((name == family || of_histogram));
    names.insert(name);
    CHECK(samples.emplace(line.substr(0, value), std::stod(line.substr(value + 1))).second);
  }

  std::string family;
  std::set<std::string> helped, names;
  std::map<std::string, std::string> types;
  std::map<std::string, double> samples;
};

/// URINGD_PROMTOOL, or the one on the path; "" where there is none.
std::string promtool() {
  const char* named = std::getenv("URINGD_PROMTOOL");
  const std::string program = named ? named : "promtool";
  return std::system((program + " --version >/dev/null 2>&1").c_str()) == 0 ? program : "";
}

/// Names of metrics in an expression of PromQL.
std::set<std::string> metrics_in(const std::string& text) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  std::set<std::string> found;
  for (const std::string_view prefix : {"uringd_", "process_"}) {
    for (size_t at = text.find(prefix); at != text.npos; at = text.find(prefix, at + 1)) {
      if (at > 0 && letters.contains(text[at - 1])) continue;
      found.insert(text.substr(at, text.find_first_not_of(letters, at) - at));
    }
  }
  return found;
}

std::set<std::string> expressions(const JsonValue& value) {
  std::set<std::string> found;
  for (const auto& [name, member] : value.members) {
    if ((name == "expr" || name == "definition") && member.kind == JsonValue::Kind::string) found.insert(member.text);
    found.merge(expressions(member));
  }
  for (const JsonValue& element : value.list) found.merge(expressions(element));
  return found;
}

}  // namespace

TEST_CASE("promtool finds nothing to say about /metrics") {
  const std::string program = promtool();
  if (program.empty()) {
    MESSAGE("skipped: promtool is missing (Debian package prometheus)");
    return;
  }
  for (const bool quiet : {false, true}) {
    admin::Report report = made_report();
    if (quiet) report = {.standing = {.version = "odd \"version\"\\\n"}};
    FILE* check = popen((program + " check metrics 2>&1").c_str(), "w");
    REQUIRE(check);
    const std::string text = admin::render_metrics(report);
    CHECK(std::fwrite(text.data(), 1, text.size(), check) == text.size());
    CHECK(pclose(check) == 0);
  }
}

TEST_CASE("every sample belongs to a family with HELP and TYPE, and comes once") {
  const Scraped scraped(admin::render_metrics(made_report()));
  CHECK(scraped.helped.size() == scraped.types.size());
  for (const auto& [name, type] : scraped.types) {
    CAPTURE(name);
    CHECK((type == "counter") == name.ends_with("_total"));
  }
}

TEST_CASE("the metrics that are promised are there, with their labels and numbers") {
  const Scraped scraped(admin::render_metrics(made_report()));
  const auto expect = [&](const char* sample, double value) {
    CAPTURE(sample);
    const auto found = scraped.samples.find(sample);
    REQUIRE(found != scraped.samples.end());
    CHECK(found->second == doctest::Approx(value));
  };
  expect("uringd_build_info{version=\"0.1.0\"}", 1);
  expect("uringd_http_requests_total{method=\"GET\",code=\"200\"}", 40);
  expect("uringd_http_requests_total{method=\"other\",code=\"501\"}", 2);
  expect("uringd_http_request_duration_seconds_count", 8);
  expect("uringd_http_request_duration_seconds_bucket{le=\"0.0001\"}", 3);
  expect("uringd_http_request_duration_seconds_bucket{le=\"0.00025\"}", 6);
  expect("uringd_http_request_duration_seconds_bucket{le=\"+Inf\"}", 8);
  expect("uringd_http_request_duration_seconds_sum", 0.09054);
  for (const char* phase : {"queue", "open", "read"}) {
    expect(("uringd_phase_duration_seconds_count{phase=\"" + std::string(phase) + "\"}").c_str(), 2);
  }
  expect("uringd_phase_duration_seconds_count{phase=\"send\"}", 8);
  expect("uringd_phase_duration_seconds_bucket{phase=\"read\",le=\"0.025\"}", 2);
  expect("uringd_http_response_bytes_total", 2003);
  expect("uringd_connections{state=\"waiting\"}", 14);
  expect("uringd_cache_hits_total", 618);
  expect("uringd_cache_misses_total{reason=\"cold\"}", 622);
  expect("uringd_cache_misses_total{reason=\"expired\"}", 624);
  expect("uringd_cache_evictions_total{reason=\"capacity\"}", 802);
  expect("uringd_cache_evictions_total{reason=\"admin\"}", 816);
  expect("uringd_cache_entries", 602);
  expect("uringd_cache_bytes{kind=\"compressed\"}", 606);
  expect("uringd_cache_bytes{kind=\"names\"}", 614);
  expect("uringd_disk_queue_depth", 1002);
  expect("uringd_disk_rejected_total", 1006);
  expect("uringd_disk_timeouts_total", 1008);
  expect("uringd_ring_enters_total", 1202);
  expect("uringd_ring_sqes_total", 1204);
  expect("uringd_ring_cq_overflows_total", 1208);
  expect("uringd_log_dropped_total", 1404);
  expect("uringd_config_last_reload_successful", 1);
  expect("uringd_config_last_reload_success_timestamp_seconds", 1795318877.25);
  expect("process_cpu_seconds_total", 0.25);
  expect("process_resident_memory_bytes", 11);
  expect("process_open_fds", 13);
  expect("process_start_time_seconds", 1795318877);
}

TEST_CASE("a histogram's buckets grow to its count") {
  const Scraped scraped(admin::render_metrics(made_report()));
  double before = 0;
  for (const char* bound : {"0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
                            "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"}) {
    const auto found =
        scraped.samples.find("uringd_http_request_duration_seconds_bucket{le=\"" + std::string(bound) + "\"}");
    REQUIRE(found != scraped.samples.end());
    CHECK(found->second >= before);
    before = found->second;
  }
  CHECK(before == scraped.samples.at("uringd_http_request_duration_seconds_count"));
}

TEST_CASE("the dashboard is JSON, and asks for metrics that there are") {
  std::ifstream file(URINGD_DASHBOARD);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto dashboard = NaiveJson::parse(text);
  REQUIRE(dashboard);
  CHECK((*dashboard)["title"].text == "uringd");
  const Scraped scraped(admin::render_metrics(made_report()));
  const std::set<std::string> asked = expressions(*dashboard);
  CHECK(asked.size() >= 15);
  for (const std::string& expression : asked) {
    CAPTURE(expression);
    const std::set<std::string> metrics = metrics_in(expression);
    CHECK(!metrics.empty());
    for (const std::string& name : metrics) {
      CAPTURE(name);
      CHECK(scraped.names.contains(name));
    }
  }
}
