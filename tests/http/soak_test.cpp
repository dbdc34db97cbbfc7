// 60 s of everything at once: hot files, missing ones, ranges, downloads, slow clients, pipelines, broken requests; a
// reload each second, files rewritten, releases switched, logs rotated. Memory, descriptors and direct slots stay where
// they were after the first third; at the end every connection and every line is accounted for. URINGD_SOAK_SECONDS
// makes it longer.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "daemon.hpp"
#include "hot_client.hpp"
#include "load.hpp"
#include "operation_words.hpp"

using namespace uringd::testing;

namespace {
using Clock = std::chrono::steady_clock;

int soak_seconds() {
  const char* text = std::getenv("URINGD_SOAK_SECONDS");
  return text ? std::max(10, std::atoi(text)) : 60;
}

constexpr std::size_t kLarge = 3 << 20;

// Threads that each repeat one thing until the end; a check that fails in one counts.
class Crowd {
 public:
  ~Crowd() { stop(); }
  void add(std::function<void()> once) {
    threads_.emplace_back([this, once = std::move(once)] {
      while (!done_) {
        try {
          once();
        } catch (...) {
          ++failures_;
        }
      }
    });
  }
  void stop() {
    done_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  std::atomic<bool> done_{false};
  std::atomic<int> failures_{0};
  std::vector<std::thread> threads_;
};

struct Sample {
  std::uint64_t resident_kib;
  std::size_t descriptors;
  std::size_t slots;
};

struct World {
  World() {
    site.file("hot.txt", "hot\n");
    site.file("hot.css", std::string(9000, 'c'));
    site.file("large.bin", pattern(kLarge, 1));
    for (int i = 0; i < 300; ++i)
      site.file("many/" + std::to_string(i) + ".txt", pattern(20000, static_cast<std::uint32_t>(i)));
    for (int i = 0; i < 2; ++i) {
      site.outside_file("releases/" + std::to_string(i) + "/v.txt", std::string(500, static_cast<char>('0' + i)));
    }
    switch_release(0);
  }
  void switch_release(int number) const {
    const std::string next = site.outside("current.next");
    ::unlink(next.c_str());
    REQUIRE(::symlink(("releases/" + std::to_string(number)).c_str(), next.c_str()) == 0);
    std::filesystem::rename(next, site.outside("current"));
  }
  [[nodiscard]] std::string log_file() const { return site.outside("access.log"); }
  [[nodiscard]] Setup setup(int number) const {
    return {.server = "workers = 2",
            .limits = "header_timeout = \"2s\"\nidle_timeout = \"20s\"",
            .cache = "size = \"16MiB\"\nstale_after = \"500ms\"",
            .site = "cache_control = \"max-age=" + std::to_string(number % 7) + "\"",
            .more = site_table("release.example", site.outside("current")) +
                    (number % 3 ? site_table("extra.example", site.outside("releases/" + std::to_string(number % 2)))
                                : "") +
                    access_log_table(log_file())};
  }
  Site site;
};

std::uint64_t sum_of(const std::string& log, const std::string& name) {
  std::uint64_t sum = 0;
  const std::string mark = " " + name + "=";
  for (std::size_t at = log.find(mark); at != std::string::npos; at = log.find(mark, at + 1)) {
    sum += std::stoull(log.substr(at + mark.size()));
  }
  return sum;
}

std::size_t lines_in(const std::string& path) {
  const std::string text = std::filesystem::exists(path) ? file_bytes(path) : "";
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The median of a part of the samples: one taken in the middle of a reload says little.
template <typename Get>
std::uint64_t median(const std::vector<Sample>& samples, std::size_t from, std::size_t to, Get get) {
  std::vector<std::uint64_t> values;
  for (std::size_t i = from; i < to; ++i) values.push_back(get(samples[i]));
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void add_crowd(Crowd& crowd, const Daemon& daemon, std::atomic<int>& wrong) {
  // Whole downloads, in turn quick and slow, and such as are left in the middle.
  crowd.add([&] {
    Client client = daemon.connect();
    const Response response = client.get("/large.bin");
    wrong += response.status != 200 || response.body.size() != kLarge;
  });
  crowd.add([&] {
    Client client = daemon.connect(32 * 1024);
    client.send(get_request("/large.bin"));
    wrong += client.read_head().status != 200;
    std::uint64_t got = 0;
    for (int i = 0; i < 12; ++i) {
      got += client.read_body(kLarge / 12, [](std::string_view) {});
      std::this_thread::sleep_for(Milliseconds{20});
    }
    wrong += got != kLarge / 12 * 12;
  });
  crowd.add([&] {
    Client client = daemon.connect(16 * 1024);
    client.send(get_request("/large.bin"));
    client.read_some(1000);
    client.reset();
    std::this_thread::sleep_for(Milliseconds{15});
  });
  crowd.add([&] {
    Client client = daemon.connect();
    std::string pipeline;
    for (int i = 0; i < 40; ++i)
      pipeline += get_request(i % 2 ? "/hot.css" : "/gone", i % 5 ? "" : "Range: bytes=5-20\r\n");
    client.send(pipeline);
    for (int i = 0; i < 40; ++i) {
      const int status = client.read_response().status;
      wrong += i % 2 ? status != (i % 5 ? 200 : 206) : status != 404;
    }
  });
  crowd.add([&] {
    for (const char* bytes :
         {"GARBAGE\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n",
          "GET /hot.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
      Client client = daemon.connect();
      client.send(bytes);
      wrong += client.read_response_or_end().status != 400;
    }
    Client late = daemon.connect();
    late.send("GET /hot.txt HTT");
    std::this_thread::sleep_for(Milliseconds{100});
  });
}

}  // namespace

TEST_CASE_FIXTURE(World,
                  "soak: mixed load, a reload each second, files, releases and logs that change: nothing grows") {
  const int seconds = soak_seconds();
  Daemon daemon(site, setup(0));
  Crowd crowd;
  std::atomic<int> wrong{0};
  add_crowd(crowd, daemon, wrong);
  std::vector<std::string> requests = {
      get_request("/hot.txt"),     get_request("/hot.css"),
      get_request("/missing"),     host_request("release.example", "/v.txt"),
      request("HEAD", "/hot.txt"), get_request("/many/7.txt", "Range: bytes=100-199\r\n")};
  for (int i = 0; i < 60; ++i) requests.push_back(get_request("/many/" + std::to_string(i * 5) + ".txt"));
  Load load(daemon.port(), {.connections = 24,
                            .requests = requests,
                            .right =
                                [](const Response& r, std::size_t which) {
                                  if (which == 2) return r.status == 404;
                                  if (which == 3) return r.body == std::string(500, r.body[0]);
                                  return r.status == (which == 5 ? 206 : 200);
                                },
                            .pause = Milliseconds{1}});
  std::vector<Sample> samples;
  std::vector<std::string> rotated;
  const Clock::time_point start = Clock::now();
  for (int second = 1; milliseconds_since(start) < seconds * 1000.0; ++second) {
    daemon.configure(setup(second));
    daemon.signal(SIGHUP);
    site.replace("hot.txt", "hot " + std::to_string(second) + "\n");
    site.replace("many/" + std::to_string(second % 60 * 5) + ".txt", pattern(20000, 9));
    if (second % 2) switch_release(second / 2 % 2);
    if (second % 10 == 5) {
      rotated.push_back(log_file() + "." + std::to_string(second));
      std::filesystem::rename(log_file(), rotated.back());
      daemon.signal(SIGUSR1);
      CHECK(wait_until([&] { return std::filesystem::exists(log_file()); }, Milliseconds{3000}));
    }
    std::this_thread::sleep_until(start + Milliseconds{1000} * second);
    samples.push_back({daemon.resident_kib(), daemon.descriptors(), daemon.direct_slots()});
    REQUIRE(daemon.alive());
  }
  load.stop();
  crowd.stop();
  MESSAGE(load.figures());
  CHECK(load.failures() == 0);
  CHECK(load.renewed() == 0);
  CHECK(wrong == 0);
  CHECK(crowd.failures() == 0);
  CHECK(daemon.log().find(words::kNotReloaded) == std::string::npos);
  CHECK(daemon.get("/hot.txt").field("Cache-Control") == "max-age=" + std::to_string(samples.size() % 7));

  const std::size_t third = samples.size() / 3;
  const auto middle = [&](auto get) { return median(samples, third, 2 * third, get); };
  const auto last = [&](auto get) { return median(samples, 2 * third, samples.size(), get); };
  const auto memory = [](const Sample& s) { return s.resident_kib; };
  const auto files = [](const Sample& s) { return s.descriptors; };
  const auto slots = [](const Sample& s) { return s.slots; };
  MESSAGE("VmRSS " << middle(memory) << " -> " << last(memory) << " KiB, descriptors " << middle(files) << " -> "
                   << last(files) << ", direct slots " << middle(slots) << " -> " << last(slots));
  if (!sanitized()) CHECK(last(memory) < middle(memory) + 4 * 1024);
  CHECK(last(files) <= middle(files) + 2);
  CHECK(last(slots) <= middle(slots) + 8);
  CHECK(wait_until([&] { return daemon.direct_slots() == 0; }, Milliseconds{25000}));
  CHECK(wait_until([&] { return daemon.descriptors() <= samples[0].descriptors + 8; }, Milliseconds{5000}));

  daemon.stop();
  const std::string log = daemon.log();
  INFO(log.substr(log.size() - std::min<std::size_t>(log.size(), 4000)));
  CHECK(sum_of(log, "connections") > 500);
  CHECK(sum_of(log, "connections") == sum_of(log, "closed"));
  CHECK(sum_of(log, "overflows") == 0);
  CHECK(sum_of(log, "submissions") > 0);
  std::size_t lines = lines_in(log_file());
  for (const std::string& name : rotated) lines += lines_in(name);
  CHECK(sum_of(log, "log_dropped") == 0);
  CHECK(lines == sum_of(log, "logged"));
  CHECK(lines >= load.answers());
  CHECK(count_of(log, " error ") == 0);
}
