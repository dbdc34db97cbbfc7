// Deploys: root, a component of it, or a link inside it is a symlink that is switched to another tree. From the first
// answer out of the new tree on no request that is sent later gets the old one, on any worker and any connection. Each
// release's files are made of one byte, its number, so that a mixture shows.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "hot_client.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

// Seen "within 100 ms"; the rest is the machine's, which has two cores and other tests beside us.
constexpr Milliseconds kSeen{sanitized() ? 1500 : 800};  // tests run side by side: seen 596 once

const std::vector<std::string> kTargets = {"/a.txt", "/css/site.css", "/deep/er/page.html", "/large.bin"};

std::size_t size_of(std::size_t target, int release) {
  const std::size_t sizes[] = {10, 4000, 30000, 150000};  // the last is streamed
  return sizes[target] + static_cast<std::size_t>(release);
}

// <base>/releases/<number>/, below which `inner` ("" or "/public") is what is served.
void make_release(const Site& site, int number, const std::string& inner = "") {
  for (std::size_t i = 0; i < kTargets.size(); ++i) {
    site.outside_file("releases/" + std::to_string(number) + inner + kTargets[i],
                      std::string(size_of(i, number), static_cast<char>(number)));
  }
}

// As `ln -sfn` should do it: a new link renamed over the old one.
void point(const std::string& link, const std::string& target) {
  const std::string fresh = link + ".next";
  REQUIRE(::symlink(target.c_str(), fresh.c_str()) == 0);
  REQUIRE(::rename(fresh.c_str(), link.c_str()) == 0);
}

void switch_to(const Site& site, int number) { point(site.outside("current"), "releases/" + std::to_string(number)); }

// The release that an answer is of; 0 where its bytes are not those of one release.
int release_of(const Response& response, std::size_t target) {
  if (response.status != 200 || response.body.empty()) return 0;
  const int number = static_cast<unsigned char>(response.body[0]);
  const bool whole = response.body == std::string(size_of(target, number), static_cast<char>(number));
  return whole ? number : 0;
}

// Clients that ask without a pause and hold every answer against the newest release that any of them has seen before
// the request was sent.
class Load {
 public:
  Load(const Server& server, int clients) {
    for (int i = 0; i < clients; ++i) threads_.emplace_back([this, &server, i] { run(server, i); });
  }
  ~Load() { stop(); }
  void stop() {
    done_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] int newest() const { return newest_; }
  [[nodiscard]] int answers() const { return answers_; }
  [[nodiscard]] int went_back() const { return went_back_; }
  [[nodiscard]] int not_one_release() const { return not_one_release_; }
  [[nodiscard]] int broken() const { return broken_; }

 private:
  void run(const Server& server, int index) try {
    Client client = server.connect();
    for (std::size_t at = static_cast<std::size_t>(index); !done_; ++at) {
      const std::size_t target = at % kTargets.size();
      const int before = newest_;
      if (!client.connected() || !client.send(get_request(kTargets[target]))) {
        client = server.connect();
        continue;
      }
      const Response response = client.read_response_or_end();
      if (response.status == 200 && !response.complete) {  // a download cut by the deploy's removal may break
        ++broken_;
        client = server.connect();
        continue;
      }
      const int release = release_of(response, target);
      ++answers_;
      not_one_release_ += release == 0;
      went_back_ += release != 0 && release < before;
      for (int known = newest_; known < release && !newest_.compare_exchange_weak(known, release);) {
      }
    }
  } catch (...) {
    ++not_one_release_;
  }

  std::atomic<bool> done_{false};
  std::atomic<int> newest_{0};
  std::atomic<int> answers_{0};
  std::atomic<int> went_back_{0};
  std::atomic<int> not_one_release_{0};
  std::atomic<int> broken_{0};
  std::vector<std::thread> threads_;
};

// Switches `count` times under load; how long each took to be seen.
std::vector<int> switch_under_load(const Site& site, Load& load, int count, Milliseconds patience) {
  std::vector<int> times;
  for (int number = 2; number <= count + 1; ++number) {
    const Clock::time_point start = Clock::now();
    switch_to(site, number);
    const bool seen = wait_until([&] { return load.newest() >= number; }, patience);
    REQUIRE(seen);
    times.push_back(static_cast<int>(milliseconds_since(start)));
    std::this_thread::sleep_for(Milliseconds{number % 5 * 7});
  }
  std::sort(times.begin(), times.end());
  return times;
}
}  // namespace

TEST_CASE("fifty switches under load: no answer goes back behind a release that anybody has seen, none is mixed") {
  Site site;
  for (int number = 1; number <= 51; ++number) make_release(site, number);
  switch_to(site, 1);
  Server server(site, {.server = "workers = 2",
                       .cache = "stale_after = \"60s\"",  // so that only the watch can see it in time
                       .root = site.outside("current")});
  Load load(server, 8);
  CHECK(wait_until([&] { return load.newest() == 1; }));
  const std::vector<int> times = switch_under_load(site, load, 50, Milliseconds{5000});
  load.stop();
  INFO("seen after (ms): median " << times[25] << ", slowest " << times.back() << "; answers " << load.answers());
  CHECK(times[25] < (sanitized() ? 300 : 100));
  CHECK(times.back() < kSeen.count());
  CHECK(load.went_back() == 0);
  CHECK(load.not_one_release() == 0);
  CHECK(load.broken() == 0);
  CHECK(load.answers() > 500);
}

TEST_CASE("with cache.watch = false a switch is seen within stale_after, and as one") {
  Site site;
  for (int number = 1; number <= 9; ++number) make_release(site, number);
  switch_to(site, 1);
  Server server(
      site,
      {.server = "workers = 2", .cache = "watch = false\nstale_after = \"200ms\"", .root = site.outside("current")});
  Load load(server, 8);
  CHECK(wait_until([&] { return load.newest() == 1; }));
  const std::vector<int> times = switch_under_load(site, load, 8, Milliseconds{5000});
  load.stop();
  INFO("slowest " << times.back() << " ms");
  CHECK(times.back() < 200 + kSeen.count());
  CHECK(load.went_back() == 0);
  CHECK(load.not_one_release() == 0);
}

TEST_CASE("the link may be a component above root") {
  Site site;
  for (int number = 1; number <= 9; ++number) make_release(site, number, "/public");
  switch_to(site, 1);
  Server server(site,
                {.server = "workers = 2", .cache = "stale_after = \"60s\"", .root = site.outside("current/public")});
  Load load(server, 4);
  CHECK(wait_until([&] { return load.newest() == 1; }));
  const std::vector<int> times = switch_under_load(site, load, 8, Milliseconds{5000});
  load.stop();
  INFO("slowest " << times.back() << " ms");
  CHECK(times.back() < kSeen.count());
  CHECK(load.went_back() == 0);
  CHECK(load.not_one_release() == 0);
}

TEST_CASE("a root directory that is renamed away, another in its place, is a switch too") {
  Site site;
  for (int number = 1; number <= 3; ++number) make_release(site, number);
  const std::string served = site.outside("served");
  std::filesystem::rename(site.outside("releases/1"), served);
  Server server(site, {.server = "workers = 2", .cache = "stale_after = \"60s\"", .root = served});
  Client client = server.connect();
  CHECK(release_of(client.get("/a.txt"), 0) == 1);
  for (int number = 2; number <= 3; ++number) {
    std::this_thread::sleep_for(Milliseconds{100});
    std::filesystem::rename(served, site.outside("away-" + std::to_string(number)));
    std::filesystem::rename(site.outside("releases/" + std::to_string(number)), served);
    CHECK(until_answer(client, get_request("/a.txt"), [&](const Response& r) { return release_of(r, 0) == number; }) <
          kSeen);
  }
}

TEST_CASE("keep_previous serves what the new tree lacks from the old one until its time is over, and nothing else") {
  Site site;
  make_release(site, 1);
  make_release(site, 2);
  site.outside_file("releases/1/js/old-hash.js", "old chunk\n");
  site.outside_file("releases/1/both.txt", "one\n");
  site.outside_file("releases/2/both.txt", "two\n");
  site.outside_file("releases/2/js/new-hash.js", "new chunk\n");
  switch_to(site, 1);
  Server server(site, {.server = "workers = 2",
                       .cache = "missing_ttl = \"100ms\"",
                       .site = "keep_previous = \"2s\"",
                       .root = site.outside("current")});
  Client client = server.connect();
  CHECK(client.get("/both.txt").body == "one\n");
  CHECK(client.get("/js/new-hash.js").status == 404);
  switch_to(site, 2);
  const Clock::time_point switched = Clock::now();
  CHECK(until_answer(client, get_request("/both.txt"), [](const Response& r) { return r.body == "two\n"; }) <
        Milliseconds{1000});
  for (int i = 0; i < 4; ++i) {  // connections of their own: other workers
    CHECK(server.get("/js/old-hash.js").body == "old chunk\n");
    CHECK(server.get("/js/new-hash.js").body == "new chunk\n");
    CHECK(server.get("/both.txt").body == "two\n");
    CHECK(server.get("/neither.txt").status == 404);
  }
  std::this_thread::sleep_until(switched + Milliseconds{1500});
  CHECK(server.get("/js/old-hash.js").body == "old chunk\n");
  std::this_thread::sleep_until(switched + Milliseconds{3000});
  for (int i = 0; i < 4; ++i) CHECK(server.get("/js/old-hash.js").status == 404);
  CHECK(server.get("/both.txt").body == "two\n");
}

TEST_CASE("without keep_previous what the new tree lacks is 404 as soon as the new tree is seen") {
  Site site;
  make_release(site, 1);
  make_release(site, 2);
  site.outside_file("releases/1/old.txt", "old\n");
  switch_to(site, 1);
  Server server(site, {.server = "workers = 2", .cache = "stale_after = \"60s\"", .root = site.outside("current")});
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(server.connect());
    CHECK(clients.back().get("/old.txt").body == "old\n");
  }
  switch_to(site, 2);
  CHECK(until_answer(clients[0], get_request("/a.txt"), [](const Response& r) { return release_of(r, 0) == 2; }) <
        kSeen);
  for (Client& client : clients) CHECK(client.get("/old.txt").status == 404);
}

TEST_CASE("a ConfigMap's switch of ..data is seen at once, for every file that leads through it") {
  Site site;
  const auto write = [&](const std::string& version) {
    site.file(".." + version + "/one.txt", version);
    site.file(".." + version + "/two.txt", version);
  };
  write("2026-1");
  site.symlink("..data", "..2026-1");
  site.symlink("one.txt", "..data/one.txt");
  site.symlink("two.txt", "..data/two.txt");
  Server server(site, {.server = "workers = 2", .cache = "stale_after = \"60s\""});
  Client client = server.connect();
  CHECK(client.get("/one.txt").body == "2026-1");
  CHECK(client.get("/two.txt").body == "2026-1");
  for (int number = 2; number <= 5; ++number) {
    std::this_thread::sleep_for(Milliseconds{150});
    const std::string before = "2026-" + std::to_string(number - 1);
    const std::string version = "2026-" + std::to_string(number);
    write(version);
    point(site.path("..data"), ".." + version);
    site.remove(".." + before);  // kubelet does that at once
    for (const char* target : {"/one.txt", "/two.txt"}) {
      INFO(target << " " << version);
      CHECK(until_answer(client, get_request(target), [&](const Response& r) { return r.body == version; }) < kSeen);
    }
  }
}
