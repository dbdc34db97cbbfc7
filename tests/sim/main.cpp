// The simulator's command line. Six modes, each a test of meson's:
//
//   sim seeds     the regression seeds, then 1 to 10,000 (URINGD_SIM_SEEDS=n: fewer, for the slower builds)
//   sim fresh     a few files that many ask for while they change: what a cache may hold, and for how long
//   sim overlay   the same, with overlays that come and go over them, and other configurations
//   sim patience  a held file and a disk that does not answer: nobody waits longer than 100 ms
//   sim small     one client, one request, every kind of mischief: many seeds of a world that is nearly exhausted by
//   them sim torture   a clean run, then again with each kind of failure at every turn of it, once and for a while
//
// URINGD_SEED=N plays one seed and prints every event; URINGD_SEEDS=A..B a range (nightly: millions).
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "simulation.hpp"
#include "trace.hpp"

namespace uringd::sim {
namespace {

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// How often the disk and the cache met what they are tried with: a run that meets nothing proves nothing.
class Met {
 public:
  void add(const Played& played) {
    const disk::DiskCounters& disk = played.disk;
    const std::pair<const char*, uint64_t> counts[] = {
        {"fetches", disk.fetches},
        {"joined", disk.joined},
        {"borrowed", disk.borrowed},
        {"rejected", disk.rejected},
        {"moved", disk.moved},
        {"looks", disk.looks},
        {"ahead", disk.looks_ahead},
        {"unchanged", disk.unchanged},
        {"stale", disk.stale},
        {"aged", disk.aged},
        {"other release", disk.other_release},
        {"invalidated", disk.invalidated},
        {"missing by name", disk.missing_by_name},
        {"listings", disk.listings},
        {"preloaded", disk.preloaded},
        {"cold opens", disk.cold_opens},
        {"gone for capacity", played.cache.gone[static_cast<size_t>(cache::Gone::capacity)]},
        {"idle", played.cache.gone[static_cast<size_t>(cache::Gone::idle)]},
        {"changed", played.cache.gone[static_cast<size_t>(cache::Gone::changed)]},
        {"missing", played.cache.gone[static_cast<size_t>(cache::Gone::missing)]},
        {"watch", played.cache.gone[static_cast<size_t>(cache::Gone::watch)]},
        {"replaced", played.cache.gone[static_cast<size_t>(cache::Gone::replaced)]},
        {"switches", played.switches},
        {"reloads", played.reloads},
        {"overlays", played.overlays},
        {"gone with their tree", played.cache.gone[static_cast<size_t>(cache::Gone::closing)]},
    };
    for (const auto& [name, count] : counts) sums_[name] += count;
  }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& [name, sum] : sums_) text += (text.empty() ? "" : ", ") + name + " " + std::to_string(sum);
    return text;
  }

 private:
  std::map<std::string, uint64_t> sums_;
};

class Runner {
 public:
  Runner(std::string mode, bool verbose)
      : mode_(std::move(mode)),
        verbose_(verbose),
        nowhere_(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
        quiet_(log::Level::error, nowhere_),
        chatty_(log::Level::debug, nowhere_) {}
  ~Runner() { ::close(nowhere_); }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Played run(const Scenario& scenario, const Meddle& meddle = {}) {
    begin_trace("URINGD_SEED=" + std::to_string(scenario.seed) + " sim " + mode_, verbose_);
    const Played played = play(scenario, quiet_, chatty_, meddle);
    chatty_.drain();
    ++runs_;
    turns_ += played.turns;
    answers_ += played.answers;
    met_.add(played);
    return played;
  }

  void report() const {
    std::printf("%s: %llu runs, %llu turns, %llu answers checked\n", mode_.c_str(),
                static_cast<unsigned long long>(runs_), static_cast<unsigned long long>(turns_),
                static_cast<unsigned long long>(answers_));
    std::printf("  %s\n", met_.text().c_str());
    std::printf("1 passed, 0 failed\n");
  }

 private:
  std::string mode_;
  bool verbose_;
  int nowhere_;
  log::Logger quiet_;
  log::Logger chatty_;
  uint64_t runs_ = 0, turns_ = 0, answers_ = 0;
  Met met_;
};

// --- seeds
// --------------------------------------------------------------------------------------------------------------

std::vector<uint64_t> regression_seeds(const char* file) {
  std::vector<uint64_t> seeds;
  std::ifstream stream(file);
  if (!stream) fail("cannot read %s", file);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.front() != '#') seeds.push_back(std::strtoull(line.c_str(), nullptr, 10));
  }
  return seeds;
}

/// URINGD_SEEDS, or 1 to `last`.
template <typename Make>
void play_range(Runner& runner, uint64_t last, Make make) {
  uint64_t first = 1;
  if (const char* range = std::getenv("URINGD_SEEDS")) {
    char* rest = nullptr;
    first = std::strtoull(range, &rest, 10);
    last = std::strncmp(rest, "..", 2) == 0 ? std::strtoull(rest + 2, nullptr, 10) : first;
  }
  for (uint64_t seed = first; seed <= last; ++seed) runner.run(make(seed));
}

void play_seeds(Runner& runner, const char* regressions) {
  for (const uint64_t seed : regression_seeds(regressions)) runner.run(make_scenario(seed));
  play_range(runner, number("URINGD_SIM_SEEDS", 10'000), make_scenario);
}

void play_fresh(Runner& runner) { play_range(runner, number("URINGD_SIM_SEEDS", 10'000) / 4, fresh_scenario); }

void play_overlay(Runner& runner) { play_range(runner, number("URINGD_SIM_SEEDS", 10'000) / 4, overlay_scenario); }

Played play_patience(Runner& runner, uint64_t seed) {
  constexpr uint64_t slow_from_ns = 150'000'000;
  uint64_t start_ns = 0;
  return runner.run(patience_scenario(seed), [&](uint64_t, uring::World& world, Files&) {
    if (start_ns == 0) start_ns = world.now_ns();
    const bool slow = world.now_ns() >= start_ns + slow_from_ns;
    world.mischief().slow = slow ? 1000 : 0;
    world.mischief().uncached = slow ? 1000 : 0;
    world.mischief().slowest_ns = 5'000'000'000;
  });
}

// --- small worlds
// -------------------------------------------------------------------------------------------------------

Scenario small_world(uint64_t seed) {
  Scenario scenario = small_scenario(seed, 1);
  scenario.clients.front().bursts = 1;
  scenario.clients.front().burst_size = 1 + seed % 2;
  scenario.sites.strange = 500;
  scenario.gentle = false;
  scenario.mischief = uring::Mischief::wild();
  // With so few operations every one may fail: a quarter of them do.
  scenario.mischief.read_error = scenario.mischief.open_error = scenario.mischief.send_error = 250;
  scenario.mischief.no_buffers = scenario.mischief.short_read = scenario.mischief.accept_error = 250;
  scenario.mischief.cancel_loses = 500;
  scenario.excuses.open_errors = scenario.excuses.read_errors = true;
  scenario.excuses.slow_disk = true;
  scenario.excuses.stale_ns += 20 * scenario.mischief.longest_delay_ns;
  if (seed % 4 == 0) {  // a client that goes away at any step of its connection's first download
    scenario.clients.front().end = Manners::End::reset;
    scenario.clients.front().pace_ns = 10'000'000;
    scenario.mischief.longest_delay_ns = 20'000'000;
    scenario.mischief.send_error = scenario.mischief.accept_error = 0;
    scenario.mischief.open_error = scenario.mischief.read_error = 0;
    scenario.sites.strange = scenario.sites.conditional = 0;
    scenario.options.ring.direct_slots = 16;
    scenario.options.parked_limit = 8;
    scenario.options.ring.without_peer_name = false;
  }
  if (seed % 4 == 1) {  // clients that hold the one output block, and one that must do with a kilobyte
    scenario.clients.assign(3, scenario.clients.front());
    scenario.connection_limit = scenario.options.connection_slots = 3;
    scenario.options.ring.direct_slots = 16;
    scenario.options.output_blocks = 1;
    scenario.sites.strange = 100;
    scenario.sites.junk = 100;
    for (Manners& manners : scenario.clients) {
      manners.burst_size = 12;
      manners.window = 700;
    }
  }
  scenario.changes = seed % 3 == 0 ? 5 : 0;
  scenario.changes_within_ns = 3'000'000;
  return scenario;
}

void play_small(Runner& runner) { play_range(runner, number("URINGD_SIM_SEEDS", 10'000) / 2, small_world); }

// --- torture
// ------------------------------------------------------------------------------------------------------------

struct Failure {
  const char* name;
  uint32_t uring::Mischief::* kind;
};

constexpr Failure failures[] = {
    {"short reads", &uring::Mischief::short_read},
    {"read errors", &uring::Mischief::read_error},
    {"torn reads", &uring::Mischief::torn_read},
    {"open errors", &uring::Mischief::open_error},
    {"accept errors", &uring::Mischief::accept_error},
    {"multishots that end", &uring::Mischief::lost_more},
    {"no buffers", &uring::Mischief::no_buffers},
    {"short receives", &uring::Mischief::short_receive},
    {"short sends", &uring::Mischief::short_send},
    {"send errors", &uring::Mischief::send_error},
    {"cancels that lose", &uring::Mischief::cancel_loses},
    {"interrupted waits", &uring::Mischief::interrupted_wait},
    {"completions held back", &uring::Mischief::held_back},
};

void fail_kind_at(Runner& runner, const Scenario& base, const Failure& failure, uint64_t when, uint64_t turns) {
  Scenario scenario = base;
  scenario.gentle = failure.kind != &uring::Mischief::send_error;
  scenario.excuses.open_errors = failure.kind == &uring::Mischief::open_error;
  scenario.excuses.read_errors = failure.kind == &uring::Mischief::read_error;
  runner.run(scenario, [&](uint64_t turn, uring::World& world, Files&) {
    if (turn == when)
      trace(world.now_ns(), "torture: %s for %llu turns", failure.name, static_cast<unsigned long long>(turns));
    world.mischief().*failure.kind = turn >= when && turn < when + turns ? 1000 : 0;
  });
}

void fail_files_at(Runner& runner, const Scenario& base, int error, bool reading, uint64_t when) {
  static constexpr const char* names[] = {"s0/small.html", "s0/edge.bin", "s0/over.bin", "s0/big.bin",
                                          "s0/dir/index.html"};
  runner.run(base, [&](uint64_t turn, uring::World&, Files& files) {
    if (turn != when && turn != when + 3) return;
    for (const char* name : names) {
      if (reading) {
        files.fail_read(name, turn == when ? error : 0);
      } else {
        files.fail_open(name, turn == when ? error : 0);
      }
    }
  });
}

void torture(Runner& runner, const Scenario& base) {
  static constexpr int errors[] = {EIO,   EACCES, EPERM, EMFILE, ENFILE, ENOMEM, EAGAIN,    EINTR,   ENOENT,
                                   ELOOP, EXDEV,  ENXIO, ENODEV, ESTALE, EBUSY,  ETIMEDOUT, ENOTDIR, ENAMETOOLONG};
  const uint64_t turns = runner.run(base).turns;
  for (uint64_t when = 0; when < turns && when < 120; ++when) {
    for (const Failure& failure : failures) {
      fail_kind_at(runner, base, failure, when, 1);
      fail_kind_at(runner, base, failure, when, 40);
    }
    for (const int error : errors) {
      fail_files_at(runner, base, error, false, when);
      fail_files_at(runner, base, error, true, when);
    }
  }
}

Scenario torture_base(uint64_t seed) {
  Scenario base = small_scenario(seed, 2);
  if (base.sites.count > 1) base.sites.strange = 100;
  return base;
}

void play_torture(Runner& runner) {
  const uint64_t bases = number("URINGD_SIM_SEEDS", 10'000) >= 10'000 ? 6 : 1;
  for (uint64_t seed = 1; seed <= bases; ++seed) torture(runner, torture_base(seed));
}

int run(int count, char** arguments) {
  const std::string mode = count > 1 ? arguments[1] : "seeds";
  const uint64_t one = number("URINGD_SEED", 0);
  catch_aborts();
  Runner runner(mode, one != 0 && mode != "torture");
  if (mode == "small" && one != 0) {
    runner.run(small_world(one));
  } else if (mode == "small") {
    play_small(runner);
  } else if (mode == "patience" && one != 0) {
    play_patience(runner, one);
  } else if (mode == "patience") {
    for (uint64_t seed = 1; seed <= number("URINGD_SIM_SEEDS", 10'000) / 100; ++seed) play_patience(runner, seed);
  } else if (mode == "fresh" && one != 0) {
    runner.run(fresh_scenario(one));
  } else if (mode == "fresh") {
    play_fresh(runner);
  } else if (mode == "overlay" && one != 0) {
    runner.run(overlay_scenario(one));
  } else if (mode == "overlay") {
    play_overlay(runner);
  } else if (mode == "torture" && one != 0) {
    torture(runner, torture_base(one));
  } else if (mode == "torture") {
    play_torture(runner);
  } else if (one != 0) {
    runner.run(make_scenario(one));
  } else {
    play_seeds(runner, count > 2 ? arguments[2] : URINGD_SIM_REGRESSIONS);
  }
  runner.report();
  return 0;
}

}  // namespace
}  // namespace uringd::sim

int main(int count, char** arguments) { return uringd::sim::run(count, arguments); }
