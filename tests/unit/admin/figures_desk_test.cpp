// Who gets which text when: one for all who ask in a turn, one event a second for all who listen. The workers are
// sources that nobody has begun; the time is the test's.
#include "figures_desk.hpp"

#include "asked.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

using namespace uringd;
using namespace uringd::admin;
using testing::One;

namespace {

/// Clients: some are slow, some leave.
struct Clients final : server::Replies {
  bool answer(const server::Ticket&, const server::Answer&) override { return false; }
  Pushed push(const server::Ticket& ticket, std::span<const char> bytes, std::shared_ptr<const void> owner) override {
    CHECK(owner);
    if (gone.contains(ticket.request)) return Pushed::gone;
    if (slow.contains(ticket.request)) return Pushed::busy;
    heard[ticket.request].push_back(bytes.data());
    texts.emplace_back(bytes.begin(), bytes.end());
    return Pushed::taken;
  }
  void end(const server::Ticket&) override {}

  std::set<uint64_t> gone, slow;
  std::map<uint64_t, std::vector<const char*>> heard;  // where each event lay
  std::vector<std::string> texts;
};

struct World {
  World() { desk.attach(clients); }
  server::Handling ask(Endpoint endpoint, uint64_t number = 0, uint64_t now_ms = 0, const std::string& method = "GET") {
    const One one("/stats", "", method);
    const server::Asked asked{one.request(), peer, {.request = number}, now_ms};
    return desk.answer(asked, {.endpoint = endpoint});
  }
  std::string text(Endpoint endpoint) {
    const auto answer = std::get<server::Answer>(ask(endpoint));
    CHECK(answer.status == 200);
    return {answer.body.begin(), answer.body.end()};
  }
  void listen(uint64_t number, uint64_t now_ms, const std::string& method = "GET") {
    CHECK(std::holds_alternative<server::Endless>(ask(Endpoint::stream, number, now_ms, method)));
  }
  [[nodiscard]] size_t heard(uint64_t number) { return clients.heard[number].size(); }

  std::shared_ptr<server::FiguresSource> source = std::make_shared<server::FiguresSource>();
  Clients clients;
  FiguresDesk desk{{source, source}, {.version = "7", .config_text = "port = 1\n"}};
  IpAddress peer;
};

}  // namespace

TEST_CASE("a text is rendered once in a turn, and anew in the next") {
  World world;
  const auto first = std::get<server::Answer>(world.ask(Endpoint::stats));
  const auto second = std::get<server::Answer>(world.ask(Endpoint::stats));
  CHECK(first.content_type == "application/json");
  CHECK(first.body.data() == second.body.data());
  CHECK(std::get<server::Answer>(world.ask(Endpoint::metrics)).content_type.starts_with("text/plain; version=0.0.4"));
  world.desk.on_turn(0);
  const auto third = std::get<server::Answer>(world.ask(Endpoint::stats));
  CHECK(first.body.data() != third.body.data());  // which `first` still holds
  CHECK(world.desk.next_ms() == server::Handler::never_ms);
}

TEST_CASE("what the daemon tells is in the texts") {
  World world;
  CHECK(world.text(Endpoint::stats).contains("\"workers\":2,"));
  CHECK(world.text(Endpoint::stats).contains("port = 1"));
  world.desk.on_turn(0);
  world.desk.tell({.version = "8", .config_text = "port = 2\n", .reloads = 5, .last_reload_successful = false});
  world.desk.tell(true, 304);
  const std::string stats = world.text(Endpoint::stats);
  CHECK(stats.contains("port = 2"));
  CHECK(stats.contains("\"reloads\":5,\"last_reload_successful\":false"));
  CHECK(stats.contains("\"draining\""));
  CHECK(stats.contains("\"overlay\":304,"));
  CHECK(world.text(Endpoint::metrics).contains("uringd_config_last_reload_successful 0\n"));
  CHECK(world.text(Endpoint::metrics).contains("uringd_build_info{version=\"8\"} 1\n"));
}

TEST_CASE("who listens hears at once and then each second; all hear the same bytes") {
  World world;
  world.listen(1, 5000);
  CHECK(world.desk.next_ms() == 5000);
  world.desk.on_turn(5000);
  CHECK(world.heard(1) == 1);
  CHECK(world.clients.texts.back().contains("\"interval_s\":0,"));
  CHECK(world.desk.next_ms() == 6000);
  world.listen(2, 5400);
  world.desk.on_turn(5400);
  CHECK(world.heard(2) == 1);
  CHECK(world.heard(1) == 1);
  world.desk.on_turn(5999);
  world.desk.on_turn(6010);
  CHECK(world.heard(1) == 2);
  CHECK(world.heard(2) == 2);
  CHECK(world.clients.heard[1] == world.clients.heard[2]);
  CHECK(!world.clients.texts.back().contains("\"interval_s\":0,"));
  CHECK(world.desk.next_ms() == 7000);  // late once is not late for ever
  world.desk.on_turn(9500);
  CHECK(world.heard(1) == 3);
  CHECK(world.desk.next_ms() == 10500);  // and what was missed is not made up for
}

TEST_CASE("a slow client gets the newest event when it can, one that left is forgotten, and HEAD never listens") {
  World world;
  world.listen(1, 0);
  world.listen(2, 0);
  world.listen(3, 0, "HEAD");
  world.clients.slow = {1};
  for (const uint64_t now_ms : {0, 1000, 2000}) world.desk.on_turn(now_ms);
  CHECK(world.heard(1) == 0);
  CHECK(world.heard(2) == 3);
  CHECK(world.heard(3) == 0);
  world.clients.slow = {};
  world.desk.on_turn(2100);
  CHECK(world.heard(1) == 1);
  CHECK(world.clients.heard[1].back() == world.clients.heard[2].back());
  world.clients.gone = {1, 2};
  world.desk.on_turn(3000);
  CHECK(world.desk.next_ms() == server::Handler::never_ms);
  world.clients.gone = {};
  world.listen(4, 3500);  // the first again: no window but an empty one
  world.desk.on_turn(3500);
  CHECK(world.heard(4) == 1);
  CHECK(world.clients.texts.back().contains("\"interval_s\":0,"));
}

TEST_CASE("at most 64 listen, so that streams take up no connections that health needs") {
  World world;
  for (uint64_t number = 1; number <= 64; ++number) world.listen(number, 0);
  const auto refused = std::get<server::Answer>(world.ask(Endpoint::stream, 65));
  CHECK(refused.status == 503);
  CHECK(std::string(refused.body.begin(), refused.body.end()).contains("\"hint\":"));
  world.listen(66, 0, "HEAD");
  world.clients.gone = {7};
  world.desk.on_turn(0);
  world.listen(67, 500);
}
