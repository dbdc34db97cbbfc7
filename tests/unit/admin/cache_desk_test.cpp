// Who waits for which listing, across reloads and drops. The worker is a mailbox that the test empties; what it would
// have written down does not matter here.
#include "cache_desk.hpp"

#include <cstdlib>
#include <filesystem>
#include <map>

#include "asked.hpp"
#include "uringd/config/load.hpp"

#include <doctest/doctest.h>

using namespace uringd;
using namespace uringd::admin;
using testing::One;

namespace {

struct NoSteering final : Steering {
  void want_reload() override {}
  void dispose(std::shared_ptr<const void>) override {}
  bool encode(const server::Overlay&, http::Coding, cache::Effort, OnEncoded) override { return false; }
};

struct Heard final : server::Replies {
  bool answer(const server::Ticket& ticket, const server::Answer& answer) override {
    CHECK(!answers.contains(ticket.request));
    answers[ticket.request] = std::to_string(answer.status) + " " + std::string(answer.body.begin(), answer.body.end());
    return true;
  }
  Pushed push(const server::Ticket&, std::span<const char>, std::shared_ptr<const void>) override {
    return Pushed::gone;
  }
  void end(const server::Ticket&) override {}
  std::map<uint64_t, std::string> answers;
};

constexpr std::string_view site_a = "[[site]]\nhosts = ['a.example']\nroot = '.'\n";
constexpr std::string_view site_b = "[[site]]\nhosts = ['b.example']\nroot = '.'\n";

struct World {
  World() {
    REQUIRE(mkdtemp(root.data()));
    reload({site_a, site_b});
    desk.attach(heard);
  }
  ~World() { std::filesystem::remove_all(root); }

  void reload(std::initializer_list<std::string_view> sites_of_it) {
    std::string text;
    for (const std::string_view site : sites_of_it) text += site;
    const auto loaded = config::load_text(text, root + "/config.toml");
    REQUIRE(loaded);
    std::vector<config::Problem> warnings;
    const auto next = server::Snapshot::build(loaded->config, 1, warnings, sites, snapshot.get());
    REQUIRE(next);
    snapshot = *next;
    desk.use(snapshot);
  }
  server::Handling list(uint64_t number, std::string_view query = "") {
    const One one("/cache");
    return desk.list({one.request(), peer, {.request = number}, 0}, {.endpoint = Endpoint::entries, .query = query});
  }
  void drop(uint64_t number) {
    const One one("/cache/a", "", "DELETE");
    const server::Asked asked{one.request(), peer, {.request = number}, 0};
    CHECK(std::holds_alternative<server::Later>(desk.drop(asked, {.endpoint = Endpoint::entry, .path = "/a"})));
  }
  using Errands = std::vector<std::shared_ptr<server::Errand>>;
  void send_home(Errands errands) {
    for (auto& errand : errands) {
      server::Errand& one = *errand;
      one.go_home(std::move(errand));
    }
    calls.carry_out();
  }
  [[nodiscard]] bool answered(uint64_t number, std::string_view part) const {
    const auto found = heard.answers.find(number);
    return found != heard.answers.end() && found->second.contains(part);
  }

  std::string root = (std::filesystem::temp_directory_path() / "desk-XXXXXX").string();
  std::shared_ptr<disk::Sites> sites = std::make_shared<disk::Sites>();
  std::shared_ptr<const server::Snapshot> snapshot;
  server::Mailbox own, worker;
  Calls calls{own};
  std::vector<server::Mailbox*> workers{&worker};
  log::Logger logger{log::Level::error, 2};
  NoSteering steering;
  Heard heard;
  CacheDesk desk{steering, calls, workers, logger};
  IpAddress peer;
};

}  // namespace

TEST_CASE("who waits for a site that a reload takes away hears 404, and no round follows for it") {
  World world;
  static_cast<void>(world.list(1, "site=a.example"));
  static_cast<void>(world.list(2, "site=b.example"));
  world.reload({site_a});
  CHECK(world.answered(2, "404 "));
  world.send_home(world.worker.take_errands());  // of the configuration before
  CHECK(!world.heard.answers.contains(1));
  world.send_home(world.worker.take_errands());
  CHECK(world.answered(1, "200 {\"site\":\"a.example\""));
  CHECK(world.worker.take_errands().empty());
}

TEST_CASE("who waits gets its own site, wherever a reload puts that") {
  World world;
  static_cast<void>(world.list(1, "site=b.example"));
  world.reload({site_b, site_a});
  world.send_home(world.worker.take_errands());
  world.send_home(world.worker.take_errands());
  CHECK(world.answered(1, "200 {\"site\":\"b.example\""));
  CHECK(world.worker.take_errands().empty());
}

TEST_CASE("drops without a pause hold up only who asked after one of them") {
  World world;
  static_cast<void>(world.list(1));
  auto first = world.worker.take_errands();
  world.drop(2);
  static_cast<void>(world.list(3));
  world.send_home(world.worker.take_errands());
  CHECK(world.answered(2, "200 {\"dropped\":0}"));
  static_cast<void>(world.list(4));
  world.send_home(std::move(first));
  CHECK(world.answered(1, "200 "));
  CHECK(world.answered(3, "200 "));
  CHECK(!world.heard.answers.contains(4));
  world.send_home(world.worker.take_errands());
  CHECK(world.answered(4, "200 "));
  CHECK(world.worker.take_errands().empty());
}

TEST_CASE("at most 128 wait for a listing") {
  World world;
  for (uint64_t number = 1; number <= 128; ++number) {
    CHECK(std::holds_alternative<server::Later>(world.list(number)));
  }
  CHECK(std::get<server::Answer>(world.list(129)).status == 503);
  world.send_home(world.worker.take_errands());
  CHECK(world.heard.answers.size() == 128);
}
