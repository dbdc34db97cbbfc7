// uringd_instructions URINGD [--profile NAME] [--skip WHY]: user-space instructions, system calls and allocations of
// the worker thread for each kind of hit, counted by stepping the real program, and held against bounds: a regression
// is seen without a clock.
//
// A sample: the worker sleeps, the client asks, the worker runs until the whole answer has come and it sleeps again. So
// reaping, parsing, looking up, answering, the end of the turn and its timers are all in it. One stretch of it is
// stepped (stepper.hpp); the figures are sums of the median of each stretch, because the worker's own timer or the Date
// of a new second may fall into one. That allocations are seen at all is tried with a miss, which makes one. Exit: 0; 1
// a bound was passed; 77 skipped: no ptrace here, or not the build that the bounds are for.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "server.hpp"
#include "stepper.hpp"
#include "symbols.hpp"

namespace uringd::bench {
namespace {

constexpr int many_samples = 9;       // of each stretch
constexpr int few_samples = 3;        // where many answers make up a sample
constexpr size_t nothing = SIZE_MAX;  // no stretch at all
constexpr size_t failed = SIZE_MAX;
constexpr size_t profile_lines = 40;
constexpr const char* plain = "GET /file.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";  // as wrk and h2load ask
constexpr const char* browser =
    "GET /file.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: a=0123456789abcdef; "
    "b=1\r\n\r\n";

/// A kind of hit: `connections` clients ask at once, each for `depth` answers in one piece.
struct Scenario {
  const char* name;
  const char* what;
  std::string request;
  unsigned connections = 1;
  unsigned depth = 1;
  const char* begins = "HTTP/1.1 200 OK\r\n";
  const char* contains = "";  // in the answer's head
  double instructions = 0;    // the bound, for each answer
  double system_calls = 0;    // the bound, for each answer
};

/// What the median sample of a scenario cost for each answer.
struct Figures {
  double instructions = 0;
  double system_calls = 0;
  double allocations = 0;
  std::uint64_t least = 0;  // instructions of whole samples
  std::uint64_t most = 0;
};

// The bounds are what g++ 12 gave, and about 10 %: lower them with every gain.
std::vector<Scenario> scenarios(const std::string& entity_tag) {
  return {
      {.name = "hit", .what = "1 KiB, one client", .request = plain, .instructions = 6050, .system_calls = 2},
      {.name = "browser",
       .what = "the same, a browser's eleven fields",
       .request = browser,
       .contains = "\r\nContent-Encoding: ",
       .instructions = 11200,
       .system_calls = 2},
      {.name = "batch",
       .what = "the same, 16 clients at once",
       .request = plain,
       .connections = 16,
       .instructions = 3600,
       .system_calls = 0.2},
      {.name = "pipelined",
       .what = "the same, 16 deep",
       .request = plain,
       .depth = 16,
       .instructions = 2340,
       .system_calls = 0.13},
      {.name = "304",
       .what = "If-None-Match",
       .request = std::string(plain, std::strlen(plain) - 2) + "If-None-Match: " + entity_tag + "\r\n\r\n",
       .begins = "HTTP/1.1 304 ",
       .instructions = 7280,
       .system_calls = 2},
      {.name = "404",
       .what = "a remembered one",
       .request = "GET /missing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
       .begins = "HTTP/1.1 404 ",
       .instructions = 7050,
       .system_calls = 2},
      {.name = "gzip",
       .what = "a compressed copy that is held",
       .request = std::string(plain, std::strlen(plain) - 2) + "Accept-Encoding: gzip\r\n\r\n",
       .contains = "\r\nContent-Encoding: gzip\r\n",
       .instructions = 6950,
       .system_calls = 2},
  };
}

std::vector<std::uint64_t> allocators(const Symbols& symbols) {
  std::vector<std::uint64_t> found;
  for (const char* name :
       {"malloc", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc", "posix_memalign"}) {
    for (const std::uint64_t address : symbols.addresses(name)) found.push_back(address);
  }
  return found;
}

/// All of one scenario: clients that are warmed up, then samples of the stepped worker.
class Measurement {
 public:
  Measurement(const Server& server, const Scenario& scenario) : server_(server), scenario_(scenario) {
    for (unsigned i = 0; i < scenario.connections; ++i) clients_.emplace_back(server.port());
    for (unsigned i = 0; i < scenario.depth; ++i) request_ += scenario.request;
  }

  /// Allocations of the worker for three files that it does not hold, of each another stretch.
  std::uint64_t allocations_of_misses() {
    std::uint64_t count = 0;
    if (!warm_up()) return 0;
    Stepper stepper(server_.pid(), server_.worker(), allocators(Symbols::of(server_.pid())));
    for (size_t stretch = 0; stretch < 3; ++stretch) {
      const std::string name = "miss-" + std::to_string(stretch);
      server_.file(name, "not held yet");
      Steps steps;
      if (!stepper.refused().empty() || !settle(stepper)) return 0;
      clients_[0].ask("GET /" + name + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      stepper.run([this] { return clients_[0].answered(1); }, stretch, steps);
      count += steps.watched;
    }
    return count;
  }

  /// "" or what went wrong.
  std::string run(Figures& figures) {
    if (!warm_up()) return "no answer of the kind that is meant";
    const Symbols symbols = Symbols::of(server_.pid());
    Stepper stepper(server_.pid(), server_.worker(), allocators(symbols));
    if (!stepper.refused().empty()) return stepper.refused();
    Steps steps;
    if (stepper.run([] { return true; }, nothing, steps) == failed) return "the worker does not go to sleep";
    const size_t stretches = usual_stretches(stepper);
    for (size_t stretch = 0; stretch < stretches; ++stretch) {
      std::vector<Steps> taken;
      for (int i = 0; i < samples(); ++i) {
        steps = Steps();
        if (sample(stepper, stretch, steps) == failed)
          return "the stepped worker did not give the answers that are meant";
        if (steps.instructions > 0) taken.push_back(std::move(steps));
      }
      if (taken.empty()) return "the worker never does twice the same";
      add(taken, figures);
      for (const auto& [address, hits] : median(taken).by_address) profile_[symbols.name(address)] += hits;
    }
    figures.system_calls = static_cast<double>(stretches) / answers();
    return "";
  }

  [[nodiscard]] double answers() const { return double{1} * scenario_.connections * scenario_.depth; }
  /// Instructions by function, of all samples.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& profile() const { return profile_; }

 private:
  /// Until the answer is the kind that is meant: compressing and remembering take a moment. Then a few more, so that
  /// every client's memory has been touched.
  bool warm_up() {
    int good = 0;
    for (int turn = 0; turn < 500 && good < 5; ++turn) {
      for (Client& client : clients_) {
        if (!client.ask(request_) || !wait_for(client)) return false;
      }
      const bool same = clients_[0].answers() == expected_;
      expected_ = clients_[0].answers();
      const bool meant = same && expected_.starts_with(scenario_.begins) && expected_.contains(scenario_.contains);
      if (meant) {
        ++good;
      } else {
        good = 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    return good == 5;
  }

  bool wait_for(Client& client) const {
    for (int look = 0; look < 5000; ++look) {
      if (client.answered(scenario_.depth)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  /// Stretches that one sample takes, mostly.
  size_t usual_stretches(Stepper& stepper) {
    std::map<size_t, int> counts;
    Steps ignored;
    for (int i = 0; i < 15; ++i) ++counts[sample(stepper, nothing, ignored)];
    return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
  }

  /// Until the worker's own timers want nothing for a while: what wakes it next is the client.
  static bool settle(Stepper& stepper) {
    Steps ignored;
    for (int looks = 0; looks < 200; ++looks) {
      const size_t woken = stepper.run([] { return true; }, nothing, ignored);
      if (woken == failed) return false;
      if (looks > 0 && woken == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    return false;
  }

  /// The first client wakes the worker; what the others ask has come when it looks next. As Stepper::run().
  size_t sample(Stepper& stepper, size_t stretch, Steps& steps) {
    if (!settle(stepper)) return failed;
    if (!clients_[0].ask(request_)) return failed;
    if (clients_.size() > 1 && !stepper.hold()) return failed;
    for (size_t i = 1; i < clients_.size(); ++i) {
      if (!clients_[i].ask(request_)) return failed;
    }
    const size_t count = stepper.run(
        [this] {
          return std::ranges::all_of(clients_, [this](Client& client) { return client.answered(scenario_.depth); });
        },
        stretch, steps);
    const auto right = [this](const Client& client) { return client.answers() == expected_; };
    return std::ranges::all_of(clients_, right) ? count : failed;
  }

  [[nodiscard]] int samples() const { return answers() > 8 ? few_samples : many_samples; }

  static Steps& median(std::vector<Steps>& taken) {
    std::ranges::sort(taken, {}, &Steps::instructions);
    return taken[taken.size() / 2];
  }

  void add(std::vector<Steps>& taken, Figures& figures) const {
    const Steps& middle = median(taken);
    figures.instructions += static_cast<double>(middle.instructions) / answers();
    figures.allocations += static_cast<double>(middle.watched) / answers();
    figures.least += taken.front().instructions;
    figures.most += taken.back().instructions;
  }

  const Server& server_;
  const Scenario& scenario_;
  std::vector<Client> clients_;
  std::string request_;
  std::string expected_;
  std::map<std::string, std::uint64_t> profile_;
};

void print_profile(const Measurement& measurement) {
  std::vector<std::pair<std::uint64_t, std::string>> functions;
  for (const auto& [name, count] : measurement.profile()) functions.emplace_back(count, name);
  std::ranges::sort(functions, std::greater{});
  if (functions.size() > profile_lines) functions.resize(profile_lines);
  for (const auto& [count, name] : functions) {
    std::printf("  %8.1f  %s\n", static_cast<double>(count) / measurement.answers(), name.c_str());
  }
}

struct Options {
  std::string program;
  std::string profile;  // a scenario's name
  std::string skip;     // why the bounds do not hold for this build; "": they do
};

std::string compressible_text() {
  std::string text;
  while (text.size() < 1024) text += "A line of text, as there are many of them on the web.\n";
  text.resize(1024);
  return text;
}

/// The entity tag of the file: what a conditional request names.
std::string entity_tag_of(const Server& server) {
  Client client(server.port());
  if (!client.ask(plain)) return "";
  for (int look = 0; look < 5000 && !client.answered(1); ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const size_t begin = client.answers().find("\r\nETag: ");
  if (begin == std::string::npos) return "";
  return client.answers().substr(begin + 8, client.answers().find("\r\n", begin + 8) - begin - 8);
}

bool within(const Scenario& scenario, const Figures& figures) {
  return figures.instructions <= scenario.instructions && figures.system_calls <= scenario.system_calls &&
         figures.allocations == 0;
}

int measure_all(const Options& options) {
  Server server(options.program);
  if (!server.error().empty()) {
    std::fprintf(stderr, "uringd_instructions: %s\n", server.error().c_str());
    return 1;
  }
  server.file("file.txt", compressible_text());
  int beyond = 0;
  std::printf("%-12s %12s %8s %14s %12s  for each answer\n", "", "instructions", "at most", "system calls",
              "allocations");
  for (const Scenario& scenario : scenarios(entity_tag_of(server))) {
    if (!options.profile.empty() && options.profile != scenario.name) continue;
    Measurement measurement(server, scenario);
    Figures figures;
    if (const std::string wrong = measurement.run(figures); !wrong.empty()) {
      std::printf("%-12s %s\n", scenario.name, wrong.c_str());
      return wrong.starts_with("ptrace") ? 77 : 1;
    }
    const bool good = within(scenario, figures);
    std::printf("%-12s %12.1f %8.0f %14.3f %12.3f  %s (samples %lu-%lu)%s\n", scenario.name, figures.instructions,
                scenario.instructions, figures.system_calls, figures.allocations, scenario.what, figures.least,
                figures.most, good ? "" : "  TOO MANY");
    if (!good) ++beyond;
    if (!options.profile.empty()) print_profile(measurement);
  }
  const Scenario miss{.name = "miss", .what = "", .request = plain};
  if (options.profile.empty() && Measurement(server, miss).allocations_of_misses() == 0) {
    std::printf("no allocation was seen where an entry was made: those of the hits say nothing\n");
    ++beyond;
  }
  if (!server.stop()) {
    std::printf("the server did not end with 0\n");
    return 1;
  }
  return beyond == 0 ? 0 : 1;
}

}  // namespace
}  // namespace uringd::bench

int main(int count, char** arguments) {
  setvbuf(stdout, nullptr, _IOLBF, 0);  // a line as soon as it is known
  uringd::bench::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--profile" && i + 1 < count) {
      options.profile = arguments[++i];
    } else if (argument == "--skip" && i + 1 < count) {
      options.skip = arguments[++i];
    } else if (options.program.empty() && !argument.starts_with("-")) {
      options.program = argument;
    } else {
      options.program.clear();
      break;
    }
  }
  if (!options.skip.empty()) {
    std::printf("skipped: %s\n", options.skip.c_str());
    return 77;
  }
  if (options.program.empty()) {
    std::fprintf(stderr, "usage: uringd_instructions URINGD [--profile NAME] [--skip WHY]\n");
    return 2;
  }
  return uringd::bench::measure_all(options);
}
