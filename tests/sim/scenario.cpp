// Sizes are kept small on purpose: rings of 8 entries, a handful of receive buffers, pools of a few units, so that
// every limit is met in most runs instead of never.
#include "scenario.hpp"

#include "uringd/config/load.hpp"

namespace uringd::sim {
namespace {

using std::chrono::milliseconds;
using uring::Random;

uint64_t one_of(Random& random, std::initializer_list<uint64_t> values) {
  return values.begin()[random.below(values.size())];
}

uring::Mischief choose_mischief(Random& random, bool gentle) {
  const uring::Mischief wild = uring::Mischief::wild();
  const uint64_t level = random.below(4);
  if (level == 0) return uring::Mischief::none();
  const auto maybe = [&](uint32_t chance) {
    return random.chance(700) ? static_cast<uint32_t>(chance * level / 2) : 0;
  };
  uring::Mischief mischief;
  mischief.short_read = maybe(wild.short_read * 3);
  mischief.torn_read = maybe(wild.torn_read);
  mischief.lost_more = maybe(wild.lost_more);
  mischief.no_buffers = maybe(wild.no_buffers);
  mischief.short_receive = maybe(wild.short_receive);
  mischief.short_send = maybe(wild.short_send);
  mischief.cancel_loses = maybe(wild.cancel_loses);
  mischief.interrupted_wait = maybe(wild.interrupted_wait);
  mischief.held_back = maybe(wild.held_back);
  mischief.uncached = maybe(wild.uncached);
  mischief.late = maybe(wild.late);
  mischief.latest_ns = wild.latest_ns;
  mischief.no_unacknowledged = maybe(wild.no_unacknowledged);
  mischief.longest_delay_ns = random.chance(500) ? random.below(wild.longest_delay_ns) : 0;
  if (random.chance(100)) {
    mischief.slow = static_cast<uint32_t>(one_of(random, {30, 300}));
    mischief.slowest_ns = one_of(random, {90, 500}) * 1'000'000;
  }
  if (gentle) return mischief;
  if (random.chance(100)) mischief.longest_delay_ns = one_of(random, {20, 50}) * 1'000'000;
  mischief.read_error = maybe(wild.read_error);
  mischief.open_error = maybe(wild.open_error);
  mischief.accept_error = maybe(wild.accept_error);
  mischief.send_error = maybe(wild.send_error);
  return mischief;
}

Manners choose_manners(Random& random, bool gentle) {
  Manners manners;
  manners.bursts = static_cast<uint32_t>(1 + random.below(3));
  manners.burst_size = static_cast<uint32_t>(one_of(random, {1, 1, 2, 4, 12}));
  manners.waits = random.chance(400);
  manners.bytewise = random.chance(80);
  manners.pauses = random.chance(250) ? 300 : 0;
  manners.pause_ns = manners.bytewise ? 0 : one_of(random, {0, 0, 300'000'000, 900'000'000});
  manners.window = one_of(random, {65536, 65536, 65536, 4096, 700});
  manners.pace_ns = one_of(random, {20'000, 200'000, 3'000'000});
  manners.starts_ns = random.below(random.chance(500) ? 100'000 : 50'000'000);
  using End = Manners::End;
  const End ends[] = {End::close, End::close, End::half_close, End::leave_open, End::reset, End::vanish};
  manners.end = ends[random.below(gentle ? 4 : 6)];
  if (random.chance(40)) manners.burst_size = 400;  // more than a connection takes in before it stops receiving
  if (gentle) return manners;
  if (random.chance(150)) manners.stops_midway = 100;
  manners.reads = !random.chance(120);
  if (!manners.reads) manners.waits = false;
  if (random.chance(100)) manners.pace_ns = 400'000'000;
  return manners;
}

void choose_config(Random& random, Scenario& scenario) {
  config::Config& config = *scenario.config;
  const bool gentle = scenario.gentle;
  const auto time = [&](uint64_t gentle_ms, uint64_t wild_ms) {
    return milliseconds(gentle ? gentle_ms : 30 + random.below(wild_ms));
  };
  config.limits.header_size_bytes = one_of(random, {1500, 4096, 16384});
  config.limits.header_timeout = time(8000, 2000);
  config.limits.body_size_bytes = 2000;
  config.limits.body_timeout = time(8000, 2000);
  config.limits.idle_timeout = time(2000 + random.below(2000), 3000);
  config.limits.send_timeout = time(8000, 2000);
  config.limits.requests_per_connection = random.chance(200) ? 1 + random.below(5) : 0;
  config.disk.timeout = time(8000, 3000);
  if (!gentle && scenario.mischief.longest_delay_ns > 10'000'000) config.disk.timeout = milliseconds(10);
  config.disk.stream_size_bytes = one_of(random, {16384, 32768, 65536});
  config.cache.max_file_size_bytes = one_of(random, {100, 1000, 5000, 20000});
  config.cache.stale_after = milliseconds(one_of(random, {0, 1, 20, 2000}));
  config.cache.missing_ttl = milliseconds(one_of(random, {0, 1, 20, 2000}));
  config.cache.idle_after = milliseconds(one_of(random, {0, 1, 300, 600'000}));
  config.sites.front().index = {"index.html"};
  if (random.chance(400)) config.sites.front().index.push_back("index.htm");
  config.sites.front().symlinks = random.chance(300) ? config::Symlinks::never : config::Symlinks::inside;
  if (random.chance(400)) {
    config.sites.push_back(config.sites.front());
    config.sites[0].hosts = {"a.test"};
    config.sites[1].hosts = {"*.test"};
  }
}

void choose_options(Random& random, Scenario& scenario) {
  server::WorkerOptions& options = scenario.options;
  options.populate = false;
  options.hash_seed = random.next();
  options.ring.submission_entries = static_cast<uint32_t>(one_of(random, {8, 16, 64}));
  options.ring.completion_entries = 4 * options.ring.submission_entries;
  options.ring.receive_buffers = static_cast<uint32_t>(one_of(random, {2, 4, 16}));
  options.ring.receive_buffer_bytes = static_cast<uint32_t>(one_of(random, {64, 200, 512}));
  options.ring.without_peer_name = random.chance(300);
  const auto clients = static_cast<uint32_t>(scenario.clients.size());
  scenario.connection_limit = random.chance(250) ? static_cast<uint32_t>(1 + random.below(3)) : clients;
  options.connection_slots = scenario.connection_limit;
  // Few slots: single accepts. Many: a multishot where the kernel can tell the peer's name.
  options.parked_limit = scenario.gentle ? clients : static_cast<uint32_t>(one_of(random, {1, 8}));
  options.ring.direct_slots = random.chance(500) ? clients + 4 : 3 * clients + 8;
  options.cache_bytes = one_of(random, {0, 2500, 10000, 30000, 1 << 20});
  options.kept_files = one_of(random, {1, 2, 16});
  options.kept_descriptors = one_of(random, {0, 1, 4, 32});
  options.ring.unbounded_workers = static_cast<uint32_t>(one_of(random, {1, 2, 16}));
  options.stream_memory_bytes = one_of(random, {16384, 32768, 1 << 20});
  options.registered_bytes = options.stream_memory_bytes;
  options.output_blocks = one_of(random, {1, 2, 8});
  options.input_bytes = scenario.gentle ? 1 << 20 : one_of(random, {4096, 65536, 1 << 20});
  options.disk_queue_size = static_cast<uint32_t>(one_of(random, {64, 64, 64, 2, 1}));
}

void choose_helping(Random& random, Scenario& scenario) {
  Helping& helping = scenario.helping = {};
  helping.there = random.chance(800);
  helping.lost = static_cast<uint32_t>(one_of(random, {0, 0, 300, 1000}));
  helping.refused = static_cast<uint32_t>(one_of(random, {0, 0, 300}));
  helping.unlistable = static_cast<uint32_t>(one_of(random, {0, 0, 300}));
  helping.longest_delay_ns = one_of(random, {0, 100'000, 3'000'000});
  helping.keep_previous_ms = one_of(random, {0, 0, 5, 3000});
  helping.remote = random.chance(100);
  helping.foreign = random.chance(100);
  scenario.sites.missing = static_cast<uint32_t>(one_of(random, {20, 20, 20, 600}));
  if (!helping.there) return;  // nobody switches either
  helping.at_bad_moments = static_cast<uint32_t>(one_of(random, {0, 500}));
  helping.trees = static_cast<uint32_t>(1 + random.below(3));
  if (helping.trees > 1) helping.switches = static_cast<uint32_t>(random.below(8));
  helping.bumps = random.chance(300) ? static_cast<uint32_t>(random.below(10)) : 0;
  helping.preloads = random.chance(200) ? static_cast<uint32_t>(random.below(4)) : 0;
}

void find_excuses(Scenario& scenario) {
  Excuses& excuses = scenario.excuses;
  excuses.open_errors = scenario.mischief.open_error > 0;
  excuses.read_errors = scenario.mischief.read_error > 0;
  excuses.queue_full = scenario.options.disk_queue_size < 64;
  excuses.slow_disk = excuses.timeouts = !scenario.gentle;
  const uint64_t stale_ms = static_cast<uint64_t>(scenario.config->cache.stale_after.count());
  // A fetch may have opened the file some operations before the request joined it.
  const uint64_t operation_ns =
      std::max(scenario.mischief.longest_delay_ns, scenario.mischief.slow > 0 ? scenario.mischief.slowest_ns : 0) +
      (scenario.mischief.late > 0 ? scenario.mischief.latest_ns : 0);
  const uint64_t slack_ns = 5'000'000 + 20 * operation_ns;
  excuses.stale_ns = stale_ms * 1'000'000 + slack_ns;
  const auto missing_ms = static_cast<uint64_t>(scenario.config->cache.missing_ttl.count());
  excuses.missing_ns = missing_ms == 0 ? UINT64_MAX : missing_ms * 1'000'000 + slack_ns;
}

// Apart from what else a seed decides.
uint32_t choose_reloads(uint64_t seed) {
  Random random(seed ^ 0x3e1d);
  return static_cast<uint32_t>(random.chance(300) ? 1 + random.below(6) : 0);
}

Sites sites_of(const Scenario& scenario) {
  const config::Config& config = *scenario.config;
  return {.count = static_cast<uint32_t>(config.sites.size()),
          .symlinks = config.sites.front().symlinks == config::Symlinks::inside,
          .index = config.sites.front().index,
          .body_limit = config.limits.body_size_bytes};
}

}  // namespace

Scenario make_scenario(uint64_t seed) {
  Random random(seed);
  Scenario scenario;
  scenario.seed = seed;
  scenario.gentle = seed % 2 == 0;
  scenario.config = std::make_shared<config::Config>(config::default_config());
  scenario.mischief = choose_mischief(random, scenario.gentle);
  const uint64_t clients = one_of(random, {1, 2, 3, 8});
  for (uint64_t made = 0; made < clients; ++made) scenario.clients.push_back(choose_manners(random, scenario.gentle));
  choose_config(random, scenario);
  choose_options(random, scenario);
  scenario.sites = sites_of(scenario);
  choose_helping(random, scenario);
  scenario.sites.conditional = static_cast<uint32_t>(one_of(random, {0, 300, 800}));
  scenario.sites.junk = static_cast<uint32_t>(one_of(random, {25, 25, 25, 250}));
  scenario.sites.strange = static_cast<uint32_t>(one_of(random, {50, 150, 500}));
  scenario.big_bytes =
      random.chance(350) ? 30000 + random.below(90000) : scenario.config->cache.max_file_size_bytes + 300;
  scenario.changes = random.chance(600) ? static_cast<uint32_t>(random.below(30)) : 0;
  scenario.changes_within_ns = one_of(random, {1'000'000, 20'000'000, 500'000'000});
  scenario.failing_files = random.chance(300);
  scenario.wall_steps = random.chance(100);
  scenario.drain_at_ns = random.chance(250) ? 1 + random.below(one_of(random, {500'000, 20'000'000, 500'000'000})) : 0;
  scenario.debug_log = random.chance(50);
  scenario.reloads = choose_reloads(seed);
  find_excuses(scenario);
  return scenario;
}

namespace {
// What a run is mostly about.
enum class Theme { mixed, slow, names };

Theme choose_theme(Random& random) {
  const uint64_t choice = random.below(100);
  return choice < 30 ? Theme::slow : choice < 55 ? Theme::names : Theme::mixed;
}

void choose_fresh_clients(Random& random, Scenario& scenario, uint64_t pace_ns) {
  scenario.clients.resize(one_of(random, {2, 4, 6}));
  for (Manners& manners : scenario.clients) {
    manners = {};
    manners.bursts = static_cast<uint32_t>(5 + random.below(25));
    manners.burst_size = static_cast<uint32_t>(one_of(random, {1, 2, 4}));
    manners.waits = random.chance(700);
    manners.pace_ns = pace_ns;
    manners.starts_ns = random.below(2'000'000);
    if (!scenario.gentle && random.chance(200)) manners.stops_midway = 30;
    if (!scenario.gentle && random.chance(200)) manners.end = Manners::End::reset;
  }
  const auto clients = static_cast<uint32_t>(scenario.clients.size());
  scenario.connection_limit = scenario.options.connection_slots = scenario.options.parked_limit = clients;
  scenario.options.ring.direct_slots = 3 * clients + 8;
  scenario.options.ring.receive_buffer_bytes = 512;
}

void choose_fresh_config(Random& random, Scenario& scenario, Theme theme) {
  config::Config& config = *scenario.config;
  config.cache.stale_after = milliseconds(one_of(random, {0, 1, 3, 10, 40, theme == Theme::slow ? 100U : 2000U}));
  config.cache.missing_ttl = milliseconds(one_of(random, {0, 2, 10, 2000}));
  config.cache.idle_after = milliseconds(one_of(random, {0, 300, 600'000}));
  config.limits.requests_per_connection = 0;
  config.limits.idle_timeout = milliseconds(4000);
  config.limits.header_timeout = config.limits.send_timeout = milliseconds(8000);
  if (config.disk.timeout < milliseconds(500)) config.disk.timeout = milliseconds(500);
  scenario.options.cache_bytes = one_of(random, {3000, 10000, 100'000, 1 << 20});
  scenario.options.disk_queue_size = static_cast<uint32_t>(one_of(random, {64, 64, 8}));
}

void choose_fresh_mischief(Random& random, Scenario& scenario, Theme theme) {
  uring::Mischief& mischief = scenario.mischief;
  mischief.uncached = static_cast<uint32_t>(one_of(random, {0, 200, 1000}));
  mischief.late = static_cast<uint32_t>(one_of(random, {0, 100, 400}));
  mischief.latest_ns = one_of(random, {100'000, 1'000'000, 5'000'000});
  mischief.slow = 0;
  if (theme == Theme::slow) {
    mischief.slow = static_cast<uint32_t>(one_of(random, {50, 400}));
    mischief.slowest_ns = one_of(random, {150, 400, 900}) * 1'000'000;
    mischief.uncached = static_cast<uint32_t>(one_of(random, {300, 1000}));
  }
  scenario.coarse_times = theme == Theme::mixed && random.chance(200);
  if (scenario.coarse_times) mischief.torn_read = mischief.short_read = 0;
}

}  // namespace

Scenario fresh_scenario(uint64_t seed) {
  Scenario scenario = make_scenario(seed);
  Random random(seed ^ 0xf4e5);
  const Theme theme = choose_theme(random);
  uint64_t pace_ns = one_of(random, {50'000, 300'000, 2'000'000, 8'000'000});
  if (theme == Theme::slow) pace_ns = one_of(random, {8'000'000, 30'000'000});
  if (theme == Theme::names) pace_ns = one_of(random, {3'000'000, 8'000'000});
  choose_fresh_clients(random, scenario, pace_ns);
  choose_fresh_config(random, scenario, theme);
  choose_fresh_mischief(random, scenario, theme);
  scenario.sites = sites_of(scenario);
  scenario.sites.hot = true;
  scenario.sites.one = theme == Theme::slow && random.chance(500);
  scenario.sites.junk = 0;
  scenario.sites.strange = static_cast<uint32_t>(one_of(random, {0, 100}));
  scenario.sites.conditional = static_cast<uint32_t>(one_of(random, {0, 200}));
  choose_helping(random, scenario);
  uint64_t requests = 0;
  for (const Manners& manners : scenario.clients) requests += manners.bursts;
  const uint64_t run_ns = requests / scenario.clients.size() * pace_ns + 3'000'000;
  scenario.changes = static_cast<uint32_t>(random.below(40));
  if (theme == Theme::names) {
    scenario.sites.missing = static_cast<uint32_t>(one_of(random, {300, 700}));
    scenario.changes = static_cast<uint32_t>(1 + random.below(6));
    scenario.options.cache_bytes = one_of(random, {100'000, 1 << 20});  // 1/32 of it is for lists
    scenario.helping.there = true;
    scenario.helping.unlistable = scenario.helping.refused = 0;
    scenario.helping.trees = 2;
    scenario.helping.switches = static_cast<uint32_t>(random.below(6));
    scenario.helping.bumps = static_cast<uint32_t>(random.below(3));
  }
  scenario.changes_within_ns = run_ns;
  scenario.drain_at_ns = random.chance(150) ? random.below(run_ns) : 0;
  scenario.excuses = {};
  find_excuses(scenario);
  return scenario;
}

Scenario overlay_scenario(uint64_t seed) {
  Scenario scenario = fresh_scenario(seed);
  Random random(seed ^ 0x0e41);
  scenario.overlays = static_cast<uint32_t>(1 + random.below(40));
  scenario.reloads = static_cast<uint32_t>(random.below(6));
  scenario.sites.strange = static_cast<uint32_t>(one_of(random, {0, 100, 300}));
  scenario.sites.conditional = static_cast<uint32_t>(one_of(random, {0, 300}));
  scenario.excuses = {};
  find_excuses(scenario);
  return scenario;
}

Scenario small_scenario(uint64_t seed, uint32_t clients) {
  Random random(seed);
  Scenario scenario;
  scenario.seed = seed;
  scenario.gentle = true;
  scenario.config = std::make_shared<config::Config>(config::default_config());
  scenario.clients.resize(clients);
  for (Manners& manners : scenario.clients) {
    manners.bursts = 2;
    manners.burst_size = 4;
    manners.waits = random.chance(500);
    manners.starts_ns = random.below(200'000);
  }
  choose_config(random, scenario);
  choose_options(random, scenario);
  scenario.config->limits.idle_timeout = milliseconds(300);
  scenario.connection_limit = scenario.options.connection_slots = clients;
  scenario.sites = sites_of(scenario);
  scenario.big_bytes = 40000;
  find_excuses(scenario);
  return scenario;
}

Scenario patience_scenario(uint64_t seed) {
  Scenario scenario = small_scenario(seed, static_cast<uint32_t>(1 + seed % 3));
  Random random(seed ^ 0xbac1);
  config::Config& config = *scenario.config;
  config.sites.resize(1);
  config.sites.front().hosts = {"*"};
  config.cache.stale_after = milliseconds(one_of(random, {0, 5, 30, 300}));
  config.cache.idle_after = milliseconds(0);
  config.cache.max_file_size_bytes = 5000;
  config.limits.idle_timeout = config.limits.header_timeout = config.limits.send_timeout = milliseconds(8000);
  config.limits.requests_per_connection = 0;
  scenario.options.cache_bytes = 1 << 20;
  scenario.options.disk_queue_size = 64;
  for (Manners& manners : scenario.clients) {
    manners = {
        .bursts = 60, .burst_size = 1, .waits = true, .pace_ns = 15'000'000, .starts_ns = random.below(2'000'000)};
    manners.most_wait_ns = 130'000'000;  // the patience of 100 ms, and a timer that may be 20 ms late
    manners.hurries_from_ns = 200'000'000;
  }
  scenario.sites = sites_of(scenario);
  scenario.sites.one = true;
  scenario.sites.junk = scenario.sites.strange = scenario.sites.conditional = scenario.sites.missing = 0;
  if (random.chance(500)) {
    scenario.helping.bumps = 5;
    scenario.changes_within_ns = 900'000'000;
  }
  find_excuses(scenario);
  return scenario;
}

}  // namespace uringd::sim
