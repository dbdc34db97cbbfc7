// LoopWorld: the helper's loop on a scripted ring, with two trees whose roots are links to one of two releases, on one
// device, and no worker. Nothing runs but when the test says so; all on the test's thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "helper_loop.hpp"
#include "scripted_ring.hpp"
// After the room's headers: its CHECK is doctest's from here on.
#include "../disk/real_tree.hpp"

namespace uringd::server::test {

using disk::test::LogFile;
using disk::test::RealTree;
using disk::test::site_of;

// `stale_after` is long: what is not seen before the loop sleeps is seen by nobody.
struct LoopWorld {
  explicit LoopWorld(const disk::SiteRules& rules = {}) {
    tree.directory("releases/1/assets");
    tree.directory("releases/2/assets");
    std::vector<disk::Sites::Site> both;
    for (const char* link : {"current-0", "current-1"}) {
      tree.link("releases/1", link);
      both.push_back(site_of(tree.at(link), rules));
    }
    sites = std::make_unique<disk::Sites>(std::move(both));
    first_inode = sites->state(0).root->inode;
  }
  /// Until `script.on_sleep` says false.
  void run() {
    SiteKeeper keeper(*sites, {}, counters, retired);
    script.on_sleep = [this, asked = std::move(script.on_sleep)] {
      if (!asked()) jobs.end();
      return true;
    };
    auto ring = uring::Ring::create({.world = &script});
    REQUIRE(ring.has_value());
    HelperLoop loop(*ring, {*sites, keeper, retired_maps, logger, jobs, background, {}, counters, watches},
                    std::move(first));
    loop.run();
  }
  /// The same, with a step of the test each time that the loop would sleep: at the end of the last one it ends.
  void run(std::vector<std::function<void()>> steps) {
    size_t step = 0;
    script.on_sleep = [&] {
      if (step < steps.size()) steps[step++]();
      return step < steps.size();
    };
    run();
    CHECK(step == steps.size());
  }
  void configure(HelperWork work) {
    jobs.post({.kind = Job::Kind::configure, .work = std::make_unique<HelperWork>(std::move(work))});
  }
  void switch_root(uint32_t site) { tree.switch_link("releases/2", "current-" + std::to_string(site)); }
  [[nodiscard]] bool switched(uint32_t site) const { return sites->state(site).root->inode != first_inode; }

  RealTree tree;
  LogFile log_file;
  log::Logger logger{log::Level::debug, log_file.file.number()};
  std::unique_ptr<disk::Sites> sites;
  uint64_t first_inode = 0;
  RetiredMaps retired_maps;
  HelperWork first{.options = {.stale_after_ms = 60'000}, .trees = {0, 1}};
  HelperJobs jobs;
  Background background{[](uint64_t, std::shared_ptr<const disk::ErrorPages>, std::vector<std::string>) {}};
  HelperCounters counters;
  std::atomic<uint64_t> watches{0};
  std::atomic<uint64_t> retired{0};
  uring::World script;
};

}  // namespace uringd::server::test
