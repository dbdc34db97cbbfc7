// Scenario: everything about one run that its seed decides before it begins: the configuration, the kernel's mischief,
// the clients and their manners, what happens to the files. A value; the simulation plays it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "helper.hpp"
#include "oracle.hpp"
#include "player.hpp"
#include "uringd/config/config.hpp"
#include "uringd/server/worker.hpp"

namespace uringd::sim {

struct Scenario {
  uint64_t seed = 0;
  bool gentle = false;  // the kernel may be odd but loses nothing: every polite client must get its answers
  uring::Mischief mischief;
  std::shared_ptr<config::Config> config;
  server::WorkerOptions options;
  uint32_t connection_limit = 8;
  Sites sites;
  Helping helping;
  uint32_t reloads = 0;
  uint32_t overlays = 0;  // how often one is put or removed
  Excuses excuses;
  std::vector<Manners> clients;
  uint64_t big_bytes = 0;  // of the largest file
  uint32_t changes = 0;    // of files, while clients are served
  uint64_t changes_within_ns = 1;
  bool failing_files = false;  // some of the changes make a file fail to open or to be read
  bool wall_steps = false;
  // File times tick every 4 ms, as on kernels before 6.13: two changes within a tick look alike. Then only small files
  // change and no read is torn, because nothing could tell.
  bool coarse_times = false;
  uint64_t drain_at_ns = 0;  // after the start; 0: when all clients are done
  bool debug_log = false;

  [[nodiscard]] std::string text() const;
};

/// The scenario of a seed: half of them gentle.
Scenario make_scenario(uint64_t seed);
/// A few files that many ask for again and again, while they change, trees are switched and entries are looked at,
/// dropped and told to be old.
Scenario fresh_scenario(uint64_t seed);
/// The same with overlays that come and go over the files, and other configurations.
Scenario overlay_scenario(uint64_t seed);
/// One file that is held, and a disk that takes seconds for every look at it: nobody waits for that.
Scenario patience_scenario(uint64_t seed);
/// One site, no mischief, `clients` clients of one burst: the base of tests that add one thing at a time.
Scenario small_scenario(uint64_t seed, uint32_t clients);

}  // namespace uringd::sim
