// A hundred reloads under load: no request fails, no connection is lost, every answer is one configuration's as a
// whole, and nothing of the old ones stays behind.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <thread>

#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "rule_rows.hpp"

using namespace uringd::testing;

namespace {

// Two configurations that differ in every part that an answer shows. The cached and the streamed file are of two roots.
struct Pair {
  Pair() {
    for (const char* name : {"A", "B"}) {
      site.outside_file(std::string(name) + "/page.foo", std::string(300, name[0]));
      site.outside_file(std::string(name) + "/big.foo", std::string(200000, name[0]));
      site.outside_file(std::string(name) + "/404.html", std::string("missing in ") + name);
      site.outside_file(std::string(name) + ".map", std::string("key /of-") + name + "\n");
    }
    // Of both: a tree that never changes.
    site.outside_file("shared/page.foo", "shared");
  }
  [[nodiscard]] Setup of(char name) const {
    const std::string text(1, name);
    return {.server = "workers = 2\ndrain_timeout = \"" + std::to_string(name - 'A' + 20) + "s\"",
            .limits = "header_timeout = \"" + std::to_string(name - 'A' + 10) + "s\"",
            .types = "\".foo\" = \"text/x-" + text + "\"",
            .site = "error_pages = { 404 = \"/404.html\" }\ncache_control = \"config=" + text + "\"",
            .headers = "[[site.headers]]\nmatch = \"/**\"\nset = { \"X-Config\" = \"" + text + "\" }\n" +
                       rewrite("^/go/(.*)$", "${m:$1|/none}", 302),
            .root = site.outside(text),
            .more = map_table("m", text + ".map") + site_table("shared.example", site.outside("shared"))};
  }
  Site site;
};

const std::vector<std::string> kRequests = {get_request("/page.foo"),
                                            get_request("/big.foo"),
                                            get_request("/missing"),
                                            get_request("/go/key"),
                                            host_request("shared.example", "/page.foo"),
                                            request("HEAD", "/page.foo")};

bool of_one_configuration(const Response& r, std::size_t which) {
  const auto is = [&](char name) {
    const std::string text(1, name);
    switch (which) {
      case 0:
        return r.status == 200 && r.body == std::string(300, name) && r.field("X-Config") == text &&
               r.field("Cache-Control") == "config=" + text && r.field("Content-Type").starts_with("text/x-" + text);
      case 1: return r.status == 200 && r.body == std::string(200000, name) && r.field("X-Config") == text;
      case 2: return r.status == 404 && r.body == "missing in " + text;
      case 3: return r.status == 302 && r.field("Location") == "/of-" + text;
      case 4: return r.status == 200 && r.body == "shared" && r.field("Content-Type").starts_with("text/x-" + text);
      default:
        return r.status == 200 && r.field("X-Config") == text && r.content_length() == 300 &&
               r.field("Content-Type").starts_with("text/x-" + text);
    }
  };
  return is('A') || is('B');
}

struct Sample {
  std::uint64_t resident_kib;
  std::size_t descriptors;
  std::size_t threads;
};

// Of a reload that is done with: the old snapshot goes when nothing of it is under way any more.
Sample settled(const Daemon& daemon) {
  std::this_thread::sleep_for(Milliseconds{300});
  return {daemon.resident_kib(), daemon.descriptors(), daemon.threads().size()};
}

}  // namespace

TEST_CASE_FIXTURE(Pair, "100 reloads under load: zero failed requests, zero closed connections, nothing grows") {
  Daemon daemon(site, of('A'));
  Load load(daemon.port(), {.connections = 16, .requests = kRequests, .right = of_one_configuration});
  Sample early{};
  for (int i = 1; i <= 100; ++i) {
    daemon.reload(of(i % 2 ? 'B' : 'A'));
    REQUIRE(daemon.reloaded());
    CHECK(load.more_answers(64));
    if (i == 20) early = settled(daemon);
  }
  const Sample late = settled(daemon);
  load.stop();
  MESSAGE(load.figures() << "; VmRSS " << early.resident_kib << " -> " << late.resident_kib << " KiB, descriptors "
                         << early.descriptors << " -> " << late.descriptors);
  CHECK(load.wrong() == 0);
  CHECK(load.cut() == 0);
  CHECK(load.refused() == 0);
  CHECK(load.renewed() == 0);  // no connection was ended by a reload
  CHECK(load.answers() > 5000);
  CHECK(late.descriptors <= early.descriptors + 2);
  CHECK(late.threads <= early.threads);
  if (!sanitized()) CHECK(late.resident_kib < early.resident_kib + 3 * 1024);
  // And the one in force is the last one.
  CHECK(daemon.get("/page.foo").field("X-Config") == "A");
}

TEST_CASE_FIXTURE(Pair, "reloads as fast as signals come, under load: every answer is still one configuration's") {
  Daemon daemon(site, of('A'));
  Load load(daemon.port(), {.connections = 16, .requests = kRequests, .right = of_one_configuration});
  for (int i = 0; i < 400; ++i) {
    daemon.configure(of(i % 2 ? 'A' : 'B'));
    daemon.signal(SIGHUP);
    std::this_thread::sleep_for(Milliseconds{i % 3});
  }
  Client client = daemon.connect();
  CHECK(until_answer(client, get_request("/page.foo"), [](const Response& r) { return r.field("X-Config") == "A"; }) <
        kPatience);
  CHECK(load.more_answers(200));
  load.stop();
  INFO(load.figures());
  CHECK(load.failures() == 0);
  CHECK(load.renewed() == 0);
}

TEST_CASE_FIXTURE(Pair, "from the first answer of the new configuration on no connection gets the old one") {
  Daemon daemon(site, of('A'));
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(daemon.connect());
  for (int round = 0; round < 20; ++round) {
    const char next = round % 2 ? 'A' : 'B';
    daemon.reload(of(next));
    REQUIRE(daemon.reloaded());  // said when every worker has it
    for (Client& client : clients) CHECK(client.get("/page.foo").field("X-Config") == std::string(1, next));
  }
}

TEST_CASE_FIXTURE(Pair, "a worker that is busy for a while delays nobody else's reload, and is told too") {
  Daemon daemon(site, of('A'));
  // Deep pipelines keep both workers at work while configurations change.
  std::vector<Client> clients;
  std::string pipeline;
  for (int i = 0; i < 500; ++i) pipeline += kRequests[static_cast<std::size_t>(i) % 4];
  for (int i = 0; i < 4; ++i) clients.push_back(daemon.connect());
  int answers = 0;
  int right = 0;
  for (int round = 0; round < 6; ++round) {
    for (Client& client : clients) client.send(pipeline);
    daemon.configure(of(round % 2 ? 'A' : 'B'));
    daemon.signal(SIGHUP);
    for (Client& client : clients) {
      for (std::size_t i = 0; i < 500; ++i) {
        const Response response = client.read_response();
        ++answers;
        right += of_one_configuration(response, i % 4);
      }
    }
  }
  CHECK(answers == 12000);
  CHECK(right == 12000);
}
