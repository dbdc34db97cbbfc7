// /metrics and /stats on their socket: what is counted balances while clients come and go, is what they were answered
// once they have gone, and tells nobody a secret (contract.md, Admin interface).
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "../unit/admin/naive_json.hpp"
#include "admin_client.hpp"
#include "daemon.hpp"
#include "load.hpp"

using namespace uringd::testing;

namespace {

struct Tree : AdminPlace {
  Tree() {
    site.file("a.txt", "a\n");
    site.file("b.css", std::string(3000, 'b'));
    site.file("large.bin", std::string(300'000, 'l'));
  }
  [[nodiscard]] JsonValue stats() const {
    const Response response = get("/stats");
    CHECK(response.field("Content-Type") == "application/json");
    const auto value = NaiveJson::parse(response.body);
    REQUIRE_MESSAGE(value, response.body);
    return *value;
  }
  /// Of a line of /metrics; -1: there is none.
  [[nodiscard]] double metric(const std::string& name) const {
    const std::string text = "\n" + get("/metrics").body;
    const size_t at = text.find("\n" + name + " ");
    return at == text.npos ? -1 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
  }
};

double sum(const JsonValue& object) {
  double total = 0;
  for (const auto& [name, value] : object.members) total += value.number;
  return total;
}

/// Whatever goes on meanwhile.
void check_balance(const JsonValue& figures) {
  CHECK(figures["requests"].number == sum(figures["by_code"]));
  CHECK(figures["requests"].number == sum(figures["by_method"]));
  const JsonValue& connections = figures["connections"];
  CHECK(connections["open"].number == figures["accepted"].number - figures["closed"].number);
  CHECK(2 * connections["open"].number == sum(connections));
}

void check_sums(const JsonValue& stats) {
  for (const char* name : {"requests", "response_bytes", "accepted", "closed", "refused", "timeouts", "aborted"}) {
    INFO(name);
    double total = 0;
    for (const JsonValue& worker : stats["per_worker"].list) total += worker[name].number;
    CHECK(stats["total"][name].number == total);
  }
  for (const auto& [group, name] : {std::pair{"cache", "hits"}, {"cache", "capacity_bytes"}, {"disk", "queue_size"}}) {
    double total = 0;
    for (const JsonValue& worker : stats["per_worker"].list) total += worker[group][name].number;
    CHECK(stats["total"][group][name].number == total);
  }
}

/// URINGD_PROMTOOL, or the one on the path; "" where there is none.
std::string promtool() {
  if (const char* named = std::getenv("URINGD_PROMTOOL")) return named;
  return std::system("promtool --version >/dev/null 2>&1") == 0 ? "promtool" : "";
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "counters balance under load, and afterwards are what clients were answered") {
  Server server(site, {.server = "workers = 2", .more = table()});
  std::uint64_t answered = 0;
  {
    Load load(server.port(), {.connections = 12,
                              .requests = {get_request("/a.txt"), get_request("/missing"), get_request("/large.bin"),
                                           get_request("/b.css", "Accept-Encoding: gzip\r\n"),
                                           request("POST", "/a.txt", "Content-Length: 0\r\n"),
                                           get_request("/a.txt", "Connection: close\r\n")},
                              .right = [](const Response&, std::size_t) { return true; },
                              .pause = Milliseconds{1}});
    for (int look = 0; look < 40; ++look) {
      const JsonValue now = stats();
      check_balance(now["total"]);
      check_sums(now);
      for (const JsonValue& worker : now["per_worker"].list) check_balance(worker);
      CHECK(load.more_answers(20));
    }
    load.stop();
    INFO(load.trouble());
    CHECK(load.failures() == 0);
    answered = load.answers();
  }
  JsonValue last;
  CHECK(wait_until([&] {
    last = stats();
    return last["total"]["connections"]["open"].number == 0 && last["total"]["requests"].number >= double(answered);
  }));
  const JsonValue& total = last["total"];
  CHECK(total["requests"].number == double(answered));
  check_balance(total);
  CHECK(total["by_code"].names() == std::vector<std::string>{"200", "404", "405"});
  CHECK(total["by_method"].names() == std::vector<std::string>{"GET", "POST"});
  CHECK(total["by_method"]["POST"].number == total["by_code"]["405"].number);
  CHECK(total["latency"]["request"]["count"].number == double(answered));
  CHECK(total["accepted"].number == total["closed"].number);
  const JsonValue& cache = total["cache"];
  CHECK(cache["hits"].number + cache["stale"].number + sum(cache["misses"]) <= double(answered));
  CHECK(cache["hits"].number > 0);
  CHECK(metric("uringd_http_requests_total{method=\"POST\",code=\"405\"}") == total["by_code"]["405"].number);
  CHECK(metric("uringd_http_requests_total{method=\"GET\",code=\"404\"}") == total["by_code"]["404"].number);
  CHECK(metric("uringd_connections_accepted_total") == total["accepted"].number);
}

TEST_CASE_FIXTURE(Tree, "/metrics is the text that Prometheus reads; promtool has nothing to say about it") {
  Server server(site, {.server = "workers = 2", .more = table()});
  CHECK(server.get("/a.txt").status == 200);
  const Response response = get("/metrics");
  CHECK(response.status == 200);
  CHECK(response.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(response.field("Cache-Control") == "no-store");
  CHECK(metric("uringd_build_info{version=\"0.1.0\"}") == 1);
  CHECK(metric("uringd_workers") == 2);
  CHECK(metric("process_resident_memory_bytes") > 1e6);
  CHECK(metric("process_open_fds") > 3);
  CHECK(metric("process_cpu_seconds_total") > 0);
  CHECK(metric("process_start_time_seconds") > 1.7e9);
  const Response head = ask("HEAD", "/metrics");
  CHECK(head.status == 200);
  CHECK(head.content_length() > 1000);
  const std::string tool = promtool();
  if (tool.empty()) {
    MESSAGE("no promtool here: not asked");
    return;
  }
  FILE* check = popen((tool + " check metrics 2>&1").c_str(), "w");
  REQUIRE(check);
  std::fwrite(response.body.data(), 1, response.body.size(), check);
  CHECK(pclose(check) == 0);
}

TEST_CASE_FIXTURE(Tree, "/stats tells since when the process runs and what configuration is in force, but no token") {
  Server server(site, {.server = "workers = 2", .limits = "header_timeout = \"7s\"", .more = table()});
  const JsonValue first = stats();
  CHECK(first["workers"].number == 2);
  CHECK(first["per_worker"].list.size() == 2);
  CHECK(first["state"].text == "serving");
  CHECK(first["process"]["open_files"].number > 3);
  CHECK(first["config"]["file"].text.ends_with(".toml"));
  CHECK(first["config"]["text"].text.contains("header_timeout = \"7s\""));
  CHECK(first["config"]["text"].text.contains("token_file = \""));
  std::this_thread::sleep_for(Milliseconds{20});
  const JsonValue second = stats();
  CHECK(second["started"].text == first["started"].text);
  CHECK(second["uptime_s"].number >= first["uptime_s"].number + 0.02);
  CHECK(second["uptime_s"].number < first["uptime_s"].number + 30);
  for (const char* target : {"/stats", "/metrics"}) CHECK(!get(target, kBearer).body.contains("open-sesame"));
}

TEST_CASE_FIXTURE(Tree, "a reload is counted, good or bad, and what is told is what is in force") {
  Daemon daemon(site, {.limits = "header_timeout = \"7s\"", .more = table()});
  CHECK(stats()["config"]["reloads"].number == 0);
  const double loaded = metric("uringd_config_last_reload_success_timestamp_seconds");
  daemon.configure({.limits = "header_timeout = \"soon\"", .more = table()});
  CHECK(ask("POST", "/reload", kBearer).status == 422);
  JsonValue config = stats()["config"];
  CHECK(config["reloads"].number == 1);
  CHECK(config["last_reload_successful"].number == 0);
  CHECK(config["text"].text.contains("header_timeout = \"7s\""));
  CHECK(metric("uringd_config_last_reload_successful") == 0);
  CHECK(metric("uringd_config_last_reload_success_timestamp_seconds") == loaded);
  daemon.reload({.limits = "header_timeout = \"8s\"", .more = table()});
  config = stats()["config"];
  CHECK(config["reloads"].number == 2);
  CHECK(config["last_reload_successful"].number == 1);
  CHECK(config["text"].text.contains("header_timeout = \"8s\""));
  CHECK(metric("uringd_config_last_reload_successful") == 1);
  CHECK(metric("uringd_config_last_reload_success_timestamp_seconds") > loaded);
}

TEST_CASE_FIXTURE(Tree, "figures are for whoever may read, under a name of this machine, by GET") {
  Server server(site, {.more = table("read = \"token\"\n")});
  for (const char* target : {"/metrics", "/stats", "/stats/stream"}) {
    INFO(target);
    const Response refused = get(target);
    CHECK(refused.status == 401);
    CHECK(refused.field("WWW-Authenticate").starts_with("Bearer"));
    CHECK(is_error(refused));
    CHECK(ask("HEAD", target, kBearer).status == 200);
    CHECK(ask("POST", target, kBearer).status == 405);
    CHECK(ask("GET", target, kBearer, "evil.example").status == 403);
    CHECK(get(target + std::string("/"), kBearer).status == 404);
  }
  CHECK(get("/metrics", kBearer).status == 200);
  CHECK(get("/stats", kBearer).status == 200);
}
