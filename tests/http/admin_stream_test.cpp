// /stats/stream: one event a second for each who listens, from the first moment to the server's last; and a client that
// does not read (contract.md, Admin interface).
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <optional>
#include <vector>

#include "../unit/admin/naive_json.hpp"
#include "admin_client.hpp"
#include "daemon.hpp"

using namespace uringd::testing;

namespace {

using Clock = std::chrono::steady_clock;

struct Tree : AdminPlace {
  Tree() { site.file("a.txt", "a\n"); }
};

/// One who listens.
class Listener {
 public:
  explicit Listener(Client client) : client_(std::move(client)) {
    client_.send(admin_request("GET", "/stats/stream"));
    const Response head = client_.read_head();
    CHECK(head.status == 200);
    CHECK(head.field("Content-Type") == "text/event-stream");
    CHECK(head.field("Cache-Control") == "no-store");
    CHECK(!head.has("Content-Length"));
    CHECK(head.connection_says("close"));
  }
  /// The next event, or nothing: the stream is at its end, and not in the midst of an event.
  std::optional<JsonValue> next() {
    while (!text_.contains("\n\n")) {
      const std::string some = client_.read_some(65536);
      if (some.empty()) {
        CHECK(client_.ending() == Ending::closed);
        CHECK(text_ == "");
        return {};
      }
      text_ += some;
    }
    const size_t end = text_.find("\n\n");
    REQUIRE(text_.starts_with("data: "));
    const std::string line = text_.substr(6, end - 6);
    text_.erase(0, end + 2);
    CHECK(!line.contains('\n'));
    auto value = NaiveJson::parse(line);
    REQUIRE_MESSAGE(value, line);
    return value;
  }

 private:
  Client client_;
  std::string text_;
};

double since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

}  // namespace

TEST_CASE_FIXTURE(Tree, "the first event comes at once, the next each a second later, with what that second brought") {
  Server server(site, {.server = "workers = 2", .more = table()});
  const auto begun = Clock::now();
  Listener listener(connect());
  const auto first = listener.next();
  REQUIRE(first);
  CHECK(since(begun) < 0.9);
  CHECK((*first)["window"]["interval_s"].number == 0);
  CHECK((*first)["window"]["latency"]["request"]["count"].number == 0);
  CHECK((*first)["config"].kind == JsonValue::Kind::null);
  CHECK((*first)["per_worker"].list.size() == 2);
  const std::string started = (*first)["started"].text;
  double uptime_s = (*first)["uptime_s"].number, requests = 0;
  for (int second = 1; second <= 3; ++second) {
    for (int count = 0; count < 5; ++count) CHECK(server.get("/a.txt").status == 200);
    const auto event = listener.next();
    REQUIRE(event);
    CHECK((*event)["started"].text == started);
    const double passed_s = (*event)["uptime_s"].number - uptime_s;
    CHECK(passed_s > 0.5);
    CHECK((*event)["window"]["interval_s"].number == doctest::Approx(passed_s).epsilon(0.001));
    CHECK((*event)["window"]["latency"]["request"]["count"].number ==
          (*event)["total"]["latency"]["request"]["count"].number - requests);
    uptime_s = (*event)["uptime_s"].number;
    requests = (*event)["total"]["latency"]["request"]["count"].number;
  }
  CHECK(requests == 15);
  CHECK(since(begun) > 2.7);
}

TEST_CASE_FIXTURE(Tree, "all who listen hear the same, and the others are answered meanwhile") {
  Server server(site, {.more = table()});
  std::vector<Listener> listeners;
  for (int count = 0; count < 30; ++count) listeners.emplace_back(connect());
  for (Listener& listener : listeners) CHECK(listener.next());
  const auto second = listeners.front().next();
  REQUIRE(second);
  CHECK(get("/healthz").status == 200);
  for (size_t other = 1; other < listeners.size(); ++other) {
    auto event = listeners[other].next();
    while (event && (*event)["uptime_s"].number < (*second)["uptime_s"].number) event = listeners[other].next();
    REQUIRE(event);
    CHECK((*event)["uptime_s"].number == (*second)["uptime_s"].number);
  }
}

TEST_CASE_FIXTURE(Tree, "the stream goes on while the server leaves and drains, and ends behind a whole event") {
  Server server(site, {.server = "shutdown_delay = \"1500ms\"", .more = table()});
  Listener listener(connect());
  const auto first = listener.next();
  REQUIRE(first);
  CHECK((*first)["state"].text == "serving");
  // A request that is half there keeps its worker from ending.
  Client held = server.connect();
  held.send("GET /a.txt HTTP/1.1\r\nHost: x\r\n");
  server.signal(SIGTERM);
  int draining = 0, waits = 0;
  for (auto event = listener.next(); event; event = listener.next()) {
    if ((*event)["state"].text == "draining") ++draining;
    waits += (*event)["total"]["connections"]["reading"].number == 1 ? 1 : 0;
    if (draining == 3) held.send("\r\n");
  }
  CHECK(draining >= 3);
  CHECK(waits >= 1);
  CHECK(held.read_response().status == 200);
  CHECK(server.wait_for_exit() == 0);
}

// A unix socket holds 208 KiB for who does not read, so many workers' figures fill it in some ten seconds.
TEST_CASE_FIXTURE(Tree, "who listens and does not read is dropped after send_timeout, and nothing of them is held") {
  const std::string path = site.outside("admin.sock");
  Daemon daemon(site, {.server = "workers = 16", .limits = "send_timeout = \"1s\"", .more = table("", "unix:" + path)});
  const size_t before = daemon.direct_slots();
  Client deaf = Client::unix_socket(path);
  deaf.send(admin_request("GET", "/stats/stream"));
  Listener other(Client::unix_socket(path));
  CHECK(other.next());
  CHECK(deaf.hung_up_within(kPatience));
  CHECK(other.next());  // who reads goes on
  CHECK(wait_until([&] { return daemon.direct_slots() == before + 1; }));
  CHECK(Client::unix_socket(path).ask(admin_request("GET", "/readyz")).status == 200);
}
